"""A JWT seen before, through the whole pipeline, above what no pipeline could avoid: hash it and look it up."""

import asyncio
import time
from hashlib import sha256
from typing import Final

from bench.apikey_warm import complete
from bench.jwt_sides import AUDIENCE, ISSUER, TokenTask, sign_tokens
from bench.measure import Line, at_most, interleave, median_interval, paired_differences
from bench.stock import SCOPE, no_body, opened, request_with, scope_with, sqlite_database

from doorward.crypto.jose.algorithms import Algorithm
from doorward.crypto.jose.key_set import KeySet
from doorward.door.door import Door
from doorward.frameworks.asgi import Body, request_view
from doorward.keys.fixed import FixedKeys
from doorward.methods.bearer import BearerTokens, IssuerPolicy
from doorward.values import Scopes

__all__ = ["NOTE", "TITLE", "measure"]

TITLE: Final = "A JWT, warm: the whole pipeline"
NOTE: Final = (
    "CPU time of one process: build the request view, extract, ask time and keys, ask the revocation view, authorize, "
    "record. 1,000 ES256 tokens go round and round. The floor is SHA-256 of the token and a dictionary look-up among "
    "100,000."
)
_GATE_US: Final = 7.0
_TOKENS: Final = 1_000


async def _measure(url: str, rounds: int) -> list[Line]:
    now = int(time.time())
    task = TokenTask(Algorithm.ES256)
    policy = IssuerPolicy(
        issuer=ISSUER, audiences=frozenset({AUDIENCE}), keys=FixedKeys(KeySet([task.key.verification])), own=True
    )
    async with opened(url) as store:
        texts = [token.decode() for token in sign_tokens(task, _TOKENS, now)]
        door = Door(BearerTokens(policy, plane=store.plane), require=Scopes(SCOPE))
        for text in texts:
            await door.admit(request_with(text))
        digests = {sha256(text.encode()).digest(): number for number, text in enumerate(texts)}
        digests.update({sha256(str(number).encode()).digest(): number for number in range(100_000)})
        scopes = [scope_with(text) for text in texts]

        async def admit(calls: int) -> None:
            for number in range(calls):
                await door.admit(request_view(scopes[number % _TOKENS], Body(no_body)))

        def look_up(calls: int) -> None:
            for number in range(calls):
                digests[sha256(texts[number % _TOKENS].encode()).digest()]

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
