"""Keeps a view up to date: pushed for speed, pulled for certainty, one reading at a time. DESIGN section 7.

Rules of this file:

* Correctness rests on the pull alone. A wake-up only makes the next pull come sooner, so a channel that is cut,
  late, or lies about what happened costs speed and nothing else.
* Whatever goes wrong, the view is left as it is and ages; past its `max_staleness_s` it refuses by itself.
* Reading resumes from the watermark, never from the highest row seen: numbers are not given in commit order.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final, TypeVar, final

from doorward.errors import Unavailable
from doorward.revocation.port import FeedPort
from doorward.revocation.view import CACHE_LIFE_S, View

__all__ = ["Follower"]

PAGE_ROWS: Final = 1_000
"""Rows per page: reading and applying one holds the event loop for a few milliseconds."""
BACKOFF_S_MAX: Final = 5.0
PUSH_BACKOFF_S: Final = 0.1
READ_GAP_S: Final = 0.005
"""At least this long between two readings: a flood of wake-ups must not become a flood of reads."""
RESTARTS_MAX: Final = 3
"""How often one reading may begin again (a feed whose generation or watermark flaps) before it counts as failed."""

_LOG: Final = logging.getLogger("doorward.revocation")

_T = TypeVar("_T")


@final
class Follower:
    """Feeds a `View`. Belongs to the event loop it is started in; once closed, another may start it again.

    Args:
        feed: where rows come from.
        view: what is fed; one follower per view.
        pull_interval_s: how often the feed is read when nothing wakes us; a revocation reaches this process within
            this and one reading, whatever happens to the push channel.
        read_timeout_s: how long one page may take; a store that hangs is a store that is away.
        removal_interval_s: how often rows that have left are removed from the store.
        monotonic: seconds, for the age of the view.
    """

    def __init__(
        self,
        feed: FeedPort,
        view: View,
        *,
        pull_interval_s: float = 1.0,
        read_timeout_s: float = 5.0,
        removal_interval_s: float = 600.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        assert pull_interval_s > 0, "a pull that never rests"
        self._feed: Final = feed
        self._view: Final = view
        self._pull_interval_s: Final = pull_interval_s
        self._read_timeout_s: Final = read_timeout_s
        self._removal_interval_s: Final = removal_interval_s
        self._monotonic: Final = monotonic
        self._woken = asyncio.Event()
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self._failures = 0
        self._removed_at = float("-inf")

    @property
    def failures(self) -> int:
        """Readings that have failed in a row; 0 while all is well."""
        return self._failures

    async def start(self, *, is_whole: bool = False) -> None:
        """Read everything once, then follow in the background. When this returns, the view is whole.

        Args:
            is_whole: the view is whole already, as of some time ago (it was loaded from a disk): nothing is read first,
                and it ages until a reading succeeds.

        Raises:
            Unavailable: `store_unavailable`; nothing runs then, and it may be tried again.
        """
        assert not self._tasks, "started twice"
        if not is_whole:
            await self._read()
        # Made anew: an event belongs to the loop it was first waited for in.
        self._woken = asyncio.Event()
        self._tasks = (
            asyncio.create_task(self._pull(), name="doorward-feed-pull"),
            asyncio.create_task(self._push(), name="doorward-feed-push"),
        )

    async def aclose(self) -> None:
        """Stop following. The view stays as it is and ages. Idempotent."""
        tasks, self._tasks = self._tasks, ()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _pull(self) -> None:
        while True:
            await self._rest()
            # Cleared before the read: a wake-up that comes during it may be about a row the read does not see.
            self._woken.clear()
            if await self._survives("reading the feed", self._read):
                self._failures = 0
                if self._monotonic() - self._removed_at >= self._removal_interval_s:
                    self._removed_at = self._monotonic()
                    await self._survives("removing rows that have left", self._remove_left)
            else:
                self._failures += 1

    async def _rest(self) -> None:
        if self._failures:
            # Woken or not: whoever is away is not helped by being asked more often.
            await asyncio.sleep(min(self._pull_interval_s * 2 ** min(self._failures - 1, 10), BACKOFF_S_MAX))
            return
        await asyncio.sleep(READ_GAP_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._pull_interval_s):
                await self._woken.wait()

    async def _push(self) -> None:
        failures = 0
        while True:
            began = self._monotonic()
            await self._survives("listening for wake-ups", self._listen)
            # Whatever was said while the channel was down was not heard.
            self._woken.set()
            failures = 0 if self._monotonic() - began > BACKOFF_S_MAX else failures + 1
            await asyncio.sleep(min(PUSH_BACKOFF_S * 2 ** min(failures, 10), BACKOFF_S_MAX))

    async def _listen(self) -> None:
        stream = self._feed.wakeups()
        try:
            async for _ in stream:
                self._woken.set()
        finally:
            # An abandoned generator would keep its connection until the collector finds it.
            if isinstance(stream, AsyncGenerator):
                await stream.aclose()

    async def _read(self) -> None:
        """One whole reading, page by page.

        Raises:
            Unavailable: the store is away, hangs, or answers pages that lead nowhere.
        """
        began = self._monotonic()
        restarts = 0
        while True:
            after = self._view.read_after
            page = await self._in_time(self._feed.read_feed(after, limit=PAGE_ROWS))
            if self._view.apply(page, began):
                return
            if self._view.read_after <= after:
                restarts += 1
                if restarts > RESTARTS_MAX:
                    raise Unavailable("store_unavailable", "the feed begins again and again")
            # An embedded database answers without ever waiting: a million rows in one go would be seconds of silence.
            await asyncio.sleep(0)

    async def _remove_left(self) -> None:
        # Later than the rows say, as the view does: a process that was cut off must still find what was changed
        # while its cached records lived.
        await self._in_time(self._feed.remove_left(self._view.settled_as_of - CACHE_LIFE_S))

    async def _in_time(self, asked: Awaitable[_T]) -> _T:
        try:
            async with asyncio.timeout(self._read_timeout_s):
                return await asked
        except TimeoutError as error:
            raise Unavailable("store_unavailable", "the store did not answer in time") from error

    async def _survives(self, what: str, step: Callable[[], Awaitable[None]]) -> bool:
        """Run one step of a background task; answers whether it went well.

        This is the edge of a task nobody awaits: a bug in a driver that ended it would shut the door for good, one
        that is logged and tried again lets the view age and refuse until it is over.
        """
        try:
            await step()
        except Unavailable as error:
            if self._failures == 0:
                _LOG.warning("%s failed: %s", what, error.detail or error.code)
            return False
        except Exception:  # noqa: BLE001  # see above: logged with its traceback, and the view ages
            _LOG.exception("%s failed", what)
            return False
        return True
