"""What rests sealed under which master key is counted, and what is left under an old one is sealed again."""

import secrets

import pytest

from doorward.app.master_key import record_resealing, record_rotation
from doorward.app.sealed import SEALED, count_sealed
from doorward.app.store import Store, open_store
from doorward.apps.operations import create_app
from doorward.audit.port import AuditFilter
from doorward.crypto.sealing import MasterKeys
from doorward.errors import Misconfigured
from doorward.methods.signature.operations import create_signature_key
from doorward.methods.signature.order import SignatureKeyOrder
from doorward.methods.signature.stored import StoredKeys
from doorward.methods.webhook import SCHEMES
from doorward.methods.webhook.operations import add_secret, add_sender, rotate_secret
from doorward.methods.webhook.order import SecretOrder, SenderOrder
from doorward.methods.webhook.stored import StoredSecrets
from doorward.revocation.sectors import register_sector
from doorward.values import Actor, CredentialId

ADA = Actor(kind="operator", id="ada")
ISSUER = "https://id.example"


def keys_of(*names: str) -> MasterKeys:
    """The last one seals. The same names are the same keys."""
    return MasterKeys(
        {name: name.encode().ljust(32, b"-") for name in names}, current=names[-1], entropy=secrets.token_bytes
    )


async def seal_one_of_each(store: Store) -> CredentialId:
    await store.keyring.found()
    await register_sector(store, "https://a.example", actor=ADA)
    await add_sender(store, SenderOrder(name="acme", scheme="standard"), actor=ADA)
    await add_secret(store, SecretOrder(sender="acme"), actor=ADA)
    app = await create_app(store, name="shop", actor=ADA)
    return (await create_signature_key(store, SignatureKeyOrder(app_id=app.id, name="k"), actor=ADA)).record.id


async def test_everything_that_is_sealed_is_counted_under_its_key(sql_url: str) -> None:
    async with open_store(sql_url, master_keys=keys_of("k1"), issuer=ISSUER) as store:
        await seal_one_of_each(store)
        # What is retired is erased, and no longer there.
        await rotate_secret(store, SecretOrder(sender="acme"), overlap_s=0, reason="x", actor=ADA)
        counted = await count_sealed(store)
        assert counted == {
            "k1": {"probe": 1, "signing key": 2, "key of derived names": 1, "signature key": 1, "webhook secret": 1}
        }
        assert set(counted["k1"]) == {kind.name for kind in SEALED}
        await store.meta.write_meta("master_key_probe", b"\xff")
        assert (await count_sealed(store))["unreadable"] == {"probe": 1}


async def test_what_a_server_with_the_old_file_sealed_is_found_and_sealed_again(sql_url: str) -> None:
    """A rotation seals all again, a server that was not restarted seals under the old key, and the old line goes."""
    both = keys_of("k1", "k2")
    async with open_store(sql_url, master_keys=keys_of("k1"), issuer=ISSUER) as old_server:
        async with open_store(sql_url, master_keys=both, issuer=ISSUER) as store:
            await record_rotation(store, both, actor=ADA)
        key_id = await seal_one_of_each(old_server)
    async with open_store(sql_url, master_keys=both, issuer=ISSUER) as store:
        first = await record_resealing(store, both, actor=ADA)
        assert first.before["k1"] == {
            "signing key": 2,
            "key of derived names": 1,
            "signature key": 1,
            "webhook secret": 1,
        }
        assert set(first.after) == {"k2"}
        assert first.left(both) == 0
        again = await record_resealing(store, both, actor=ADA)
        assert again.before == again.after == first.after
        # On record once: the second time there was nothing to do.
        (stored,) = await store.audit.list_events(AuditFilter(action="master_key.resealed"))
        assert (stored.event.object_id, stored.event.details) == ("k2", {"rows": 5, "left": 0})
    async with open_store(sql_url, master_keys=keys_of("k2"), issuer=ISSUER) as store:
        assert await StoredKeys(store).find_key(key_id) is not None
        assert len(await StoredSecrets(store, SCHEMES["standard"]).find_secrets("acme")) == 1
        await store.keyring.current_signer()


async def test_who_has_the_old_file_does_not_seal_anything_back(sql_url: str) -> None:
    async with open_store(sql_url, master_keys=keys_of("k1"), issuer=ISSUER) as old_server:
        await seal_one_of_each(old_server)
        async with open_store(sql_url, master_keys=keys_of("k1", "k2")) as store:
            await record_rotation(store, keys_of("k1", "k2"), actor=ADA)
        with pytest.raises(Misconfigured, match="not the one this database was set up with"):
            await record_resealing(old_server, keys_of("k1"), actor=ADA)
        assert set(await count_sealed(old_server)) == {"k2"}


async def test_what_was_sealed_under_a_key_that_is_gone_is_named(sql_url: str) -> None:
    async with open_store(sql_url, master_keys=keys_of("k1")) as old_server:
        async with open_store(sql_url, master_keys=keys_of("k1", "k2")) as store:
            await record_rotation(store, keys_of("k1", "k2"), actor=ADA)
        await add_sender(old_server, SenderOrder(name="acme", scheme="standard"), actor=ADA)
        secret_id = (await add_secret(old_server, SecretOrder(sender="acme"), actor=ADA)).record.id
    async with open_store(sql_url, master_keys=keys_of("k2")) as store:
        with pytest.raises(Misconfigured, match=secret_id):
            await record_resealing(store, keys_of("k2"), actor=ADA)


async def test_the_key_of_derived_names_under_a_key_that_is_gone_is_said(sql_url: str) -> None:
    async with open_store(sql_url, master_keys=keys_of("k1")) as old_server:
        async with open_store(sql_url, master_keys=keys_of("k1", "k2")) as store:
            await record_rotation(store, keys_of("k1", "k2"), actor=ADA)
        await register_sector(old_server, "https://a.example", actor=ADA)
    async with open_store(sql_url, master_keys=keys_of("k2")) as store:
        with pytest.raises(Misconfigured, match="The key of derived names does not open"):
            await record_resealing(store, keys_of("k2"), actor=ADA)
