"""Whether time tells a stranger which ids exist: an unknown id against a wrong secret, both cold."""

import asyncio
import secrets
import time
from typing import Final

from bench.measure import Line, median_interval, paired_ratios, quantile, within_tie
from bench.stock import opened, request_with, sqlite_database, stock

from doorward.door.budget import FailureBudget
from doorward.door.door import Door
from doorward.errors import Rejected
from doorward.methods.apikey import ApiKeys
from doorward.wire.credential import ID_CHARACTERS, checksum_of, mint_credential_text, random_base62

__all__ = ["NOTE", "TITLE", "measure"]

TITLE: Final = "Unknown id against wrong secret"
NOTE: Final = (
    "Both cold, valid checksums, taking turns request by request against a store of 10,000 keys; wall-clock time of "
    "the refusal. A tie is a ratio of the medians within 15 %."
)
_PER_ROUND: Final = 250


def _wrong_secret(text: str) -> str:
    """The same id with another secret and the checksum that fits."""
    head = text[: len("dw_live_") + ID_CHARACTERS]
    body = head + random_base62(32, secrets.token_bytes)
    return body + checksum_of(body)


async def _refuse_us(door: Door, text: str) -> float:
    request = request_with(text)
    began = time.perf_counter_ns()
    try:
        await door.admit(request)
    except Rejected as refused:
        took = (time.perf_counter_ns() - began) / 1_000
        code = refused.refusal.public_code
    else:
        took, code = 0.0, "admitted"
    if code != "credential_invalid":
        raise AssertionError(f"a made-up key was answered with {code}")
    return took


async def _measure(url: str, rounds: int) -> list[Line]:
    sides: dict[str, list[float]] = {"unknown": [], "wrong": []}
    async with opened(url) as store:
        known = await stock(store, 10_000)
        door = Door(ApiKeys(store), failure_budget=FailureBudget(failures_per_minute=1_000_000))
        for text in known[:100]:
            await door.admit(request_with(text))
        for _ in range(rounds):
            taken: dict[str, list[float]] = {"unknown": [], "wrong": []}
            for _ in range(_PER_ROUND):
                unknown = mint_credential_text(prefix="dw", label="live", entropy=secrets.token_bytes).text
                taken["unknown"].append(await _refuse_us(door, unknown))
                taken["wrong"].append(await _refuse_us(door, _wrong_secret(secrets.choice(known[100:]))))
            for side, times in taken.items():
                sides[side].append(quantile(times, 0.5))
    ratio = paired_ratios(sides, "unknown", "wrong")
    return [
        Line("unknown id", median_interval(sides["unknown"]).show("µs", 1)),
        Line("wrong secret", median_interval(sides["wrong"]).show("µs", 1)),
        Line("ratio", ratio.show(digits=3), "a tie", within_tie(ratio)),
    ]


def measure(*, rounds: int) -> list[Line]:
    """See the module."""
    with sqlite_database() as url:
        return asyncio.run(_measure(url, rounds))
