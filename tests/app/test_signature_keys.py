"""What the life of the master key means for the secrets of signature keys."""

import secrets

import pytest
from msgspec.structs import replace
from tests.simulators.stored_signature_keys import registered_key

from doorward.app.master_key import record_rotation, replace_lost_master_key, seal_again
from doorward.app.store import Store, open_store
from doorward.apps.operations import create_app
from doorward.audit.port import AuditFilter
from doorward.crypto.sealing import MasterKeys
from doorward.errors import Misconfigured
from doorward.methods.signature.operations import (
    create_signature_key,
    register_signature_key,
    revoke_signature_key,
)
from doorward.methods.signature.order import IssuedSignatureKey, SignatureKeyOrder
from doorward.methods.signature.port import SignatureKeyUpdated
from doorward.methods.signature.sealed import open_secret
from doorward.methods.signature.stored import StoredKeys
from doorward.values import Actor, Change, CredentialId

ADA = Actor(kind="operator", id="ada")


def _keys(*names: str) -> MasterKeys:
    """The last one seals. The same names are the same keys."""
    return MasterKeys(
        {name: name.encode().ljust(32, b"-") for name in names}, current=names[-1], entropy=secrets.token_bytes
    )


async def _make(store: Store) -> tuple[IssuedSignatureKey, CredentialId]:
    app = await create_app(store, name="shop", actor=ADA)
    order = SignatureKeyOrder(app_id=app.id, name="k")
    issued = await create_signature_key(store, order, actor=ADA)
    public = await register_signature_key(store, order, registered_key(), actor=ADA)
    return issued, public.id


async def _states(store: Store) -> dict[str, tuple[str, bool]]:
    records = await store.signature_keys.list_signature_keys()
    return {record.id: (record.state.value, record.sealed_secret is not None) for record in records}


async def test_a_rotation_seals_every_secret_again(sql_url: str) -> None:
    async with open_store(sql_url, master_keys=_keys("k1")) as store:
        issued, public = await _make(store)
        over = await _make_another(store)
    async with open_store(sql_url, master_keys=_keys("k1", "k2")) as store:
        await record_rotation(store, _keys("k1", "k2"), actor=ADA)
        await record_rotation(store, _keys("k1", "k2"), actor=ADA)  # again is safe
    async with open_store(sql_url, master_keys=_keys("k2")) as store:
        record = await store.signature_keys.find_signature_key(issued.record.id)
        assert record is not None
        assert record.sealed_secret is not None
        assert record.version == 2
        assert open_secret(_keys("k2"), record.id, record.sealed_secret) == issued.secret
        assert await StoredKeys(store).find_key(issued.record.id) is not None
        assert await _states(store) == {
            issued.record.id: ("active", True),
            public: ("active", False),
            over: ("revoked", False),
        }


async def _make_another(store: Store) -> CredentialId:
    """One that is revoked: it has nothing to seal."""
    app = await create_app(store, name="other", actor=ADA)
    key_id = (await create_signature_key(store, SignatureKeyOrder(app_id=app.id, name="k"), actor=ADA)).record.id
    await revoke_signature_key(store, key_id, reason="over", actor=ADA)
    return key_id


async def test_a_secret_that_does_not_open_stops_a_rotation_with_its_id(sql_url: str) -> None:
    async with open_store(sql_url, master_keys=_keys("k1")) as store:
        issued, _ = await _make(store)
        record = await store.signature_keys.find_signature_key(issued.record.id)
        assert record is not None
        damaged = replace(record, sealed_secret=b"\x02k1" + bytes(60), version=2)
        await store.changes.commit(Change(writes=(SignatureKeyUpdated(damaged),)))
    async with open_store(sql_url, master_keys=_keys("k1", "k2")) as store:
        with pytest.raises(Misconfigured, match=issued.record.id):
            await seal_again(store, _keys("k1", "k2"))


async def test_a_lost_master_key_ends_what_it_sealed_and_nothing_else(sql_url: str) -> None:
    async with open_store(sql_url, master_keys=_keys("k1")) as store:
        issued, public = await _make(store)
    new = _keys("k2")
    async with open_store(sql_url, master_keys=new, danger_unproven_master_keys=True) as store:
        await replace_lost_master_key(store, new, reason="disk died", actor=ADA)
    async with open_store(sql_url, master_keys=new) as store:
        assert await _states(store) == {issued.record.id: ("revoked", False), public: ("active", False)}
        source = StoredKeys(store)
        assert await source.find_key(issued.record.id) is None
        assert await source.find_key(public) is not None
        events = await store.audit.list_events(AuditFilter(), limit=100)
        last = events[-1].event
        assert (last.action, last.object_id, last.reason) == (
            "signature_key.revoked",
            issued.record.id,
            "disk died",
        )
        rows = (await store.feed.read_feed(0)).rows
        assert rows[-1].handle.id == issued.record.id
