"""A guarded route against the same route unguarded, under wrk, one uvicorn process."""

import asyncio
from typing import Final

from bench.measure import Line, at_least, median_interval, paired_differences, paired_ratios
from bench.processes import Server, Wrk, run_wrk, serving, wrk_missing
from bench.stock import opened, sqlite_database, stock

__all__ = ["NOTE", "TITLE", "measure"]

TITLE: Final = "A guarded route against the same route unguarded"
NOTE: Final = (
    "`wrk -t1 -c32`, one uvicorn process (uvloop, httptools), client and server each pinned to a core; a warm API key, "
    "one scope demanded, SQLite; both servers are started three times. The gated ratio is requests a second; the ratio "
    "of CPU time is beside it."
)
_GATES: Final = {"fastapi": 0.93, "raw": 0.80}
_SECONDS: Final = 2
_STARTS: Final = 3
"""Where a process happens to lie in memory moves a request by several microseconds: one start proves little."""


async def _stocked(url: str) -> str:
    async with opened(url) as store:
        return (await stock(store, 1))[0]


def _take_turns(servers: dict[str, Server], key: str, rounds: int, found: dict[str, list[Wrk]]) -> None:
    for number in range(rounds):
        for side in servers if number % 2 == 0 else reversed(servers):
            # The same request to both: reading one more header is no cost of the door.
            found[side].append(run_wrk(servers[side], seconds=_SECONDS, bearer=key))


def _lines(kind: str, found: dict[str, list[Wrk]]) -> list[Line]:
    rates = {side: [one.per_second for one in runs] for side, runs in found.items()}
    costs = {side: [one.cpu_us for one in runs] for side, runs in found.items()}
    added = paired_differences(costs, "guarded", "plain")
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
        Line(f"{kind}: CPU time the door adds to a request", added.show("µs", digits=1)),
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
            found: dict[str, list[Wrk]] = {"plain": [], "guarded": []}
            for _ in range(_STARTS):
                with serving(kind) as plain, serving(f"{kind}-guarded", url) as guarded:
                    _take_turns({"plain": plain, "guarded": guarded}, key, rounds // _STARTS, found)
            lines += _lines(kind, found)
    return lines
