"""Tokens at a resource that knows subjects by derived names: whoever is revoked is refused there, and not named."""

import secrets
import time
from collections.abc import AsyncIterator

import pytest
from tests.simulators.clock import ManualClock

from doorward.app.store import Store, open_store
from doorward.crypto.sealing import MasterKeys
from doorward.errors import Rejected
from doorward.methods.bearer.config import IssuerPolicy
from doorward.methods.bearer.operations import issue_access_token
from doorward.methods.bearer.order import IssuedToken
from doorward.methods.bearer.verifier import TokenVerifier
from doorward.revocation.operations import revoke_client, revoke_subject
from doorward.revocation.sectors import register_sector
from doorward.revocation.view import View
from doorward.values import Actor, FeedKind

ADA = Actor(kind="operator", id="ada")
ISSUER = "https://id.example"
SECTOR = "https://photos.example"
OTHER = "https://orders.example"
DAY_S = 86_400
# PostgreSQL has a clock of its own.
NOW = int(time.time())


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
async def store(sql_url: str, clock: ManualClock) -> AsyncIterator[Store]:
    keys = MasterKeys({"k1": secrets.token_bytes(32)}, current="k1", entropy=secrets.token_bytes)
    opened = open_store(sql_url, master_keys=keys, issuer=ISSUER, clock=clock)
    await opened.plane.start()
    await opened.keyring.found()
    yield opened
    await opened.aclose()


@pytest.fixture
async def sector(store: Store, clock: ManualClock) -> str:
    """Registered long ago."""
    clock.now = NOW - 3 * DAY_S
    await register_sector(store, SECTOR, actor=ADA)
    clock.now = NOW
    return SECTOR


async def issue(store: Store, *audience: str, subject: str | None = None) -> IssuedToken:
    return await issue_access_token(store, client_id="web", subject=subject, audience=audience, lifetime_s=DAY_S)


async def outcome(store: Store, token: IssuedToken, audience: str) -> str:
    """What a verifier of that resource says that reads the feed from its beginning."""
    view = View()
    page = await store.feed.read_feed(0, audiences=frozenset({audience}))
    view.apply(page, time.monotonic())
    policy = IssuerPolicy(issuer=ISSUER, audiences=frozenset({audience}), keys=store.keyring, own=True)
    try:
        TokenVerifier(policy, view=view).verify_at_hand(token.text.encode(), NOW)
    except Rejected as refused:
        return refused.code
    return "admitted"


async def test_a_client_revoked_as_a_subject_is_refused_by_its_own_token_too(store: Store, sector: str) -> None:
    tokens = [(await issue(store, sector), sector), (await issue(store, OTHER), OTHER)]
    tokens += [(await issue(store, OTHER, sector), audience) for audience in (OTHER, sector)]
    assert [await outcome(store, *token) for token in tokens] == ["admitted"] * 4
    await revoke_subject(store, "somebody", reason="x", actor=ADA)
    assert [await outcome(store, *token) for token in tokens] == ["admitted"] * 4
    await revoke_subject(store, "web", reason="its secret leaked", actor=ADA)
    assert [await outcome(store, *token) for token in tokens] == ["credential_revoked"] * 4
    # An epoch: the next one is good.
    assert await outcome(store, await issue(store, sector), sector) == "admitted"


async def test_a_client_is_refused_with_everything_it_holds(store: Store, sector: str) -> None:
    tokens = [(await issue(store, sector), sector), (await issue(store, sector, subject="alice"), sector)]
    await revoke_client(store, "web", reason="x", actor=ADA)
    assert [await outcome(store, *token) for token in tokens] == ["credential_revoked"] * 2


async def test_a_person_is_refused_and_not_named(store: Store, sector: str) -> None:
    token, other = await issue(store, sector, subject="alice"), await issue(store, sector, subject="bob")
    await revoke_subject(store, "alice", reason="x", actor=ADA)
    assert [await outcome(store, each, sector) for each in (token, other)] == ["credential_revoked", "admitted"]
    page = await store.feed.read_feed(0, audiences=frozenset({sector}))
    assert [row.handle.id for row in page.rows if row.handle.kind is FeedKind.SUBJECT] == [token.claims["sub"]]
    assert "dw_own" not in token.claims


async def test_a_token_from_before_its_resource_was_a_sector_is_revoked_all_the_same(
    store: Store, clock: ManualClock
) -> None:
    """It says the plain name, and so does nothing else the resource is told."""
    before = await issue(store, SECTOR, subject="alice")
    await register_sector(store, SECTOR, actor=ADA)
    after = await issue(store, SECTOR, subject="alice")
    assert before.claims["sub"] == "alice" != after.claims["sub"]
    await revoke_subject(store, "alice", reason="phone stolen", actor=ADA)
    assert [await outcome(store, each, SECTOR) for each in (before, after)] == ["credential_revoked"] * 2
    assert await store.sectors.list_settled_sectors() == ()


async def test_a_name_from_the_resources_log_revokes_and_hides_nothing(store: Store, sector: str) -> None:
    token = await issue(store, sector, subject="alice")
    await revoke_subject(store, "alice", reason="x", actor=ADA)
    await revoke_subject(store, str(token.claims["sub"]), reason="seen in the log", actor=ADA)
    assert await outcome(store, token, sector) == "credential_revoked"
