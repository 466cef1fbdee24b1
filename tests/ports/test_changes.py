"""`ChangePort`, `FeedPort.read_feed` and `AuditPort`: what is committed together is seen together, in order."""

import asyncio

import msgspec
import pytest
from tests.simulators.clock import ManualClock
from tests.simulators.records import APP, app_of, creation, event_of, key_of, revocation_of

from doorward.adapters.sql.open import SqlPorts, open_sql
from doorward.apps.port import AppInserted
from doorward.audit.chain import GENESIS, ChainKey, link_event
from doorward.audit.port import AuditFilter, StoredEvent
from doorward.errors import Misconfigured, Rejected
from doorward.methods.apikey.port import KeyInserted
from doorward.values import Actor, Change, CredentialId, FeedKind, Handle, Revocation


def assert_chained(events: tuple[StoredEvent, ...], key: ChainKey) -> None:
    link = GENESIS
    for number, stored in enumerate(events, start=1):
        assert stored.sequence == number
        assert stored.previous_link == link
        assert stored.link == link_event(key, link, number, stored.event)
        assert stored.key_id == key.key_id
        link = stored.link


async def test_a_new_store_has_an_empty_feed_and_an_empty_chain(ports: SqlPorts) -> None:
    page = await ports.feed.read_feed(0)
    assert (page.rows, page.watermark, page.complete) == ((), 0, True)
    assert len(page.generation) == 32
    assert await ports.audit.read_head() == (0, GENESIS)
    assert await ports.audit.list_events(AuditFilter()) == ()


async def test_a_change_is_seen_whole(ports: SqlPorts, chain_key: ChainKey) -> None:
    position = await ports.changes.commit(creation(with_app=True))
    assert position == 1
    assert await ports.keys.find_key(key_of().id) is not None
    (row,) = (await ports.feed.read_feed(0)).rows
    assert (row.position, row.handle, row.changed_version) == (1, Handle(FeedKind.CREDENTIAL, key_of().id), 1)
    events = await ports.audit.list_events(AuditFilter())
    assert [stored.event for stored in events] == [event_of()]
    assert_chained(events, chain_key)
    assert await ports.audit.read_head() == (1, events[0].link)


async def test_a_refused_change_leaves_nothing_and_no_gap(ports: SqlPorts) -> None:
    await ports.changes.commit(creation("1", with_app=True))
    refused = Change(
        writes=(KeyInserted(key_of("2")), KeyInserted(key_of("1"))),
        revocations=(revocation_of("2"),),
        events=(event_of("2"),),
    )
    with pytest.raises(Rejected, match="object_exists"):
        await ports.changes.commit(refused)
    assert await ports.keys.find_key(CredentialId("2")) is None
    assert await ports.changes.commit(creation("3")) == 2
    assert [row.position for row in (await ports.feed.read_feed(0)).rows] == [1, 2]
    assert [stored.sequence for stored in await ports.audit.list_events(AuditFilter())] == [1, 2]


async def test_a_change_without_feed_rows_answers_the_position_reached(ports: SqlPorts) -> None:
    await ports.changes.commit(Change(revocations=(revocation_of("1"), revocation_of("2"))))
    assert await ports.changes.commit(Change(writes=(AppInserted(app_of()),))) == 2
    assert await ports.changes.commit(Change(events=(event_of(),))) == 2
    assert await ports.changes.commit(Change()) == 2


async def test_parallel_changes_make_one_feed_and_one_chain(ports: SqlPorts, chain_key: ChainKey) -> None:
    await ports.changes.commit(Change(writes=(AppInserted(app_of()),)))
    ids = [f"{number:012}" for number in range(60)]
    # Every third is refused at its last step, in the middle of the others.
    changes = [creation(key_id) for key_id in ids] + [creation(key_id) for key_id in ids[::3]]
    outcomes = await asyncio.gather(*map(ports.changes.commit, changes), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, Rejected)]
    assert [error.code for error in refused] == ["object_exists"] * 20
    assert sorted(outcome for outcome in outcomes if isinstance(outcome, int)) == list(range(1, 61))
    page = await ports.feed.read_feed(0)
    assert [row.position for row in page.rows] == list(range(1, 61))
    events = await ports.audit.list_events(AuditFilter(), limit=1_000)
    assert_chained(events, chain_key)
    assert [stored.event.object_id for stored in events] == [row.handle.id for row in page.rows]


async def test_the_feed_is_read_in_pages(ports: SqlPorts) -> None:
    await ports.changes.commit(Change(revocations=tuple(revocation_of(f"{number}") for number in range(5))))
    first = await ports.feed.read_feed(0, limit=2)
    assert ([row.position for row in first.rows], first.watermark, first.complete) == ([1, 2], 2, False)
    second = await ports.feed.read_feed(first.watermark, limit=3)
    assert ([row.position for row in second.rows], second.watermark, second.complete) == ([3, 4, 5], 5, True)
    assert (await ports.feed.read_feed(5)).rows == ()
    for limit in (0, 10_001):
        with pytest.raises(Rejected, match="input_invalid"):
            await ports.feed.read_feed(0, limit=limit)


async def test_rows_leave_and_the_watermark_stays(ports: SqlPorts) -> None:
    revocations = tuple(revocation_of(f"{leave_at}", leave_at=leave_at) for leave_at in (10, 11, None))
    await ports.changes.commit(Change(revocations=revocations))
    assert await ports.feed.remove_left(10) == 1
    page = await ports.feed.read_feed(0)
    assert [(row.position, row.leave_at) for row in page.rows] == [(2, 11), (3, None)]
    assert await ports.feed.remove_left(2**40) == 1
    revoked_last = Change(revocations=(Revocation(handle=Handle(FeedKind.APP, "x"), leave_at=5),))
    assert await ports.changes.commit(revoked_last) == 4
    assert await ports.feed.remove_left(5) == 1
    assert (await ports.feed.read_feed(3)).watermark == 4


async def test_more_rows_leave_than_one_transaction_removes(ports: SqlPorts) -> None:
    batch = Change(revocations=tuple(revocation_of(f"{number}", leave_at=1) for number in range(700)))
    await ports.changes.commit(batch)
    await ports.changes.commit(batch)
    assert await ports.feed.remove_left(1) == 1_400


async def test_events_are_filtered(ports: SqlPorts) -> None:
    acted = Actor(kind="app", id=APP, credential_id=CredentialId("admin"), source="::1")
    events = (
        event_of("1", at=10),
        event_of("2", at=20, action="key.revoked", actor=acted),
        event_of("3", at=30, app_id="app_x", code="scope_escalation", outcome="refused"),
        event_of("admin", at=40, app_id=None),
    )
    await ports.changes.commit(Change(events=events))

    async def listed(**wanted: str | int) -> list[str]:
        found = await ports.audit.list_events(msgspec.convert(wanted, AuditFilter))
        return [stored.event.object_id for stored in found]

    assert await listed() == ["1", "2", "3", "admin"]
    assert await listed(app_id=APP) == ["1", "2"]
    assert await listed(credential_id="admin") == ["2", "admin"]
    assert await listed(code="scope_escalation") == ["3"]
    assert await listed(action="key.created", since=11) == ["3", "admin"]
    assert await listed(since=20, until=40) == ["2", "3"]
    after = await ports.audit.list_events(AuditFilter(), after_sequence=2, limit=1)
    assert [stored.event for stored in after] == [events[2]]


async def test_without_a_chain_key_nothing_is_recorded_and_nothing_done(sql_url: str, clock: ManualClock) -> None:
    ports = open_sql(sql_url, chain_key=None, clock=clock)
    await ports.start()
    try:
        with pytest.raises(Misconfigured, match="DOORWARD_MASTER_KEY"):
            await ports.changes.commit(creation(with_app=True))
        assert await ports.keys.find_key(key_of().id) is None
        assert await ports.changes.commit(Change(writes=(AppInserted(app_of()),))) == 0
    finally:
        await ports.aclose()


async def test_an_unknown_write_is_our_bug(ports: SqlPorts) -> None:
    for change in (Change(writes=(object(),)), Change(deliveries=(object(),))):
        with pytest.raises(TypeError):
            await ports.changes.commit(change)


async def test_a_change_has_at_most_a_thousand_rows(ports: SqlPorts) -> None:
    rows = tuple(revocation_of(f"{number}") for number in range(1_001))
    with pytest.raises(Rejected, match="input_invalid"):
        await ports.changes.commit(Change(revocations=rows))
    assert await ports.changes.commit(Change(revocations=rows[:1_000])) == 1_000


async def test_an_event_has_a_size(ports: SqlPorts) -> None:
    with pytest.raises(Rejected, match="input_invalid"):
        await ports.changes.commit(Change(events=(event_of(reason="x" * 16_384),)))
    await ports.changes.commit(Change(events=(event_of(reason="x" * 16_000),)))


async def test_a_change_is_committed_at_any_fraction_of_a_second(ports: SqlPorts, clock: ManualClock) -> None:
    clock.forward(0.75)
    await ports.changes.commit(creation(with_app=True))
    (row,) = (await ports.feed.read_feed(0)).rows
    assert isinstance(row.committed_at, int)
