"""The processes of the demo: started on free loopback ports, watched while they come up, and always ended.

Whatever happens to the demo (an exception, Ctrl-C, SIGTERM, even `kill -9` on Linux), no process outlives it.
"""

import ctypes
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Final, Self

import httpx2

__all__ = ["DemoFailed", "Processes", "find_port", "wait_until_up"]

_UP_S_MAX: Final = 15.0
_DOWN_S_MAX: Final = 5.0
_PR_SET_PDEATHSIG: Final = 1


class DemoFailed(Exception):
    """The demo cannot go on; the text says why, and where to look."""


def find_port(first: int, taken: set[int]) -> int:
    """The first free loopback port from `first` on that is not in `taken`, which it joins."""
    for port in range(first, first + 200):
        if port in taken:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        taken.add(port)
        return port
    raise DemoFailed(f"No free port between {first} and {first + 200}.")


class Processes:
    """What was started, in order; ended in reverse when the block is left."""

    def __init__(self, folder: Path) -> None:
        self._folder: Final = folder
        self._drained: Final[list[subprocess.Popen[str]]] = []
        self._started: Final[list[tuple[str, subprocess.Popen[str], IO[str]]]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for _name, process, _log in reversed(self._started):
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + _DOWN_S_MAX
        for _name, process, log in reversed(self._started):
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            log.close()
            if process.stdout is not None and process not in self._drained:
                process.stdout.close()

    def start(
        self, name: str, command: list[str], *, environment: dict[str, str], folder: Path
    ) -> subprocess.Popen[str]:
        """Start a command; what it says on stderr goes to `<name>.log`, stdout is the caller's to read."""
        log = (self._folder / f"{name}.log").open("w")
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,  # Ctrl-C reaches the demo alone, which then ends them in order
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509  # no threads yet
        )
        self._started.append((name, process, log))
        return process

    def serve(
        self, name: str, app: str, app_folder: Path, port: int, *, environment: dict[str, str], folder: Path
    ) -> None:
        """Start an application under uvicorn; not up when this returns."""
        command = ["-m", "uvicorn", app, "--app-dir", str(app_folder), "--port", str(port)]
        quiet = ["--no-proxy-headers", "--no-access-log", "--log-level", "warning"]
        self.drain(self.start(name, [*command, *quiet], environment=environment, folder=folder))

    def read_line(self, process: subprocess.Popen[str]) -> str:
        """The next line a process says; what it does not say in time fails the demo rather than hold it up."""
        assert process.stdout is not None
        if not select.select([process.stdout], [], [], _UP_S_MAX)[0]:
            self.require_running()
            raise DemoFailed(f"A process said nothing within {_UP_S_MAX:.0f} s: {process.args!r}")
        return process.stdout.readline()

    def drain(self, process: subprocess.Popen[str]) -> None:
        """Read and forget what a process still says, so that it never waits for a full pipe."""
        self._drained.append(process)
        threading.Thread(target=_forget, args=(process.stdout,), daemon=True).start()

    def require_running(self) -> None:
        """Raise unless every process still runs."""
        for name, process, log in self._started:
            if process.poll() is not None:
                last = Path(log.name).read_text().strip().splitlines()[-3:]
                raise DemoFailed(f"{name} ended with code {process.returncode}: {' '.join(last) or 'no word'}")


def _forget(stream: IO[str]) -> None:
    with stream:
        while stream.read(65_536):
            pass


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def wait_until_up(url: str, processes: Processes) -> None:
    """Return when `url` answers 200."""
    deadline = time.monotonic() + _UP_S_MAX
    while time.monotonic() < deadline:
        processes.require_running()
        try:
            if httpx2.get(url, timeout=1).status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.05)
    raise DemoFailed(f"{url} did not answer within {_UP_S_MAX:.0f} s.")
