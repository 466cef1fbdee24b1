"""The keys of the store as a door asks for them."""

import secrets
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace
from tests.simulators.store import OPERATOR, SimulatedStore
from tests.simulators.stored_signature_keys import pair_of, public_pem

from doorward.apps.operations import revoke_app, suspend_app
from doorward.apps.port import AppRecord
from doorward.crypto.registered_keys import parse_public_key
from doorward.crypto.sealing import MasterKeys
from doorward.crypto.signatures import SignatureAlgorithm, SignatureKey, SignatureSigner
from doorward.errors import Misconfigured, Unavailable
from doorward.methods.signature import stored
from doorward.methods.signature.operations import (
    create_signature_key,
    disable_signature_key,
    register_signature_key,
    revoke_signature_key,
)
from doorward.methods.signature.order import IssuedSignatureKey, SignatureKeyOrder
from doorward.methods.signature.sealed import open_secret
from doorward.methods.signature.stored import StoredKeys
from doorward.values import CredentialId, RateLimit, Scopes


async def _create(store: SimulatedStore, owner: AppRecord) -> IssuedSignatureKey:
    order = SignatureKeyOrder(
        app_id=owner.id,
        name="k",
        scopes=Scopes("orders:read"),
        networks=("10.0.0.0/8",),
        rate=RateLimit(5, 1),
        metadata={"m": "1"},
    )
    return await create_signature_key(store, order, actor=OPERATOR)


async def _register(store: SimulatedStore, owner: AppRecord) -> CredentialId:
    order = SignatureKeyOrder(app_id=owner.id, name="p")
    return (await register_signature_key(store, order, parse_public_key(public_pem("Ed25519")), actor=OPERATOR)).id


async def test_a_secret_is_opened_and_its_grants_come_along(store: SimulatedStore, owner: AppRecord) -> None:
    issued = await _create(store, owner)
    assert issued.secret is not None
    loaded = await StoredKeys(store).find_key(issued.record.id)
    assert loaded is not None
    signature = SignatureSigner(SignatureAlgorithm.HMAC_SHA256, issued.secret).sign(b"base")
    assert loaded.verifier.has_signed(signature, b"base")
    record = issued.record
    assert (loaded.id, loaded.app_id, loaded.app_name, loaded.organization_id) == (
        record.id,
        owner.id,
        owner.name,
        None,
    )
    assert (loaded.scopes, loaded.networks, loaded.rate) == (Scopes("orders:read"), ("10.0.0.0/8",), RateLimit(5, 1))
    assert (loaded.expires_at, loaded.barred, loaded.metadata) == (record.expires_at, None, {"m": "1"})
    assert issued.text() not in repr(loaded) + repr(loaded.__rich_repr__())


async def test_a_public_key_verifies_what_its_owner_signs(store: SimulatedStore, owner: AppRecord) -> None:
    loaded = await StoredKeys(store).find_key(await _register(store, owner))
    assert loaded is not None
    assert loaded.verifier.has_signed(SignatureSigner(SignatureAlgorithm.ED25519, pair_of("Ed25519")).sign(b"x"), b"x")


async def test_an_unknown_key_is_not_there(store: SimulatedStore) -> None:
    assert await StoredKeys(store).find_key(CredentialId("sig_000000000000")) is None


async def test_an_id_nobody_has_costs_what_a_known_one_costs(
    store: SimulatedStore, owner: AppRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = StoredKeys(store)
    known, erased = (await _create(store, owner)).record.id, (await _create(store, owner)).record.id
    await revoke_signature_key(store, erased, actor=OPERATOR, reason="leaked")
    done: list[object] = []
    monkeypatch.setattr(stored, "open_secret", _counted(open_secret, done))
    monkeypatch.setattr(stored, "SignatureKey", _counted(SignatureKey, done))
    counts = {}
    for key_id in (known, erased, CredentialId("sig_000000000000")):
        done.clear()
        assert (await source.find_key(key_id) is None) == (key_id != known)
        counts[key_id] = list(done)
    # One secret is opened and one key is made of it, of the same length, whatever the id.
    assert [*counts.values()] == [["open_secret", 32, "SignatureKey", 32]] * 3


def _counted(made: Callable[..., Any], done: list[object]) -> Callable[..., Any]:
    def count(*parts: Any) -> Any:
        found = made(*parts)
        done.extend((made.__name__, len(found if isinstance(found, bytes) else parts[-1])))
        return found

    return count


async def test_what_bars_a_key_is_told_and_an_erased_one_is_not_there(store: SimulatedStore, owner: AppRecord) -> None:
    source = StoredKeys(store)
    secret, public = (await _create(store, owner)).record.id, await _register(store, owner)

    async def barred(key_id: CredentialId) -> str | None:
        loaded = await source.find_key(key_id)
        assert loaded is not None
        return loaded.barred

    await disable_signature_key(store, secret, reason="r", actor=OPERATOR)
    assert await barred(secret) == "credential_disabled"
    await suspend_app(store, owner.id, reason="r", actor=OPERATOR)
    assert await barred(public) == "app_suspended"
    for key_id in (secret, public):
        await revoke_signature_key(store, key_id, reason="r", actor=OPERATOR)
    assert await barred(public) == "credential_revoked"
    assert await source.find_key(secret) is None


async def test_a_revoked_app_bars_its_keys(store: SimulatedStore, owner: AppRecord) -> None:
    secret, public = (await _create(store, owner)).record.id, await _register(store, owner)
    await revoke_app(store, owner.id, reason="r", actor=OPERATOR)
    loaded = await StoredKeys(store).find_key(public)
    assert loaded is not None
    assert loaded.barred == "credential_revoked"
    # Erased with the app.
    assert await StoredKeys(store).find_key(secret) is None


async def test_without_master_keys_only_public_keys_may_be_asked_for(store: SimulatedStore, owner: AppRecord) -> None:
    secret, public = (await _create(store, owner)).record.id, await _register(store, owner)
    store.master_keys = None
    with pytest.raises(Misconfigured, match="DOORWARD_MASTER_KEY_FILE"):
        StoredKeys(store)
    source = StoredKeys(store, public_keys_only=True)
    assert await source.find_key(public) is not None
    assert await source.find_key(secret) is None


async def test_a_secret_of_another_master_key_is_ours_to_mend_and_passes(
    store: SimulatedStore, owner: AppRecord
) -> None:
    issued = await _create(store, owner)
    store.master_keys = MasterKeys({"k2": secrets.token_bytes(32)}, current="k2", entropy=secrets.token_bytes)
    with pytest.raises(Unavailable, match="keys_unavailable") as caught:
        await StoredKeys(store).find_key(issued.record.id)
    assert issued.record.id in caught.value.detail
    assert issued.text() not in caught.value.detail


async def test_a_sealed_secret_moved_to_another_row_does_not_open_there(
    store: SimulatedStore, owner: AppRecord
) -> None:
    ours, theirs = (await _create(store, owner)).record, (await _create(store, owner)).record
    store.signature_key_rows[theirs.id] = replace(theirs, sealed_secret=ours.sealed_secret)
    with pytest.raises(Unavailable, match="keys_unavailable"):
        await StoredKeys(store).find_key(theirs.id)


async def test_a_public_key_that_was_tampered_with_is_ours_to_mend(store: SimulatedStore, owner: AppRecord) -> None:
    key_id = await _register(store, owner)
    record = store.signature_key_rows[key_id]
    store.signature_key_rows[key_id] = replace(record, public_jwk={"kty": "oct", "k": "A" * 43})
    with pytest.raises(Unavailable, match="keys_unavailable"):
        await StoredKeys(store).find_key(key_id)
