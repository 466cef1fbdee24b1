"""Signed requests as a method: what is asked of one besides its signature, what it uses up, and in which order."""

import asyncio
import time
from typing import Any

import pytest
from msgspec.structs import replace
from tests.simulators.method import SimulatedMethod
from tests.simulators.signature_keys import SimulatedKeys
from tests.simulators.signed_door import Arriving, signed_view
from tests.simulators.store import SimulatedStore

from doorward import Door, RateLimit, Scopes, SignedRequests
from doorward.crypto.signatures import SignatureAlgorithm, SignatureKey
from doorward.door import NOTHING_CLAIMED, FailureBudget
from doorward.errors import Rejected, Unavailable
from doorward.methods.signature import DEFAULT_PROFILE, PROFILES
from doorward.methods.signature.method import RequestSignatures
from doorward.values import AppId, FeedKind, Handle, OrganizationId, PrincipalKind
from doorward.wire.request import RequestView, index_headers

KEY = "shop"
SECRET = bytes((7 + place * 37) % 256 for place in range(32))
BODY = b'{"amount":100}'
SLACK_S = 60
ARRIVES_IN_S = 30


@pytest.fixture
def keys() -> SimulatedKeys:
    found = SimulatedKeys()
    found.add(KEY, SECRET, app_id=AppId("app_000000000001"), app_name="shop", scopes=Scopes("orders:write"))
    return found


@pytest.fixture
def method(store: SimulatedStore, keys: SimulatedKeys) -> RequestSignatures:
    return SignedRequests(store, keys=keys)


def signed(body: bytes = BODY, *more: tuple[bytes, bytes], **changes: Any) -> RequestView:
    key_id, signer = changes.pop("key_id", KEY), changes.pop("signer", SECRET)
    return signed_view(key_id, signer, *more, body=body, **changes)


async def code_of(door: Door, request: RequestView) -> str:
    with pytest.raises((Rejected, Unavailable)) as caught:
        await door.admit(request)
    return caught.value.code


async def test_whoever_has_the_key_is_its_app(
    store: SimulatedStore, keys: SimulatedKeys, method: RequestSignatures
) -> None:
    keys.keys[KEY] = replace(keys.keys[KEY], organization_id=OrganizationId("acme"), metadata={"team": "a"})
    view = signed(lifetime_s=60)
    admitted = await Door(method, require=Scopes("orders:write")).admit(view)
    principal = admitted.principal
    assert (principal.kind, principal.id, principal.name) == (PrincipalKind.APP, "app_000000000001", "shop")
    assert (principal.method, principal.credential_id, principal.organization_id) == ("signature", KEY, "acme")
    assert principal.metadata == {"team": "a"}
    assert admitted.settlement is NOTHING_CLAIMED
    assert principal.claims["covered"] == DEFAULT_PROFILE.components | DEFAULT_PROFILE.body_components
    assert principal.claims["label"] == "sig1"
    assert (principal.claims["created"], principal.claims["expires"]) == (store.now, store.now + 60)
    assert [(name, key) for name, key, *_ in store.plane.usage.counted] == [("signature", KEY)]
    presented = method.extract(view)
    assert presented is not None
    verified = method.verify(presented, await method.load(presented), view, int(store.now))
    assert verified.handles == (
        Handle(FeedKind.CREDENTIAL, KEY),
        Handle(FeedKind.APP, "app_000000000001"),
        Handle(FeedKind.ORGANIZATION, "acme"),
    )


async def test_a_nonce_counts_once_for_each_key(
    store: SimulatedStore, keys: SimulatedKeys, method: RequestSignatures
) -> None:
    keys.add("other", SECRET[::-1])
    door = Door(method)
    view = signed(nonce=b"n" * 16)
    await door.admit(view)
    assert await code_of(door, view) == "replayed"
    # Whatever else is signed with it: a nonce is the key's, and not the request's.
    assert await code_of(door, signed(nonce=b"n" * 16, target=b"/elsewhere")) == "replayed"
    await door.admit(signed(key_id="other", signer=SECRET[::-1], nonce=b"n" * 16))
    assert {owner for owner, _ in store.plane.claims.rows} == {f"signature {KEY}", "signature other"}


async def test_a_nonce_is_remembered_for_as_long_as_its_request_could_be_accepted(
    store: SimulatedStore, method: RequestSignatures
) -> None:
    now = int(store.now)
    longest_s = ARRIVES_IN_S + 1_048_576 // 65_536
    for view, last in (
        (signed(b"", at=now + 30), now + 330 + ARRIVES_IN_S),
        (signed(b"", at=now - 300), now + ARRIVES_IN_S),
        (signed(b"", lifetime_s=10), now + 9 + ARRIVES_IN_S),
        (signed(b"", lifetime_s=5_000), now + 300 + ARRIVES_IN_S),
        # A copy that is begun in the last second may take as long as its body may.
        (signed(BODY), now + 300 + longest_s),
    ):
        store.plane.claims.rows.clear()
        await Door(method).admit(view)
        (row,) = store.plane.claims.rows.values()
        assert row.keep_until == last + SLACK_S


async def test_a_profile_without_a_nonce_uses_nothing_up(store: SimulatedStore, keys: SimulatedKeys) -> None:
    profile = PROFILES["danger-replayable"]
    door = Door(SignedRequests(store, keys=keys, profile="danger-replayable"))
    view = signed(profile=profile)
    await door.admit(view)
    await door.admit(view)
    # Nor does a nonce that nobody has asked for.
    with_nonce = signed(profile=DEFAULT_PROFILE)
    await door.admit(with_nonce)
    await door.admit(with_nonce)
    assert not store.plane.claims.rows


async def test_who_runs_a_crawler_is_told_whatever_it_sends(store: SimulatedStore, keys: SimulatedKeys) -> None:
    door = Door(SignedRequests(store, keys=keys, profile="web-bot-auth"))
    arriving = Arriving(signed(b"", sent=b"anything", profile=PROFILES["web-bot-auth"]))
    admitted = await door.admit(arriving.view)
    assert admitted.principal.claims["tag"] == "web-bot-auth"
    # What is no part of the proof is the handler's to read, or not.
    assert arriving.asked == 0


async def test_only_the_holder_learns_why_a_key_is_refused(
    store: SimulatedStore, keys: SimulatedKeys, method: RequestSignatures
) -> None:
    good, now = keys.keys[KEY], int(store.now)
    for code, change in (
        ("credential_disabled", {"barred": "credential_disabled"}),
        ("credential_revoked", {"barred": "credential_revoked"}),
        ("app_suspended", {"barred": "app_suspended"}),
        ("credential_expired", {"expires_at": now}),
        ("credential_network", {"networks": ("198.51.100.0/24",)}),
    ):
        keys.keys[KEY] = replace(good, **change)
        arriving = Arriving(signed())
        # A door of its own each time: nothing is warm.
        assert await code_of(Door(SignedRequests(store, keys=keys)), arriving.view) == code
        assert arriving.asked == 0
        assert await code_of(Door(method), signed(signer=SECRET[::-1])) == "signature_mismatch"
    keys.keys[KEY] = replace(good, expires_at=now + 1, networks=("192.0.2.0/24",))
    await Door(SignedRequests(store, keys=keys)).admit(signed())
    assert len(store.plane.claims.rows) == 1


async def test_a_key_that_is_bound_to_networks_needs_to_know_the_client(
    keys: SimulatedKeys, method: RequestSignatures
) -> None:
    keys.keys[KEY] = replace(keys.keys[KEY], networks=("192.0.2.0/24",))
    assert await code_of(Door(method), signed(client=None)) == "credential_network"


async def test_which_of_several_signatures_counts_is_said_by_label_or_tag(
    store: SimulatedStore, keys: SimulatedKeys
) -> None:
    view = signed(b"", label="app", profile=replace(DEFAULT_PROFILE, tag="us"))
    theirs = signed(b"", label="edge", key_id="somebody", signer=SECRET[::-1])
    both = _together(view, theirs)
    for label, tag in (("app", None), (None, "us"), ("app", "us")):
        admitted = await Door(SignedRequests(store, keys=keys, label=label, tag=tag)).admit(both)
        assert admitted.principal.credential_id == KEY
        store.plane.claims.rows.clear()
    assert await code_of(Door(SignedRequests(store, keys=keys)), both) == "credential_conflict"
    for label, tag in (("nobody", None), (None, "them"), ("edge", "us")):
        other = Door(SignedRequests(store, keys=keys, label=label, tag=tag))
        assert await code_of(other, both) == "credential_missing"


def _together(one: RequestView, other: RequestView) -> RequestView:
    """One request with the signatures of both, in one field each, as a proxy would add its own."""
    assert one.by_name is not None
    assert other.by_name is not None
    names = (b"signature-input", b"signature")
    kept = [(name, value) for name, value in one.headers if name not in names]
    joined = [(name, one.by_name[name] + b", " + other.by_name[name]) for name in names]
    return replace(one, headers=(*kept, *joined), by_name=index_headers((*kept, *joined)))


async def test_nobody_who_is_not_proven_and_allowed_makes_us_take_in_a_body(
    store: SimulatedStore, keys: SimulatedKeys, method: RequestSignatures
) -> None:
    keys.add("limited", SECRET, rate=RateLimit(1, 60))
    keys.add("revoked", SECRET)
    await Door(method).admit(signed(b"", key_id="limited"))
    await store.plane.start()
    store.plane.revoke(Handle(FeedKind.CREDENTIAL, "revoked"))
    store.plane.claims.rows.clear()
    for code, view, require in (
        ("signature_key_unknown", signed(key_id="nobody"), None),
        ("signature_mismatch", signed(signer=SECRET[::-1]), None),
        ("signature_expired", signed(at=int(store.now) - 301), None),
        ("signature_coverage", signed(profile=PROFILES["danger-any"]), None),
        ("credential_revoked", signed(key_id="revoked"), None),
        ("rate_limited", signed(key_id="limited"), None),
        ("scope_insufficient", signed(), Scopes("orders:read")),
    ):
        arriving = Arriving(view)
        assert await code_of(Door(method, require=require), arriving.view) == code
        assert arriving.asked == 0, code
    assert not store.plane.claims.rows


async def test_another_body_is_refused_and_burns_nothing(store: SimulatedStore, method: RequestSignatures) -> None:
    door = Door(method)
    for body, sent in ((BODY, b'{"amount":999}'), (BODY, b""), (b"", BODY), (BODY, BODY + b" ")):
        assert await code_of(door, signed(body, sent=sent)) == "signature_digest"
    assert not store.plane.claims.rows
    # The same nonce, with the body that was signed.
    await door.admit(signed(nonce=b"n" * 16))


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
async def test_a_key_that_is_revoked_while_the_body_arrives_is_refused(
    store: SimulatedStore, method: RequestSignatures, *, warm: bool
) -> None:
    door = Door(method)
    if warm:
        await door.admit(signed(b""))
        store.plane.claims.rows.clear()
    arriving = Arriving(signed(), lambda: store.plane.revoke(Handle(FeedKind.CREDENTIAL, KEY)))
    assert await code_of(door, arriving.view) == "credential_revoked"
    assert not store.plane.claims.rows


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
async def test_what_is_taken_from_a_key_while_the_body_arrives_is_gone(
    store: SimulatedStore, keys: SimulatedKeys, method: RequestSignatures, *, warm: bool
) -> None:
    door = Door(method, require=Scopes("orders:write"))
    if warm:
        await door.admit(signed(b""))
        store.plane.claims.rows.clear()

    def narrow() -> None:
        keys.keys[KEY] = replace(keys.keys[KEY], scopes=Scopes("orders:read"))
        store.plane.change(Handle(FeedKind.CREDENTIAL, KEY))

    assert await code_of(door, Arriving(signed(), narrow).view) == "scope_insufficient"
    assert not store.plane.claims.rows


async def test_the_view_must_be_fresh_when_the_body_has_come(store: SimulatedStore, method: RequestSignatures) -> None:
    clock = [0.0]
    await store.plane.start()
    door = Door(method, monotonic=lambda: time.monotonic() + clock[0])

    def hours_pass() -> None:
        clock[0] = 3_600.0

    assert await code_of(door, Arriving(signed(), hours_pass).view) == "revocation_stale"
    assert not store.plane.claims.rows


async def test_a_slow_body_does_not_hold_what_other_loads_of_its_source_wait_for(
    keys: SimulatedKeys, method: RequestSignatures
) -> None:
    door = Door(method, failure_budget=FailureBudget(1))
    held, begun = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        begun.set()
        await held.wait()

    slow = asyncio.create_task(door.admit(Arriving(signed(), wait).view))
    await begun.wait()
    keys.add("second", SECRET)
    async with asyncio.timeout(5):
        await door.admit(signed(key_id="second"))
    held.set()
    await slow


async def test_a_request_is_proven_once(store: SimulatedStore, keys: SimulatedKeys, method: RequestSignatures) -> None:
    proven: list[int] = []

    class Counting:
        algorithm = SignatureAlgorithm.HMAC_SHA256

        def has_signed(self, presented_signature: bytes, data: bytes) -> bool:
            proven.append(1)
            return SignatureKey(SignatureAlgorithm.HMAC_SHA256, SECRET).has_signed(presented_signature, data)

    counting: Any = Counting()
    keys.keys[KEY] = replace(keys.keys[KEY], verifier=counting)
    door = Door(method)
    for times in (1, 2, 3):
        await door.admit(signed())
        assert len(proven) == times
    # The record is warm all the same.
    assert keys.finds == 1
    assert len(store.plane.claims.rows) == 3


async def test_a_door_that_takes_keys_too_proves_a_signed_request_by_its_signature(
    store: SimulatedStore, method: RequestSignatures
) -> None:
    simulated = SimulatedMethod(store.plane)
    secret = simulated.add("k1")
    door = Door(simulated, method)
    for _ in range(2):
        assert (await door.admit(signed())).principal.credential_id == KEY
    assert await code_of(door, signed(BODY, (b"x-secret", secret))) == "credential_conflict"
