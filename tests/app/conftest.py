"""Servers for tests: real processes over loopback, ended by their own process id."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx2
import pytest

ROOT = Path(__file__).parents[2]

Start = Callable[..., Coroutine[Any, Any, "Served"]]
Eventually = Callable[..., Coroutine[Any, Any, float]]


class Served:
    """One running server and a client for it."""

    def __init__(self, process: Process, ready: dict[str, str], verify: Any) -> None:  # Any: httpx2's own type
        assert process.stderr is not None
        self.process = process
        # Read while it runs: a server whose pipe is full stands still with its next line.
        self._written = asyncio.create_task(process.stderr.read())
        self.url = ready["url"]
        self.metrics = ready["metrics"]
        self.admin = ready["admin"]
        self.client = httpx2.AsyncClient(base_url=self.url, verify=verify, trust_env=False)

    async def ask(self, method: str, path: str, *, key: str, body: object = None) -> httpx2.Response:
        """One request with a key."""
        return await self.client.request(
            method, f"/api/v1{path}", json=body, headers={"authorization": f"Bearer {key}"}
        )

    async def stop(self, number: int = signal.SIGTERM) -> str:
        """End it; answers what it wrote about itself."""
        await self.client.aclose()
        if self.process.returncode is None:
            self.process.send_signal(number)
        await asyncio.wait_for(self.process.wait(), 20)
        return (await self._written).decode()


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Start a server with the settings that are named. All are ended after the test."""
    running: list[Served] = []

    async def _start(*, verify: Any = True, **settings: str) -> Served:  # Any: as above
        values = {"listen_port": "0", "metrics_port": "0", **settings}
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DOORWARD_")}
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.app.served",
            *(f"{name}={value}" for name, value in values.items()),
            cwd=tmp_path,
            env=environment,
            stdout=PIPE,
            stderr=PIPE,
        )
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 20)
        if not line:
            _, written = await process.communicate()
            raise RuntimeError(written.decode())
        served = Served(process, json.loads(line), verify)
        running.append(served)
        return served

    yield _start
    for served in running:
        await served.stop(signal.SIGKILL)


@pytest.fixture
def eventually() -> Eventually:
    """Ask again until the answer is true, at most `deadline_s`; answers how long it took."""

    async def _eventually(asked: Callable[[], Awaitable[bool]], *, deadline_s: float = 2.0) -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not await asked():
            assert loop.time() - began < deadline_s, "not in time"
            await asyncio.sleep(0.01)
        return loop.time() - began

    return _eventually
