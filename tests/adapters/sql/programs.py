"""What child processes of the tests do: `python -m tests.adapters.sql.programs <what> <url> …`.

Each line they print is something the store has answered.
"""

import asyncio
import sys
from time import time

from tests.simulators.records import creation

from doorward.adapters.sql.open import SqlPorts, open_sql
from doorward.audit.chain import ChainKey
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


PROGRAMS = {"create-keys": create_keys, "take-leases": take_leases}


async def main(what: str, url: str, *arguments: str) -> None:
    ports = open_sql(url, chain_key=CHAIN_KEY, clock=time)
    await ports.start()
    try:
        await PROGRAMS[what](ports, *arguments)
    finally:
        await ports.aclose()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
