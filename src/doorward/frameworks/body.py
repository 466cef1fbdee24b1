"""The body of a request: read when a method needs it for its proof, and then handed on, byte for byte.

Rules of this file:

* Bounded three times: each body by what its method allows, all bodies of the process together, and the time one may
  take to arrive. What is announced too large is refused before a byte of it is asked for, so that a client that
  waits for `100 Continue` (RFC 9110 section 10.1.1) never sends it.
* The bytes are those that were sent: a compressed body stays compressed (RFC 9110 section 8.4), chunks are put
  together, no body and an empty body are the same.
* What was read is held until the request has ended, and counted as long.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final, final

from doorward.errors import Rejected, Unavailable
from doorward.wire.request import Header

__all__ = ["BODIES", "BODIES_IN_FLIGHT_BYTES_MAX", "BODY_ARRIVES_IN_S", "Bodies", "Body"]

BODIES_IN_FLIGHT_BYTES_MAX: Final = 64 * 1_048_576
"""How much of all bodies that are part of a proof one process holds at a time; what comes on top may try again."""
BODY_ARRIVES_IN_S: Final = 30.0
"""How long such a body may take to arrive: whoever sends slowly holds what others could use."""

# ASGI's own types.
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


@final
class Bodies:
    """How much is held of all bodies together."""

    __slots__ = ("bytes_max", "held")

    def __init__(self, bytes_max: int = BODIES_IN_FLIGHT_BYTES_MAX) -> None:
        self.bytes_max: Final = bytes_max
        self.held = 0

    def take(self, size: int) -> None:
        """Hold as much more.

        Raises:
            Unavailable: `overloaded`.
        """
        if self.held + size > self.bytes_max:
            raise Unavailable("overloaded", f"{self.held} bytes of bodies are held already")
        self.held += size

    def give_back(self, size: int) -> None:
        """Hold as much less."""
        self.held -= size


BODIES: Final = Bodies()
"""Of this process."""


@final
class Body:
    """The request body, read at most once and handed on afterwards. `close` when the request has ended.

    Args:
        receive: the server's.
        headers: of the request; what `Content-Length` announces is believed only to refuse.
        bodies: what it is counted in.
        arrives_in_s: how long it may take.
    """

    __slots__ = ("_arrives_in_s", "_bodies", "_body", "_headers", "_held", "_receive", "_replayed")

    def __init__(
        self,
        receive: Receive,
        headers: Iterable[Header] = (),
        *,
        bodies: Bodies = BODIES,
        arrives_in_s: float = BODY_ARRIVES_IN_S,
    ) -> None:
        self._receive: Final = receive
        self._headers: Final = headers
        self._bodies: Final = bodies
        self._arrives_in_s: Final = arrives_in_s
        self._body: bytes | None = None
        self._held = 0
        self._replayed = False

    async def read(self, body_bytes_max: int) -> bytes:
        """The whole body.

        Raises:
            Rejected: `body_too_large`; `body_slow`; `request_malformed` when the client hangs up in the middle.
            Unavailable: `overloaded` when too much is held of others.
        """
        if self._body is None:
            self._refuse_announced(body_bytes_max)
            try:
                async with asyncio.timeout(self._arrives_in_s):
                    self._body = await self._read(body_bytes_max)
            except TimeoutError:
                raise Rejected("body_slow", f"not whole after {self._arrives_in_s} s") from None
        if len(self._body) > body_bytes_max:
            raise Rejected("body_too_large", f"more than {body_bytes_max} bytes")
        return self._body

    def close(self) -> None:
        """Give back what was held. Idempotent; what was read is no longer handed on."""
        if self._held:
            self._bodies.give_back(self._held)
            self._held = 0
            self._body = b""

    @property
    def receive(self) -> Receive:
        """What the application receives from: the server itself, or first what was read."""
        return self._receive if self._body is None else self._replay

    def _refuse_announced(self, body_bytes_max: int) -> None:
        for name, value in self._headers:
            if name == b"content-length" and value.isdigit() and len(value) < 20 and int(value) > body_bytes_max:
                raise Rejected("body_too_large", f"{int(value)} bytes are announced")

    async def _read(self, body_bytes_max: int) -> bytes:
        chunks: list[bytes] = []
        while True:
            message = await self._receive()
            if message["type"] != "http.request":
                raise Rejected("request_malformed", "the client hung up before the end of the body")
            chunk = message.get("body", b"")
            if self._held + len(chunk) > body_bytes_max:
                raise Rejected("body_too_large", f"more than {body_bytes_max} bytes")
            self._bodies.take(len(chunk))
            self._held += len(chunk)
            chunks.append(chunk)
            if not message.get("more_body", False):
                return b"".join(chunks)

    async def _replay(self) -> Message:
        if self._replayed:
            return await self._receive()
        self._replayed = True
        return {"type": "http.request", "body": self._body, "more_body": False}
