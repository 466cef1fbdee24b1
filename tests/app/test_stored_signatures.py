"""Requests signed with keys of the store, at a door over a real database: who they are, and when they end."""

import secrets
import time
from collections.abc import AsyncIterator

import pytest
from tests.simulators.signed_door import signed_view
from tests.simulators.stored_signature_keys import pair_of, public_pem

from doorward import Door, Scopes, SignedRequests
from doorward.app.store import Store, open_store
from doorward.apps.operations import create_app, resume_app, suspend_app
from doorward.apps.port import AppRecord
from doorward.crypto.registered_keys import parse_public_key
from doorward.crypto.sealing import MasterKeys
from doorward.crypto.signatures import SignatureAlgorithm, SignatureSigner
from doorward.errors import Rejected
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
from doorward.revocation.operations import revoke_organization
from doorward.values import Actor, OrganizationId, Principal

ADA = Actor(kind="operator", id="ada")


@pytest.fixture
async def store(sql_url: str) -> AsyncIterator[Store]:
    keys = MasterKeys({"k1": secrets.token_bytes(32)}, current="k1", entropy=secrets.token_bytes)
    async with open_store(sql_url, master_keys=keys, pull_interval_s=0.05) as opened:
        yield opened


@pytest.fixture
async def app(store: Store) -> AppRecord:
    return await create_app(store, name="shop", organization_id=OrganizationId("acme"), actor=ADA)


@pytest.fixture
async def door(store: Store) -> AsyncIterator[Door]:
    opened = Door(SignedRequests(store), require=Scopes("orders:write"))
    await opened.start()
    yield opened
    await opened.aclose()


async def _admit(door: Door, key_id: str, signer: bytes | SignatureSigner) -> Principal:
    return (await door.admit(signed_view(key_id, signer, at=int(time.time())))).principal


async def _outcome(door: Door, key_id: str, signer: bytes | SignatureSigner) -> str:
    try:
        await _admit(door, key_id, signer)
    except Rejected as refused:
        return refused.code
    return "admitted"


async def _becomes(door: Door, issued: IssuedSignatureKey, wanted: str) -> None:
    """The outcome, once the feed has arrived."""
    assert issued.secret is not None
    deadline, outcome = time.monotonic() + 5, ""
    while time.monotonic() < deadline:
        outcome = await _outcome(door, issued.record.id, issued.secret)
        if outcome == wanted:
            return
    assert outcome == wanted


async def _create(store: Store, app: AppRecord) -> IssuedSignatureKey:
    order = SignatureKeyOrder(app_id=app.id, name="k", scopes=Scopes("orders:write"), metadata={"m": "1"})
    return await create_signature_key(store, order, actor=ADA)


async def test_the_app_is_proven_by_its_secret(store: Store, app: AppRecord, door: Door) -> None:
    issued = await _create(store, app)
    assert issued.secret is not None
    principal = await _admit(door, issued.record.id, issued.secret)
    assert (principal.id, principal.name, principal.credential_id) == (app.id, "shop", issued.record.id)
    assert (principal.organization_id, principal.kind) == ("acme", "app")
    assert await _outcome(door, issued.record.id, secrets.token_bytes(32)) == "signature_mismatch"
    assert await _outcome(door, "sig_000000000000", issued.secret) == "signature_key_unknown"


async def test_the_app_is_proven_by_its_registered_key(store: Store, app: AppRecord, door: Door) -> None:
    order = SignatureKeyOrder(app_id=app.id, name="k", scopes=Scopes("orders:write"))
    record = await register_signature_key(store, order, parse_public_key(public_pem("Ed25519")), actor=ADA)
    signer = SignatureSigner(SignatureAlgorithm.ED25519, pair_of("Ed25519"))
    assert (await _admit(door, record.id, signer)).id == app.id


async def test_a_warm_key_ends_when_it_is_taken_back(store: Store, app: AppRecord, door: Door) -> None:
    issued = await _create(store, app)
    await _becomes(door, issued, "admitted")
    await disable_signature_key(store, issued.record.id, reason="r", actor=ADA)
    await _becomes(door, issued, "credential_disabled")
    await enable_signature_key(store, issued.record.id, reason="r", actor=ADA)
    await _becomes(door, issued, "admitted")
    await suspend_app(store, app.id, reason="r", actor=ADA)
    await _becomes(door, issued, "app_suspended")
    await resume_app(store, app.id, reason="r", actor=ADA)
    await _becomes(door, issued, "admitted")
    await change_signature_key(store, issued.record.id, SignatureKeyChanges(scopes=Scopes()), reason="r", actor=ADA)
    await _becomes(door, issued, "scope_insufficient")


async def test_a_revoked_key_is_refused_warm_and_cold(store: Store, app: AppRecord, door: Door) -> None:
    issued = await _create(store, app)
    assert issued.secret is not None
    await _becomes(door, issued, "admitted")
    await revoke_signature_key(store, issued.record.id, reason="leaked", actor=ADA)
    await _becomes(door, issued, "credential_revoked")
    # Loaded again, its secret is gone, and it is a key like none.
    cold = Door(SignedRequests(store), require=Scopes("orders:write"))
    assert await _outcome(cold, issued.record.id, issued.secret) == "signature_key_unknown"


async def test_an_organization_takes_its_warm_keys_along(store: Store, app: AppRecord, door: Door) -> None:
    issued = await _create(store, app)
    await _becomes(door, issued, "admitted")
    await revoke_organization(store, "acme", reason="left", actor=ADA)
    await _becomes(door, issued, "signature_key_unknown")


async def test_both_keys_work_during_the_overlap(store: Store, app: AppRecord, door: Door) -> None:
    first = await _create(store, app)
    second = await rotate_signature_key(store, first.record.id, overlap_s=60, reason="routine", actor=ADA)
    await _becomes(door, first, "admitted")
    await _becomes(door, second, "admitted")
    third = await rotate_signature_key(store, second.record.id, overlap_s=0, reason="leaked", actor=ADA)
    await _becomes(door, third, "admitted")
    await _becomes(door, second, "credential_revoked")


async def test_use_is_counted_and_shown(store: Store, app: AppRecord) -> None:
    issued = await _create(store, app)
    assert issued.secret is not None
    door = Door(SignedRequests(store))
    await _admit(door, issued.record.id, issued.secret)
    await door.aclose()
    async with store:
        found = await store.signature_keys.find_signature_key(issued.record.id)
    assert found is not None
    assert (found.use_count, found.last_source) == (1, "192.0.2.1")
