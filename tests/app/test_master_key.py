"""The master key is found, proven, rotated, and its loss is survived as far as docs/master-key.md says."""

import secrets
from pathlib import Path

import pytest

from doorward.app.master_key import (
    create_master_key_file,
    load_master_keys,
    record_rotation,
    replace_lost_master_key,
    rotate_master_key_file,
)
from doorward.app.store import Store, open_store
from doorward.apps.operations import create_app
from doorward.audit.chain import GENESIS, ChainName, derive_chain_keys, link_event
from doorward.audit.port import AuditFilter
from doorward.crypto.sealing import MasterKeys
from doorward.door import Door
from doorward.errors import Misconfigured
from doorward.methods.apikey import ApiKeys
from doorward.methods.apikey.operations import create_key
from doorward.methods.apikey.order import KeyOrder
from doorward.methods.webhook import SCHEMES
from doorward.methods.webhook.operations import add_secret, add_sender, rotate_secret
from doorward.methods.webhook.order import IssuedSecret, SecretOrder, SenderOrder
from doorward.methods.webhook.port import SecretState
from doorward.methods.webhook.stored import StoredSecrets
from doorward.values import Actor
from doorward.wire.request import Peer, RequestView

OPERATOR = Actor(kind="operator", id="test")


def load(path: Path) -> MasterKeys:
    keys = load_master_keys(path, None, entropy=secrets.token_bytes)
    assert keys is not None
    return keys


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys" / "master.key"
    create_master_key_file(path, entropy=secrets.token_bytes)
    return path


async def issue(store: Store, name: str) -> str:
    app = await create_app(store, name=name, actor=OPERATOR)
    return (await create_key(store, KeyOrder(app_id=app.id, name="k"), actor=OPERATOR)).text


async def is_admitted(store: Store, key: str) -> bool:
    async def no_body(_most: int) -> bytes:
        return b""

    async def pass_nothing(_see: object, _most: int, _sender: str) -> None:
        pass

    request = RequestView(
        method="GET",
        raw_target=b"/",
        headers=[(b"authorization", f"Bearer {key}".encode())],
        scheme="https",
        peer=Peer(None),
        client=None,
        forwarded=False,
        read_body=no_body,
        pass_body=pass_nothing,
    )
    return (await Door(ApiKeys(store)).admit(request)).principal.kind == "app"


async def which_events_fit(store: Store, keys: MasterKeys) -> list[tuple[str, bool]]:
    """Each event's action, and whether its link fits under the keys that are left."""
    chain_keys = derive_chain_keys(keys, ChainName.CHANGES)
    head, told = GENESIS, []
    for stored in await store.audit.list_events(AuditFilter(), limit=1_000):
        key = chain_keys.get(stored.key_id)
        fits = key is not None and link_event(key, head, stored.sequence, stored.event) == stored.link
        told.append((stored.event.action, fits))
        head = stored.link
    return told


def require_private_and_alone(path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600
    assert [beside.name for beside in path.parent.iterdir()] == ["master.key"]


def keep_last_line(path: Path) -> None:
    path.write_text(path.read_text().splitlines()[-1] + "\n")


def lose(path: Path) -> None:
    path.unlink()


def test_a_new_file_is_for_its_owner_only_and_is_never_overwritten(key_file: Path) -> None:
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert key_file.parent.stat().st_mode & 0o777 == 0o700
    with pytest.raises(Misconfigured, match="exists already"):
        create_master_key_file(key_file, entropy=secrets.token_bytes)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602])
def test_a_file_others_can_open_is_refused(key_file: Path, mode: int) -> None:
    key_file.chmod(mode)
    with pytest.raises(Misconfigured, match="can be read or written by others") as caught:
        load(key_file)
    assert key_file.read_text().strip().partition(":")[2] not in str(caught.value)


def test_a_file_that_is_missing_or_no_text_is_refused(tmp_path: Path, key_file: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be read"):
        load(tmp_path / "absent")
    key_file.write_bytes(b"\xff\xfe")
    with pytest.raises(Misconfigured, match="not text"):
        load(key_file)


def test_two_sources_are_one_too_many(key_file: Path) -> None:
    with pytest.raises(Misconfigured, match="two master keys"):
        load_master_keys(key_file, key_file.read_text(), entropy=secrets.token_bytes)


async def test_another_key_does_not_open_the_store(sqlite_url: str, key_file: Path, tmp_path: Path) -> None:
    async with open_store(sqlite_url, master_keys=load(key_file)):
        pass
    other = tmp_path / "other.key"
    create_master_key_file(other, entropy=secrets.token_bytes)
    with pytest.raises(Misconfigured, match="not the one this database was set up with"):
        async with open_store(sqlite_url, master_keys=load(other)):
            pass


async def test_a_rotated_key_seals_and_the_old_one_may_go(sqlite_url: str, key_file: Path) -> None:
    async with open_store(sqlite_url, master_keys=load(key_file)) as store:
        key = await issue(store, "before")
    rotate_master_key_file(key_file, entropy=secrets.token_bytes)
    rotated = load(key_file)
    assert (rotated.current, sorted(rotated.key_ids)) == ("k2", ["k1", "k2"])
    require_private_and_alone(key_file)
    async with open_store(sqlite_url, master_keys=rotated) as store:
        await record_rotation(store, rotated, actor=OPERATOR)
        assert all(fits for _, fits in await which_events_fit(store, rotated))
    keep_last_line(key_file)
    async with open_store(sqlite_url, master_keys=load(key_file)) as store:
        assert await is_admitted(store, key)
        await issue(store, "after")


async def test_a_lost_key_is_survived(sqlite_url: str, key_file: Path, tmp_path: Path) -> None:
    async with open_store(sqlite_url, master_keys=load(key_file)) as store:
        key = await issue(store, "before")
    lose(key_file)
    # Without any master key the store still verifies, and changes nothing.
    async with open_store(sqlite_url) as store:
        assert await is_admitted(store, key)
        with pytest.raises(Misconfigured, match="DOORWARD_MASTER_KEY_FILE"):
            await issue(store, "during")
    same_id, new = tmp_path / "same.key", tmp_path / "new.key"
    create_master_key_file(same_id, entropy=secrets.token_bytes)
    create_master_key_file(new, entropy=secrets.token_bytes, key_id="k2")
    for path, fails in ((same_id, True), (new, False)):
        keys = load(path)
        async with open_store(sqlite_url, master_keys=keys, danger_unproven_master_keys=True) as store:
            if fails:
                with pytest.raises(Misconfigured, match="the id of the lost one"):
                    await replace_lost_master_key(store, keys, reason="disk died", actor=OPERATOR)
            else:
                await replace_lost_master_key(store, keys, reason="disk died", actor=OPERATOR)
    async with open_store(sqlite_url, master_keys=load(new)) as store:
        assert await is_admitted(store, key)
        await issue(store, "after")
        assert await which_events_fit(store, load(new)) == [
            ("app.created", False),
            ("key.created", False),
            ("master_key.replaced", True),
            ("app.created", True),
            ("key.created", True),
        ]


async def add_webhook_secret(store: Store) -> IssuedSecret:
    await add_sender(store, SenderOrder(name="acme", scheme="standard"), actor=OPERATOR)
    await add_secret(store, SecretOrder(sender="acme"), actor=OPERATOR)
    # One that is erased is not in the way.
    return await rotate_secret(store, SecretOrder(sender="acme"), overlap_s=0, reason="test", actor=OPERATOR)


async def test_secrets_of_senders_are_sealed_again_under_a_rotated_key(sqlite_url: str, key_file: Path) -> None:
    async with open_store(sqlite_url, master_keys=load(key_file)) as store:
        issued = await add_webhook_secret(store)
    rotate_master_key_file(key_file, entropy=secrets.token_bytes)
    async with open_store(sqlite_url, master_keys=load(key_file)) as store:
        for _ in range(2):
            await record_rotation(store, load(key_file), actor=OPERATOR)
    keep_last_line(key_file)
    async with open_store(sqlite_url, master_keys=load(key_file)) as store:
        (secret,) = await StoredSecrets(store, SCHEMES["standard"]).find_secrets("acme")
        assert secret.id == issued.record.id
        record = await store.senders.find_secret(issued.record.id)
        assert record is not None
        assert record.version == 2


async def test_secrets_of_senders_are_retired_when_the_key_is_lost(
    sqlite_url: str, key_file: Path, tmp_path: Path
) -> None:
    async with open_store(sqlite_url, master_keys=load(key_file)) as store:
        issued = await add_webhook_secret(store)
    new = tmp_path / "new.key"
    create_master_key_file(new, entropy=secrets.token_bytes, key_id="k2")
    async with open_store(sqlite_url, master_keys=load(new), danger_unproven_master_keys=True) as store:
        with pytest.raises(Misconfigured, match=issued.record.id):
            await StoredSecrets(store, SCHEMES["standard"]).find_secrets("acme")
        await replace_lost_master_key(store, load(new), reason="disk died", actor=OPERATOR)
        record = await store.senders.find_secret(issued.record.id)
        assert record is not None
        assert (record.state, record.sealed_text) == (SecretState.RETIRED, None)
        last = (await store.audit.list_events(AuditFilter(action="webhook_secret.retired"), limit=10))[-1].event
        assert (last.object_id, last.reason) == (issued.record.id, "disk died")
        made = await add_secret(store, SecretOrder(sender="acme"), actor=OPERATOR)
        (secret,) = await StoredSecrets(store, SCHEMES["standard"]).find_secrets("acme")
        assert secret.id == made.record.id
