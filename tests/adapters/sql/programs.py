"""What child processes of the tests do: `python -m tests.adapters.sql.programs <what> <url> …`.

Each line they print is something the store has answered.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from time import time

from tests.simulators.records import creation

from doorward.adapters.sql.open import SqlPorts, open_sql
from doorward.audit.chain import ChainKey
from doorward.door.claims import claim_for
from doorward.door.handled import Handled
from doorward.methods.claims import Claim
from doorward.values import CredentialId, RateLimit

CHAIN_KEY = ChainKey(key_id="m1", key=bytes(range(32)))


async def create_keys(ports: SqlPorts, prefix: str, count: str) -> None:
    """Twenty at a time; an id is printed when its creation was answered, never before."""
    gate = asyncio.Semaphore(20)

    async def create(number: int) -> None:
        async with gate:
            key_id = f"{prefix}{number:06}"
            await ports.changes.commit(creation(key_id))
            print(key_id, flush=True)  # noqa: T201  # the parent reads it

    await asyncio.gather(*map(create, range(int(count))))


async def take_leases(ports: SqlPorts, requests: str, asks: str) -> None:
    """Ask again and again; print what was granted."""
    limit = RateLimit(requests=int(requests), window_s=3_600)

    async def ask() -> None:
        lease, _ = await ports.rate_leases.lease(CredentialId("1"), limit, want=7, give_back=0, give_back_bucket=0)
        print(lease.granted, flush=True)  # noqa: T201  # as above

    await asyncio.gather(*(ask() for _ in range(int(asks))))


async def claim_many(ports: SqlPorts, keys: str) -> None:
    """Claim the same keys as everybody else, all at once; print those that were ours."""

    async def claim(key: str) -> None:
        if await ports.claims.claim_once("all", key, keep_until=4_000_000_000):
            print(key, flush=True)  # noqa: T201  # as above

    await asyncio.gather(*(claim(f"n{number}") for number in range(int(keys))))


async def hold_claim(ports: SqlPorts, lease_s: str) -> None:
    """Work on a delivery for ever, as a handler would."""
    claim = Claim(owner="acme", key="d1", keep_until=4_000_000_000, lease_s=int(lease_s))
    held = await claim_for(ports.claims, claim, Handled())
    print("held", flush=True)  # noqa: T201  # as above
    await asyncio.Event().wait()
    await held.complete()


PROGRAMS: dict[str, Callable[..., Awaitable[None]]] = {
    "claim-many": claim_many,
    "create-keys": create_keys,
    "hold-claim": hold_claim,
    "take-leases": take_leases,
}


async def main(what: str, url: str, *arguments: str) -> None:
    ports = open_sql(url, chain_key=CHAIN_KEY, clock=time)
    await ports.start()
    try:
        await PROGRAMS[what](ports, *arguments)
    finally:
        await ports.aclose()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
