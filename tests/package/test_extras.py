"""What works with which extra, and what is said where one is missing."""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

import pytest
from tests.fixtures_cli import child_environment

_ROOT: Final = Path(__file__).resolve().parents[2]
_WITHOUT: Final = """
import sys
from importlib.abc import MetaPathFinder


class Missing(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)


sys.meta_path.insert(0, Missing())
"""
_LIBRARY: Final = """
from fastapi import FastAPI
from doorward import ApiKeys, Basic, Principal, Scopes, open_store
from doorward.frameworks.asgi import DoorMiddleware
from doorward.frameworks.fastapi import Door, guard

store = open_store("sqlite:///doorward.db")
door = Door(ApiKeys(store), Basic(store), require=Scopes("orders:read"))
guard(FastAPI())
"""


def _server_only() -> set[str]:
    """Modules that only the server extra brings."""
    extras = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    names = {line.partition(">")[0] for line in extras["server"] if not line.startswith("doorward")}
    return {name.replace("-", "_") for name in names}


def _run(code: str, missing: set[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _WITHOUT.format(missing=missing) + code],
        cwd=folder,
        env=child_environment(),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_the_library_needs_nothing_of_the_server(tmp_path: Path) -> None:
    missing = _server_only()
    assert {"typer", "uvicorn", "pydantic_settings"} <= missing
    done = _run(_LIBRARY, missing, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("code", "missing", "cure"),
    [
        ("from doorward.cli import main; main()", "typer", "pip install 'doorward[server]'"),
        ("from doorward import open_store", "sqlalchemy", "pip install 'doorward[sqlite]' or 'doorward[postgres]'"),
        (
            "from doorward import open_store; open_store('postgresql://u@localhost/d')",
            "asyncpg",
            "pip install 'doorward[postgres]'",
        ),
        ("from doorward import RemoteRevocations", "httpx2", "pip install 'doorward[http]'"),
        ("from doorward import RemoteRevocations", "httpcore2", "pip install 'doorward[http]'"),
    ],
)
def test_what_is_missing_is_named(code: str, missing: str, cure: str, tmp_path: Path) -> None:
    done = _run(code, {missing}, tmp_path)
    assert done.returncode != 0
    assert done.stderr.rstrip().endswith(cure)
