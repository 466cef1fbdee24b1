"""A guarded route against the same route unguarded, under wrk, one uvicorn process."""

import asyncio
from contextlib import ExitStack
from typing import Final

from bench.measure import Line, at_least, median_interval, paired_ratios
from bench.processes import Server, run_wrk, serving, wrk_missing
from bench.stock import opened, sqlite_database, stock

__all__ = ["NOTE", "TITLE", "measure"]

TITLE: Final = "A guarded route against the same route unguarded"
NOTE: Final = (
    "`wrk -t1 -c32`, one uvicorn process (uvloop, httptools), client and server each pinned to a core; a warm API key, "
    "one scope demanded, SQLite. The gated ratio is requests a second; the ratio of CPU time is beside it."
)
_GATES: Final = {"fastapi": 0.93, "raw": 0.80}
_SECONDS: Final = 2


async def _stocked(url: str) -> str:
    async with opened(url) as store:
        return (await stock(store, 1))[0]


def _compare(kind: str, plain: Server, guarded: Server, key: str, rounds: int) -> list[Line]:
    rates: dict[str, list[float]] = {"plain": [], "guarded": []}
    costs: dict[str, list[float]] = {"plain": [], "guarded": []}
    for number in range(rounds):
        order = ("plain", "guarded") if number % 2 == 0 else ("guarded", "plain")
        for side in order:
            # The same request to both: reading one more header is no cost of the door.
            found = run_wrk(plain if side == "plain" else guarded, seconds=_SECONDS, bearer=key)
            rates[side].append(found.per_second)
            costs[side].append(found.cpu_us)
    gate = _GATES[kind]
    ratio = paired_ratios(rates, "guarded", "plain")
    spent = paired_ratios(costs, "plain", "guarded")
    return [
        Line(f"{kind}: unguarded", f"{median_interval(rates['plain']).show('req/s', 0)}"),
        Line(f"{kind}: guarded", f"{median_interval(rates['guarded']).show('req/s', 0)}"),
        Line(
            f"{kind}: ratio", f"{ratio.show(digits=3)}; of CPU time {spent.show(digits=3)}", f"≥ {gate}",
            at_least(ratio, gate),
        ),
    ]  # fmt: skip


def measure(*, rounds: int) -> list[Line]:
    """See the module."""
    missing = wrk_missing()
    if missing is not None:
        return missing
    lines: list[Line] = []
    with sqlite_database() as url:
        key = asyncio.run(_stocked(url))
        for kind in _GATES:
            with ExitStack() as stack:
                plain = stack.enter_context(serving(kind))
                guarded = stack.enter_context(serving(f"{kind}-guarded", url))
                lines += _compare(kind, plain, guarded, key, rounds)
    return lines
