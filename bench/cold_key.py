"""A key this process has never seen: one point read, then the proof. On SQLite and on PostgreSQL."""

import asyncio
import time
from contextlib import AbstractContextManager
from typing import Final

from bench.measure import Line, median_interval, quantile
from bench.stock import SCOPE, opened, postgres_database, request_with, sqlite_database, stock

from doorward.door.door import Door
from doorward.methods.apikey import ApiKeys
from doorward.values import Scopes

__all__ = ["NOTE", "TITLE", "measure"]

TITLE: Final = "API key, cold: first use in a process"
NOTE: Final = (
    "One request at a time among 10,000 keys; wall-clock time, the database's included. PostgreSQL is on the same "
    "machine behind a UNIX socket."
)
_KEYS: Final = 10_000
_PER_ROUND: Final = 200


async def _cold(url: str, rounds: int) -> tuple[list[float], list[float]]:
    medians: list[float] = []
    every: list[float] = []
    async with opened(url) as store:
        texts = await stock(store, _KEYS)
        door = Door(ApiKeys(store), require=Scopes(SCOPE))
        # The first use starts the store's background work and opens its connections; that is not what is measured.
        for text in texts[rounds * _PER_ROUND :][:_PER_ROUND]:
            await door.admit(request_with(text))
        for number in range(rounds):
            taken = [await _admit_us(door, text) for text in texts[number * _PER_ROUND : (number + 1) * _PER_ROUND]]
            medians.append(quantile(taken, 0.5))
            every += taken
    return medians, every


async def _admit_us(door: Door, text: str) -> float:
    request = request_with(text)
    began = time.perf_counter_ns()
    await door.admit(request)
    return (time.perf_counter_ns() - began) / 1_000


def _line(engine: str, database: AbstractContextManager[str], rounds: int) -> Line:
    with database as url:
        medians, every = asyncio.run(_cold(url, rounds))
    return Line(engine, f"{median_interval(medians).show('µs', 0)}, p99 {quantile(every, 0.99):,.0f} µs")


def measure(*, rounds: int) -> list[Line]:
    """See the module."""
    return [_line("SQLite", sqlite_database(), rounds), _line("PostgreSQL", postgres_database(), rounds)]
