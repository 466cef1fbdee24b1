"""A row that takes the place of others is sent to everybody who was sent those: whoever reads anew knows as much."""

import pytest

from doorward.adapters.sql.open import SqlPorts
from doorward.revocation.folding import OWNER_ROWS_MAX
from doorward.revocation.view import View
from doorward.values import Change, FeedKind, Handle, Revocation, Watermark

ORDERS = "https://orders.example"
LEAVES = 2_000_000_000
SHARED = (Handle(FeedKind.GRANT, "g1"), Handle(FeedKind.SESSION, "s1"))
ITSELF = Handle(FeedKind.CLIENT_SUBJECT, "shop shop")
DERIVED = Handle(FeedKind.CLIENT_SUBJECT, "shop 3qLk")


def a_token(name: str, owner: Handle, audience: str | None) -> Revocation:
    return Revocation(handle=Handle(FeedKind.TOKEN, name), leave_at=LEAVES, owner=owner, audience=audience)


async def revoke(ports: SqlPorts, *revocations: Revocation) -> None:
    await ports.changes.commit(Change(revocations=revocations))


async def revoke_tokens(ports: SqlPorts, owner: Handle, audience: str | None, count: int = OWNER_ROWS_MAX) -> None:
    for number in range(count):
        await revoke(ports, a_token(f"{audience} {number}", owner, audience))


async def refuses(ports: SqlPorts, audience: str, *rests_on: Handle, issued: Watermark) -> bool:
    """What a verifier of that resource says that reads the feed from its beginning."""
    view = View()
    view.apply(await ports.feed.read_feed(0, audiences=frozenset({audience})), 0.0)
    return view.is_revoked(rests_on, issued)


@pytest.mark.parametrize("owner", SHARED)
async def test_a_fold_of_a_grant_or_a_session_is_for_everybody(ports: SqlPorts, sector: str, owner: Handle) -> None:
    issued = await ports.feed.read_watermark()
    await revoke_tokens(ports, owner, ORDERS)
    await revoke(ports, a_token("of the sector", owner, sector))
    for audience, token in ((ORDERS, f"{ORDERS} 0"), (sector, "of the sector")):
        assert await refuses(ports, audience, Handle(FeedKind.TOKEN, token), owner, issued=issued)


@pytest.mark.parametrize("owner", SHARED)
async def test_a_token_of_a_sector_ends_no_revocation_of_all(ports: SqlPorts, sector: str, owner: Handle) -> None:
    issued = await ports.feed.read_watermark()
    await revoke(ports, Revocation(handle=owner, leave_at=LEAVES))
    await revoke(ports, a_token("of the sector", owner, sector))
    for audience in (ORDERS, sector):
        assert await refuses(ports, audience, Handle(FeedKind.TOKEN, "another"), owner, issued=issued)


@pytest.mark.parametrize("kind", [FeedKind.SUBJECT, FeedKind.CLIENT_SUBJECT])
async def test_a_row_for_all_leaves_the_sector_its_own(ports: SqlPorts, sector: str, kind: FeedKind) -> None:
    """Somebody revokes by the name he saw in the resource's log: that row is withheld from the resource."""
    handle, issued = Handle(kind, DERIVED.id), await ports.feed.read_watermark()
    await revoke(ports, Revocation(handle=handle, leave_at=LEAVES, audience=sector))
    await revoke(ports, Revocation(handle=handle, leave_at=LEAVES))
    assert await refuses(ports, sector, handle, issued=issued)
    assert await refuses(ports, ORDERS, handle, issued=issued)
    # Said again, each takes the place of its own kind.
    await revoke(ports, Revocation(handle=handle, leave_at=LEAVES, audience=sector))
    await revoke(ports, Revocation(handle=handle, leave_at=LEAVES))
    assert [row.position for row in (await ports.feed.read_feed(0)).rows] == [3, 4]


async def test_a_fold_for_all_leaves_the_sector_its_tokens(ports: SqlPorts, sector: str) -> None:
    issued = await ports.feed.read_watermark()
    await revoke_tokens(ports, DERIVED, sector)
    await revoke_tokens(ports, DERIVED, None, OWNER_ROWS_MAX + 1)
    assert await refuses(ports, sector, Handle(FeedKind.TOKEN, f"{sector} 0"), DERIVED, issued=issued)
    await revoke(ports, a_token("of the sector", DERIVED, sector))
    assert [(row.handle, row.audience) for row in (await ports.feed.read_feed(0)).rows] == [
        (DERIVED, None),
        (DERIVED, sector),
    ]


async def test_a_clients_own_tokens_are_folded_for_everybody(ports: SqlPorts, sector: str) -> None:
    """A client is nobody's secret, and its own tokens may be for a sector and for others at once."""
    issued = await ports.feed.read_watermark()
    await revoke_tokens(ports, ITSELF, sector)
    await revoke(ports, a_token("of both", ITSELF, None))
    assert [row.handle for row in (await ports.feed.read_feed(0)).rows] == [ITSELF]
    for audience, token in ((sector, f"{sector} 0"), (sector, "of both"), (ORDERS, "of both")):
        assert await refuses(ports, audience, Handle(FeedKind.TOKEN, token), ITSELF, issued=issued)


async def test_an_owner_has_few_rows_whatever_its_tokens_are_for(ports: SqlPorts, sector: str) -> None:
    for owner in (*SHARED, ITSELF):
        await revoke(ports, *(a_token(f"{number}", owner, (sector, ORDERS, None)[number % 3]) for number in range(180)))
    assert [row.handle for row in (await ports.feed.read_feed(0)).rows] == [*SHARED, ITSELF]
