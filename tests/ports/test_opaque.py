"""`OpaquePort`, `StandingPort`, and the writes of opaque tokens."""

import asyncio
from hashlib import sha256
from typing import Any

import pytest
from tests.simulators.clock import NOON
from tests.simulators.records import event_of

from doorward.adapters.sql import opaque
from doorward.adapters.sql.opaque import EXPIRED_KEPT_S, REMOVED_PER_INSERT
from doorward.adapters.sql.open import SqlPorts
from doorward.errors import Rejected
from doorward.methods.opaque.port import OpaqueInserted, OpaqueRecord, OpaqueState
from doorward.revocation.writes import OpaqueTokensRevoked, SectorInserted
from doorward.values import Change, CredentialId, FeedKind, Handle, OrganizationId, Revocation, Scopes, Watermark


def token_of(token_id: str = "t00000000001", **changed: Any) -> OpaqueRecord:  # Any: whatever the fields hold
    fields: dict[str, Any] = {
        "id": CredentialId(token_id),
        "secret_digest": sha256(token_id.encode()).digest(),
        "issuer": "https://id.example",
        "subject": "Søren",
        "client_id": "web",
        "audience": ("https://a.example", "https://b.example"),
        "scopes": Scopes("orders:read"),
        "claims": {"plan": {"name": "größer", "seats": [1, 2.5, None, True]}, "acr": "high"},
        "grant_id": "g1",
        "session_id": "s1",
        "organization_id": OrganizationId("acme"),
        "issued_at": NOON,
        "expires_at": NOON + 600,
        "watermark": Watermark("g-1_x", 7),
    }
    return OpaqueRecord(**fields | changed)


def _revoke(kind: FeedKind, handle_id: str, *, changed_version: int | None = None) -> Change:
    row = Revocation(handle=Handle(kind, handle_id), leave_at=NOON + 10**6, changed_version=changed_version)
    return Change(revocations=(row,), events=(event_of(),))


async def test_a_token_comes_back(ports: SqlPorts) -> None:
    bare = token_of("t00000000002", grant_id=None, session_id=None, organization_id=None, scopes=Scopes(), claims={})
    await ports.changes.commit(Change(writes=(OpaqueInserted(token_of()), OpaqueInserted(bare))))
    assert await ports.opaque_tokens.find_opaque_token(token_of().id) == token_of()
    assert await ports.opaque_tokens.find_opaque_token(bare.id) == bare
    assert await ports.opaque_tokens.find_opaque_token(CredentialId("nowhere")) is None


async def test_an_unknown_id_reads_a_row_like_a_known_one(ports: SqlPorts) -> None:
    await ports.changes.commit(Change(writes=(OpaqueInserted(token_of()),)))
    rows = await ports.opaque_tokens._engine.read(opaque._FIND, {"id": "!" * 12})
    assert len(rows) == 1


async def test_a_taken_id_is_refused(ports: SqlPorts) -> None:
    await ports.changes.commit(Change(writes=(OpaqueInserted(token_of()),)))
    with pytest.raises(Rejected, match="object_exists"):
        await ports.changes.commit(Change(writes=(OpaqueInserted(token_of()),)))


async def test_a_token_is_revoked_by_what_it_rests_on(ports: SqlPorts) -> None:
    await ports.changes.commit(Change(writes=(OpaqueInserted(token_of()),)))
    await ports.changes.commit(Change(writes=(OpaqueTokensRevoked(FeedKind.SESSION, "s1"),)))
    assert await ports.opaque_tokens.find_opaque_token(token_of().id) == token_of(state=OpaqueState.REVOKED, version=2)


async def test_rows_that_have_expired_leave_with_the_inserts_of_others(ports: SqlPorts) -> None:
    old = [token_of(f"old{number:09}", expires_at=NOON - number) for number in range(1, 11)]
    kept = token_of("kept00000000", expires_at=NOON + EXPIRED_KEPT_S - 1)
    later = NOON + EXPIRED_KEPT_S + 1
    # Their own inserts remove nothing: none is old enough for them.
    early = Change(writes=tuple(OpaqueInserted(row) for row in (*old, kept)))
    await ports.changes.commit(early)
    for inserted, left in ((1, 10 - REMOVED_PER_INSERT), (2, 10 - 2 * REMOVED_PER_INSERT), (3, 0)):
        new = token_of(f"new{inserted:09}", issued_at=later, expires_at=later + 600)
        await ports.changes.commit(Change(writes=(OpaqueInserted(new),)))
        found = [await ports.opaque_tokens.find_opaque_token(row.id) for row in old]
        assert len([row for row in found if row is not None]) == left
    assert await ports.opaque_tokens.find_opaque_token(kept.id) == kept


async def test_a_hundred_inserts_at_once_sweep_without_waiting_for_each_other(ports: SqlPorts) -> None:
    old = [token_of(f"old{number:09}", expires_at=NOON - 1) for number in range(200)]
    for row in old:
        await ports.changes.commit(Change(writes=(OpaqueInserted(row),)))
    later = NOON + EXPIRED_KEPT_S + 1
    new = [token_of(f"new{number:09}", issued_at=later, expires_at=later + 600) for number in range(100)]
    await asyncio.gather(*(ports.changes.commit(Change(writes=(OpaqueInserted(row),))) for row in new))
    assert [await ports.opaque_tokens.find_opaque_token(row.id) for row in new] == new
    assert [await ports.opaque_tokens.find_opaque_token(row.id) for row in old] == [None] * len(old)


async def test_nothing_revoked_stands_and_the_watermark_is_told(ports: SqlPorts) -> None:
    asked = (Handle(FeedKind.CLIENT, "web"), Handle(FeedKind.SUBJECT, "alice"))
    before = await ports.standing.read_standing(asked, None)
    await ports.changes.commit(_revoke(FeedKind.SUBJECT, "bob"))
    after = await ports.standing.read_standing(asked, before.watermark)
    assert (before.revoked, after.revoked) == (None, None)
    assert after.watermark == await ports.feed.read_watermark()
    assert after.watermark.position == before.watermark.position + 1


@pytest.mark.parametrize("kind", [FeedKind.SESSION, FeedKind.GRANT, FeedKind.TOKEN])
async def test_a_final_row_revokes_whatever_was_inherited(ports: SqlPorts, kind: FeedKind) -> None:
    asked = (Handle(FeedKind.CLIENT, "web"), Handle(kind, "x"))
    await ports.changes.commit(_revoke(kind, "x"))
    watermark = await ports.feed.read_watermark()
    for inherited in (None, watermark, Watermark(watermark.generation, 10**9)):
        assert (await ports.standing.read_standing(asked, inherited)).revoked == Handle(kind, "x")


@pytest.mark.parametrize("kind", [FeedKind.SUBJECT, FeedKind.CLIENT, FeedKind.CLIENT_SUBJECT, FeedKind.ORGANIZATION])
async def test_an_epoch_revokes_what_is_older_and_spares_what_is_not(ports: SqlPorts, kind: FeedKind) -> None:
    asked = (Handle(kind, "x"), Handle(FeedKind.SESSION, "s"))
    before = await ports.feed.read_watermark()
    await ports.changes.commit(_revoke(kind, "x"))
    after = await ports.feed.read_watermark()
    other = Watermark("another", after.position)
    answers = [(await ports.standing.read_standing(asked, since)).revoked for since in (before, other, after, None)]
    assert answers == [asked[0], asked[0], None, None]


async def test_a_row_that_only_changes_revokes_nothing(ports: SqlPorts) -> None:
    await ports.changes.commit(_revoke(FeedKind.SESSION, "s", changed_version=2))
    asked = (Handle(FeedKind.SESSION, "s"),)
    assert (await ports.standing.read_standing(asked, None)).revoked is None


async def test_sectors_among_the_audiences_are_told(ports: SqlPorts) -> None:
    sector = SectorInserted(sector="https://a.example", created_at=NOON, sealed_key=b"sealed")
    await ports.changes.commit(Change(writes=(sector,), events=(event_of(),)))
    asked = (Handle(FeedKind.SESSION, "s"),)
    for audiences, sectors in (
        (("https://a.example",), {"https://a.example"}),
        (("https://b.example", "https://a.example"), {"https://a.example"}),
        (("https://b.example",), set[str]()),
        ((), set[str]()),
    ):
        standing = await ports.standing.read_standing(asked, None, audiences)
        assert standing.sectors == sectors
        assert standing.revoked is None
        assert (await ports.standing.read_standing((), None, audiences)).sectors == sectors
    await ports.changes.commit(_revoke(FeedKind.SESSION, "s"))
    standing = await ports.standing.read_standing(asked, None, ("https://a.example",))
    assert (standing.revoked, standing.sectors) == (asked[0], frozenset({"https://a.example"}))
