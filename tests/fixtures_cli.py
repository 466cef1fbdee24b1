"""A shell in a folder of its own: every command runs whole, on a real store."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, final

import pytest

from doorward.cli.entry import run

SOURCE: Final = Path(__file__).resolve().parents[1] / "src"


class Said(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[Any]:  # Any: JSON
        """Standard output as JSON Lines."""
        return [json.loads(line) for line in self.out.splitlines()]


@final
class Shell:
    """Runs commands in `folder`. `shell(…)` in this process, `shell.process(…)` in one of its own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder: Final = folder
        self._capsys: Final = capsys
        self._monkeypatch: Final = monkeypatch

    def __call__(self, *arguments: str, typed: str = "") -> Said:
        self._capsys.readouterr()
        self._monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        code = run(arguments)
        return Said(code, *self._capsys.readouterr())

    def good(self, *arguments: str, typed: str = "") -> Said:
        """The command succeeds."""
        said = self(*arguments, typed=typed)
        assert said.code == 0, said.err
        return said

    def json(self, *arguments: str) -> Any:  # Any: JSON
        """The one object a command writes with `--json`."""
        (value,) = self.good(*arguments, "--json").lines
        return value

    def process(
        self, *arguments: str, environment: Mapping[str, str] | None = None, typed: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """The command as people run it."""
        return subprocess.run(
            [sys.executable, "-m", "doorward.cli", *arguments],
            cwd=self.folder,
            env=child_environment(environment),
            input=typed,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )


def child_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a child process needs to find the product, whether it is installed or not.

    Without `PYTHONUNBUFFERED`: with it set, as images for containers do, a forgotten flush goes unseen.
    """
    path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(SOURCE))))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DOORWARD_")}
    kept.pop("PYTHONUNBUFFERED", None)
    return {**kept, "PYTHONPATH": path, "COLUMNS": "80", **(more or {})}


@pytest.fixture
def empty_shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell in an empty folder."""
    for name in tuple(os.environ):
        if name.startswith("DOORWARD_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return Shell(tmp_path, capsys, monkeypatch)


@pytest.fixture
def shell(empty_shell: Shell) -> Shell:
    """A shell after `doorward init`."""
    empty_shell.good("init")
    return empty_shell


@pytest.fixture
def shop(shell: Shell) -> str:
    """The id of an app named `shop`."""
    app_id: str = shell.json("apps", "create", "shop")["id"]
    return app_id
