"""One owner's revoked tokens stay few rows, whatever it does, and nobody else's tokens are touched."""

import asyncio

import pytest
from tests.simulators.clock import ManualClock

from doorward.adapters.sql.open import SqlPorts
from doorward.errors import Rejected
from doorward.revocation.folding import EPOCH_LIFETIME_S, OWNER_ROWS_MAX, narrowest_owner
from doorward.revocation.port import FeedRow
from doorward.revocation.view import View
from doorward.values import Change, FeedKind, Handle, Revocation, Watermark

OWNER = Handle(FeedKind.CLIENT_SUBJECT, "shop alice")
GRANT = Handle(FeedKind.GRANT, "g1")
LEAVES = 2_000_000_000


def a_token(number: int | str, owner: Handle | None = OWNER, *, audience: str | None = None) -> Revocation:
    handle = Handle(FeedKind.TOKEN, f"token-{number}")
    return Revocation(handle=handle, leave_at=LEAVES, owner=owner, audience=audience)


async def rows_of(ports: SqlPorts) -> list[FeedRow]:
    return list((await ports.feed.read_feed(0)).rows)


async def revoke(ports: SqlPorts, *revocations: Revocation) -> int:
    return await ports.changes.commit(Change(revocations=revocations))


async def test_a_hundred_tokens_of_one_owner_are_rows_and_one_more_is_a_row_of_the_owner(ports: SqlPorts) -> None:
    for number in range(OWNER_ROWS_MAX):
        assert await revoke(ports, a_token(number)) == number + 1
    assert len(await rows_of(ports)) == OWNER_ROWS_MAX
    assert await revoke(ports, a_token("last")) == OWNER_ROWS_MAX + 1
    (row,) = await rows_of(ports)
    assert (row.position, row.handle, row.audience) == (OWNER_ROWS_MAX + 1, OWNER, None)
    assert row.leave_at == row.committed_at + EPOCH_LIFETIME_S


async def test_an_owner_that_is_revoked_gets_no_token_rows(ports: SqlPorts) -> None:
    await revoke(ports, a_token(1, GRANT), Revocation(handle=GRANT, leave_at=LEAVES))
    await revoke(ports, a_token(2, GRANT))
    (row,) = await rows_of(ports)
    assert (row.position, row.handle) == (3, GRANT)


async def test_a_row_of_an_owner_takes_the_place_of_its_tokens_and_of_the_one_before(ports: SqlPorts) -> None:
    await revoke(ports, a_token(1, GRANT), a_token(2, GRANT), a_token(3))
    await revoke(ports, Revocation(handle=GRANT, leave_at=LEAVES))
    await revoke(ports, Revocation(handle=GRANT, leave_at=LEAVES))
    assert [(row.position, row.handle.id) for row in await rows_of(ports)] == [(3, "token-3"), (5, "g1")]


@pytest.mark.parametrize("owner", [OWNER, GRANT, Handle(FeedKind.SESSION, "s1")])
async def test_of_three_hundred_parallel_revocations_few_rows_are_left(ports: SqlPorts, owner: Handle) -> None:
    other = Handle(FeedKind.CLIENT_SUBJECT, "shop bob")
    before = await ports.feed.read_watermark()
    await revoke(ports, a_token("bob's", other))
    changes = [Change(revocations=(a_token(number, owner),)) for number in range(300)]
    positions = await asyncio.gather(*map(ports.changes.commit, changes))
    assert sorted(positions) == list(range(2, 302))
    rows = await rows_of(ports)
    assert len([row for row in rows if row.handle.id != "token-bob's"]) <= OWNER_ROWS_MAX + 1
    view = View()
    view.apply(await ports.feed.read_feed(0), 0.0)
    for number in range(300):
        assert view.is_revoked((Handle(FeedKind.TOKEN, f"token-{number}"), owner), before)
    # Nobody else is signed out: not another subject of the client, not another token of Bob's.
    assert not view.is_revoked((Handle(FeedKind.TOKEN, "another"), other, Handle(FeedKind.CLIENT, "shop")), before)
    assert view.is_revoked((Handle(FeedKind.TOKEN, "token-bob's"), other), before)


async def test_a_client_in_cycles_fills_no_memory_and_its_next_token_is_good(ports: SqlPorts) -> None:
    """Token after token, each issued after the last revocation."""
    view = View()
    other = Handle(FeedKind.CLIENT_SUBJECT, "shop bob")
    for number in range(400):
        issued = await ports.feed.read_watermark()
        token = Handle(FeedKind.TOKEN, f"token-{number}")
        view.apply(await ports.feed.read_feed(view.read_after), 0.0)
        assert not view.is_revoked((token, OWNER), issued)
        await revoke(ports, a_token(number))
        view.apply(await ports.feed.read_feed(view.read_after), 0.0)
        assert view.is_revoked((token, OWNER), issued)
        assert not view.is_revoked((other,), Watermark(issued.generation, 0))
    assert len(await rows_of(ports)) == 1
    assert sum(view.rows_by_kind.values()) <= OWNER_ROWS_MAX + 1


async def test_rows_count_until_they_are_removed(ports: SqlPorts, clock: ManualClock) -> None:
    """Short tokens, revoked in bursts with a pause: verifiers still hold what has left the counting."""
    handle = Handle(FeedKind.TOKEN, "x")
    for number in range(OWNER_ROWS_MAX):
        short = Revocation(handle=Handle(FeedKind.TOKEN, f"{number}"), leave_at=int(clock.now) - 1, owner=OWNER)
        await revoke(ports, short)
    await revoke(ports, Revocation(handle=handle, leave_at=LEAVES, owner=OWNER))
    assert [row.handle for row in await rows_of(ports)] == [OWNER]


async def test_a_fold_of_a_sector_reaches_the_sector(ports: SqlPorts, sector: str) -> None:
    owner = Handle(FeedKind.CLIENT_SUBJECT, "shop derived")
    for number in range(OWNER_ROWS_MAX + 1):
        await revoke(ports, a_token(number, owner, audience=sector))
    page = await ports.feed.read_feed(0, audiences=frozenset({sector}))
    assert [(row.handle, row.audience) for row in page.rows] == [(owner, sector)]
    assert (await ports.feed.read_feed(0, audiences=frozenset({"https://other.example"}))).rows == ()


async def test_a_fold_of_any_other_audience_is_for_all(ports: SqlPorts) -> None:
    for number in range(OWNER_ROWS_MAX + 1):
        await revoke(ports, a_token(number, audience=f"https://api-{number}.example"))
    (row,) = (await ports.feed.read_feed(0, audiences=frozenset({"https://other.example"}))).rows
    assert row.handle == OWNER


@pytest.mark.parametrize("kind", [FeedKind.CLIENT, FeedKind.SUBJECT, FeedKind.ORGANIZATION, FeedKind.APP])
async def test_a_token_has_no_owner_others_have_a_part_in(ports: SqlPorts, kind: FeedKind) -> None:
    with pytest.raises(Rejected, match="input_invalid"):
        await revoke(ports, a_token(1, Handle(kind, "everybody")))
    assert await rows_of(ports) == []


async def test_rows_without_an_owner_and_changes_are_left_alone(ports: SqlPorts) -> None:
    changed = Revocation(handle=GRANT, leave_at=LEAVES, changed_version=2)
    await revoke(ports, a_token(1, None), a_token(2, None), changed, changed)
    assert [row.position for row in await rows_of(ports)] == [1, 2, 3, 4]


def test_the_narrowest_owner_is_grant_then_session_then_what_the_client_holds_of_the_subject() -> None:
    assert narrowest_owner(grant_id="g", session_id="s", client_id="c", subject="a") == (FeedKind.GRANT, "g")
    assert narrowest_owner(grant_id=None, session_id="s", client_id="c", subject="a") == (FeedKind.SESSION, "s")
    assert narrowest_owner(grant_id=None, session_id=None, client_id="c", subject="a") == (
        FeedKind.CLIENT_SUBJECT,
        "c a",
    )
