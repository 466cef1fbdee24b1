"""`SignatureKeyPort` and its writes, and that a stolen database signs nothing."""

import asyncio
import secrets
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from tests.simulators.clock import NOON
from tests.simulators.records import APP, app_of
from tests.simulators.stored_signature_keys import public_jwk, signature_key_of

from doorward.adapters.sql import signature_keys
from doorward.adapters.sql.open import SqlPorts
from doorward.app.store import open_store
from doorward.apps.port import AppInserted, AppState, AppUpdated
from doorward.crypto.jose.algorithms import Algorithm
from doorward.crypto.jose.base64url import encode_base64url
from doorward.crypto.sealing import MasterKeys
from doorward.crypto.signatures import SignatureAlgorithm
from doorward.errors import Rejected
from doorward.methods.plane import UsageDelta
from doorward.methods.signature.operations import create_signature_key, rotate_signature_key
from doorward.methods.signature.order import SignatureKeyOrder
from doorward.methods.signature.port import SignatureKeyInserted, SignatureKeyState, SignatureKeyUpdated
from doorward.values import Actor, AppId, Change, CredentialId, MethodName, OrganizationId, RateLimit, Scopes

ADA = Actor(kind="operator", id="ada")


@pytest.fixture
async def app(ports: SqlPorts) -> None:
    await ports.changes.commit(Change(writes=(AppInserted(app_of()),)))


async def _insert(ports: SqlPorts, **changed: Any) -> None:  # Any: whatever the fields hold
    await ports.changes.commit(Change(writes=(SignatureKeyInserted(signature_key_of(**changed)),)))


@pytest.mark.usefixtures("app")
async def test_a_key_of_each_sort_comes_back_with_its_app(ports: SqlPorts) -> None:
    public: dict[str, Any] = {
        "key_id": "sig_000000000002",
        "algorithm": SignatureAlgorithm.ED25519,
        "public_jwk": public_jwk(),
        "sealed_secret": None,
    }
    for changed in ({}, public):
        await _insert(ports, **changed)
        wanted = signature_key_of(**changed, app_name=app_of().name)
        assert await ports.signature_keys.find_signature_key(wanted.id) == wanted


@pytest.mark.usefixtures("app")
async def test_a_key_with_nothing_optional_comes_back(ports: SqlPorts) -> None:
    bare: dict[str, Any] = {
        "organization_id": None,
        "scopes": Scopes(),
        "networks": (),
        "rate": None,
        "expires_at": None,
        "metadata": {},
    }
    await _insert(ports, **bare)
    found = await ports.signature_keys.find_signature_key(signature_key_of().id)
    assert found == signature_key_of(app_name=app_of().name, **bare)


@pytest.mark.usefixtures("app")
async def test_use_and_the_state_of_the_app_are_joined(ports: SqlPorts) -> None:
    await _insert(ports)
    await ports.changes.commit(Change(writes=(AppUpdated(app_of(state=AppState.SUSPENDED, version=2)),)))
    used = UsageDelta(
        method=MethodName("signature"),
        credential_id=signature_key_of().id,
        count=3,
        last_used_at=NOON,
        last_source="::1",
    )
    await ports.usage.add_usage((used,))
    found = await ports.signature_keys.find_signature_key(signature_key_of().id)
    assert found is not None
    assert (found.app_state, found.use_count, found.last_used_at, found.last_source) == ("suspended", 3, NOON, "::1")


@pytest.mark.usefixtures("app")
async def test_lists_are_by_id_by_app_and_by_organization(ports: SqlPorts) -> None:
    other = AppId("app_other")
    await ports.changes.commit(Change(writes=(AppInserted(app_of(other)),)))
    for key_id, app_id, organization in (("3", APP, "acme"), ("1", APP, "acme"), ("2", other, "other")):
        await _insert(ports, key_id=key_id, app_id=app_id, organization_id=OrganizationId(organization))
    listing = ports.signature_keys.list_signature_keys
    assert [key.id for key in await listing()] == ["1", "2", "3"]
    assert [key.id for key in await listing(limit=2)] == ["1", "2"]
    assert [key.id for key in await listing(app_id=APP, after="1")] == ["3"]
    assert [key.id for key in await listing(organization_id=OrganizationId("other"))] == ["2"]
    assert await listing(organization_id=OrganizationId("other"), app_id=APP) == ()
    with pytest.raises(Rejected, match="input_invalid"):
        await listing(limit=1_001)


@pytest.mark.usefixtures("app")
async def test_a_taken_id_and_an_app_that_is_not_there_are_refused(ports: SqlPorts) -> None:
    await _insert(ports)
    with pytest.raises(Rejected, match="object_exists"):
        await _insert(ports)
    with pytest.raises(Rejected, match="object_unknown"):
        await _insert(ports, key_id="sig_x", app_id="app_x")


@pytest.mark.usefixtures("app")
async def test_an_update_changes_what_may_change_and_nothing_else(ports: SqlPorts) -> None:
    await ports.changes.commit(Change(writes=(AppInserted(app_of("app_thief")),)))
    await _insert(ports)
    changed: dict[str, Any] = {
        "version": 2,
        "name": "renamed",
        "sealed_secret": b"sealed again",
        "scopes": Scopes("orders:read"),
        "networks": (),
        "rate": RateLimit(5, 1),
        "state": SignatureKeyState.DISABLED,
        "expires_at": None,
        "rotated_to": CredentialId("next"),
        "metadata": {"new": "yes"},
    }
    fixed: dict[str, Any] = {
        "app_id": AppId("app_thief"),
        "organization_id": None,
        "algorithm": SignatureAlgorithm.ED25519,
        "created_at": 0,
        "rotated_from": CredentialId("before"),
    }
    await ports.changes.commit(Change(writes=(SignatureKeyUpdated(signature_key_of(**changed | fixed)),)))
    found = await ports.signature_keys.find_signature_key(signature_key_of().id)
    assert found == signature_key_of(**changed, app_name=app_of().name)


@pytest.mark.usefixtures("app")
async def test_no_update_swaps_a_public_key(ports: SqlPorts) -> None:
    mine, thiefs = public_jwk(), public_jwk()
    public: dict[str, Any] = {"algorithm": SignatureAlgorithm.ED25519, "sealed_secret": None}
    await _insert(ports, public_jwk=mine, **public)
    update = SignatureKeyUpdated(signature_key_of(public_jwk=thiefs, version=2, **public))
    await ports.changes.commit(Change(writes=(update,)))
    found = await ports.signature_keys.find_signature_key(signature_key_of().id)
    assert found is not None
    assert (found.public_jwk, found.version) == (mine, 2)


@pytest.mark.usefixtures("app")
async def test_updates_hold_on_the_version_before_and_never_after_revocation(ports: SqlPorts) -> None:
    with pytest.raises(Rejected, match="object_unknown"):
        await ports.changes.commit(Change(writes=(SignatureKeyUpdated(signature_key_of(version=2)),)))
    await _insert(ports)
    for version in (1, 3):
        with pytest.raises(Rejected, match="object_conflict"):
            await ports.changes.commit(Change(writes=(SignatureKeyUpdated(signature_key_of(version=version)),)))
    over = signature_key_of(version=2, state=SignatureKeyState.REVOKED, sealed_secret=None)
    await ports.changes.commit(Change(writes=(SignatureKeyUpdated(over),)))
    with pytest.raises(Rejected, match="object_conflict"):
        await ports.changes.commit(Change(writes=(SignatureKeyUpdated(signature_key_of(version=3)),)))


@pytest.mark.usefixtures("app")
async def test_of_twenty_parallel_rotations_one_succeeds(ports: SqlPorts, sql_url: str) -> None:
    master_keys = MasterKeys({"k1": bytes(range(32))}, current="k1", entropy=secrets.token_bytes)
    async with open_store(sql_url, master_keys=master_keys) as store:
        first = await create_signature_key(store, SignatureKeyOrder(app_id=APP, name="k"), actor=ADA)

        async def rotate() -> str:
            try:
                return (await rotate_signature_key(store, first.record.id, reason="r", actor=ADA)).record.id
            except Rejected as refused:
                return refused.code

        outcomes = await asyncio.gather(*(rotate() for _ in range(20)))
        (winner,) = [outcome for outcome in outcomes if outcome != "object_conflict"]
        listed = await ports.signature_keys.list_signature_keys()
        assert {key.id for key in listed} == {first.record.id, winner}


@pytest.mark.usefixtures("app")
async def test_an_unknown_id_reads_a_row_like_a_known_one(ports: SqlPorts) -> None:
    # One that reads none answers sooner, and a stranger with a clock learns which ids exist (invariant 3).
    await _insert(ports)
    unknown = CredentialId("!" * 12)  # sorts before every id there is
    assert len(await ports.keys._engine.read(signature_keys._ROWS.finding, {"id": unknown})) == 1
    assert await ports.signature_keys.find_signature_key(unknown) is None


async def test_a_stolen_database_shows_no_secret(sqlite_url: str, tmp_path: Path) -> None:
    master_keys = MasterKeys({"k1": secrets.token_bytes(32)}, current="k1", entropy=secrets.token_bytes)
    async with open_store(sqlite_url, master_keys=master_keys) as store:
        await store.changes.commit(Change(writes=(AppInserted(app_of()),)))
        issued = await create_signature_key(store, SignatureKeyOrder(app_id=APP, name="k"), actor=ADA)
        again = await rotate_signature_key(store, issued.record.id, reason="routine", actor=ADA)
    found, dump = _read_all(tmp_path)
    assert issued.record.id.encode() in dump
    for one in (issued, again):
        assert one.secret is not None
        forms = (one.secret, one.text().encode(), encode_base64url(one.secret), one.secret.hex().encode())
        for form in (*forms, one.secret.hex().upper().encode()):
            assert form not in found
            assert form not in dump


def _read_all(folder: Path) -> tuple[bytes, bytes]:
    """What a thief has: the files as they lie there, and what their rows say."""
    files = b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())
    return files, "\n".join(sqlite3.connect(folder / "doorward.db").iterdump()).encode()


@pytest.mark.usefixtures("app")
async def test_who_holds_a_public_key_is_found_within_its_organization(ports: SqlPorts) -> None:
    jwk = public_jwk(Algorithm.PS512)
    kept = {"sealed_secret": None, "public_jwk": jwk, "algorithm": SignatureAlgorithm.RSA_PSS_SHA512}
    await _insert(ports, key_id="1", organization_id=OrganizationId("acme"), expires_at=NOON, **kept)
    await _insert(ports, key_id="2", organization_id=None, expires_at=None, **kept)
    find = ports.signature_keys.find_holder_of_public_key
    acme = OrganizationId("acme")
    assert await find(jwk, organization_id=acme, now=NOON) is None, "expired"
    assert await find(public_jwk(), organization_id=None, now=NOON) is None, "another key"
    assert await find(jwk, organization_id=OrganizationId("other"), now=NOON) is None
    for spelled in (jwk, {**jwk, "alg": "RS256"}):
        for organization, now, found in ((acme, NOON - 1, "1"), (None, NOON, "2")):
            holder = await find(spelled, organization_id=organization, now=now)
            assert holder is not None
            assert holder.id == found
    await _insert(ports, key_id="3", organization_id=acme, expires_at=NOON, state=SignatureKeyState.REVOKED, **kept)
    holder = await find(jwk, organization_id=acme, now=NOON + 10**9)
    assert holder is not None
    assert holder.id == "3"
