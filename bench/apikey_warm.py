"""A key seen before, through the whole pipeline, above what no pipeline could avoid: hash it and look it up."""

import asyncio
from collections.abc import Coroutine
from hashlib import sha256
from typing import Any, Final

from bench.measure import Line, at_most, interleave, median_interval, paired_differences
from bench.stock import SCOPE, no_body, opened, request_with, scope_with, sqlite_database, stock

from doorward.door.door import Door
from doorward.frameworks.asgi import Body, request_view
from doorward.methods.apikey import ApiKeys
from doorward.values import Scopes

__all__ = ["NOTE", "TITLE", "complete", "measure"]

TITLE: Final = "API key, warm: the whole pipeline"
NOTE: Final = (
    "CPU time of one process: build the request view, extract, verify, ask the revocation view, authorize, count, "
    "record. The floor is SHA-256 of the key and a dictionary look-up among 100,000."
)
_GATE_US: Final = 6.0


def complete(work: Coroutine[Any, Any, None]) -> None:  # Any: what a coroutine yields to its loop
    """Run a coroutine that never suspends: the warm path has nothing to wait for, so no loop is measured."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise AssertionError("the warm path suspended")


async def _measure(url: str, rounds: int) -> list[Line]:
    async with opened(url) as store:
        texts = await stock(store, 1_000)
        door = Door(ApiKeys(store), require=Scopes(SCOPE))
        for text in texts:
            await door.admit(request_with(text))
        digests = {sha256(text.encode()).digest(): number for number, text in enumerate(texts)}
        digests.update({sha256(str(number).encode()).digest(): number for number in range(100_000)})

        scopes = [scope_with(text) for text in texts]

        async def admit(calls: int) -> None:
            for number in range(calls):
                await door.admit(request_view(scopes[number % 1_000], Body(no_body)))

        def look_up(calls: int) -> None:
            for number in range(calls):
                digests[sha256(texts[number % 1_000].encode()).digest()]

        sides = interleave({"door": lambda calls: complete(admit(calls)), "floor": look_up}, rounds=rounds, calls=4_000)
    above = paired_differences(sides, "door", "floor")
    return [
        Line("whole pipeline", median_interval(sides["door"]).show("µs"), f"≤ {_GATE_US:.0f} µs above the floor"),
        Line("floor", median_interval(sides["floor"]).show("µs")),
        Line("above the floor", above.show("µs"), f"≤ {_GATE_US:.0f} µs", at_most(above, _GATE_US)),
    ]


def measure(*, rounds: int) -> list[Line]:
    """See the module."""
    with sqlite_database() as url:
        return asyncio.run(_measure(url, rounds))
