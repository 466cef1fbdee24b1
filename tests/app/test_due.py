"""What is due of secrets and signature keys is told while there is time, and what was planned is not."""

import secrets

import pytest
from msgspec.structs import replace
from tests.simulators.store import NOW, OPERATOR, SimulatedStore

from doorward.app.check.due import DUE_S, NAMED_MAX, find_due
from doorward.apps.operations import create_app
from doorward.crypto.sealing import MasterKeys
from doorward.methods.signature.operations import create_signature_key, disable_signature_key, rotate_signature_key
from doorward.methods.signature.order import SignatureKeyOrder
from doorward.methods.signature.port import SignatureKeyRecord
from doorward.methods.webhook.config import SECRETS_MAX
from doorward.methods.webhook.operations import add_secret, add_sender, rotate_secret
from doorward.methods.webhook.order import IssuedSecret, SecretOrder, SenderOrder

DAY = 86_400


@pytest.fixture
async def acme(store: SimulatedStore) -> SimulatedStore:
    """A store with one sender."""
    await add_sender(store, SenderOrder(name="acme", scheme="standard"), actor=OPERATOR)
    return store


async def add(store: SimulatedStore, *, ends_in_s: int | None = None, begins_in_s: int | None = None) -> IssuedSecret:
    order = SecretOrder(
        sender="acme",
        not_before=None if begins_in_s is None else NOW + begins_in_s,
        not_after=None if ends_in_s is None else NOW + ends_in_s,
    )
    return await add_secret(store, order, actor=OPERATOR)


async def create(store: SimulatedStore, *, expires_in_s: int = 365 * DAY) -> SignatureKeyRecord:
    app = await store.find_app_by_name("shop") or await create_app(store, name="shop", actor=OPERATOR)
    order = SignatureKeyOrder(app_id=app.id, name="k", expires_in_s=expires_in_s)
    return (await create_signature_key(store, order, actor=OPERATOR)).record


async def told(store: SimulatedStore, now: int = NOW) -> list[str]:
    return [finding.what for finding in await find_due(store, now)]


async def test_nothing_is_due_of_an_empty_store(store: SimulatedStore) -> None:
    assert await told(store) == []


async def test_a_sender_without_an_active_secret_is_told(acme: SimulatedStore) -> None:
    assert await told(acme) == ["Senders without an active secret: acme"]
    await add(acme, begins_in_s=DAY)
    assert await told(acme) == ["Senders without an active secret: acme"]
    await add(acme)
    assert await told(acme) == []


async def test_a_secret_without_another_after_it_is_told_a_week_before_its_end(acme: SimulatedStore) -> None:
    issued = await add(acme, ends_in_s=DUE_S + DAY)
    assert await told(acme, NOW + DAY - 1) == []
    ending = [f"Webhook secrets that end within a week: {issued.record.id} of acme"]
    assert await told(acme, NOW + DAY) == ending
    assert await told(acme, NOW + DUE_S + DAY) == ["Senders without an active secret: acme"]
    await add(acme, begins_in_s=DUE_S)
    assert await told(acme, NOW + DAY) == []


async def test_a_rotated_secret_is_told_only_while_its_sender_signs_with_it(acme: SimulatedStore) -> None:
    old = (await add(acme)).record
    await rotate_secret(acme, SecretOrder(sender="acme"), overlap_s=DAY, reason="r", actor=OPERATOR)
    assert await told(acme) == []
    acme.senders.secrets[old.id] = replace(acme.senders.secrets[old.id], last_used_at=NOW - 60)
    assert await told(acme) == [f"Webhook secrets that end within a week: {old.id} of acme"]


async def test_as_many_secrets_as_may_be_active_are_told(acme: SimulatedStore) -> None:
    for _ in range(SECRETS_MAX - 1):
        await add(acme)
    assert await told(acme) == []
    await add(acme, begins_in_s=30 * DAY)
    assert await told(acme) == ["Senders with 8 secrets active together, of 8: acme"]


async def test_what_does_not_open_is_told_by_its_id(acme: SimulatedStore) -> None:
    secret, key = (await add(acme)).record, await create(acme)
    acme.master_keys = MasterKeys({"k2": bytes(range(32))}, current="k2", entropy=secrets.token_bytes)
    assert await told(acme) == [
        f"Webhook secrets that do not open under the master key: {secret.id} of acme",
        f"Signature keys that do not open under the master key: {key.id} of shop",
    ]


async def test_a_signature_key_is_told_a_week_before_its_end(store: SimulatedStore) -> None:
    key = await create(store, expires_in_s=DUE_S + DAY)
    await create(store)
    assert await told(store, NOW + DAY - 1) == []
    assert await told(store, NOW + DAY) == [f"Signature keys that end within a week: {key.id} of shop"]
    assert await told(store, NOW + DUE_S + DAY) == []
    await disable_signature_key(store, key.id, reason="r", actor=OPERATOR)
    assert await told(store, NOW + DAY) == []


async def test_a_rotated_signature_key_is_told_only_while_it_is_used(store: SimulatedStore) -> None:
    key = await create(store)
    await rotate_signature_key(store, key.id, reason="r", actor=OPERATOR)
    assert await told(store) == []
    store.signature_key_rows[key.id] = replace(store.signature_key_rows[key.id], last_used_at=NOW - 60)
    assert await told(store) == [f"Signature keys that end within a week: {key.id} of shop"]


async def test_the_first_ten_are_named_and_the_others_counted(store: SimulatedStore) -> None:
    for number in range(NAMED_MAX + 3):
        await add_sender(store, SenderOrder(name=f"s{number:02}", scheme="standard"), actor=OPERATOR)
    (what,) = await told(store)
    assert what.endswith("s08, s09 and 3 more")
