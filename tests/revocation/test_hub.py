"""What is answered from memory: only what is all there, and of the feed as it is now."""

import pytest

from doorward.revocation.exchange import FeedReader
from doorward.revocation.hub import FeedHub
from doorward.revocation.port import FeedPage, FeedRow
from doorward.values import FeedKind, Handle


def a_page(*rows: tuple[int, str], watermark: int, generation: str = "g") -> FeedPage:
    return FeedPage(
        rows=tuple(
            FeedRow(position=position, handle=Handle(FeedKind.SESSION, id_), committed_at=1, leave_at=None)
            for position, id_ in rows
        ),
        watermark=watermark,
        generation=generation,
        as_of=1,
        complete=True,
        scanned_to=watermark,
    )


@pytest.fixture
def hub() -> FeedHub:
    hub = FeedHub(monotonic=lambda: 10.0)
    hub.take(0, a_page((1, "s1"), (4, "lost"), (5, "lost too"), watermark=5), 10.0)
    return hub


def told_after(hub: FeedHub, after: int) -> list[str]:
    return [row.handle.id for row in hub.page_after(after, FeedReader(), limit=100).rows]


def test_a_watermark_that_went_back_is_another_feed(hub: FeedHub) -> None:
    """A copy of the database was put back past `doorward db restore`: its generation is the old one."""
    hub.take(5, a_page(watermark=3), 10.0)
    hub.take(0, a_page((1, "s1"), (3, "s3"), watermark=3), 10.0)
    assert hub.watermark == 3
    assert not hub.covers(5, "g")
    assert told_after(hub, 0) == ["s1", "s3"]


def test_a_gap_before_a_page_is_not_answered_from_memory(hub: FeedHub) -> None:
    hub.take(8, a_page((9, "s9"), watermark=9), 10.0)
    assert not hub.covers(5, "g")
    assert not hub.covers(0, "g")
    assert hub.covers(8, "g")
    assert told_after(hub, 8) == ["s9"]


def test_a_page_that_was_read_before_another_adds_nothing_twice(hub: FeedHub) -> None:
    hub.take(4, a_page((5, "lost too"), (6, "s6"), watermark=6), 10.0)
    assert told_after(hub, 0) == ["s1", "lost", "lost too", "s6"]
