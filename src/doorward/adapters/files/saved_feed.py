"""A feed whose pages are saved as they pass by, and the view that was saved before.

Rules of this file:

* Saving never holds up reading: it happens in one thread, in order, and what cannot be written ends the saving, not the
  verifying. What was saved until then still counts, and ages.
* What is saved is what the view takes in, page by page, so that loading it makes the same view.
* The freshness that is saved is that of the reading's beginning, as the issuer answered it, never of the writing.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final, final

import msgspec

from doorward.adapters.files.clocks import Clocks, Moment
from doorward.adapters.files.saved_view import Mark, SavedView
from doorward.errors import Misconfigured, Unavailable
from doorward.revocation.exchange import parse_page, write_page
from doorward.revocation.port import FeedPage, FeedPort
from doorward.revocation.view import View
from doorward.values import Watermark

__all__ = ["SavedFeed"]

WAITING_OCTETS_MAX: Final = 67_108_864
"""How much may wait to be written; a disk that is slower than the feed ends the saving."""

_LOG: Final = logging.getLogger("doorward.revocation")


@final
class _Commit(msgspec.Struct, frozen=True):
    generation: str
    reader: str
    watermark: int
    as_of: int
    read_at: Moment
    synced: bool


_Step = bytes | _Commit | None
"""Append a page, let it count, or (None) begin a new journal."""


@final
class SavedFeed:
    """Implements `FeedPort` over another one.

    Args:
        feed: what is read.
        folder: where it is saved.
        source: names what is read: the issuer's URL.
        clocks: this machine's.
        monotonic: seconds, the same as the follower's.
    """

    def __init__(
        self,
        feed: FeedPort,
        folder: Path,
        source: str,
        *,
        clocks: Clocks | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._feed: Final = feed
        self._folder: Final = folder
        self._source: Final = source
        self._clocks: Final = clocks if clocks is not None else Clocks.of_this_machine()
        self._monotonic: Final = monotonic
        self._saved: SavedView | None = None
        self._generation: str | None = None
        self._reader = ""
        self._known = 0
        self._began: float | None = None
        self._steps: list[_Step] = []
        self._waiting_octets = 0
        self._woken = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self.is_saving = False
        """Whether what is read is being saved."""

    @property
    def is_open(self) -> bool:
        """Whether the folder is taken."""
        return self._saved is not None

    async def open(self, view: View) -> None:
        """Take the folder, load what was saved there into the view, and save from now on.

        A view that is not empty is one that was closed and is opened again: it must be what was saved then.

        Raises:
            Misconfigured: others may write there, or it cannot be made.
        """
        try:
            self._saved = await asyncio.to_thread(SavedView, self._folder, self._source)
        except OSError as error:
            raise Misconfigured(
                f"The folder {self._folder} cannot be used: {error.strerror}.", cure="Name a folder of your own."
            ) from None
        try:
            mark = await asyncio.to_thread(self._saved.load)
            if mark is not None and view.as_of == 0:
                await self._load(self._saved, mark, view)
        except BaseException:
            # Whoever asked for the start has hung up. What is open counts as loaded, so it must not stay open.
            saved, self._saved = self._saved, None
            await asyncio.to_thread(saved.close)
            raise
        is_known = mark is not None and mark.watermark == view.watermark
        if mark is not None and is_known:
            self._generation, self._reader, self._known = mark.generation, mark.reader, mark.watermark
        self._woken = asyncio.Event()
        self._steps, self._waiting_octets, self._began = [], 0, None
        self.is_saving = is_known or view.as_of == 0
        self._writer = asyncio.create_task(self._write(self._saved), name="doorward-saved-view")

    async def aclose(self) -> None:
        """Write what waits, and let the folder go. Idempotent."""
        writer, self._writer = self._writer, None
        saved, self._saved = self._saved, None
        self._generation, self._reader, self._known = None, "", 0
        if writer is not None:
            self.is_saving = False
            self._woken.set()
            await writer
        if saved is not None:
            await asyncio.to_thread(saved.close)

    async def read_feed(self, after: int, *, limit: int = 10_000, audiences: frozenset[str] | None = None) -> FeedPage:
        """See `FeedPort`."""
        began = self._monotonic()
        page = await self._feed.read_feed(after, limit=limit, audiences=audiences)
        if self.is_saving:
            self._note(after, page, began)
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

    async def _load(self, saved: SavedView, mark: Mark, view: View) -> None:
        read_at = self._monotonic() - self._clocks.age_s(mark.read_at)
        pages = saved.pages()
        while (frame := await asyncio.to_thread(next, pages, None)) is not None:
            page = (await asyncio.to_thread(parse_page, frame)).page
            # Whole and fresh with the last one only: half a view admits what the other half revokes.
            view.apply(msgspec.structs.replace(page, complete=False), read_at)
        last = FeedPage(
            rows=(),
            watermark=mark.watermark,
            generation=mark.generation,
            as_of=mark.as_of,
            complete=True,
            scanned_to=mark.watermark,
            reader=mark.reader,
        )
        view.apply(last, read_at)

    def _note(self, after: int, page: FeedPage, began: float) -> None:
        """Have a page saved, as the view will take it in."""
        if self._began is None:
            self._began = began
        same = page.generation == self._generation and page.reader == self._reader
        follows = same and after <= self._known <= page.watermark
        if not follows:
            if after != 0:
                # The view begins again as well: the next page is read from the beginning.
                self._began = None
                return
            self._generation, self._reader, self._known = page.generation, page.reader, 0
            self._steps.append(None)
        rows = tuple(row for row in page.rows if row.position > self._known)
        is_news = not follows or bool(rows) or page.watermark > self._known or not page.complete
        if is_news:
            kept = msgspec.structs.replace(page, rows=rows, age_s=0.0)
            octets = write_page(min(after, self._known), kept)
            self._steps.append(octets)
            self._waiting_octets += len(octets)
            self._known = max(self._known, page.watermark if page.complete else page.scanned_to)
        if page.complete:
            ago_s = self._monotonic() - self._began + page.age_s
            self._began = None
            self._add_commit(page, self._clocks.moment(ago_s), is_news=is_news)
        if self._waiting_octets > WAITING_OCTETS_MAX:
            self._stop("the disk is slower than the feed")
        self._woken.set()

    def _add_commit(self, page: FeedPage, read_at: Moment, *, is_news: bool) -> None:
        last = self._steps[-1] if self._steps else None
        if isinstance(last, _Commit):
            is_news = is_news or last.synced
            self._steps.pop()
        self._steps.append(_Commit(page.generation, page.reader, self._known, page.as_of, read_at, is_news))

    async def _write(self, saved: SavedView) -> None:
        while self.is_saving or self._steps:
            await self._woken.wait()
            self._woken.clear()
            steps, self._steps, self._waiting_octets = self._steps, [], 0
            try:
                await asyncio.to_thread(_run, saved, steps)
            except (OSError, Unavailable) as error:
                self._stop(type(error).__name__)

    def _stop(self, why: str) -> None:
        if self.is_saving:
            _LOG.error("the view of revocations is not saved any more: %s", why)
        self.is_saving = False
        self._steps, self._waiting_octets = [], 0


def _run(saved: SavedView, steps: list[_Step]) -> None:
    for step in steps:
        if step is None:
            saved.begin()
        elif isinstance(step, bytes):
            saved.append(step)
        else:
            saved.commit(
                step.generation,
                step.watermark,
                step.as_of,
                step.read_at,
                synced=step.synced,
                reader=step.reader,
            )
