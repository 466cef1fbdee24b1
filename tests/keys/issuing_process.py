"""A process that issues one token: `python -m tests.keys.issuing_process <url> <now>`.

It opens the store, says so, waits for a line, and prints the id of the key it signed with.
"""

import asyncio
import secrets
import sys

from tests.simulators.ring import ISSUER

from doorward.app.store import open_store
from doorward.crypto.jose.jws import parse_compact
from doorward.crypto.sealing import MasterKeys


async def main(url: str, now: str) -> None:
    keys = MasterKeys({"k1": bytes(range(32))}, current="k1", entropy=secrets.token_bytes)
    async with open_store(url, master_keys=keys, issuer=ISSUER, clock=lambda: float(now)) as store:
        print("open", flush=True)  # noqa: T201  # the parent waits for it
        await asyncio.to_thread(sys.stdin.readline)
        token = await store.keyring.sign_token({"iss": ISSUER})
        print(parse_compact(token.encode()).header.kid, flush=True)  # noqa: T201  # as above


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
