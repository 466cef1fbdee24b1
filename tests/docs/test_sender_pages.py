"""The pages of senders are of one shape, and what they tell a shell to do works on a real server.

That their programs take the delivery and refuse everything like it is proven in the pages themselves, out of sight
(`deliveries.py: prove`).
"""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from tests.fixtures_cli import child_environment

from doorward.methods.webhook import SCHEMES, parse_secret

ROOT: Final = Path(__file__).resolve().parents[2]
PAGES: Final = sorted((ROOT / "docs" / "senders").glob("*.md"))
LINES_MAX: Final = 90
_NAMES: Final = {"standard": "standard-webhooks"}
_UNSEEN: Final = re.compile(r"^<!--.*?^-->\n", re.MULTILINE | re.DOTALL)
_BLOCK: Final = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SET_UP: Final = re.compile(r"^<!-- invisible-code-block: python\n(.*?)^-->$", re.MULTILINE | re.DOTALL)
_PORT: Final = "127.0.0.1:8000"
_STARTED: Final = re.compile(r'`(\w+)="\$\(cat secret\.txt\)" uvicorn hooks:app --no-proxy-headers`')
_MADE: Final = re.compile(r'`python -c "([^`]*)" > secret\.txt`')

each_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)


def _seen(path: Path) -> str:
    return _UNSEEN.sub("", path.read_text())


def _blocks(path: Path, kind: str) -> list[str]:
    return [text for language, text in _BLOCK.findall(_seen(path)) if language == kind]


def test_every_scheme_has_its_page_and_the_overview_leads_there() -> None:
    assert [path.stem for path in PAGES] == sorted(_NAMES.get(name, name) for name in SCHEMES)
    overview = (ROOT / "docs" / "webhooks.md").read_text()
    assert [path.name for path in PAGES if f"](senders/{path.name})" not in overview] == []


@each_page
def test_a_page_is_short_and_of_the_one_shape(path: Path) -> None:
    seen = _seen(path)
    assert len(seen.splitlines()) <= LINES_MAX
    headings = [line for line in seen.splitlines() if line.startswith("## ")]
    last = ["## Once, and what is not covered by it", "## Rotation", "## What goes wrong", "## Try it"]
    assert headings[-len(last) :] == last
    # Where a vendor is told of, its own page stands beside it.
    assert path.stem == "plain" or re.search(r"\]\(https://", seen.partition("```")[0])


@each_page
def test_the_secret_a_page_makes_is_one_that_its_door_takes(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (made,) = _MADE.findall(_seen(path))
    exec(made, {})  # noqa: S102  # the page's own
    name = next(name for name in SCHEMES if _NAMES.get(name, name) == path.stem)
    assert parse_secret(SCHEMES[name], capsys.readouterr().out.strip(), secret_id="made").key is not None


@contextmanager
def _served(folder: Path, environment: dict[str, str]) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "hooks:app", "--no-proxy-headers", "--port", str(port)]
    log = folder / "log"
    with log.open("wb") as out:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=out)
    try:
        deadline = time.monotonic() + 20
        while b"Uvicorn running" not in log.read_bytes():
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        yield port
    finally:
        server.terminate()
        server.wait(20)


@pytest.mark.slow
@each_page
def test_what_a_page_tells_a_shell_to_do_works_and_an_altered_body_does_not(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    set_up = _SET_UP.search(path.read_text())
    assert set_up is not None
    exec(set_up[1], {})  # noqa: S102  # the page's own: its store, its secret in the environment
    (tmp_path / "hooks.py").write_text(_blocks(path, "python")[0])
    environment = child_environment()
    started = _STARTED.search(_seen(path))
    assert started is not None
    # What the page has the shell do: the secret comes from the file.
    environment[started[1]] = (tmp_path / "secret.txt").read_text().strip()
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    (script,) = _blocks(path, "sh")
    with _served(tmp_path, environment) as port:

        def run(lines: str) -> str:
            said = subprocess.run(
                ["bash", "-o", "pipefail", "-ec", lines.replace(_PORT, f"127.0.0.1:{port}")],
                cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=50, check=False,
            )  # fmt: skip
            assert said.returncode == 0, said.stderr
            return said.stdout

        # Signed, and altered between the signature and the wire.
        assert "HTTP/1.1 401 " in run(script.replace("--data-binary @", "--data-binary altered@"))
        good = run(script)
        assert "HTTP/1.1 200 OK" in good, good
        assert good.rpartition("\n\n")[2].strip(), "the handler answered"
