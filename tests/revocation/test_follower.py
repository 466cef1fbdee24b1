import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.simulators.feed import FeedSimulator
from tests.simulators.virtual_time import run_virtual

from doorward.errors import Unavailable
from doorward.revocation.follower import BACKOFF_S_MAX, Follower
from doorward.revocation.port import FeedPage
from doorward.revocation.view import View
from doorward.values import FeedKind, Handle

KEY = Handle(FeedKind.CREDENTIAL, "aaaaaaaaaaaa")
APP = Handle(FeedKind.APP, "app_bbbbbbbbbbbb")


def now() -> float:
    return asyncio.get_running_loop().time()


@asynccontextmanager
async def following(feed: FeedSimulator, view: View, pull_interval_s: float = 1.0) -> AsyncIterator[Follower]:
    follower = Follower(feed, view, pull_interval_s=pull_interval_s, monotonic=now)
    await follower.start()
    try:
        yield follower
    finally:
        await follower.aclose()


def test_start_returns_with_the_whole_view_over_many_pages() -> None:
    async def story() -> None:
        feed, view = FeedSimulator(), View()
        feed.page_rows_max = 3
        for n in range(10):
            feed.revoke(FeedKind.TOKEN, str(n))
        async with following(feed, view):
            assert all(view.is_revoked((Handle(FeedKind.TOKEN, str(n)),)) for n in range(10))
            assert view.watermark == 10
            view.require_fresh(now())

    run_virtual(story())


def test_start_without_a_store_raises_and_may_be_tried_again() -> None:
    async def story() -> None:
        feed, view = FeedSimulator(), View()
        feed.away = True
        follower = Follower(feed, view, monotonic=now)
        with pytest.raises(Unavailable):
            await follower.start()
        with pytest.raises(Unavailable):
            view.require_fresh(now())
        feed.away = False
        await follower.start()
        view.require_fresh(now())
        await follower.aclose()

    run_virtual(story())


def test_a_push_brings_a_revocation_long_before_the_pull() -> None:
    async def story() -> None:
        feed, view = FeedSimulator(), View()
        async with following(feed, view, pull_interval_s=1_000):
            await asyncio.sleep(1)
            feed.revoke(*KEY)
            await asyncio.sleep(0.1)
            assert view.is_revoked((KEY,))

    run_virtual(story())


def test_with_the_push_cut_the_pull_finds_everything() -> None:
    async def story() -> None:
        feed, view = FeedSimulator(), View()
        async with following(feed, view):
            await asyncio.sleep(0.1)
            feed.cut_push()
            await asyncio.sleep(30)
            at = view.position
            feed.revoke(*KEY)
            feed.change(*APP)
            await asyncio.sleep(1.1)
            assert view.is_revoked((KEY,))
            assert view.changed_since((APP,), at)

    run_virtual(story())


def test_a_cut_channel_is_opened_again_with_backoff() -> None:
    async def story() -> None:
        feed, view = FeedSimulator(), View()
        async with following(feed, view, pull_interval_s=1_000):
            await asyncio.sleep(0.1)
            feed.cut_push()
            await asyncio.sleep(100)
            assert 100 / BACKOFF_S_MAX <= feed.streams_opened <= 40
            feed.push_cut = False
            await asyncio.sleep(BACKOFF_S_MAX + 1)
            assert feed.listeners == 1
            feed.revoke(*KEY)
            await asyncio.sleep(0.1)
            assert view.is_revoked((KEY,))

    run_virtual(story())


def test_what_was_committed_while_the_channel_was_down_is_read_when_it_is_back() -> None:
    async def story() -> None:
        feed, view = FeedSimulator(), View()
        async with following(feed, view, pull_interval_s=1_000):
            await asyncio.sleep(0.1)
            feed.cut_push()
            feed.revoke(*KEY)
            feed.push_cut = False
            await asyncio.sleep(BACKOFF_S_MAX + 1)
            assert view.is_revoked((KEY,))

    run_virtual(story())


def test_a_transaction_that_numbers_first_and_commits_last_is_not_skipped() -> None:
    async def story() -> None:
        feed, view = FeedSimulator(), View()
        async with following(feed, view):
            late = feed.begin(*KEY)
            late_change = feed.begin(*APP, version=2)
            feed.revoke(FeedKind.TOKEN, "quick")
            await asyncio.sleep(3)
            assert view.is_revoked((Handle(FeedKind.TOKEN, "quick"),))
            assert not view.is_revoked((KEY,))
            at = view.position
            feed.finish(late)
            feed.finish(late_change)
            await asyncio.sleep(1.1)
            assert view.is_revoked((KEY,))
            assert view.changed_since((APP,), at)
            assert view.watermark == 3

    run_virtual(story())


def test_a_restored_database_replaces_the_view() -> None:
    async def story() -> None:
        feed, view = FeedSimulator(), View()
        old = feed.revoke(*APP)
        feed.revoke(*KEY)
        async with following(feed, view):
            at = view.position
            feed.restore("second", (old,))
            await asyncio.sleep(1.1)
            assert view.is_revoked((APP,))
            assert not view.is_revoked((KEY,))
            assert view.changed_since((APP,), at)
            assert not view.changed_since((APP,), view.position)

    run_virtual(story())


def test_without_the_store_the_view_ages_refuses_and_recovers() -> None:
    async def story() -> None:
        feed, view = FeedSimulator(), View(max_staleness_s=60)
        feed.revoke(*KEY)
        async with following(feed, view) as follower:
            await asyncio.sleep(10)
            feed.away = True
            feed.cut_push()
            await asyncio.sleep(50)
            view.require_fresh(now())
            assert view.is_revoked((KEY,))
            reads = feed.reads
            await asyncio.sleep(12)
            assert feed.reads - reads <= 4
            assert follower.failures > 5
            with pytest.raises(Unavailable) as refused:
                view.require_fresh(now())
            assert refused.value.code == "revocation_stale"
            feed.away = False
            feed.revoke(*APP)
            await asyncio.sleep(BACKOFF_S_MAX + 0.1)
            view.require_fresh(now())
            assert view.is_revoked((APP,))
            assert follower.failures == 0

    run_virtual(story())


def test_a_store_that_hangs_is_a_store_that_is_away() -> None:
    async def story() -> None:
        feed, view = FeedSimulator(), View(max_staleness_s=30)
        async with following(feed, view):
            feed.hangs = True
            await asyncio.sleep(40)
            with pytest.raises(Unavailable):
                view.require_fresh(now())
            feed.hangs = False
            await asyncio.sleep(12)
            view.require_fresh(now())

    run_virtual(story())


def test_a_bug_below_is_logged_and_does_not_end_the_following(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        feed, view = FeedSimulator(), View()
        async with following(feed, view):
            feed.broken = True
            await asyncio.sleep(3)
            feed.broken = False
            feed.revoke(*KEY)
            await asyncio.sleep(BACKOFF_S_MAX + 0.1)
            assert view.is_revoked((KEY,))

    with caplog.at_level(logging.ERROR):
        run_virtual(story())
    assert "a bug in a driver" in caplog.text


def test_a_flood_of_wake_ups_is_one_reading_at_a_time_and_not_one_each() -> None:
    async def story() -> None:
        feed, view = FeedSimulator(), View()
        async with following(feed, view):
            await asyncio.sleep(0.1)
            reads = feed.reads
            for n in range(1_000):
                feed.revoke(FeedKind.TOKEN, str(n))
                await asyncio.sleep(0.0001)
            await asyncio.sleep(0.1)
            assert view.watermark == 1_000
            assert feed.reads_in_flight_max == 1
            assert feed.reads - reads < 50

    run_virtual(story())


def test_a_feed_that_flaps_counts_as_away() -> None:
    class Flapping(FeedSimulator):
        async def read_feed(
            self, after: int, *, limit: int = 10_000, audiences: frozenset[str] | None = None
        ) -> FeedPage:
            self.generation = str(self.reads)
            return await super().read_feed(after, limit=limit, audiences=audiences)

    async def story() -> None:
        feed, view = Flapping(), View()
        feed.page_rows_max = 1
        feed.revoke(*KEY)
        feed.revoke(*APP)
        with pytest.raises(Unavailable):
            await Follower(feed, view, monotonic=now).start()

    run_virtual(story())


def test_rows_that_left_are_removed_an_hour_late() -> None:
    async def story() -> None:
        feed, view = FeedSimulator(), View()
        feed.revoke(*KEY, leave_at=feed.as_of - 3_601)
        feed.revoke(*APP, leave_at=feed.as_of - 3_599)
        async with following(feed, view):
            await asyncio.sleep(1_000)
            assert [row.handle for row in feed.rows.values()] == [APP]
            assert len(feed.removals) == 2

    run_virtual(story())


def test_closing_leaves_nothing_running_and_may_be_done_twice() -> None:
    async def story() -> None:
        feed, view = FeedSimulator(), View()
        follower = Follower(feed, view, monotonic=now)
        await follower.start()
        await asyncio.sleep(0.1)
        assert feed.listeners == 1
        feed.wake()
        await follower.aclose()
        await follower.aclose()
        assert feed.listeners == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtual(story())


def test_once_closed_it_may_follow_again_in_another_loop() -> None:
    feed, view = FeedSimulator(), View()
    follower = Follower(feed, view, monotonic=now)

    async def story(id_: str) -> None:
        await follower.start()
        await asyncio.sleep(0.1)
        feed.revoke(FeedKind.TOKEN, id_)
        await asyncio.sleep(0.1)
        assert view.is_revoked((Handle(FeedKind.TOKEN, id_),))
        await follower.aclose()

    run_virtual(story("first"))
    run_virtual(story("second"))
