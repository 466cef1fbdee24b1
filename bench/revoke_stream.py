"""How long what is revoked still works at a verifier elsewhere: revoked at the issuer, refused over the stream."""

import asyncio
import secrets
import time
from typing import Final

from bench.measure import Line, at_most, quantile, quantile_interval
from bench.processes import Client, Server, serving
from bench.stock import key_and_record, opened, sqlite_database
from msgspec.structs import replace

from doorward.methods.apikey.port import KeyInserted
from doorward.values import Change, Scopes

__all__ = ["NOTE", "TITLE", "measure"]

TITLE: Final = "Revoked at the issuer, refused at a remote verifier"
NOTE: Final = (
    "An issuer over SQLite and a verifier without a database, two processes. Each trial has its own session; the time "
    "runs from sending the revocation to the issuer until the first refusal has arrived, the commit included. "
    "Trials overlap."
)
_SPACING_S: Final = 0.025
_POLL_S: Final = 0.002
_TRIAL_S_MAX: Final = 10.0
_PER_ROUND: Final = 30
_GATE_MS: Final = 100.0


async def _trial(issuer: Server, verifier: Server, start_at: float) -> float:
    session = secrets.token_hex(11)
    asking, revoking = await Client.connect(verifier), await Client.connect(issuer)
    if await asking.ask(f"/{session}") != 200:
        raise RuntimeError("a good session was refused")
    await asyncio.sleep(start_at - time.perf_counter())
    began = time.perf_counter()
    revocation = asyncio.ensure_future(revoking.ask(f"/{session}", method="POST"))
    while await asking.ask(f"/{session}") == 200:
        if time.perf_counter() - began > _TRIAL_S_MAX:
            raise RuntimeError("the revoked session still works")
        await asyncio.sleep(_POLL_S)
    took = time.perf_counter() - began
    if await revocation != 204:
        raise RuntimeError("the revocation failed")
    await asking.aclose()
    await revoking.aclose()
    return took


async def _trials(issuer: Server, verifier: Server) -> list[float]:
    begin = time.perf_counter() + 0.5
    return await asyncio.gather(
        *(_trial(issuer, verifier, begin + number * _SPACING_S) for number in range(_PER_ROUND))
    )


async def _verifier_key(url: str) -> str:
    async with opened(url) as store:
        text, record = key_and_record()
        reading = replace(record, scopes=Scopes("doorward:revocations:read"))
        await store.changes.commit(Change(writes=(KeyInserted(reading),)))
        return text


def measure(*, rounds: int) -> list[Line]:
    """See the module."""
    took: list[float] = []
    with sqlite_database() as url:
        key = asyncio.run(_verifier_key(url))
        with (
            serving("issuer", url, core=0) as issuer,
            serving("remote-verifier", f"http://127.0.0.1:{issuer.port} {key}") as verifier,
        ):
            for _ in range(rounds):
                took += asyncio.run(_trials(issuer, verifier))
    last = quantile_interval((1_000 * each for each in took), 0.99)
    figure = f"p99 {last.show('ms', 0)}, median {1_000 * quantile(took, 0.5):.0f} ms, {len(took)} trials"
    return [Line("over the stream", figure, f"p99 ≤ {_GATE_MS:.0f} ms", at_most(last, _GATE_MS))]
