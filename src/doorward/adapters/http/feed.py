"""The feed of an issuer elsewhere, as `FeedPort`: pulled for certainty, pushed for speed. docs/revocation-feed.md.

Rules of this file:

* What was pushed saves a request. It is used only where it continues exactly what is known, it brings no freshness, and
  at least once per `pull_interval_s` the issuer is asked outright, however much is pushed.
* A stream that falls silent is over: the issuer says something every few seconds.
* The key is asked for anew for every request, so that it may be rotated, and it is in no message.
"""

import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from typing import Final, final

import msgspec

from doorward.adapters.http.client import GuardedClient
from doorward.adapters.http.events import EventReader
from doorward.adapters.http.url import OutboundUrl
from doorward.errors import Unavailable
from doorward.revocation.exchange import PAGE_OCTETS_MAX, SentPage, parse_page
from doorward.revocation.port import FeedPage
from doorward.values import Watermark

__all__ = ["HttpFeed"]

PUSHED_MAX: Final = 64
"""How many pushed pages wait to be taken; with more of them the next reading asks the issuer."""
KEY_CHARACTERS_MAX: Final = 512
"""How long the key may be."""
_READ_S: Final = 4.5
_SILENCE_S: Final = 10.0


@final
class HttpFeed:
    """Implements `FeedPort` for a verifier without a database.

    Args:
        client: asks.
        url: of `/revocations`; the stream is below it.
        key: answers the text of the API key.
        pull_interval_s: at least this often the issuer is asked outright.
        require_ours: is shown every answer, and raises `Misconfigured` when it is not the feed that was meant.
        monotonic: seconds.
    """

    def __init__(
        self,
        client: GuardedClient,
        url: OutboundUrl,
        *,
        key: Callable[[], str],
        pull_interval_s: float,
        monotonic: Callable[[], float] = time.monotonic,
        require_ours: Callable[[SentPage], None] | None = None,
    ) -> None:
        self._require_ours: Final = require_ours
        self._client: Final = client
        self._url: Final = url
        self._key: Final = key
        self._pull_interval_s: Final = pull_interval_s
        self._monotonic: Final = monotonic
        self._pushed: Final[deque[tuple[SentPage, float]]] = deque(maxlen=PUSHED_MAX)
        self._asked_at = float("-inf")
        self._reached = Watermark("", 0)
        self._reader: str | None = None
        self.pages_pushed = 0
        """How many readings a pushed page has answered."""

    async def read_feed(self, after: int, *, limit: int = 10_000, audiences: frozenset[str] | None = None) -> FeedPage:
        """See `FeedPort`. What this reader may see is written in its key; `audiences` is not its business."""
        assert audiences is None, "the issuer decides for whom we read"
        page = self._take_pushed(after)
        if page is None:
            page = await self._ask(after, limit)
        self._reached, self._reader = Watermark(page.generation, page.watermark), page.reader
        return page

    async def read_watermark(self) -> Watermark:
        """Nothing is issued here."""
        raise AssertionError("a verifier elsewhere issues nothing")

    async def wakeups(self) -> AsyncGenerator[None]:
        """See `FeedPort`: whenever the issuer has pushed a page."""
        reached = self._reached
        target = f"{self._url.target}/stream?after={reached.position}"
        if reached.generation:
            target += f"&generation={reached.generation}"
        url = msgspec.structs.replace(self._url, target=target)
        self._pushed.clear()
        reader = EventReader(PAGE_OCTETS_MAX)
        async with self._client.stream(
            url, headers=self._headers(), content_type="text/event-stream", idle_s=_SILENCE_S
        ) as stream:
            async for chunk in stream.chunks:
                for event in reader.feed(chunk):
                    if event.name == "refused":
                        raise Unavailable("store_unavailable", "the issuer has ended the stream")
                    if event.name == "page":
                        self._pushed.append((self._pushed_page(event.data), self._monotonic()))
                        yield

    async def remove_left(self, now: int) -> int:
        """The issuer does that."""
        del now
        return 0

    def _pushed_page(self, presented_page: bytes) -> SentPage:
        sent = parse_page(presented_page)
        if self._reader not in {None, sent.page.reader}:
            # The key has been exchanged since the stream was opened, for one that sees something else.
            raise Unavailable("store_unavailable", "the stream is another reader's: it is opened anew")
        return sent

    def _take_pushed(self, after: int) -> FeedPage | None:
        now = self._monotonic()
        if now - self._asked_at >= self._pull_interval_s or len(self._pushed) == PUSHED_MAX:
            # However much is pushed: only asking tells how fresh the view is.
            self._pushed.clear()
            return None
        while self._pushed:
            sent, came_at = self._pushed.popleft()
            page = sent.page
            if page.generation != self._reached.generation or page.reader != self._reader or sent.after > after:
                # A gap, another database, or another reader: ask.
                self._pushed.clear()
                return None
            if page.watermark > after:
                self.pages_pushed += 1
                # What was pushed brings rows and no freshness: it may have lain in a buffer while this process, or its
                # whole machine, stood still. How old the view is, is known from asking alone.
                age_s = page.age_s + max(now - came_at, now - self._asked_at)
                # More waits behind it: not whole yet.
                return msgspec.structs.replace(page, age_s=age_s, complete=page.complete and not self._pushed)
        return None

    async def _ask(self, after: int, limit: int) -> FeedPage:
        began = self._monotonic()
        target = f"{self._url.target}?after={after}&limit={limit}"
        if self._reached.generation:
            target += f"&generation={self._reached.generation}"
        fetched = await self._client.fetch(
            msgspec.structs.replace(self._url, target=target),
            headers=self._headers(),
            octets_max=PAGE_OCTETS_MAX,
            total_s=_READ_S,
        )
        sent = parse_page(fetched.body)
        if sent.after != after:
            raise Unavailable("store_unavailable", "an answer to another question")
        if self._require_ours is not None:
            self._require_ours(sent)
        self._asked_at = began
        return sent.page

    def _headers(self) -> tuple[tuple[bytes, bytes], ...]:
        key = self._key()
        if not 0 < len(key) <= KEY_CHARACTERS_MAX or not key.isascii() or not key.isprintable() or " " in key:
            raise Unavailable("store_unavailable", "the API key has no form a header can carry")
        return ((b"authorization", b"Bearer " + key.encode("ascii")),)
