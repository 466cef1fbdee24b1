"""An ASGI request whose answer has no end: what was sent is looked at while it goes on."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, final

from starlette.types import ASGIApp, Message, Scope

__all__ = ["Streaming", "streaming"]


@final
class Streaming:
    """`blocked` holds every `send` until it is set, as a reader does who does not read."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.octets = b""
        self.over = False
        self.pieces_max = 0
        self.flowing = asyncio.Event()
        self.flowing.set()
        self._moved = asyncio.Event()
        self._left = asyncio.Event()

    @property
    def events(self) -> list[tuple[str, Any]]:  # Any: JSON
        """Every event so far: its name and what its data say."""
        found = []
        for block in self.octets.decode().split("\n\n"):
            fields = dict(line.partition(": ")[::2] for line in block.splitlines() if not line.startswith(":"))
            if "data" in fields:
                found.append((fields.get("event", ""), json.loads(fields["data"])))
        return found

    @property
    def pages(self) -> list[Any]:  # Any: JSON
        return [data for name, data in self.events if name == "page"]

    def leave(self) -> None:
        """Hang up."""
        self._left.set()

    async def receive(self) -> Message:
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        await self.flowing.wait()
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])
        else:
            self.octets += message["body"]
            self.over = not message.get("more_body", False)
        self._moved.set()

    async def until(self, condition: str, deadline_s: float = 5.0) -> None:
        """Wait until an expression over `self` holds after something was sent."""
        async with asyncio.timeout(deadline_s):
            while not eval(condition, {"self": self}):  # noqa: S307  # the test's own words
                self._moved.clear()
                await self._moved.wait()


@asynccontextmanager
async def streaming(
    app: ASGIApp, path: str, *, headers: list[tuple[bytes, bytes]], query: bytes = b""
) -> AsyncIterator[Streaming]:
    """Ask, and look on; hangs up in the end."""
    stream = Streaming()
    scope: Scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "scheme": "http",
        "headers": [(b"host", b"localhost"), *headers],
        "client": ("127.0.0.1", 50000),
        "state": {},
    }
    task = asyncio.ensure_future(app(scope, stream.receive, stream.send))
    try:
        yield stream
    finally:
        stream.leave()
        stream.flowing.set()
        async with asyncio.timeout(5):
            await task
