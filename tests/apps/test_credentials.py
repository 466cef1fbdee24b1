"""A credential taken back by its public id, whatever kind it is."""

import secrets
from collections.abc import AsyncIterator

import pytest
from tests.simulators.opaque import insert_opaque

from doorward.app.store import Store, open_store
from doorward.apps.credentials import revoke_credential
from doorward.apps.operations import create_app
from doorward.crypto.sealing import MasterKeys
from doorward.methods.signature.operations import create_signature_key
from doorward.methods.signature.order import SignatureKeyOrder
from doorward.values import Actor, CredentialId, FeedKind, Handle

ADA = Actor(kind="operator", id="ada")


@pytest.fixture
async def store(sqlite_url: str) -> AsyncIterator[Store]:
    keys = MasterKeys({"k1": secrets.token_bytes(32)}, current="k1", entropy=secrets.token_bytes)
    async with open_store(sqlite_url, master_keys=keys) as opened:
        yield opened


@pytest.mark.parametrize(
    ("audience", "told"),
    [(("https://a.example",), "https://a.example"), (("https://a.example", "https://b.example"), None)],
)
async def test_an_opaque_token_is_told_to_those_it_is_for(
    store: Store, audience: tuple[str, ...], told: str | None
) -> None:
    """Told to all, it would be folded with what is for all, and that is withheld from a sector."""
    await insert_opaque(store, "00000000000a", audience=" ".join(audience))
    revoked = await revoke_credential(store, CredentialId("00000000000a"), reason="x", actor=ADA)
    assert (revoked.what, revoked.again) == ("token", False)
    (row,) = (await store.feed.read_feed(0)).rows
    assert (row.handle.id, row.audience) == ("00000000000a", told)
    assert (await revoke_credential(store, CredentialId("00000000000a"), reason="x", actor=ADA)).again


async def test_a_signature_key_is_found_by_its_id(store: Store) -> None:
    app = await create_app(store, name="shop", actor=ADA)
    order = SignatureKeyOrder(app_id=app.id, name="k")
    key_id = (await create_signature_key(store, order, actor=ADA)).record.id
    done = await revoke_credential(store, key_id, reason="x", actor=ADA)
    assert (done.what, done.id, done.whose, done.again) == ("signature_key", key_id, "shop", False)
    (row,) = (await store.feed.read_feed(0)).rows
    assert (row.handle, row.changed_version) == (Handle(FeedKind.CREDENTIAL, key_id), None)
    assert (await revoke_credential(store, key_id, reason="x", actor=ADA)).again
