"""Signature keys through their life: what is written, what the feed and the audit hear, and what is refused."""

from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest
from msgspec.structs import replace
from tests.simulators.store import NOW, OPERATOR, SimulatedStore
from tests.simulators.stored_signature_keys import public_jwk, registered_key

from doorward.apps.operations import revoke_app, suspend_app
from doorward.apps.port import AppRecord
from doorward.crypto.jose.algorithms import Algorithm
from doorward.crypto.registered_keys import RegisteredKey, parse_public_key
from doorward.crypto.signature_keys import parse_json_keys
from doorward.crypto.signatures import SignatureAlgorithm
from doorward.errors import Misconfigured, Rejected
from doorward.methods.owned_credential import FEED_ROW_LIFETIME_S
from doorward.methods.rotation import EXPIRES_IN_S_MAX, NEVER, OVERLAP_S_MAX
from doorward.methods.signature.operations import (
    change_signature_key,
    create_signature_key,
    disable_signature_key,
    enable_signature_key,
    register_signature_key,
    revoke_signature_key,
    rotate_signature_key,
)
from doorward.methods.signature.order import IssuedSignatureKey, SignatureKeyChanges, SignatureKeyOrder
from doorward.methods.signature.port import SignatureKeyRecord, SignatureKeyState
from doorward.methods.signature.sealed import open_secret
from doorward.values import AppId, CredentialId, FeedKind, Handle, OrganizationId, RateLimit, Scopes


def _order(owner: AppRecord, **fields: object) -> SignatureKeyOrder:
    return replace(SignatureKeyOrder(app_id=owner.id, name="k"), **fields)


async def _create(store: SimulatedStore, owner: AppRecord, **fields: object) -> IssuedSignatureKey:
    return await create_signature_key(store, _order(owner, **fields), actor=OPERATOR)


async def _register(
    store: SimulatedStore, owner: AppRecord, key: RegisteredKey | None = None, /, **fields: object
) -> SignatureKeyRecord:
    return await register_signature_key(store, _order(owner, **fields), key or registered_key(), actor=OPERATOR)


@contextmanager
def _refused(code: str, named: str) -> Iterator[None]:
    with pytest.raises(Rejected, match=code) as refused:
        yield
    assert named in (refused.value.detail or "")


async def test_a_secret_is_stored_sealed_for_its_own_row_only(store: SimulatedStore, owner: AppRecord) -> None:
    issued = await _create(store, owner, scopes=Scopes("a"))
    stored = store.signature_key_rows[issued.record.id]
    assert issued.secret is not None
    assert len(issued.secret) == 32
    assert stored.sealed_secret is not None
    assert issued.secret not in stored.sealed_secret
    assert store.master_keys is not None
    assert open_secret(store.master_keys, stored.id, stored.sealed_secret) == issued.secret
    assert (stored.algorithm, stored.public_jwk) == (SignatureAlgorithm.HMAC_SHA256, None)
    assert stored.id.startswith("sig_")
    assert len(stored.id) == 16
    assert (stored.created_at, stored.expires_at, stored.version) == (NOW, NOW + 90 * 86_400, 1)
    event = store.events[-1]
    assert (event.action, event.object_kind, event.object_id, event.app_id) == (
        "signature_key.created",
        "signature_key",
        stored.id,
        owner.id,
    )
    assert (event.details["scopes"], event.details["algorithm"]) == ("a", "hmac-sha256")
    assert store.revocations == []


async def test_no_secret_shows(store: SimulatedStore, owner: AppRecord) -> None:
    issued = await _create(store, owner)
    stored = store.signature_key_rows[issued.record.id]
    shown = (
        repr(stored) + repr(store.events) + repr(issued) + repr(issued.__rich_repr__()) + repr(stored.__rich_repr__())
    )
    assert issued.text() not in shown
    assert repr(issued.secret) not in shown
    assert repr(stored.sealed_secret) not in shown


async def test_two_secrets_and_their_ids_differ(store: SimulatedStore, owner: AppRecord) -> None:
    first, second = await _create(store, owner), await _create(store, owner)
    assert (first.secret, first.record.id) != (second.secret, second.record.id)
    assert first.secret != second.secret


async def test_its_jwk_is_what_the_signer_reads(store: SimulatedStore, owner: AppRecord) -> None:
    issued = await _create(store, owner)
    (key,) = parse_json_keys(issued.jwk()).values()
    assert key.key_id == issued.record.id
    assert key.signer is not None
    assert key.signer.algorithm is SignatureAlgorithm.HMAC_SHA256
    assert b64decode(issued.text()) == issued.secret


async def test_a_public_key_is_stored_as_it_is(store: SimulatedStore, owner: AppRecord) -> None:
    key = registered_key(Algorithm.ES256)
    record = await _register(store, owner, key, expires_in_s=NEVER)
    stored = store.signature_key_rows[record.id]
    assert (stored.public_jwk, stored.sealed_secret, stored.expires_at) == (key.public_jwk, None, None)
    assert stored.algorithm is SignatureAlgorithm.ECDSA_P256_SHA256
    assert store.events[-1].action == "signature_key.registered"


async def test_without_a_master_key_no_secret_is_made_and_public_keys_are_taken(
    store: SimulatedStore, owner: AppRecord
) -> None:
    issued = await _create(store, owner)
    store.master_keys = None
    with pytest.raises(Misconfigured, match="DOORWARD_MASTER_KEY_FILE"):
        await _create(store, owner)
    with pytest.raises(Misconfigured, match="DOORWARD_MASTER_KEY_FILE"):
        await rotate_signature_key(store, issued.record.id, reason="r", actor=OPERATOR)
    record = await _register(store, owner)
    rotated = await rotate_signature_key(store, record.id, public_key=registered_key(), reason="r", actor=OPERATOR)
    assert rotated.secret is None


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "a" * 101},
        {"networks": ("10.0.0.1/8",)},
        {"rate": RateLimit(requests=0, window_s=1)},
        {"expires_in_s": 0},
        {"expires_in_s": EXPIRES_IN_S_MAX + 1},
        {"metadata": {str(entry): "" for entry in range(17)}},
    ],
)
async def test_one_over_a_limit_is_refused(store: SimulatedStore, owner: AppRecord, fields: dict[str, object]) -> None:
    for make in (_create(store, owner, **fields), _register(store, owner, **fields)):
        with pytest.raises(Rejected, match="input_invalid"):
            await make
    assert store.signature_key_rows == {}


async def test_a_key_needs_an_app_that_is_not_revoked(store: SimulatedStore, owner: AppRecord) -> None:
    for make in (_create(store, owner, app_id=AppId("app_x")), _register(store, owner, app_id=AppId("app_x"))):
        with pytest.raises(Rejected, match="object_unknown"):
            await make
    await suspend_app(store, owner.id, reason="r", actor=OPERATOR)
    assert (await _create(store, owner)).record.app_state == "suspended"
    await revoke_app(store, owner.id, reason="r", actor=OPERATOR)
    for make in (_create(store, owner), _register(store, owner)):
        with pytest.raises(Rejected, match="state_final"):
            await make


async def test_disable_enable_revoke(store: SimulatedStore, owner: AppRecord) -> None:
    key_id = (await _create(store, owner)).record.id
    disabled = await disable_signature_key(store, key_id, reason="odd use", actor=OPERATOR)
    assert (disabled.state, disabled.sealed_secret is None) == (SignatureKeyState.DISABLED, False)
    enabled = await enable_signature_key(store, key_id, reason="explained", actor=OPERATOR)
    assert enabled.state is SignatureKeyState.ACTIVE
    await revoke_signature_key(store, key_id, reason="leaked", actor=OPERATOR)
    assert [row.changed_version for row in store.revocations] == [2, 3, None]
    assert {row.handle for row in store.revocations} == {Handle(FeedKind.CREDENTIAL, key_id)}
    assert {row.leave_at for row in store.revocations} == {NOW + FEED_ROW_LIFETIME_S}
    assert [(event.action, event.reason) for event in store.events[-3:]] == [
        ("signature_key.disabled", "odd use"),
        ("signature_key.enabled", "explained"),
        ("signature_key.revoked", "leaked"),
    ]
    for act in (disable_signature_key, enable_signature_key, revoke_signature_key):
        with pytest.raises(Rejected, match="state_final"):
            await act(store, key_id, reason="r", actor=OPERATOR)


async def test_revocation_erases_the_secret_and_keeps_a_public_key(store: SimulatedStore, owner: AppRecord) -> None:
    secret, public = (await _create(store, owner)).record.id, (await _register(store, owner)).id
    for key_id in (secret, public):
        await revoke_signature_key(store, key_id, reason="over", actor=OPERATOR)
    assert store.signature_key_rows[secret].sealed_secret is None
    assert store.signature_key_rows[public].public_jwk is not None


async def test_a_secret_is_rotated_with_overlap(store: SimulatedStore, owner: AppRecord) -> None:
    first = await _create(store, owner, scopes=Scopes("a"), networks=("10.0.0.0/8",), metadata={"m": "1"})
    store.now += 1_000
    second = await rotate_signature_key(store, first.record.id, overlap_s=3_600, reason="routine", actor=OPERATOR)
    old, new = (store.signature_key_rows[issued.record.id] for issued in (first, second))
    assert second.secret != first.secret
    assert (old.state, old.expires_at, old.rotated_to) == (SignatureKeyState.ACTIVE, NOW + 1_000 + 3_600, new.id)
    assert old.sealed_secret is not None
    assert (new.scopes, new.networks, new.metadata, new.rotated_from) == (
        old.scopes,
        old.networks,
        old.metadata,
        old.id,
    )
    assert (new.created_at, new.expires_at, new.version) == (NOW + 1_000, NOW + 1_000 + 90 * 86_400, 1)
    assert store.master_keys is not None
    assert new.sealed_secret is not None
    assert open_secret(store.master_keys, new.id, new.sealed_secret) == second.secret
    assert [row.changed_version for row in store.revocations] == [2]
    assert [event.action for event in store.events[-2:]] == ["signature_key.rotated", "signature_key.created"]


async def test_no_overlap_revokes_and_erases_the_old_secret(store: SimulatedStore, owner: AppRecord) -> None:
    first = await _create(store, owner)
    await rotate_signature_key(store, first.record.id, overlap_s=0, reason="leaked", actor=OPERATOR)
    old = store.signature_key_rows[first.record.id]
    assert (old.state, old.sealed_secret) == (SignatureKeyState.REVOKED, None)
    assert [row.changed_version for row in store.revocations] == [None]


async def test_a_public_key_is_followed_by_another_of_any_algorithm(store: SimulatedStore, owner: AppRecord) -> None:
    first = await _register(store, owner, registered_key(Algorithm.ES256), scopes=Scopes("a"))
    key = registered_key(Algorithm.EDDSA)
    second = await rotate_signature_key(store, first.id, public_key=key, reason="routine", actor=OPERATOR)
    assert (second.record.algorithm, second.record.public_jwk) == (SignatureAlgorithm.ED25519, key.public_jwk)
    assert (second.record.scopes, second.record.rotated_from) == (Scopes("a"), first.id)
    assert [event.action for event in store.events[-2:]] == ["signature_key.rotated", "signature_key.registered"]


async def test_a_successor_is_of_the_same_sort_and_another_key(store: SimulatedStore, owner: AppRecord) -> None:
    key = registered_key()
    secret, public = (await _create(store, owner)).record.id, (await _register(store, owner, key)).id
    for key_id, given in ((secret, key), (public, None), (public, key)):
        with pytest.raises(Rejected, match="input_invalid"):
            await rotate_signature_key(store, key_id, public_key=given, reason="r", actor=OPERATOR)
    assert len(store.signature_key_rows) == 2


async def test_what_cannot_be_rotated(store: SimulatedStore, owner: AppRecord) -> None:
    async def refused(key_id: CredentialId, **fields: object) -> str:
        with pytest.raises(Rejected) as caught:
            await rotate_signature_key(store, key_id, reason="r", actor=OPERATOR, **fields)  # type: ignore[arg-type]
        return caught.value.code

    assert await refused(CredentialId("sig_000000000000")) == "object_unknown"
    key_id = (await _create(store, owner)).record.id
    assert await refused(key_id, overlap_s=OVERLAP_S_MAX + 1) == "input_invalid"
    await disable_signature_key(store, key_id, reason="r", actor=OPERATOR)
    assert await refused(key_id) == "input_invalid"
    await enable_signature_key(store, key_id, reason="r", actor=OPERATOR)
    await rotate_signature_key(store, key_id, reason="r", actor=OPERATOR)
    assert await refused(key_id) == "object_conflict"
    other = (await _create(store, owner, expires_in_s=10)).record.id
    store.now += 10
    assert await refused(other) == "state_expired"


async def test_grants_are_changed_and_nothing_else(store: SimulatedStore, owner: AppRecord) -> None:
    before = (await _create(store, owner, scopes=Scopes("a", "b"))).record
    changed = await change_signature_key(
        store, before.id, SignatureKeyChanges(scopes=Scopes("a"), rate=RateLimit(5, 1)), reason="less", actor=OPERATOR
    )
    assert changed == replace(before, scopes=Scopes("a"), rate=RateLimit(5, 1), version=2)
    event = store.events[-1]
    assert (event.action, event.details["scopes_before"], event.details["rate"]) == (
        "signature_key.changed",
        "a b",
        "5/1s",
    )
    assert [row.changed_version for row in store.revocations] == [2]


async def test_somebody_elses_change_in_between_is_taken_into_account(store: SimulatedStore, owner: AppRecord) -> None:
    key_id = (await _create(store, owner)).record.id

    def rename() -> None:
        record = store.signature_key_rows[key_id]
        store.signature_key_rows[key_id] = replace(record, name="renamed", version=record.version + 1)

    store.before_commit.append(rename)
    disabled = await disable_signature_key(store, key_id, reason="r", actor=OPERATOR)
    assert (disabled.name, disabled.version) == ("renamed", 3)


@pytest.mark.parametrize("reason", ["", " x", "a" * 501, "dw_live_" + "a" * 50])
async def test_a_reason_must_be_said_and_hold_no_secret(store: SimulatedStore, owner: AppRecord, reason: str) -> None:
    key_id = (await _create(store, owner)).record.id
    changes = SignatureKeyChanges(name="n")
    for act in (
        revoke_signature_key(store, key_id, reason=reason, actor=OPERATOR),
        rotate_signature_key(store, key_id, reason=reason, actor=OPERATOR),
        change_signature_key(store, key_id, changes, reason=reason, actor=OPERATOR),
    ):
        with pytest.raises(Rejected, match="input_invalid"):
            await act
    assert store.revocations == []


async def test_a_public_key_that_was_revoked_is_never_registered_again(store: SimulatedStore, owner: AppRecord) -> None:
    key, other = registered_key(), registered_key()
    old = await _register(store, owner, key)
    await revoke_signature_key(store, old.id, reason="stolen", actor=OPERATOR)
    with _refused("state_final", old.id):
        await _register(store, owner, key)
    successor = await _register(store, owner, other)
    with _refused("state_final", old.id):
        await rotate_signature_key(store, successor.id, public_key=key, reason="r", actor=OPERATOR)
    await rotate_signature_key(
        store, successor.id, public_key=registered_key(), overlap_s=0, reason="r", actor=OPERATOR
    )
    with _refused("state_final", successor.id):
        await _register(store, owner, other)


async def test_an_rsa_pair_that_was_revoked_does_not_come_back_under_the_other_padding(
    store: SimulatedStore, owner: AppRecord
) -> None:
    jwk = public_jwk(Algorithm.PS512)
    old = await _register(store, owner, parse_public_key(msgspec.json.encode(jwk)))
    await revoke_signature_key(store, old.id, reason="stolen", actor=OPERATOR)
    with pytest.raises(Rejected, match="state_final"):
        await _register(store, owner, parse_public_key(msgspec.json.encode({**jwk, "alg": "RS256"})))


async def test_a_pair_has_one_id_while_it_may_be_used(store: SimulatedStore, owner: AppRecord) -> None:
    key = registered_key()
    first = await _register(store, owner, key, expires_in_s=60)
    with _refused("object_exists", first.id):
        await _register(store, owner, key)
    await disable_signature_key(store, first.id, reason="r", actor=OPERATOR)
    with pytest.raises(Rejected, match="object_exists"):
        await _register(store, owner, key)
    store.now += 60
    again = await _register(store, owner, key)
    assert again.id != first.id, "expired, and nobody said that it was stolen"


async def test_nobody_locks_another_organization_out_by_its_public_key(store: SimulatedStore, owner: AppRecord) -> None:
    key = registered_key()
    taken = await _register(store, owner, key)
    await revoke_signature_key(store, taken.id, reason="r", actor=OPERATOR)
    store.signature_key_rows[taken.id] = replace(
        store.signature_key_rows[taken.id], organization_id=OrganizationId("attacker")
    )
    assert (await _register(store, owner, key)).state is SignatureKeyState.ACTIVE
