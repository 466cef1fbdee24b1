"""Node's libraries as sides of a comparison: one process that waits for its turn like everybody else."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, final

__all__ = ["LIBRARIES", "WEBHOOKS", "NodeLibraries", "NodeSide", "node_libraries", "node_webhooks", "why_no_node"]

LIBRARIES: Final = ("fast-jwt", "jose")
WEBHOOKS: Final = "standardwebhooks"
_SOURCE: Final = Path(__file__).resolve().parent / "node"
_FOLDER: Final = _SOURCE.parent.parent / ".scratch" / "node"
_INSTALL: Final = ("npm", "install", "--silent", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts")
_INSTALL_S_MAX: Final = 120


def why_no_node() -> str:
    """Empty when the libraries are installed, which the first run does; else why they cannot be measured."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "node is not here"
    _FOLDER.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "verify.mjs", "webhooks.mjs"):
        shutil.copy(_SOURCE / name, _FOLDER / name)
    if all((_FOLDER / "node_modules" / name / "package.json").exists() for name in (*LIBRARIES, WEBHOOKS)):
        return ""
    try:
        done = subprocess.run(_INSTALL, cwd=_FOLDER, capture_output=True, timeout=_INSTALL_S_MAX, check=False)
    except subprocess.TimeoutExpired:
        return "npm did not install them in time"
    return "" if done.returncode == 0 else "npm could not install them"


@final
class NodeLibraries:
    """A process that verifies so many times when it is told to."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process: Final = process

    def verify(self, library: str, algorithm: str, calls: int) -> float:
        """CPU microseconds per call, of all its threads."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{library} {algorithm} {calls}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the node process ended"
        return float(answer)


@contextmanager
def node_libraries(task: Mapping[str, object]) -> Iterator[NodeLibraries]:
    """Start it with its tokens and keys (`verify.mjs` says how they look), and stop it."""
    process = subprocess.Popen(
        ["node", "verify.mjs"], cwd=_FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    with process:
        process.stdin.write(json.dumps(task) + "\n")
        process.stdin.flush()
        yield NodeLibraries(process)
        process.stdin.close()


@final
class NodeSide:
    """A process that does one thing so many times when it is told to."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process: Final = process

    def run(self, calls: int) -> float:
        """CPU microseconds per call, of all its threads."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{calls}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the node process ended"
        return float(answer)


@contextmanager
def node_webhooks(task: Mapping[str, object]) -> Iterator[NodeSide]:
    """Node's standardwebhooks with one delivery (`webhooks.mjs` says how it looks), started and stopped."""
    process = subprocess.Popen(
        ["node", "webhooks.mjs"], cwd=_FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    with process:
        process.stdin.write(json.dumps(task) + "\n")
        process.stdin.flush()
        yield NodeSide(process)
        process.stdin.close()
