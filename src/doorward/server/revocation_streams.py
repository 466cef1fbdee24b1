"""`GET /revocations/stream`: the feed pushed to verifiers elsewhere, as Server-Sent Events (HTML standard, 9.2).

Rules of this file:

* The key is proven again for every page that is sent and every few seconds in between, so that a verifier that is
  itself revoked is cut off by the very row that revokes it.
* All streams are written from one reading. Nothing is queued for a reader that is slow: what it is sent next is made
  from its own position when it can take it.
* Streams are bounded, in all and per key, and end when the server stops: it need not wait for readers without an end.
"""

import asyncio
import contextlib
import re
from typing import Final, final

import msgspec
from starlette.types import Receive, Scope, Send

from doorward.door import Admitted
from doorward.errors import Rejected, Unavailable
from doorward.revocation.exchange import FeedReader, write_page
from doorward.server.answers import send_answer
from doorward.server.revocations import Asked, RevocationSource, parse_asked
from doorward.wire.request import RequestView

__all__ = ["STREAMS_MAX", "RevocationStreams"]

STREAMS_MAX: Final = 256
"""How many streams one process writes at once."""
STREAMS_PER_KEY_MAX: Final = 32
"""How many of them for one key: a verifier has one for each of its processes."""
STREAM_PAGE_ROWS_MAX: Final = 1_000
"""How many rows one event holds."""
HEARTBEAT_S: Final = 3.0
_EVENT_ID: Final = re.compile(r"(?P<generation>[A-Za-z0-9_-]{1,64})\.(?P<position>[0-9]{1,18})")


@final
class RevocationStreams:
    """`GET /revocations/stream?after=N&generation=G`, or `Last-Event-ID`: Server-Sent Events without an end.

    Args:
        source: who may read, and what.
        streams_max: how many at once.
        heartbeat_s: how often something is sent when nothing has happened, and the key is proven again.
    """

    def __init__(
        self, source: RevocationSource, *, streams_max: int = STREAMS_MAX, heartbeat_s: float = HEARTBEAT_S
    ) -> None:
        self._source: Final = source
        self._streams_max: Final = streams_max
        self._heartbeat_s: Final = heartbeat_s
        self._streams: Final[dict[_Stream, str]] = {}
        self._ended = False

    @property
    def running(self) -> int:
        """How many streams are being written."""
        return len(self._streams)

    def end(self) -> None:
        """End every stream, and begin none any more: the server stops."""
        self._ended = True
        for stream in self._streams:
            stream.end()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Writes one stream, until somebody hangs up or the key is no longer good."""
        source = self._source
        request: RequestView | None = None
        try:
            request = source.view(scope, receive)
            admitted = await source.door.admit(request)
            asked = _resume(scope, parse_asked(scope, frozenset({"after", "generation"})))
            reader = await source.reader_of(admitted)
            self._require_room(admitted.principal.credential_id)
        except (Rejected, Unavailable) as refused:
            await send_answer(send, source.door.refuse(refused, request))
            return
        stream = _Stream(source, request, admitted, reader, asked, self._heartbeat_s)
        self._streams[stream] = admitted.principal.credential_id
        try:
            await stream.run(receive, send)
        finally:
            del self._streams[stream]

    def _require_room(self, key_id: str) -> None:
        if self._ended or len(self._streams) >= self._streams_max:
            raise Unavailable("overloaded", "too many streams", retry_after_s=1)
        if sum(each == key_id for each in self._streams.values()) >= STREAMS_PER_KEY_MAX:
            raise Rejected("rate_limited", "too many streams of one key", retry_after_s=5)


@final
class _Stream:
    def __init__(
        self,
        source: RevocationSource,
        request: RequestView,
        admitted: Admitted,
        reader: FeedReader,
        asked: Asked,
        heartbeat_s: float,
    ) -> None:
        self._source: Final = source
        self._request: Final = request
        self._admitted = admitted
        self._reader = reader
        self._after = asked.after
        self._generation = asked.generation
        self._heartbeat_s: Final = heartbeat_s
        self._woken: Final = asyncio.Event()
        self._over = False
        self._send: Send

    def end(self) -> None:
        self._over = True
        self._woken.set()

    async def run(self, receive: Receive, send: Send) -> None:
        self._send = send
        forget = self._source.hub.listen(self._woken.set)
        leaving = asyncio.create_task(self._notice_leaving(receive))
        try:
            headers = [
                (b"content-type", b"text/event-stream"),
                (b"cache-control", b"no-store"),
                # nginx gathers an answer before it hands it on, unless it is told not to.
                (b"x-accel-buffering", b"no"),
            ]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await self._write()
            await send({"type": "http.response.body", "body": b""})
        finally:
            forget()
            leaving.cancel()

    async def _notice_leaving(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.end()

    async def _write(self) -> None:
        try:
            await self._tell(b"retry: 1000\n\n")
            while not self._over:
                # Cleared before looking: what happens while a page is sent is seen in the next round.
                self._woken.clear()
                if not await self._write_news():
                    await self._tell(f": as_of {self._source.hub.as_of}\n\n".encode())
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._heartbeat_s):
                        await self._woken.wait()
        except (Rejected, Unavailable) as refused:
            problem = msgspec.json.encode({"code": refused.refusal.public_code})
            await self._tell(b"event: refused\ndata: " + problem + b"\n\n")

    async def _write_news(self) -> bool:
        """Send every page there is; answers whether there was one."""
        source, told = self._source, False
        while not self._over:
            # Before every page, not after: the row that revokes this very key is the first thing it must not be sent.
            self._admitted = await source.door.admit(self._request)
            # What he may see as well: a resource may have become a sector, or the key be for others now.
            self._reader = await source.reader_of(self._admitted)
            if self._generation is not None and not source.hub.has_moved(self._after, self._generation):
                break
            asked = Asked(self._after, STREAM_PAGE_ROWS_MAX, self._generation)
            page = await source.page(asked, self._reader, key_id=self._admitted.principal.credential_id)
            event = f"id: {page.generation}.{page.watermark}\nevent: page\ndata: ".encode()
            written = write_page(self._after, page, issuer=source.issuer, audiences=self._reader.audiences)
            await self._tell(event + written + b"\n\n")
            self._after, self._generation, told = page.watermark, page.generation, True
            if page.complete:
                break
        return told

    async def _tell(self, octets: bytes) -> None:
        await self._send({"type": "http.response.body", "body": octets, "more_body": True})


def _resume(scope: Scope, asked: Asked) -> Asked:
    """What the reader saw last counts for more than where the stream once began (HTML standard, section 9.2)."""
    seen = [value for name, value in scope["headers"] if name == b"last-event-id"]
    if not seen:
        return asked
    match = _EVENT_ID.fullmatch(seen[0].decode("latin-1"))
    if match is None or len(seen) > 1:
        raise Rejected("input_invalid", "Last-Event-ID is not one of ours")
    return Asked(int(match["position"]), asked.limit, match["generation"])
