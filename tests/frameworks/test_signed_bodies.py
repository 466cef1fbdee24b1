"""Whoever has captured a signed request, or has a key, cannot take the memory of all the others."""

import asyncio
import time
from typing import Any

from tests.frameworks.test_signed_requests import BODY, SECRET, Handler, asgi_app
from tests.simulators.signature_keys import SimulatedKeys
from tests.simulators.signed_door import signed_view
from tests.simulators.store import SimulatedStore

from doorward import SignedRequests
from doorward.frameworks.kept import BODIES_PARTS, BODY_PIECE_BYTES, PROVEN
from doorward.wire.request import Header

MINE, THEIRS = SECRET, SECRET[::-1]
# As much as stays in memory, and one byte that never comes.
HELD = b"x" * (BODY_PIECE_BYTES - 1)


class Server:
    """Hands requests to the application; those it holds send no more, and do not end."""

    def __init__(self, store: SimulatedStore) -> None:
        store.now = time.time()
        keys = SimulatedKeys()
        keys.add("mine", MINE)
        keys.add("theirs", THEIRS)
        self._app = asgi_app(SignedRequests(store, keys=keys), Handler())
        self._hang_up = asyncio.Event()
        self._holding: list[asyncio.Task[int]] = []

    async def hold(self, headers: list[Header]) -> int | None:
        """Begins one that does not end; answers what it is told when it is not held."""
        silent = asyncio.Event()
        sending = asyncio.create_task(self.send(headers, HELD, silent))
        waiting = asyncio.create_task(silent.wait())
        await asyncio.wait({sending, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if sending.done():
            return sending.result()
        self._holding.append(sending)
        return None

    async def send(self, headers: list[Header], body: bytes, silent: asyncio.Event | None = None) -> int:
        statuses: list[int] = []
        messages = [{"type": "http.request", "body": body, "more_body": silent is not None}]

        async def receive() -> dict[str, Any]:
            if messages:
                return messages.pop()
            if silent is not None:
                silent.set()
                await self._hang_up.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if "status" in message:
                statuses.append(message["status"])

        scope = {
            "type": "http", "method": "POST", "path": "/orders", "raw_path": b"/orders", "query_string": b"",
            "headers": list(headers), "scheme": "https", "client": ("192.0.2.1", 1),
        }  # fmt: skip
        await self._app(scope, receive, send)
        return statuses[0]

    async def close(self) -> None:
        self._hang_up.set()
        await asyncio.gather(*self._holding)


def headers_of(key_id: str, secret: bytes, body: bytes = HELD) -> list[Header]:
    view = signed_view(key_id, secret, body=body, at=int(time.time()), target=b"/orders")
    return [(name, value) for name, value in view.headers if name != b"content-length"] + [(b"host", b"api.example")]


async def test_copies_of_one_request_hold_the_memory_of_one(store: SimulatedStore) -> None:
    server, before = Server(store), PROVEN.held
    captured = headers_of("mine", MINE)
    assert [await server.hold(captured) for _ in range(64)] == [None, *[409] * 63]
    assert PROVEN.held - before == len(HELD)
    assert await server.send(headers_of("theirs", THEIRS, BODY), BODY) == 200
    # The signer's own other requests are none of it.
    assert await server.send(headers_of("mine", MINE, BODY), BODY) == 200
    await server.close()
    assert PROVEN.held == before
    # And nothing was burned.
    assert await server.send(captured, HELD) == 200


async def test_one_key_holds_its_part_of_the_memory(store: SimulatedStore) -> None:
    server, before = Server(store), PROVEN.held
    assert [await server.hold(headers_of("mine", MINE)) for _ in range(40)] == [*[None] * 32, *[503] * 8]
    assert PROVEN.held - before <= PROVEN.bytes_max // BODIES_PARTS
    assert await server.send(headers_of("mine", MINE), HELD) == 503
    assert await server.send(headers_of("theirs", THEIRS), HELD) == 200
    await server.close()
    assert PROVEN.held == before
    assert await server.send(headers_of("mine", MINE), HELD) == 200
