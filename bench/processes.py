"""Server processes to put load on, the load itself, and what a process costs."""

import asyncio
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple, final

from bench.measure import Line

__all__ = ["Client", "Server", "Wrk", "run_wrk", "serving", "wrk_missing"]

_START_S_MAX: Final = 30.0
_ROOT: Final = Path(__file__).resolve().parent.parent
_PINNED: Final = shutil.which("taskset") is not None and (os.cpu_count() or 1) > 1
_TICKS: Final = os.sysconf("SC_CLK_TCK")


class Server(NamedTuple):
    """A running server process."""

    pid: int
    port: int

    def cpu_s(self) -> float:
        """User and system time it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def resident_bytes(self) -> int:
        """Memory that is its own or shared, in bytes."""
        found = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text(), re.MULTILINE)
        return int(found[1]) * 1024 if found else 0


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(kind: str, url: str = "", *, core: int | None = 1) -> Iterator[Server]:
    """A server of `bench/serve.py`, ready to answer; pinned to a core where that can be done."""
    port = _free_port()
    pin = ["taskset", "-c", str(core)] if _PINNED and core is not None else []
    command = [*pin, sys.executable, "-m", "bench.serve", kind, str(port), url]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(_ROOT / "src"), str(_ROOT)])}
    process = subprocess.Popen(command, cwd=_ROOT, env=environment)
    try:
        _wait_until_ready(process, port)
        yield Server(process.pid, port)
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait_until_ready(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + _START_S_MAX
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode} before it answered")
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("the server did not come up")


class Wrk(NamedTuple):
    """What one run of wrk found."""

    per_second: float
    cpu_us: float


def wrk_missing() -> list[Line] | None:
    """A line that says so, when wrk is not installed."""
    return None if shutil.which("wrk") else [Line("wrk is not installed", "apt-get install wrk")]


def run_wrk(server: Server, *, seconds: int, bearer: str = "") -> Wrk:
    """32 connections from one thread, on another core than the server's where that can be done."""
    pin = ["taskset", "-c", "0"] if _PINNED else []
    header = ["-H", f"Authorization: Bearer {bearer}"] if bearer else []
    target = f"http://127.0.0.1:{server.port}/orders"
    before = server.cpu_s()
    done = subprocess.run(
        [*pin, "wrk", "-t1", "-c32", f"-d{seconds}s", *header, target], capture_output=True, text=True, check=True
    )
    if "Non-2xx" in done.stdout:
        raise RuntimeError(f"not every request was answered well:\n{done.stdout}")
    per_second = re.search(r"^Requests/sec:\s+([\d.]+)", done.stdout, re.MULTILINE)
    requests = re.search(r"(\d+) requests in", done.stdout)
    if per_second is None or requests is None:
        raise RuntimeError(f"wrk said something else than usual:\n{done.stdout}")
    return Wrk(float(per_second[1]), (server.cpu_s() - before) / int(requests[1]) * 1e6)


@final
class Client:
    """One kept-alive connection; answers statuses and throws bodies away."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader: Final = reader
        self._writer: Final = writer

    @classmethod
    async def connect(cls, server: Server) -> "Client":
        """Connect to a server of this machine."""
        return cls(*await asyncio.open_connection("127.0.0.1", server.port))

    async def ask(self, path: str, *, bearer: str = "", method: str = "GET") -> int:
        """Send a request and read its answer; the status."""
        credential = f"authorization: Bearer {bearer}\r\n" if bearer else ""
        self._writer.write(f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{credential}\r\n".encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        if length is not None:
            await self._reader.readexactly(int(length[1]))
        return int(head[9:12])

    async def aclose(self) -> None:
        """Hang up."""
        self._writer.close()
        await self._writer.wait_closed()
