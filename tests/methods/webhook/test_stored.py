"""A door whose secrets are the store's: what it takes, what it does not, and what it says when it cannot."""

import logging
from typing import Any

import pytest
from msgspec.structs import replace
from tests.simulators.request import view_of
from tests.simulators.store import NOW, OPERATOR, SimulatedStore
from tests.simulators.webhook import JSON_BODY, deliver, lower, secret_text

from doorward import Door, Webhooks
from doorward.crypto.sealing import MasterKeys
from doorward.errors import Misconfigured, Rejected, Unavailable
from doorward.methods.webhook import SCHEMES, WebhookSecret, parse_secret, sign_delivery
from doorward.methods.webhook.method import WebhookDeliveries
from doorward.methods.webhook.operations import add_secret, add_sender, retire_secret, rotate_secret
from doorward.methods.webhook.order import IssuedSecret, SecretOrder, SenderOrder
from doorward.methods.webhook.stored import StoredSecrets
from doorward.values import FeedKind, Handle, OrganizationId
from doorward.wire.request import RequestView

STANDARD = SCHEMES["standard"]


def signed(store: SimulatedStore, text: str, delivery_id: str) -> RequestView:
    secret = parse_secret(STANDARD, text, secret_id="s")
    headers = sign_delivery(STANDARD, [secret], JSON_BODY, now=int(store.now), delivery_id=delivery_id)
    return view_of(*lower(headers), method="POST", body=JSON_BODY)


async def add(store: SimulatedStore, **fields: Any) -> IssuedSecret:
    return await add_secret(store, SecretOrder(sender="acme", **fields), actor=OPERATOR)


async def code_of(door: Door, request: RequestView) -> str:
    with pytest.raises((Rejected, Unavailable)) as caught:
        await door.admit(request)
    return str(caught.value.code)


@pytest.fixture
async def acme(store: SimulatedStore) -> WebhookDeliveries:
    organization = OrganizationId("acme-inc")
    await add_sender(store, SenderOrder(name="acme", scheme="standard", organization_id=organization), actor=OPERATOR)
    return Webhooks(store, scheme="standard", sender="acme")


async def pass_once(door: Door, request: RequestView) -> str:
    admitted = await door.admit(request)
    await admitted.settlement.complete()
    return admitted.principal.credential_id


async def test_a_secret_of_the_store_opens_its_door_and_is_counted(
    store: SimulatedStore, acme: WebhookDeliveries
) -> None:
    issued = await add(store)
    assert issued.text is not None
    admitted = await Door(acme).admit(signed(store, issued.text, "one"))
    assert (admitted.principal.id, admitted.principal.organization_id) == ("acme", "acme-inc")
    assert admitted.principal.credential_id == issued.record.id
    assert acme.counts_use
    assert not Webhooks(store, scheme="standard", secrets=secret_text(STANDARD)).counts_use


async def test_without_the_sender_or_a_secret_nobody_passes(store: SimulatedStore, acme: WebhookDeliveries) -> None:
    request = signed(store, secret_text(STANDARD), "one")
    assert await code_of(Door(acme), request) == "webhook_signature"
    other = Webhooks(store, scheme="standard", sender="nobody")
    assert await code_of(Door(other), request) == "webhook_signature"


async def test_a_secret_counts_in_its_time(store: SimulatedStore, acme: WebhookDeliveries) -> None:
    planned = await add(store, not_before=NOW + 10, not_after=NOW + 20)
    assert planned.text is not None
    door = Door(acme)
    for at, ok in ((9, False), (10, True), (19, True), (20, False)):
        store.now = NOW + at
        request = signed(store, planned.text, f"at-{at}")
        if ok:
            await pass_once(door, request)
        else:
            assert await code_of(door, request) == "webhook_signature"


async def test_a_new_secret_is_taken_at_once_while_the_old_one_is_warm(
    store: SimulatedStore, acme: WebhookDeliveries
) -> None:
    door = Door(acme)
    old = await add(store)
    assert old.text is not None
    await pass_once(door, signed(store, old.text, "one"))
    order = SecretOrder(sender="acme")
    new = await rotate_secret(store, order, reason="yearly", actor=OPERATOR)
    assert new.text is not None
    assert await pass_once(door, signed(store, new.text, "two")) == new.record.id
    assert await pass_once(door, signed(store, old.text, "three")) == old.record.id


async def test_a_retired_secret_is_refused_although_another_one_keeps_the_door_warm(
    store: SimulatedStore, acme: WebhookDeliveries
) -> None:
    door = Door(acme)
    first, second = await add(store), await add(store)
    assert first.text is not None
    assert second.text is not None
    await pass_once(door, signed(store, first.text, "one"))
    await pass_once(door, signed(store, second.text, "two"))
    await retire_secret(store, second.record.id, anyway=True, reason="leaked", actor=OPERATOR)
    # The first finds what is kept good again; the second rests on the same reading.
    await pass_once(door, signed(store, first.text, "three"))
    assert await code_of(door, signed(store, second.text, "four")) == "webhook_signature"


async def test_a_revoked_organization_is_asked_for_again(store: SimulatedStore, acme: WebhookDeliveries) -> None:
    issued = await add(store)
    assert issued.text is not None
    door = Door(acme)
    await pass_once(door, signed(store, issued.text, "one"))
    store.senders.secrets.clear()
    store.plane.revoke(Handle(FeedKind.ORGANIZATION, "acme-inc"))
    assert await code_of(door, signed(store, issued.text, "two")) == "webhook_signature"


async def test_what_cannot_be_used_is_ours_to_mend_and_says_which(
    store: SimulatedStore, acme: WebhookDeliveries, caplog: pytest.LogCaptureFixture
) -> None:
    issued = await add(store)
    assert issued.text is not None
    request = signed(store, issued.text, "one")
    other = Webhooks(store, scheme="svix", sender="acme")
    svix = deliver("svix", at=int(store.now))
    with caplog.at_level(logging.ERROR, "doorward.webhook"):
        as_svix = view_of(*svix.headers, method="POST", body=svix.body)
        assert await code_of(Door(other), as_svix) == "secrets_unavailable"
    assert "signs as standard" in caplog.text
    row = store.senders.secrets[issued.record.id]
    assert row.sealed_text is not None
    store.senders.secrets[issued.record.id] = replace(row, sealed_text=row.sealed_text[:-1] + b"\x00")
    caplog.clear()
    assert await code_of(Door(acme), request) == "secrets_unavailable"
    assert issued.record.id in caplog.text
    assert issued.text[6:] not in caplog.text
    # Whoever has no secret can ask for it as often as he likes; the log is written once a minute.
    assert await code_of(Door(acme), request) == "secrets_unavailable"
    assert len(caplog.records) == 1
    store.now += 60
    assert await code_of(Door(acme), request) == "secrets_unavailable"
    assert len(caplog.records) == 2


async def test_a_text_opens_in_its_own_row_only(store: SimulatedStore, acme: WebhookDeliveries) -> None:
    mine = await add(store)
    await add_sender(store, SenderOrder(name="evil", scheme="standard"), actor=OPERATOR)
    theirs = await add_secret(store, SecretOrder(sender="evil"), actor=OPERATOR)
    assert theirs.text is not None
    # Whoever can write to the database puts a secret he knows into another sender's row.
    row = store.senders.secrets[mine.record.id]
    store.senders.secrets[mine.record.id] = replace(row, sealed_text=theirs.record.sealed_text)
    assert await code_of(Door(acme), signed(store, theirs.text, "one")) == "secrets_unavailable"


async def test_what_is_open_stays_open_while_the_master_key_is_rotated(store: SimulatedStore) -> None:
    await add_sender(store, SenderOrder(name="acme", scheme="standard"), actor=OPERATOR)
    issued = await add(store)
    source = StoredSecrets(store, STANDARD)
    assert [secret.id for secret in await source.find_secrets("acme")] == [issued.record.id]
    row = store.senders.secrets[issued.record.id]
    other = MasterKeys({"k2": bytes(range(32))}, current="k2", entropy=store.entropy)
    store.senders.secrets[row.id] = replace(row, sealed_text=other.seal(b"x", purpose="p", row="r"))
    assert [secret.id for secret in await source.find_secrets("acme")] == [issued.record.id]
    with pytest.raises(Misconfigured, match=issued.record.id):
        await StoredSecrets(store, STANDARD).find_secrets("acme")


def test_a_door_without_a_master_key_or_such_a_store_is_not_built(store: SimulatedStore) -> None:
    store.master_keys = None
    with pytest.raises(Misconfigured, match="DOORWARD_MASTER_KEY_FILE"):
        Webhooks(store, scheme="standard", sender="acme")

    class PlaneOnly:
        plane = store.plane

    with pytest.raises(Misconfigured, match="keeps no secrets"):
        Webhooks(PlaneOnly(), scheme="standard")
    with pytest.raises(Misconfigured, match="needs a store"):
        Webhooks("sqlite:///x.db", scheme="standard")  # type: ignore[arg-type]  # what people try


async def test_nine_secrets_of_the_program_are_refused_when_the_door_is_built(store: SimulatedStore) -> None:
    nine = {f"s{seed}": secret_text(STANDARD, seed) for seed in range(9)}
    with pytest.raises(Misconfigured, match="9 webhook secrets"):
        Webhooks(store, scheme="standard", secrets=nine)

    def spell(seed: int) -> WebhookSecret:
        text = secret_text(STANDARD, seed)
        return parse_secret(STANDARD, text, secret_id=f"s{seed}", not_before=seed, not_after=seed + 8)

    Webhooks(store, scheme="standard", secrets=[spell(seed) for seed in range(20)])
    # A function answers later: what it answers is ours to mend, and no delivery is an error.
    method = Webhooks(store, scheme="standard", secrets=lambda: nine)
    assert await code_of(Door(method), signed(store, nine["s0"], "one")) == "secrets_unavailable"


async def test_a_secret_that_is_given_to_another_sender_does_not_open(store: SimulatedStore) -> None:
    """Whoever writes to the database has a sender of his own, and wants to be heard as another."""
    for name in ("thief", "victim"):
        await add_sender(store, SenderOrder(name=name, scheme="standard"), actor=OPERATOR)
    own = (await add_secret(store, SecretOrder(sender="thief"), actor=OPERATOR)).record
    warm = StoredSecrets(store, STANDARD)
    assert [secret.id for secret in await warm.find_secrets("thief")] == [own.id]
    store.senders.secrets[own.id] = replace(own, sender="victim")
    # Neither in a process that has it open already, nor in one that has not.
    for secrets in (warm, StoredSecrets(store, STANDARD)):
        with pytest.raises(Misconfigured, match=own.id):
            await secrets.find_secrets("victim")
