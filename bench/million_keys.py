"""Whether a cold look-up notices how many keys there are: 1,000 against 1,000,000, on SQLite."""

import asyncio
import random
import time
from typing import Final

from bench.measure import Line, at_most, median_interval, paired_ratios, quantile
from bench.stock import SCOPE, Store, opened, request_with, sqlite_database, stock

from doorward.door.door import Door
from doorward.methods.apikey import ApiKeys
from doorward.values import Scopes

__all__ = ["NOTE", "TITLE", "measure"]

TITLE: Final = "1,000,000 keys"
NOTE: Final = (
    "Cold look-ups on SQLite, the two stores taking turns request by request; wall-clock time. Each request is a key "
    "the door has not seen: a fresh door for every round."
)
_FEW: Final = 1_000
_MANY: Final = 1_000_000
_PER_ROUND: Final = 500
_GATE: Final = 1.3


async def _admit_us(door: Door, text: str) -> float:
    request = request_with(text)
    began = time.perf_counter_ns()
    await door.admit(request)
    return (time.perf_counter_ns() - began) / 1_000


def _fresh(store: Store) -> Door:
    return Door(ApiKeys(store), require=Scopes(SCOPE))


async def _measure(few_url: str, many_url: str, rounds: int) -> list[Line]:
    sides: dict[str, list[float]] = {"few": [], "many": []}
    async with opened(few_url) as few, opened(many_url) as many:
        texts = {"few": await stock(few, _FEW), "many": await stock(many, _MANY)}
        for _ in range(rounds):
            doors = {"few": _fresh(few), "many": _fresh(many)}
            chosen = {side: random.sample(texts[side], _PER_ROUND) for side in sides}
            taken: dict[str, list[float]] = {"few": [], "many": []}
            for number in range(_PER_ROUND):
                for side, door in doors.items():
                    taken[side].append(await _admit_us(door, chosen[side][number]))
            for side, times in taken.items():
                sides[side].append(quantile(times, 0.5))
    ratio = paired_ratios(sides, "many", "few")
    return [
        Line("among 1,000", median_interval(sides["few"]).show("µs", 1)),
        Line("among 1,000,000", median_interval(sides["many"]).show("µs", 1)),
        Line("ratio", ratio.show(digits=3), f"≤ {_GATE}", at_most(ratio, _GATE)),
    ]


def measure(*, rounds: int) -> list[Line]:
    """See the module."""
    with sqlite_database() as few, sqlite_database() as many:
        return asyncio.run(_measure(few, many, rounds))
