"""How long a revoked key still works elsewhere: revoked on process A, refused on process B."""

import asyncio
import time
from contextlib import AbstractContextManager
from typing import Final

from bench.measure import Line, at_most, quantile, quantile_interval
from bench.processes import Client, Server, serving
from bench.stock import opened, postgres_database, sqlite_database, stock

__all__ = ["NOTE", "TITLE", "measure"]

TITLE: Final = "Revoked on A, refused on B"
NOTE: Final = (
    "Two server processes over one database. Each trial has its own key, warm on B; the time runs from sending the "
    "revocation to A until B's first refusal has arrived, the commit included. Trials overlap. Pull only: the push "
    "channel of B is off."
)
_SPACING_S: Final = 0.025
_POLL_S: Final = 0.002
_TRIAL_S_MAX: Final = 10.0
_PER_ROUND: Final = 30
_GATES_S: Final = {"raw-guarded": 0.100, "raw-guarded-pull": 1.5}


async def _trial(revoker: Server, guarded: Server, text: str, start_at: float) -> float:
    asking, revoking = await Client.connect(guarded), await Client.connect(revoker)
    status = await asking.ask("/orders", bearer=text)
    if status != 200:
        raise RuntimeError(f"a good key was answered with {status}")
    await asyncio.sleep(start_at - time.perf_counter())
    began = time.perf_counter()
    revocation = asyncio.ensure_future(revoking.ask("/" + text[8:20], method="POST"))
    while await asking.ask("/orders", bearer=text) == 200:
        if time.perf_counter() - began > _TRIAL_S_MAX:
            raise RuntimeError("the revoked key still works")
        await asyncio.sleep(_POLL_S)
    took = time.perf_counter() - began
    if await revocation != 204:
        raise RuntimeError("the revocation failed")
    await asking.aclose()
    await revoking.aclose()
    return took


async def _trials(revoker: Server, guarded: Server, texts: list[str]) -> list[float]:
    begin = time.perf_counter() + 0.5
    return await asyncio.gather(
        *(_trial(revoker, guarded, text, begin + number * _SPACING_S) for number, text in enumerate(texts))
    )


async def _stocked(url: str, count: int) -> list[str]:
    async with opened(url) as store:
        return await stock(store, count)


def _measure(engine: str, database: AbstractContextManager[str], rounds: int) -> list[Line]:
    lines: list[Line] = []
    with database as url:
        for kind, gate_s in _GATES_S.items():
            texts = asyncio.run(_stocked(url, rounds * _PER_ROUND))
            with serving("revoker", url, core=0) as revoker, serving(kind, url) as guarded:
                took: list[float] = []
                for start in range(0, len(texts), _PER_ROUND):
                    took += asyncio.run(_trials(revoker, guarded, texts[start : start + _PER_ROUND]))
            last = quantile_interval((1_000 * each for each in took), 0.99)
            middle = 1_000 * quantile(took, 0.5)
            way = "pull only" if kind.endswith("-pull") else "push"
            figure = f"p99 {last.show('ms', 0)}, median {middle:.0f} ms, {len(took)} trials"
            lines.append(
                Line(f"{engine}, {way}", figure, f"p99 ≤ {gate_s * 1_000:,.0f} ms", at_most(last, gate_s * 1_000))
            )
    return lines


def measure(*, rounds: int) -> list[Line]:
    """See the module."""
    return _measure("SQLite", sqlite_database(), rounds) + _measure("PostgreSQL", postgres_database(), rounds)
