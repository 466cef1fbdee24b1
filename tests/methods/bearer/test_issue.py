"""Signed access tokens: what they say, who signs them, what is written down."""

import json
from base64 import urlsafe_b64decode

import pytest
from tests.simulators.store import GENERATION, NOW, OPERATOR, SimulatedStore

from doorward.crypto.jose.jws import parse_compact, verify_compact
from doorward.errors import Rejected, Unavailable
from doorward.methods.bearer.operations import issue_access_token
from doorward.methods.bearer.order import TokenOrder
from doorward.methods.opaque.operations import issue_opaque_token
from doorward.values import Change, FeedKind, Handle, Revocation, Scopes, Watermark

API = "https://api.example"
ORDER = TokenOrder(client_id="web", subject="alice", audience=(API,), scopes=Scopes("a"), session_id="s1")


def _header(text: str) -> dict[str, str]:
    head = text.partition(".")[0]
    header: dict[str, str] = json.loads(urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    return header


async def _commit_row(store: SimulatedStore, kind: FeedKind, handle_id: str) -> None:
    await store.commit(Change(revocations=(Revocation(handle=Handle(kind, handle_id), leave_at=None),)))


async def test_a_token_is_signed_and_says_what_was_ordered(store: SimulatedStore) -> None:
    issued = await issue_access_token(store, ORDER, watermark=await store.read_watermark())
    assert _header(issued.text) == {"alg": "ES256", "kid": store.keyring.key.kid, "typ": "at+jwt"}
    claims = verify_compact(parse_compact(issued.text.encode()), store.keyring.key.verification)
    assert (
        claims
        == issued.claims
        == {
            "iss": "https://id.example",
            "sub": "alice",
            "aud": API,
            "client_id": "web",
            "scope": "a",
            "iat": NOW,
            "exp": NOW + 600,
            "jti": issued.jti,
            "sid": "s1",
            "dw_wm": f"{GENERATION}.0",
        }
    )
    assert len(issued.jti) == 22
    assert issued.expires_at == NOW + 600


async def test_an_order_may_come_field_by_field(store: SimulatedStore) -> None:
    issued = await issue_access_token(store, client_id="nightly", audience=API, lifetime_s=60)
    assert (issued.claims["sub"], issued.claims["client_id"], issued.claims["aud"]) == ("nightly", "nightly", API)
    for wrong in ({"client_id": "nightly"}, {"audience": API}, {"client_id": "x", "audience": API, "scope": "a"}, {}):
        with pytest.raises(Rejected, match="input_invalid"):
            await issue_access_token(store, **wrong)  # type: ignore[arg-type]  # what no type checker lets pass
    with pytest.raises(Rejected, match="input_invalid"):
        await issue_access_token(store, ORDER, client_id="web")


async def test_no_two_tokens_have_one_id(store: SimulatedStore) -> None:
    assert (
        len({(await issue_access_token(store, ORDER, watermark=await store.read_watermark())).jti for _ in range(50)})
        == 50
    )


async def test_nothing_is_written_and_the_log_is_told(store: SimulatedStore) -> None:
    issued = await issue_access_token(store, ORDER, watermark=await store.read_watermark())
    assert (store.events, store.revocations, store.opaque_rows) == ([], [], {})
    (told,) = store.plane.verifications.recorded
    assert told[:3] == ("issuance", issued.jti, "alice")
    assert told[5] == f"ISSUE signed to web for {API}"
    assert store.plane.started
    assert store.reads == 1


async def test_what_a_person_orders_is_an_event(store: SimulatedStore) -> None:
    issued = await issue_access_token(store, ORDER, watermark=await store.read_watermark(), actor=OPERATOR)
    (event,) = store.events
    assert (event.action, event.object_id, event.actor) == ("token.issued", issued.jti, OPERATOR)
    assert event.details["form"] == "signed"
    assert issued.text not in str(event)


async def test_a_token_that_could_not_be_recorded_is_not_handed_out(store: SimulatedStore) -> None:
    def fail() -> None:
        raise Unavailable("store_unavailable")

    store.before_commit.append(fail)
    with pytest.raises(Unavailable):
        await issue_access_token(store, ORDER, watermark=await store.read_watermark(), actor=OPERATOR)


async def test_an_inherited_watermark_goes_on_unchanged(store: SimulatedStore) -> None:
    for _ in range(3):
        await _commit_row(store, FeedKind.SUBJECT, "bob")
    inherited = Watermark(GENERATION, 1)
    assert (await issue_access_token(store, ORDER, watermark=inherited)).claims["dw_wm"] == f"{GENERATION}.1"
    assert (await issue_access_token(store, ORDER, watermark=await store.read_watermark())).claims[
        "dw_wm"
    ] == f"{GENERATION}.3"


@pytest.mark.parametrize(
    ("kind", "handle_id"),
    [(FeedKind.SUBJECT, "alice"), (FeedKind.CLIENT, "web"), (FeedKind.CLIENT_SUBJECT, "web alice")],
)
async def test_a_sign_in_from_before_a_revocation_yields_nothing(
    store: SimulatedStore, kind: FeedKind, handle_id: str
) -> None:
    await _commit_row(store, kind, handle_id)
    for old in (Watermark(GENERATION, 0), Watermark("restored", 9)):
        with pytest.raises(Rejected, match="credential_revoked"):
            await issue_access_token(store, ORDER, watermark=old)
    assert store.keyring.signed == []
    assert (await issue_access_token(store, ORDER, watermark=await store.read_watermark())).text
    assert (await issue_access_token(store, ORDER, watermark=Watermark(GENERATION, 1))).text


@pytest.mark.parametrize("sign_in", [{"session_id": "s1"}, {"grant_id": "g1"}])
async def test_a_token_of_a_sign_in_is_not_made_without_its_watermark(
    store: SimulatedStore, sign_in: dict[str, str]
) -> None:
    order = TokenOrder(client_id="web", subject="alice", audience=(API,), **sign_in)  # type: ignore[arg-type]  # names
    # Of an old session: counted from now, it would outlive this.
    await _commit_row(store, FeedKind.SUBJECT, "alice")
    with pytest.raises(Rejected, match="input_invalid"):
        await issue_access_token(store, order)
    with pytest.raises(Rejected, match="input_invalid"):
        await issue_opaque_token(store, order)
    assert (store.keyring.signed, store.opaque_rows) == ([], {})
    with pytest.raises(Rejected, match="credential_revoked"):
        await issue_access_token(store, order, watermark=Watermark(GENERATION, 0))


async def test_a_revoked_session_yields_nothing_ever(store: SimulatedStore) -> None:
    await _commit_row(store, FeedKind.SESSION, "s1")
    with pytest.raises(Rejected, match="credential_revoked"):
        await issue_access_token(store, ORDER, watermark=await store.read_watermark())
    assert store.keyring.signed == []


async def test_a_derived_subject_takes_the_place_of_the_name(store: SimulatedStore) -> None:
    with pytest.raises(Rejected, match="object_unknown"):
        await issue_access_token(store, client_id="web", subject="alice", audience=API, pairwise_sector=API)
    store.sector_names.add(API)
    issued = await issue_access_token(store, client_id="web", subject="alice", audience=API, pairwise_sector=API)
    assert issued.claims["sub"] == (await store.read_sectors()).name_of("alice", API)
    assert "alice" not in str(issued.claims)


async def test_a_resource_that_is_a_sector_never_learns_the_plain_name(store: SimulatedStore) -> None:
    store.sector_names.add(API)
    # The caller has not thought of it.
    issued = await issue_access_token(store, ORDER, watermark=await store.read_watermark())
    assert issued.claims["sub"] == (await store.read_sectors()).name_of("alice", API)
    # Another resource would learn who that is.
    for audience in ((API, "https://b.example"), ("https://b.example", API)):
        with pytest.raises(Rejected, match="input_invalid"):
            await issue_access_token(store, client_id="web", subject="alice", audience=audience)
    with pytest.raises(Rejected, match="input_invalid"):
        await issue_access_token(
            store, client_id="web", subject="alice", audience="https://b.example", pairwise_sector=API
        )
    # A client is nobody's secret.
    assert (await issue_access_token(store, client_id="web", audience=API)).claims["sub"] == "web"


async def test_a_token_no_header_could_carry_is_not_made(store: SimulatedStore) -> None:
    store.keyring.issuer = "https://" + "x" * 3_000
    with pytest.raises(Rejected, match="input_invalid"):
        await issue_access_token(store, client_id="web", audience=API, claims={"x": "y" * 4_000})


async def test_no_token_is_shown(store: SimulatedStore) -> None:
    issued = await issue_access_token(store, ORDER, watermark=await store.read_watermark())
    assert issued.text not in repr(issued) + str(issued) + repr(issued.__rich_repr__())
