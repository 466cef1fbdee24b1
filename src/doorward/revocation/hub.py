"""What this process has read of the feed last, for everyone who follows it from elsewhere: one reading, many listeners.

Rules of this file:

* Nothing is read here. Whatever the process's own follower reads passes by (`TappedFeed`) and its last rows are kept.
* A page is answered only from rows that are all here. What begins earlier, or later than what is known here, is for
  the store to answer: to say less than somebody has seen elsewhere already would look like a restored database.
* A page says how old the reading behind it is. A store that is away makes all followers age, not only this process.
"""

import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable
from typing import Final, final

from doorward.revocation.exchange import FeedReader, is_visible
from doorward.revocation.port import FeedPage, FeedPort, FeedRow
from doorward.values import Watermark

__all__ = ["FeedHub", "Take", "TappedFeed"]

HUB_ROWS_MAX: Final = 20_000
"""How many rows are kept for those who follow: whoever is further behind is answered by the store."""

Take = Callable[[int, FeedPage, float], None]
"""Told of every page: the position it was read after, the page, and when the reading began (monotonic seconds)."""


@final
class TappedFeed:
    """A feed whose pages somebody else sees as well, before whoever asked for them."""

    def __init__(self, feed: FeedPort, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._feed: Final = feed
        self._monotonic: Final = monotonic
        self.listeners: Final[list[Take]] = []

    async def read_feed(self, after: int, *, limit: int = 10_000, audiences: frozenset[str] | None = None) -> FeedPage:
        """See `FeedPort`."""
        began = self._monotonic()
        page = await self._feed.read_feed(after, limit=limit, audiences=audiences)
        if audiences is None:
            for take in self.listeners:
                take(after, page, began)
        return page

    async def read_watermark(self) -> Watermark:
        """See `FeedPort`."""
        return await self._feed.read_watermark()

    def wakeups(self) -> AsyncIterator[None]:
        """See `FeedPort`."""
        return self._feed.wakeups()

    async def remove_left(self, now: int) -> int:
        """See `FeedPort`."""
        return await self._feed.remove_left(now)


@final
class FeedHub:
    """See the module. Belongs to one event loop.

    Args:
        monotonic: seconds, for the age of pages.
        rows_max: how many rows are kept.
    """

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic, rows_max: int = HUB_ROWS_MAX) -> None:
        self._monotonic: Final = monotonic
        self._rows_max: Final = rows_max
        self._rows: list[FeedRow] = []
        self._floor = 0
        self._generation: str | None = None
        self._watermark = 0
        self._as_of = 0
        self._whole_at = float("-inf")
        self._waiting: set[Callable[[], None]] = set()

    @property
    def watermark(self) -> int:
        """How far everything is known here."""
        return self._watermark

    @property
    def as_of(self) -> int:
        """The store's clock at the last whole reading, epoch seconds."""
        return self._as_of

    def listen(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Have `wake` called whenever the feed has moved; answers what ends that."""
        self._waiting.add(wake)
        return lambda: self._waiting.discard(wake)

    def take(self, after: int, page: FeedPage, began: float) -> None:
        """Keep what a page brings. See `Take`."""
        before = (self._generation, self._watermark)
        if page.generation != self._generation or page.watermark < self._watermark or after > self._watermark:
            self._rows, self._floor, self._watermark = [], after, after
            self._generation = page.generation
            self._whole_at = float("-inf")
        reached = page.watermark
        if not page.complete:
            reached = min(reached, max(page.scanned_to, page.rows[-1].position if page.rows else 0))
        self._rows += [row for row in page.rows if self._watermark < row.position <= reached]
        self._watermark = max(self._watermark, reached)
        if len(self._rows) > self._rows_max:
            dropped = len(self._rows) - self._rows_max // 2
            self._floor = self._rows[dropped - 1].position
            del self._rows[:dropped]
        if page.complete:
            self._whole_at = max(self._whole_at, began)
            self._as_of = page.as_of
        if (self._generation, self._watermark) != before:
            for wake in tuple(self._waiting):
                wake()

    def covers(self, after: int, generation: str | None) -> bool:
        """Whether a page after that position can be answered from here.

        Args:
            after: how far the reader has come.
            generation: of which feed, if he says so.
        """
        if self._whole_at == float("-inf") or generation not in {None, self._generation}:
            return False
        return self._floor <= after <= self._watermark

    def page_after(self, after: int, reader: FeedReader, *, limit: int) -> FeedPage:
        """The page `covers` has promised, with what is for that reader. `limit` rows are looked at."""
        assert self._generation is not None, "nothing was read"
        assert self._floor <= after <= self._watermark, "asked for what is not here"
        first = bisect_right(self._rows, after, key=lambda row: row.position)
        seen = self._rows[first : first + limit]
        complete = first + limit >= len(self._rows)
        reached = self._watermark if complete else seen[-1].position
        return FeedPage(
            rows=tuple(row for row in seen if is_visible(row, reader)),
            watermark=reached,
            generation=self._generation,
            as_of=self._as_of,
            complete=complete,
            scanned_to=reached,
            age_s=max(0.0, self._monotonic() - self._whole_at),
        )

    def has_moved(self, after: int, generation: str) -> bool:
        """Whether somebody who has come that far would learn something."""
        return self._watermark > after or generation != self._generation
