"""`SectorPort` and its writes: counted and compared while the head is locked."""

import asyncio
import time

import pytest
from msgspec.structs import replace
from tests.simulators.clock import ManualClock

from doorward.adapters.sql.open import SqlPorts
from doorward.errors import Rejected
from doorward.revocation.pairwise import SECTORS_MAX
from doorward.revocation.withholding import SECTOR_SETTLES_S
from doorward.revocation.writes import SectorInserted, SectorsExpected
from doorward.values import Change, FeedKind, Handle, Revocation


def a_sector(number: int) -> SectorInserted:
    return SectorInserted(sector=f"https://{number:03}.example", created_at=1, sealed_key=b"sealed %d" % number)


async def test_the_first_key_stays(ports: SqlPorts) -> None:
    assert await ports.sectors.read_sealed_key() is None
    assert await ports.sectors.list_sectors() == ()
    for number in (2, 1, 2):
        await ports.changes.commit(Change(writes=(a_sector(number),)))
    assert await ports.sectors.read_sealed_key() == b"sealed 2"
    assert await ports.sectors.list_sectors() == ("https://001.example", "https://002.example")


async def test_a_sector_is_settled_when_nothing_from_before_is_alive(ports: SqlPorts, clock: ManualClock) -> None:
    # PostgreSQL has a clock of its own.
    clock.now = time.time()
    since = {"long ago": 0, "just": SECTOR_SETTLES_S + 1, "not yet": SECTOR_SETTLES_S - 60, "now": 0}
    for number, name in enumerate(since):
        created_at = 1 if name == "long ago" else int(clock.now) - since[name]
        await ports.changes.commit(Change(writes=(replace(a_sector(number), created_at=created_at),)))
    assert set(await ports.sectors.list_settled_sectors()) == {a_sector(0).sector, a_sector(1).sector}
    row = Revocation(handle=Handle(FeedKind.SUBJECT, "alice"), leave_at=None)
    await ports.changes.commit(Change(revocations=(row,)))
    told = [
        len((await ports.feed.read_feed(0, audiences=frozenset({a_sector(number).sector}))).rows) for number in range(4)
    ]
    assert told == [0, 0, 1, 1]


async def test_a_change_made_for_other_sectors_is_refused(ports: SqlPorts) -> None:
    row = Revocation(handle=Handle(FeedKind.SUBJECT, "alice"), leave_at=None)
    await ports.changes.commit(Change(writes=(a_sector(1),)))
    with pytest.raises(Rejected, match="object_conflict"):
        await ports.changes.commit(Change(writes=(SectorsExpected(0),), revocations=(row,)))
    assert (await ports.feed.read_feed(0)).rows == ()
    assert await ports.changes.commit(Change(writes=(SectorsExpected(1),), revocations=(row,))) == 1


async def test_there_are_at_most_so_many_sectors(ports: SqlPorts) -> None:
    many = tuple(map(a_sector, range(SECTORS_MAX - 5)))
    await ports.changes.commit(Change(writes=many))
    last = [Change(writes=(a_sector(number),)) for number in range(SECTORS_MAX - 5, SECTORS_MAX + 5)]
    outcomes = await asyncio.gather(*map(ports.changes.commit, last), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, Rejected)]
    assert [error.code for error in refused] == ["input_invalid"] * 5
    assert len(await ports.sectors.list_sectors()) == SECTORS_MAX
    # One that is there already is no new one.
    await ports.changes.commit(Change(writes=(a_sector(0),)))
