"""The body of a request: taken in when it is part of a proof, and then handed on, byte for byte.

Rules of this file:

* Bounded three times: each body by what its method allows, all bodies of the process together (and of them those of
  one source, or of one proven sender), and the time one may take to arrive. Everybody must keep sending: what has come
  is not held for long while nothing comes. What is announced too large is refused before a byte of it is asked for, so
  that a client that waits for `100 Continue` (RFC 9110 section 10.1.1) never sends it.
* The bytes are those that were sent: a compressed body stays compressed (RFC 9110 section 8.4), chunks are put
  together, no body and an empty body are the same.
* What was taken in is held until the request has ended, and counted as long. A body that is only shown to a check
  passes through memory and waits on disk (`kept.py`); one that is read whole stays in memory.
* Headers are those before the body. Servers add trailers to them (uvicorn over httptools does, against RFC 9110 section
  6.5.1): one that came after the headers were proven would be read as if it had been proven too. What was added before
  anybody asked (a body that came in one piece with its head) cannot be told apart here.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, Final, final

from doorward.errors import Rejected
from doorward.frameworks.kept import BODIES, BODIES_IN_FLIGHT_BYTES_MAX, ON_DISK, PROVEN, Bodies, KeptBody
from doorward.methods.contract import BODY_ARRIVES_IN_S, arrival_s_max
from doorward.wire.request import Header

if TYPE_CHECKING:
    from doorward.door.budget import Source

__all__ = ["BODIES", "BODIES_IN_FLIGHT_BYTES_MAX", "Bodies", "Body"]

UNPROVEN_BYTES_PER_S_MIN: Final = 32_768
"""How fast a body must come that is read before anything is proven."""
UNPROVEN_PAUSE_S_MAX: Final = 5.0
"""How long such a body may fall behind that, or make no progress at all."""
PROVEN_PAUSE_S_MAX: Final = 10.0
"""How long a body of a proven sender may make no progress at all: whoever has captured a request has its sender's part
filled for as long."""
GAIN_S_MIN: Final = 0.25
"""By how much the time a body has left must grow before it counts."""

# ASGI's own types.
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
See = Callable[[bytes], None]


@final
class Body:
    """The request body, taken in at most once and handed on afterwards. `close` when the request has ended.

    Args:
        receive: the server's.
        headers: of the request; what `Content-Length` announces is believed only to refuse.
        bodies: what it is counted in when it is read before anything is proven.
        proven: what it is counted in, of a proven sender, while it is in memory.
        on_disk: what it is counted in beyond that.
    """

    __slots__ = (
        "_at",
        "_bodies",
        "_headers",
        "_headers_count",
        "_is_replayed",
        "_kept",
        "_on_disk",
        "_proven",
        "_receive",
        "source",
    )

    def __init__(
        self,
        receive: Receive,
        headers: Sequence[Header] = (),
        *,
        bodies: Bodies = BODIES,
        proven: Bodies = PROVEN,
        on_disk: Bodies = ON_DISK,
    ) -> None:
        self._receive: Final = receive
        self._headers: Final = headers
        self._headers_count: Final = len(headers)
        self._bodies: Final = bodies
        self._proven: Final = proven
        self._on_disk: Final = on_disk
        self._kept: KeptBody | None = None
        self._at = 0
        self._is_replayed = False
        self.source: Source | None = None
        """Whose part of what all bodies may hold it takes that prove their sender; None: nobody's."""

    async def read(self, body_bytes_max: int) -> bytes:
        """The whole body, in memory.

        Raises:
            Rejected: `body_too_large`; `body_slow`; `request_malformed` when the client hangs up in the middle.
            Unavailable: `overloaded` when too much is held of others.
        """
        kept = self._kept
        if kept is None:
            self._refuse_announced(body_bytes_max)
            kept = self._kept = KeptBody(self._bodies, None, self.source)
            await self._take_in(kept, body_bytes_max, None)
        _refuse_larger(kept.size, body_bytes_max)
        return await kept.whole()

    async def pass_through(self, see: See, body_bytes_max: int, sender: str) -> None:
        """Show the whole body to `see`, piece by piece, and keep it. What `see` raises ends it.

        Args:
            see: is shown each piece, in order.
            body_bytes_max: how large it may be.
            sender: who is proven to have sent its headers, and whose part it takes until the request has ended.

        Raises:
            Rejected: as `read`.
            Unavailable: `overloaded` when too much is held of others, or the disk is full.
        """
        kept = self._kept
        if kept is None:
            self._refuse_announced(body_bytes_max)
            kept = self._kept = KeptBody(self._proven, self._on_disk, sender)
            await self._take_in(kept, body_bytes_max, see)
            return
        _refuse_larger(kept.size, body_bytes_max)
        begin = 0
        while begin < kept.size:
            end = kept.piece_end(begin)
            see(await kept.read(begin, end))
            begin = end

    def leave_part(self) -> None:
        """Whoever sent it has proven himself: it takes nothing of his source's part any more. Idempotent. The part of a
        proven sender it goes on to take: how long a request lasts is his to say, who may be slow to read the answer.
        """
        self.source = None
        if self._kept is not None:
            self._kept.leave_part()

    def close(self) -> None:
        """Give back what was held. Idempotent; what was taken in is no longer handed on."""
        if self._kept is not None:
            self._is_replayed = True
            self._kept.close()

    @property
    def receive(self) -> Receive:
        """What the application receives from: the server itself, or first what was taken in."""
        return self._receive if self._kept is None else self._replay

    def _refuse_announced(self, body_bytes_max: int) -> None:
        for name, value in self._headers:
            if name == b"content-length" and value.isdigit() and len(value) < 20:
                _refuse_larger(int(value), body_bytes_max)

    async def _take_in(self, kept: KeptBody, body_bytes_max: int, see: See | None) -> None:
        pace = _Pace(is_proven=see is not None)
        try:
            async with asyncio.timeout_at(pace.ends_at) as limit:
                while True:
                    message = await self._receive()
                    if message["type"] != "http.request":
                        raise Rejected("request_malformed", "the client hung up before the end of the body")
                    piece = message.get("body", b"")
                    if piece:
                        _refuse_larger(kept.size + len(piece), body_bytes_max)
                        if see is not None:
                            see(piece)
                        if pace.has_gained(len(piece)):
                            limit.reschedule(pace.ends_at)
                        await kept.add(piece)
                    if not message.get("more_body", False):
                        break
        except TimeoutError:
            raise Rejected("body_slow", f"{kept.size} bytes have come, and not in time") from None
        self._drop_trailers()

    def _drop_trailers(self) -> None:
        headers = self._headers
        if len(headers) > self._headers_count and isinstance(headers, list):
            del headers[self._headers_count :]

    async def _replay(self) -> Message:
        kept, begin = self._kept, self._at
        if self._is_replayed or kept is None:
            return await self._receive()
        end = self._at = kept.piece_end(begin)
        self._is_replayed = end == kept.size
        piece = await kept.read(begin, end)
        return {"type": "http.request", "body": piece, "more_body": end < kept.size}


@final
class _Pace:
    """Until when the next piece must have come, in the loop's time: `ends_at`, as of when time was last gained."""

    __slots__ = ("_began", "_earned", "_is_proven", "_loop", "_size", "ends_at")

    def __init__(self, *, is_proven: bool) -> None:
        self._loop: Final = asyncio.get_running_loop()
        self._began: Final = self._loop.time()
        self._is_proven: Final = is_proven
        self._size = 0
        self.ends_at = self._began + (PROVEN_PAUSE_S_MAX if is_proven else UNPROVEN_PAUSE_S_MAX)
        self._earned = self.ends_at

    def has_gained(self, size: int) -> bool:
        """A piece has come of that size: whether the end has moved by enough to be set anew.

        A timer for every few bytes would weigh more than they do.
        """
        self._size += size
        if self._is_proven:
            # Bytes buy time, and no silence.
            self._earned = min(self._began + arrival_s_max(self._size), self._loop.time() + PROVEN_PAUSE_S_MAX)
        else:
            # What came fast buys no silence afterwards: who sends all but the last byte at once holds it no longer.
            self._earned = min(
                self._began + BODY_ARRIVES_IN_S,
                self._loop.time() + UNPROVEN_PAUSE_S_MAX,
                self._earned + size / UNPROVEN_BYTES_PER_S_MIN,
            )
        if self._earned < self.ends_at + GAIN_S_MIN:
            return False
        self.ends_at = self._earned
        return True


def _refuse_larger(size: int, body_bytes_max: int) -> None:
    if size > body_bytes_max:
        raise Rejected("body_too_large", f"more than {body_bytes_max} bytes")
