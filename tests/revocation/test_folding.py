"""What a client that revokes by the thousands leaves in the memory of every verifier."""

import pytest
from tests.simulators.feed import FeedSimulator

from doorward.revocation.folding import OWNER_ROWS_MAX
from doorward.revocation.table import LEAVE_BUCKET_S
from doorward.revocation.view import CACHE_LIFE_S, View
from doorward.values import FeedKind, Handle

OWNER = Handle(FeedKind.CLIENT_SUBJECT, "shop shop")
OTHERS = (Handle(FeedKind.CLIENT_SUBJECT, "shop alice"), Handle(FeedKind.CLIENT, "shop"), Handle(FeedKind.SUBJECT, "a"))
LIFETIME_S = 600


async def read(feed: FeedSimulator, view: View) -> None:
    page = await feed.read_feed(view.read_after)
    while not view.apply(page, float(page.as_of)):
        page = await feed.read_feed(view.read_after)


@pytest.mark.slow
async def test_fifty_thousand_tokens_issued_and_revoked_in_turn_are_a_hundred_and_one_entries() -> None:
    feed, view = FeedSimulator(), View()
    for number in range(50_000):
        issued = await feed.read_watermark()
        token = Handle(FeedKind.TOKEN, f"{number:022}")
        feed.revoke(*token, leave_at=feed.as_of + LIFETIME_S, owner=OWNER)
        await read(feed, view)
        assert view.is_revoked((token, OWNER), issued)
        assert not view.is_revoked((Handle(FeedKind.TOKEN, "x" * 22), *OTHERS), issued)
        assert sum(view.rows_by_kind.values()) <= OWNER_ROWS_MAX + 1
    # The next token is good: only what was issued before the last revocation is void.
    assert not view.is_revoked((Handle(FeedKind.TOKEN, "next" * 5), OWNER), await feed.read_watermark())
    assert len(feed.rows) == 1


async def test_bursts_with_pauses_gain_nothing() -> None:
    """A hundred short tokens, a pause until they have ended, and again: for a day."""
    feed, view = FeedSimulator(), View()
    number, most = 0, 0
    for _ in range(144):
        for _ in range(OWNER_ROWS_MAX):
            number += 1
            feed.revoke(FeedKind.TOKEN, f"{number:022}", leave_at=feed.as_of + 60, owner=OWNER)
        await read(feed, view)
        most = max(most, sum(view.rows_by_kind.values()))
        feed.as_of += LEAVE_BUCKET_S
        await feed.remove_left(feed.as_of - CACHE_LIFE_S)
    assert most <= OWNER_ROWS_MAX + 1


async def test_an_owner_that_waits_until_its_rows_are_removed_has_a_hundred_again() -> None:
    feed, view = FeedSimulator(), View()
    for burst in range(3):
        for number in range(OWNER_ROWS_MAX):
            feed.revoke(FeedKind.TOKEN, f"{burst}-{number:020}", leave_at=feed.as_of, owner=OWNER)
        await read(feed, view)
        assert sum(view.rows_by_kind.values()) == OWNER_ROWS_MAX
        feed.as_of += CACHE_LIFE_S + LEAVE_BUCKET_S
        await feed.remove_left(feed.as_of - CACHE_LIFE_S)
        await read(feed, view)
        assert view.rows_held == 0
