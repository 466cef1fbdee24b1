"""What 100,000 warm keys cost a serving process."""

import asyncio
from typing import Final

from bench.measure import Line
from bench.processes import Client, Server, serving
from bench.stock import opened, sqlite_database, stock

__all__ = ["NOTE", "TITLE", "measure"]

TITLE: Final = "Memory of a serving process"
NOTE: Final = "Resident memory of one guarded uvicorn process on SQLite, before and after each key was used once."
_KEYS: Final = 100_000
_CONNECTIONS: Final = 16


async def _stocked(url: str) -> list[str]:
    async with opened(url) as store:
        return await stock(store, _KEYS)


async def _use(server: Server, texts: list[str]) -> None:
    waiting = iter(texts)

    async def work() -> None:
        client = await Client.connect(server)
        for text in waiting:
            status = await client.ask("/orders", bearer=text)
            if status != 200:
                raise RuntimeError(f"a good key was answered with {status}")
        await client.aclose()

    async with asyncio.TaskGroup() as group:
        for _ in range(_CONNECTIONS):
            group.create_task(work())


def measure(*, rounds: int) -> list[Line]:
    """See the module. Memory does not fluctuate: one round says it."""
    del rounds
    with sqlite_database() as url:
        texts = asyncio.run(_stocked(url))
        with serving("raw-guarded", url) as server:
            asyncio.run(_use(server, texts[:100]))
            before = server.resident_bytes()
            asyncio.run(_use(server, texts))
            after = server.resident_bytes()
    megabyte = 1024 * 1024
    return [
        Line("with 100 warm keys", f"{before / megabyte:.0f} MiB"),
        Line(f"with {_KEYS:,} warm keys", f"{after / megabyte:.0f} MiB"),
        Line("a warm key", f"{(after - before) / _KEYS:.0f} bytes"),
    ]
