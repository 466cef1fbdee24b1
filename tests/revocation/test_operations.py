"""What is taken back, over a real store: the feed row, what is voided in the store, and the audit event, in one."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator

import pytest
from tests.simulators.clock import ManualClock
from tests.simulators.opaque import insert_opaque
from tests.simulators.records import app_of, key_of, password_of
from tests.simulators.stored_signature_keys import signature_key_of

from doorward.app.store import Store, open_store
from doorward.apps.port import AppInserted
from doorward.audit.port import AuditFilter
from doorward.crypto.sealing import MasterKeys
from doorward.errors import Rejected
from doorward.methods.apikey.port import KeyInserted, KeyState
from doorward.methods.basic.port import PasswordInserted
from doorward.methods.bearer.config import LEEWAY_S_MAX
from doorward.methods.signature.port import SignatureKeyInserted
from doorward.methods.webhook.operations import add_secret, add_sender, rotate_secret
from doorward.methods.webhook.order import SecretOrder, SenderOrder
from doorward.revocation import operations
from doorward.revocation.folding import EPOCH_LIFETIME_S
from doorward.revocation.operations import NAMED_KINDS, TOKEN_LIFETIME_S_MAX, revoke_named
from doorward.revocation.pairwise import SECTORS_MAX
from doorward.revocation.port import FeedRow
from doorward.revocation.sectors import register_sector
from doorward.revocation.view import View
from doorward.values import Actor, AppId, Change, CredentialId, Event, FeedKind, Handle, OrganizationId

ADA = Actor(kind="operator", id="ada")
# PostgreSQL has a clock of its own, and what leaves is asked of it.
NOW = int(time.time())
JTI = "AAAAAAAAAAAAAAAAAAAAAA"
# A real header of a JWT, nothing more.
JWT = "eyJhbGciOiJFUzI1NiJ9.e30.c2ln"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
async def store(sql_url: str, clock: ManualClock) -> AsyncIterator[Store]:
    keys = MasterKeys({"k1": secrets.token_bytes(32)}, current="k1", entropy=secrets.token_bytes)
    async with open_store(sql_url, master_keys=keys, clock=clock) as opened:
        yield opened


async def rows_of(store: Store) -> list[FeedRow]:
    return list((await store.feed.read_feed(0)).rows)


async def events_of(store: Store) -> list[Event]:
    return [stored.event for stored in await store.audit.list_events(AuditFilter(), limit=1_000)]


@pytest.mark.parametrize("kind", NAMED_KINDS)
async def test_whatever_is_revoked_is_a_row_and_an_event(store: Store, kind: FeedKind) -> None:
    revoked = await revoke_named(store, kind, "abc", reason="phone stolen", actor=ADA)
    (row,) = await rows_of(store)
    assert (row.handle, row.position, row.leave_at) == (Handle(kind, "abc"), revoked.position, revoked.leave_at)
    life = TOKEN_LIFETIME_S_MAX if kind is FeedKind.TOKEN else EPOCH_LIFETIME_S
    assert revoked.leave_at == NOW + life
    assert revoked.later_is_good == (kind in {FeedKind.SUBJECT, FeedKind.CLIENT, FeedKind.ORGANIZATION})
    (event,) = await events_of(store)
    assert (event.action, event.object_kind, event.object_id) == (f"{kind.value}.revoked", kind.value, "abc")
    assert (event.reason, event.actor, event.at) == ("phone stolen", ADA, NOW)


@pytest.mark.parametrize("kind", NAMED_KINDS)
async def test_ids_of_another_issuer_are_prefixed_by_it(store: Store, kind: FeedKind) -> None:
    issuer = "https://login.example/tenant"
    revoked = await revoke_named(store, kind, "abc", issuer=issuer, reason="x", actor=ADA)
    (row,) = await rows_of(store)
    assert row.handle == Handle(kind, f"{issuer} abc")
    assert row.leave_at == NOW + EPOCH_LIFETIME_S
    assert (revoked.issuer, revoked.id, revoked.sectors, revoked.keys) == (issuer, "abc", 0, 0)
    (event,) = await events_of(store)
    assert event.details == {"issuer": issuer}
    assert event.organization_id is None


@pytest.mark.parametrize("kind", NAMED_KINDS)
async def test_revoking_twice_is_fine_and_leaves_one_row(store: Store, kind: FeedKind, clock: ManualClock) -> None:
    first = await revoke_named(store, kind, "abc", reason="x", actor=ADA)
    between = await store.feed.read_watermark()
    clock.forward(10)
    again = await revoke_named(store, kind, "abc", reason="y", actor=ADA)
    assert again.position == first.position + 1
    rows = await rows_of(store)
    assert {row.handle for row in rows} == {Handle(kind, "abc")}
    assert len(rows) == (2 if kind is FeedKind.TOKEN else 1)
    view = View()
    view.apply(await store.feed.read_feed(0), 0.0)
    # What was issued in between is taken along.
    assert view.is_revoked((Handle(kind, "abc"),), between)


async def test_a_token_knows_its_end_its_owner_and_its_audience(store: Store) -> None:
    owner = Handle(FeedKind.GRANT, "g1")
    for jti in (JTI, "B" * 22):
        await operations.revoke_token(
            store, jti, expires_at=NOW + 600, owner=owner, audience="https://a.example", reason="x", actor=ADA
        )
    (row, _) = await rows_of(store)
    assert (row.leave_at, row.audience) == (NOW + 600, "https://a.example")
    await operations.revoke_grant(store, "g1", reason="x", actor=ADA)
    (row,) = await rows_of(store)
    assert row.handle == owner


async def test_a_foreign_token_stays_revoked_as_long_as_its_clock_is_forgiven(store: Store) -> None:
    await operations.revoke_token(store, "j", expires_at=NOW + 600, issuer="https://i.example", reason="x", actor=ADA)
    (row,) = await rows_of(store)
    assert row.leave_at == NOW + 600 + LEEWAY_S_MAX


async def test_the_owner_of_a_foreign_token_is_foreign_too(store: Store) -> None:
    owner = Handle(FeedKind.SESSION, "s1")
    await operations.revoke_token(store, "j", owner=owner, issuer="https://i.example", reason="x", actor=ADA)
    await operations.revoke_session(store, "s1", reason="x", actor=ADA)
    assert len(await rows_of(store)) == 2
    await operations.revoke_session(store, "s1", issuer="https://i.example", reason="x", actor=ADA)
    assert len(await rows_of(store)) == 2


@pytest.mark.parametrize(
    "presented",
    ["", "x" * 513, "line\nfeed", "nul\0", "\u202egnol", JWT, f"Bearer {JWT}", "dw_live_" + "a" * 50, "\ud800"],
)
@pytest.mark.parametrize("kind", [FeedKind.SUBJECT, FeedKind.TOKEN, FeedKind.ORGANIZATION])
async def test_what_is_no_id_is_refused_and_not_repeated(store: Store, kind: FeedKind, presented: str) -> None:
    for issuer in (None, "https://i.example"):
        with pytest.raises(Rejected) as refused:
            await revoke_named(store, kind, presented, issuer=issuer, reason="x", actor=ADA)
        assert refused.value.code == "input_invalid"
        assert not presented or presented not in refused.value.detail
    assert await rows_of(store) == []
    assert await events_of(store) == []


async def test_an_id_that_could_be_another_issuers_is_refused(store: Store) -> None:
    for kind in NAMED_KINDS:
        with pytest.raises(Rejected, match="input_invalid"):
            await revoke_named(store, kind, "https://i.example abc", reason="x", actor=ADA)
    with pytest.raises(Rejected, match="input_invalid"):
        await revoke_named(store, FeedKind.TOKEN, "abc", issuer="https://i.example x", reason="x", actor=ADA)
    assert await rows_of(store) == []


async def test_without_a_reason_nothing_is_revoked(store: Store) -> None:
    with pytest.raises(Rejected, match="input_invalid"):
        await revoke_named(store, FeedKind.SUBJECT, "alice", reason=" ", actor=ADA)
    for kind in (FeedKind.CREDENTIAL, FeedKind.SIGNING_KEY, FeedKind.APP, FeedKind.CLIENT_SUBJECT):
        with pytest.raises(Rejected, match="input_invalid"):
            await revoke_named(store, kind, "abc", reason="x", actor=ADA)
    assert await rows_of(store) == []


async def test_a_subject_is_named_to_every_sector_by_the_name_it_knows(store: Store) -> None:
    sectors = ("https://a.example", "https://b.example")
    for sector in sectors:
        assert await register_sector(store, sector, actor=ADA)
        assert not await register_sector(store, sector, actor=ADA)
    revoked = await operations.revoke_subject(store, "alice", reason="x", actor=ADA)
    assert revoked.sectors == 2
    known = await store.sectors.read_sectors()
    wanted = [("alice", None), *((known.name_of("alice", sector), sector) for sector in sectors)]
    assert [(row.handle.id, row.audience) for row in await rows_of(store)] == wanted
    assert len({name for name, _ in wanted}) == 3
    again = await operations.revoke_subject(store, "alice", reason="x", actor=ADA)
    assert len(await rows_of(store)) == 3
    assert again.position == 6
    assert [event.action for event in await events_of(store)] == [*["sector.registered"] * 2, *["subject.revoked"] * 2]


async def test_a_subject_of_another_issuer_has_no_derived_names(store: Store) -> None:
    await register_sector(store, "https://a.example", actor=ADA)
    await operations.revoke_subject(store, "alice", issuer="https://i.example", reason="x", actor=ADA)
    assert len(await rows_of(store)) == 1


async def test_a_sector_that_comes_while_a_subject_is_revoked_is_not_left_out(store: Store) -> None:
    """Whoever comes first: after both, the sector's own verifier refuses what was issued before."""
    for number in range(10):
        sector, before = f"https://{number}.example", await store.feed.read_watermark()
        await asyncio.gather(
            register_sector(store, sector, actor=ADA),
            operations.revoke_subject(store, "alice", reason="x", actor=ADA),
        )
        events = await events_of(store)
        if events[-1].action == "sector.registered":
            continue  # the revocation came first: no token was issued for the sector before it
        derived = (await store.sectors.read_sectors()).name_of("alice", sector)
        view = View()
        view.apply(await store.feed.read_feed(0, audiences=frozenset({sector})), 0.0)
        assert view.is_revoked((Handle(FeedKind.SUBJECT, derived),), before)


@pytest.mark.slow
async def test_a_subject_is_revoked_at_as_many_sectors_as_there_may_be(store: Store) -> None:
    for number in range(SECTORS_MAX):
        await register_sector(store, f"https://{number}.example", actor=ADA)
    with pytest.raises(Rejected, match="input_invalid"):
        await register_sector(store, "https://one-more.example", actor=ADA)
    revoked = await operations.revoke_subject(store, "alice", reason="x", actor=ADA)
    assert revoked.sectors == SECTORS_MAX
    assert revoked.position == SECTORS_MAX + 1
    assert len(await rows_of(store)) == SECTORS_MAX + 1


async def test_an_organization_takes_its_credentials_along_and_nobody_elses(store: Store) -> None:
    other = AppId("app_other0000000")
    await store.changes.commit(
        Change(
            writes=(
                AppInserted(app_of()),
                AppInserted(app_of(other, name="other", organization_id=OrganizationId("other"))),
                KeyInserted(key_of("000000000001")),
                KeyInserted(key_of("000000000002", state=KeyState.DISABLED)),
                KeyInserted(key_of("000000000003", state=KeyState.REVOKED, version=5)),
                KeyInserted(key_of("000000000004", other, organization_id=OrganizationId("other"))),
                PasswordInserted(password_of("00000000000p", organization_id=OrganizationId("acme"))),
                PasswordInserted(password_of("00000000000q", other)),
                SignatureKeyInserted(signature_key_of("sig_000000000001")),
                SignatureKeyInserted(
                    signature_key_of("sig_000000000002", other, organization_id=OrganizationId("other"))
                ),
            )
        )
    )
    revoked = await operations.revoke_organization(store, "acme", reason="left", actor=ADA)
    assert (revoked.keys, revoked.passwords, revoked.signature_keys) == (2, 1, 1)
    states = [(key.id[-1], key.state.value, key.version) for key in await store.keys.list_keys()]
    assert states == [("1", "revoked", 2), ("2", "revoked", 2), ("3", "revoked", 5), ("4", "active", 1)]
    passwords = [(password.id[-1], password.state.value) for password in await store.passwords.list_passwords()]
    assert passwords == [("p", "revoked"), ("q", "active")]
    signature_keys = await store.signature_keys.list_signature_keys()
    assert [(key.id[-1], key.state.value, key.sealed_secret, key.version) for key in signature_keys] == [
        ("1", "revoked", None, 2),
        ("2", "active", b"sealed", 1),
    ]
    (event,) = await events_of(store)
    counted = {"keys": 2, "passwords": 1, "signature_keys": 1, "webhook_secrets": 0}
    assert (event.organization_id, event.details) == ("acme", counted)
    again = await operations.revoke_organization(store, "acme", reason="left", actor=ADA)
    assert (again.keys, again.passwords, again.signature_keys) == (0, 0, 0)


async def test_an_organization_says_how_many_webhook_secrets_it_takes_along(store: Store) -> None:
    """They are erased, and every sender must be asked for another: whoever revokes is told, and so is the log."""
    for name, organization in (("ours", "acme"), ("also", "acme"), ("theirs", "other")):
        order = SenderOrder(name=name, scheme="standard", organization_id=OrganizationId(organization))
        await add_sender(store, order, actor=ADA)
        for _ in range(2):
            await add_secret(store, SecretOrder(sender=name), actor=ADA)
    # Retired before: it does not go along.
    await rotate_secret(store, SecretOrder(sender="also"), overlap_s=0, reason="x", actor=ADA)
    assert (await operations.revoke_organization(store, "acme", reason="left", actor=ADA)).webhook_secrets == 3
    assert (await events_of(store))[-1].details["webhook_secrets"] == 3
    assert len(await store.senders.list_held_secrets("theirs")) == 2
    assert (await operations.revoke_organization(store, "acme", reason="left", actor=ADA)).webhook_secrets == 0


@pytest.mark.parametrize(
    ("kind", "id_", "dead"),
    [
        (FeedKind.SUBJECT, "alice", "abe"),
        (FeedKind.CLIENT, "shop", "abc"),
        (FeedKind.SESSION, "s1", "b"),
        (FeedKind.GRANT, "g1", "c"),
        (FeedKind.ORGANIZATION, "acme", "e"),
        (FeedKind.TOKEN, "00000000000a", "a"),
    ],
)
async def test_opaque_tokens_that_rest_on_it_are_revoked_in_the_store(
    store: Store, kind: FeedKind, id_: str, dead: str
) -> None:
    await insert_opaque(store, "00000000000a")
    await insert_opaque(store, "00000000000b", session_id="s1")
    await insert_opaque(store, "00000000000c", subject="bob", grant_id="g1")
    await insert_opaque(store, "00000000000d", subject="bob", client_id="other")
    await insert_opaque(store, "00000000000e", client_id="other", organization_id="acme")
    await revoke_named(store, kind, id_, issuer="https://i.example", reason="x", actor=ADA)
    await revoke_named(store, kind, id_, reason="x", actor=ADA)
    revoked = ""
    for name in "abcde":
        found = await store.holdings.find_opaque(CredentialId(f"00000000000{name}"))
        assert found is not None
        revoked += name if found.is_revoked else ""
    assert revoked == dead
    assert await store.holdings.find_opaque(CredentialId("00000000000z")) is None
