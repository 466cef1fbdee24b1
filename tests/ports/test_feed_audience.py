"""`FeedPort.read_feed` for somebody else: rows of his audience, no name he does not know, no gap in the watermark."""

import pytest

from doorward.adapters.sql.open import SqlPorts
from doorward.revocation.view import View
from doorward.values import Change, FeedKind, Handle, Revocation

ORDERS = frozenset({"https://orders.example"})
PHOTOS = frozenset({"https://photos.example"})


def a_row(kind: FeedKind, id_: str, audience: str | None = None) -> Revocation:
    return Revocation(handle=Handle(kind, id_), leave_at=None, audience=audience)


async def write_rows(ports: SqlPorts) -> None:
    rows = (
        a_row(FeedKind.TOKEN, "of orders", "https://orders.example"),
        a_row(FeedKind.TOKEN, "of photos", "https://photos.example"),
        a_row(FeedKind.TOKEN, "of anybody"),
        a_row(FeedKind.SESSION, "everybody's"),
        a_row(FeedKind.TOKEN, "of photos too", "https://photos.example"),
    )
    await ports.changes.commit(Change(revocations=rows))


async def test_a_reader_gets_rows_for_everybody_and_of_his_audience(ports: SqlPorts) -> None:
    await write_rows(ports)
    page = await ports.feed.read_feed(0, audiences=ORDERS)
    assert [row.handle.id for row in page.rows] == ["of orders", "of anybody", "everybody's"]
    page = await ports.feed.read_feed(0, audiences=ORDERS | PHOTOS)
    assert [row.position for row in page.rows] == [1, 2, 3, 4, 5]
    assert [row.position for row in (await ports.feed.read_feed(0)).rows] == [1, 2, 3, 4, 5]


async def test_the_watermark_passes_what_is_withheld(ports: SqlPorts) -> None:
    await write_rows(ports)
    page = await ports.feed.read_feed(0, audiences=ORDERS)
    assert (page.watermark, page.complete) == (5, True)


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_a_page_of_nothing_but_withheld_rows_leads_on(ports: SqlPorts, limit: int) -> None:
    await write_rows(ports)
    view, readings = View(), 1
    while not view.apply(await ports.feed.read_feed(view.read_after, limit=limit, audiences=ORDERS), 0.0):
        readings += 1
        assert readings <= 5
    assert view.watermark == 5
    assert view.rows_held == 3
    assert view.is_revoked((Handle(FeedKind.SESSION, "everybody's"),))


async def test_who_reads_for_no_audience_gets_what_is_for_everybody(ports: SqlPorts) -> None:
    await write_rows(ports)
    await ports.changes.commit(Change(revocations=(a_row(FeedKind.SUBJECT, "alice"),)))
    page = await ports.feed.read_feed(0, audiences=frozenset())
    assert [row.handle.id for row in page.rows] == ["of anybody", "everybody's", "alice"]


async def test_who_knows_derived_names_only_gets_no_other(ports: SqlPorts, sector: str) -> None:
    rows = (
        a_row(FeedKind.SUBJECT, "alice"),
        a_row(FeedKind.SUBJECT, "derived", sector),
        a_row(FeedKind.CLIENT_SUBJECT, "shop alice"),
        a_row(FeedKind.CLIENT, "shop"),
    )
    await ports.changes.commit(Change(revocations=rows))
    page = await ports.feed.read_feed(0, audiences=frozenset({sector}))
    assert [row.handle.id for row in page.rows] == ["derived", "shop"]
    assert page.watermark == 4
    page = await ports.feed.read_feed(0, audiences=frozenset({sector}) | ORDERS)
    assert [row.handle.id for row in page.rows] == ["alice", "derived", "shop alice", "shop"]


async def test_what_names_nobody_of_ours_is_for_all(ports: SqlPorts, sector: str) -> None:
    """A client itself, and people of another issuer, whose tokens say the plain name wherever they go."""
    told = (
        a_row(FeedKind.CLIENT_SUBJECT, "shop shop"),
        a_row(FeedKind.SUBJECT, "https://login.example alice"),
        a_row(FeedKind.CLIENT_SUBJECT, "https://login.example shop alice"),
    )
    withheld = (
        a_row(FeedKind.SUBJECT, "Ada Lovelace"),
        a_row(FeedKind.SUBJECT, "https://ada.example"),
        a_row(FeedKind.CLIENT_SUBJECT, "shop shop shop"),
        a_row(FeedKind.CLIENT_SUBJECT, "https://shop.example alice"),
    )
    await ports.changes.commit(Change(revocations=told + withheld))
    page = await ports.feed.read_feed(0, audiences=frozenset({sector}))
    assert [row.handle for row in page.rows] == [row.handle for row in told]
