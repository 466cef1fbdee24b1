"""Opaque tokens from issuing to revocation, over a store in memory."""

import pytest
from tests.simulators.request import view_of
from tests.simulators.store import GENERATION, NOW, OPERATOR, SimulatedStore

from doorward.door import Door
from doorward.errors import Rejected, Unavailable
from doorward.methods.apikey import ApiKeys
from doorward.methods.contract import Verified
from doorward.methods.opaque import OpaqueTokens
from doorward.methods.opaque.issue import IssuedOpaqueToken
from doorward.methods.opaque.operations import issue_opaque_token, revoke_opaque_token
from doorward.methods.token_order import TokenOrder
from doorward.values import (
    Change,
    FeedKind,
    Handle,
    OrganizationId,
    PrincipalKind,
    Revocation,
    Scopes,
    Watermark,
)
from doorward.wire.credential import checksum_of, has_valid_checksum

API = "https://api.example"
ORDER = TokenOrder(
    client_id="web",
    subject="alice",
    audience=(API, "https://other.example"),
    scopes=Scopes("orders:read"),
    session_id="s1",
    grant_id="g1",
    organization_id="acme",
    auth_time=NOW - 9,
    acr="high",
    amr=("pwd",),
    claims={"plan": "gold"},
)


async def _present(store: SimulatedStore, text: str, *, at: int = NOW, audience: str = API) -> Verified:
    method = OpaqueTokens(store, audiences=(audience,))
    request = view_of((b"authorization", b"Bearer " + text.encode()))
    presented = method.extract(request)
    assert presented is not None
    return method.verify(presented, await method.load(presented), request, at)


async def _code(store: SimulatedStore, text: str, *, at: int = NOW, audience: str = API) -> str:
    with pytest.raises(Rejected) as caught:
        await _present(store, text, at=at, audience=audience)
    return caught.value.code


def _with_other_secret(issued: IssuedOpaqueToken) -> str:
    body = issued.text[: -6 - 32] + "0" * 32
    return body + checksum_of(body)


async def test_a_token_says_what_a_signed_one_would(store: SimulatedStore) -> None:
    issued = await issue_opaque_token(store, ORDER, watermark=await store.read_watermark())
    assert issued.text.startswith(f"dw_token_{issued.jti}")
    assert has_valid_checksum(issued.text)
    verified = await _present(store, issued.text)
    principal = verified.principal
    assert (principal.kind, principal.id, principal.client_id) == (PrincipalKind.PERSON, "alice", "web")
    assert (principal.method, principal.credential_id) == ("opaque", issued.jti)
    assert principal.scopes == Scopes("orders:read")
    assert (principal.organization_id, principal.session_id) == (OrganizationId("acme"), "s1")
    assert (principal.issuer, principal.not_after) == ("https://id.example", NOW + 600)
    assert (
        principal.claims
        == issued.claims
        == {
            "iss": "https://id.example",
            "sub": "alice",
            "aud": [API, "https://other.example"],
            "client_id": "web",
            "scope": "orders:read",
            "iat": NOW,
            "exp": NOW + 600,
            "jti": issued.jti,
            "sid": "s1",
            "org_id": "acme",
            "auth_time": NOW - 9,
            "acr": "high",
            "amr": ["pwd"],
            "plan": "gold",
            "dw_grant": "g1",
            "dw_wm": f"{GENERATION}.0",
        }
    )
    assert verified.since == Watermark(GENERATION, 0)
    assert Handle(FeedKind.CLIENT_SUBJECT, "web alice") in verified.handles


async def test_a_clients_own_token_is_an_apps(store: SimulatedStore) -> None:
    issued = await issue_opaque_token(store, TokenOrder(client_id="nightly", audience=(API,)))
    principal = (await _present(store, issued.text)).principal
    assert (principal.kind, principal.id, principal.client_id) == (PrincipalKind.APP, "nightly", "nightly")


async def test_a_token_is_for_its_audiences_and_no_other(store: SimulatedStore) -> None:
    issued = await issue_opaque_token(store, ORDER, watermark=await store.read_watermark())
    await _present(store, issued.text, audience="https://other.example")
    for other in ("https://api.example/", "https://api", "api.example", "https://evil.example"):
        assert await _code(store, issued.text, audience=other) == "token_audience"
        # Who has not proven it does not learn whom it is for.
        assert await _code(store, _with_other_secret(issued), audience=other) == "credential_secret_mismatch"


async def test_a_token_expires_at_its_second(store: SimulatedStore) -> None:
    issued = await issue_opaque_token(store, ORDER, watermark=await store.read_watermark())
    await _present(store, issued.text, at=NOW + 599)
    assert await _code(store, issued.text, at=NOW + 600) == "credential_expired"


async def test_the_secret_decides_not_the_id(store: SimulatedStore) -> None:
    issued = await issue_opaque_token(store, ORDER, watermark=await store.read_watermark())
    assert await _code(store, _with_other_secret(issued)) == "credential_secret_mismatch"


async def test_only_the_digest_is_stored(store: SimulatedStore) -> None:
    issued = await issue_opaque_token(store, ORDER, watermark=await store.read_watermark())
    assert issued.text[-38:] not in repr(store.opaque_rows) + str(store.opaque_rows[issued.jti].claims)
    assert issued.text[-38:] not in repr(issued) + str(issued.__rich_repr__())


async def test_issuing_is_one_write_and_a_line_in_the_log(store: SimulatedStore) -> None:
    issued = await issue_opaque_token(store, ORDER, watermark=await store.read_watermark())
    assert (store.events, store.revocations) == ([], [])
    (told,) = store.plane.verifications.recorded
    assert told[:3] == ("issuance", issued.jti, "alice")
    assert told[5] == f"ISSUE opaque to web for {API} https://other.example"
    assert issued.text not in str(told)


async def test_what_a_person_orders_is_an_event(store: SimulatedStore) -> None:
    issued = await issue_opaque_token(store, ORDER, watermark=await store.read_watermark(), actor=OPERATOR)
    (event,) = store.events
    assert (event.action, event.object_id, event.actor) == ("token.issued", issued.jti, OPERATOR)
    assert event.details["subject"] == "alice"
    assert issued.text[-38:] not in str(event)
    assert store.plane.verifications.recorded == []


async def test_a_revoked_token_is_refused_everywhere(store: SimulatedStore) -> None:
    issued = await issue_opaque_token(store, ORDER, watermark=await store.read_watermark())
    door = Door(OpaqueTokens(store, audiences=(API,)))
    request = view_of((b"authorization", b"Bearer " + issued.text.encode()))
    await door.admit(request)
    await revoke_opaque_token(store, issued.record.id, reason="leaked", actor=OPERATOR)
    with pytest.raises(Rejected, match="credential_revoked"):
        await door.admit(request)
    assert await _code(store, issued.text) == "credential_revoked"
    row = store.revocations[0]
    assert row.handle == Handle(FeedKind.TOKEN, issued.jti)
    assert row.owner == Handle(FeedKind.GRANT, "g1")
    assert row.leave_at is not None
    assert row.leave_at >= issued.expires_at
    (event,) = store.events
    assert (event.action, event.object_id, event.reason) == ("token.revoked", issued.jti, "leaked")


async def test_revoking_twice_is_said(store: SimulatedStore) -> None:
    issued = await issue_opaque_token(store, ORDER, watermark=await store.read_watermark())
    await revoke_opaque_token(store, issued.record.id, reason="r", actor=OPERATOR)
    with pytest.raises(Rejected, match="state_final"):
        await revoke_opaque_token(store, issued.record.id, reason="r", actor=OPERATOR)
    store.opaque_rows.clear()
    with pytest.raises(Rejected, match="object_unknown"):
        await revoke_opaque_token(store, issued.record.id, reason="r", actor=OPERATOR)


async def _commit_row(store: SimulatedStore, kind: FeedKind, handle_id: str) -> None:
    await store.commit(Change(revocations=(Revocation(handle=Handle(kind, handle_id), leave_at=None),)))


@pytest.mark.parametrize(
    ("kind", "handle_id"),
    [
        (FeedKind.SUBJECT, "alice"),
        (FeedKind.CLIENT, "web"),
        (FeedKind.CLIENT_SUBJECT, "web alice"),
        (FeedKind.ORGANIZATION, "acme"),
        (FeedKind.SESSION, "s1"),
        (FeedKind.GRANT, "g1"),
    ],
)
async def test_what_the_token_rests_on_takes_it_along(store: SimulatedStore, kind: FeedKind, handle_id: str) -> None:
    issued = await issue_opaque_token(store, ORDER, watermark=await store.read_watermark())
    door = Door(OpaqueTokens(store, audiences=(API,)))
    request = view_of((b"authorization", b"Bearer " + issued.text.encode()))
    await door.admit(request)
    await _commit_row(store, kind, handle_id)
    # The row of the token still says it is active: it was inserted while the write that marks rows ran.
    with pytest.raises(Rejected, match="credential_revoked"):
        await door.admit(request)


async def test_a_sign_in_from_before_a_revocation_yields_nothing(store: SimulatedStore) -> None:
    inherited = Watermark(GENERATION, 0)
    await _commit_row(store, FeedKind.SUBJECT, "alice")
    with pytest.raises(Rejected, match="credential_revoked"):
        await issue_opaque_token(store, ORDER, watermark=inherited)
    assert store.opaque_rows == {}
    fresh = await issue_opaque_token(store, ORDER, watermark=await store.read_watermark())
    assert fresh.record.watermark == Watermark(GENERATION, 1)
    kept = await issue_opaque_token(store, ORDER, watermark=Watermark(GENERATION, 1))
    await _commit_row(store, FeedKind.SUBJECT, "bob")
    assert kept.record.watermark == Watermark(GENERATION, 1)


@pytest.mark.parametrize(("kind", "handle_id"), [(FeedKind.SESSION, "s1"), (FeedKind.GRANT, "g1")])
async def test_a_revoked_session_or_grant_yields_nothing_ever(
    store: SimulatedStore, kind: FeedKind, handle_id: str
) -> None:
    await _commit_row(store, kind, handle_id)
    for watermark in (Watermark(GENERATION, 0), Watermark(GENERATION, 1)):
        with pytest.raises(Rejected, match="credential_revoked"):
            await issue_opaque_token(store, ORDER, watermark=watermark)


async def test_a_derived_subject_needs_its_sector(store: SimulatedStore) -> None:
    order = TokenOrder(client_id="web", subject="alice", audience=(API,), pairwise_sector=API)
    with pytest.raises(Rejected, match="object_unknown"):
        await issue_opaque_token(store, order)
    store.sector_names.add(API)
    issued = await issue_opaque_token(store, order)
    assert issued.claims["sub"] == (await store.read_sectors()).name_of("alice", API)
    assert "alice" not in str(issued.claims) + str(store.opaque_rows)
    # A revocation of the person names the person: the sign-in is dead under either name.
    await _commit_row(store, FeedKind.SUBJECT, "alice")
    with pytest.raises(Rejected, match="credential_revoked"):
        await issue_opaque_token(store, order, watermark=Watermark(GENERATION, 0))


async def test_keys_and_tokens_at_one_door_are_told_apart(store: SimulatedStore) -> None:
    issued = await issue_opaque_token(store, ORDER, watermark=await store.read_watermark())
    door = Door(ApiKeys(store), OpaqueTokens(store, audiences=(API,)))
    admitted = await door.admit(view_of((b"authorization", b"Bearer " + issued.text.encode())))
    assert admitted.principal.method == "opaque"
    assert store.plane.usage.counted == []


async def test_a_store_that_is_away_is_said(store: SimulatedStore) -> None:
    issued = await issue_opaque_token(store, ORDER, watermark=await store.read_watermark())
    store.away = True
    with pytest.raises(Unavailable, match="store_unavailable"):
        await _present(store, issued.text)
    with pytest.raises(Unavailable, match="store_unavailable"):
        await issue_opaque_token(store, ORDER, watermark=await store.read_watermark())
