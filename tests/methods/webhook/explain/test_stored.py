"""Which secrets of the store an explanation tries: the sender's own, and of others only what the caller administers."""

import pytest
from msgspec.structs import replace
from tests.simulators.store import NOW, OPERATOR, SimulatedStore

from doorward.errors import Misconfigured, Rejected
from doorward.methods.webhook.explain import read_other_texts, read_texts
from doorward.methods.webhook.operations import add_secret, add_sender
from doorward.methods.webhook.order import IssuedSecret, SecretOrder, SenderOrder
from doorward.values import OrganizationId

A, B = OrganizationId("a"), OrganizationId("b")


async def sender(store: SimulatedStore, name: str, scheme: str, organization: OrganizationId | None) -> IssuedSecret:
    order = SenderOrder(name=name, scheme=scheme, organization_id=organization)
    await add_sender(store, order, actor=OPERATOR)
    return await add_secret(store, SecretOrder(sender=name), actor=OPERATOR)


async def test_a_senders_own_secrets_come_with_their_times_the_active_ones_first(store: SimulatedStore) -> None:
    first = await sender(store, "acme", "standard", A)
    store.now = NOW + 1
    ended = await add_secret(store, SecretOrder(sender="acme", not_after=NOW + 5), actor=OPERATOR)
    record, texts = await read_texts(store, "acme", now=NOW + 5)
    assert record.name == "acme"
    assert [(text.id, text.not_after, text.in_use) for text in texts] == [
        (first.record.id, None, True),
        (ended.record.id, NOW + 5, True),
    ]
    assert [text.text for text in texts] == [first.text, ended.text]
    for number in range(20):
        await add_secret(
            store, SecretOrder(sender="acme", not_before=NOW + 10 * number + 10, not_after=NOW + 10 * number + 20),
            actor=OPERATOR,
        )  # fmt: skip
    assert len((await read_texts(store, "acme", now=NOW + 5))[1]) == 16
    with pytest.raises(Rejected, match="object_unknown"):
        await read_texts(store, "nobody", now=NOW)


async def test_of_others_only_the_callers_own_are_tried(store: SimulatedStore) -> None:
    await sender(store, "acme", "standard", A)
    hub = await sender(store, "hub", "github", A)
    orders = await sender(store, "orders", "standard", A)
    foreign = await sender(store, "foreign", "standard", B)
    (acme, _) = await read_texts(store, "acme", now=NOW)
    own = await read_other_texts(store, acme, many=9, organization_id=A)
    # Of the same scheme first; each says whose it is.
    assert [text.id for text in own] == [f"{orders.record.id} (orders)", f"{hub.record.id} (hub)"]
    assert not any(text.in_use for text in own)
    everybodys = await read_other_texts(store, acme, many=9)
    assert foreign.text in {text.text for text in everybodys}
    assert len(await read_other_texts(store, acme, many=1)) == 1
    assert await read_other_texts(store, acme, many=0) == []


async def test_another_senders_trouble_is_not_this_ones(store: SimulatedStore) -> None:
    await sender(store, "acme", "standard", A)
    other = await sender(store, "orders", "standard", A)
    row = store.senders.secrets[other.record.id]
    store.senders.secrets[row.id] = replace(row, sealed_text=b"\x02k1 altered and much too short")
    (acme, _) = await read_texts(store, "acme", now=NOW)
    assert await read_other_texts(store, acme, many=9) == []
    with pytest.raises(Misconfigured, match=other.record.id):
        await read_texts(store, "orders", now=NOW)
