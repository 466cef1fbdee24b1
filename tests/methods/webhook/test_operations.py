"""Senders and their secrets through their life: what is written, what the feed and the audit hear, what is refused."""

import base64
from typing import Any, Final

import pytest
from tests.simulators.store import NOW, OPERATOR, SimulatedStore
from tests.simulators.webhook import secret_text

from doorward.crypto.ed25519 import Ed25519Signer
from doorward.crypto.hashing import sha256_digest
from doorward.errors import Misconfigured, Rejected
from doorward.methods.webhook import SCHEMES
from doorward.methods.webhook.config import FEED_ROW_LIFETIME_S, OVERLAP_S_MAX, SECRETS_AHEAD_S_MAX
from doorward.methods.webhook.needed import needed_because
from doorward.methods.webhook.operations import add_secret, add_sender, retire_secret, rotate_secret
from doorward.methods.webhook.order import IssuedSecret, SecretOrder, SenderOrder
from doorward.methods.webhook.port import SecretState, SenderRecord
from doorward.methods.webhook.senders import sender_handle
from doorward.methods.webhook.stored import PURPOSE, open_text
from doorward.revocation.view import CACHE_LIFE_S
from doorward.values import CredentialId, FeedKind, Handle, OrganizationId
from doorward.wire.credential import has_valid_checksum

DAY: Final = 86_400


async def sender(store: SimulatedStore, name: str = "acme", scheme: str = "standard") -> SenderRecord:
    return await add_sender(store, SenderOrder(name=name, scheme=scheme), actor=OPERATOR)


async def add(store: SimulatedStore, name: str = "acme", **fields: Any) -> IssuedSecret:
    return await add_secret(store, SecretOrder(sender=name, **fields), actor=OPERATOR)


async def rotate(store: SimulatedStore, *, overlap_s: int = DAY, reason: str = "yearly", **fields: Any) -> IssuedSecret:
    order = SecretOrder(sender="acme", **fields)
    return await rotate_secret(store, order, overlap_s=overlap_s, reason=reason, actor=OPERATOR)


async def refused(awaited: Any) -> Rejected:
    with pytest.raises(Rejected) as caught:
        await awaited
    return caught.value


async def test_a_sender_is_recorded_and_its_name_is_taken_once(store: SimulatedStore) -> None:
    order = SenderOrder(name="acme.orders-2_x", scheme="github", organization_id=OrganizationId("acme-inc"))
    record = await add_sender(store, order, actor=OPERATOR)
    assert store.senders.rows == {record.name: record}
    (event,) = store.events
    assert (event.action, event.object_kind, event.object_id) == (
        "webhook_sender.created",
        "webhook_sender",
        record.name,
    )
    assert event.organization_id == "acme-inc"
    assert (await refused(add_sender(store, order, actor=OPERATOR))).code == "object_exists"


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "x" * 65},
        {"name": ".x"},
        {"name": "a b"},
        {"name": "a/b"},
        {"name": "größe"},
        {"name": "a\n"},
        {"name": "app_4h7kQ2mN9xZa"},
        {"name": "whs_x"},
        {"name": "sig_x"},
        {"scheme": "stripes"},
        {"organization_id": "a b"},
    ],
)
async def test_what_cannot_be_a_sender_is_refused(store: SimulatedStore, fields: dict[str, Any]) -> None:
    order = SenderOrder(**{"name": "acme", "scheme": "standard"} | fields)
    assert (await refused(add_sender(store, order, actor=OPERATOR))).code == "input_invalid"


@pytest.mark.parametrize("scheme", ["standard", "svix", "github", "plain"])
async def test_a_secret_that_is_made_here_is_what_the_scheme_takes(store: SimulatedStore, scheme: str) -> None:
    await sender(store, scheme=scheme)
    issued = await add(store, prefix="shop")
    assert issued.text is not None
    assert issued.record.id.startswith("whs_")
    if scheme in {"standard", "svix"}:
        assert len(base64.b64decode(issued.text.removeprefix("whsec_"))) == 32
    else:
        # Of our own form: scanners find it, logs hide it, and it says whose it is.
        assert has_valid_checksum(issued.text)
        assert issued.text.startswith(f"shop_hook_{issued.record.id.removeprefix('whs_')}")
    stored = store.senders.secrets[issued.record.id]
    assert stored.sealed_text is not None
    assert issued.text.encode() not in stored.sealed_text
    assert store.master_keys is not None
    assert open_text(store.master_keys, stored) == issued.text
    assert store.master_keys.open(stored.sealed_text, purpose=PURPOSE, row=f"acme/{stored.id}") == issued.text.encode()


@pytest.mark.parametrize("scheme", ["stripe", "slack", "shopify", "twilio"])
async def test_what_the_sender_makes_is_not_made_here(store: SimulatedStore, scheme: str) -> None:
    await sender(store, scheme=scheme)
    assert "give the one it shows you" in (await refused(add(store))).detail
    issued = await add(store, text=secret_text(SCHEMES[scheme]))
    assert issued.text is None


async def test_a_secret_is_in_no_repr_and_in_no_event(store: SimulatedStore) -> None:
    await sender(store)
    text = secret_text(SCHEMES["standard"])
    given, made = await add(store, text=text), await rotate(store)
    assert made.text is not None
    order = SecretOrder(sender="acme", text=text)
    shown = repr((given, made, order, store.events, store.revocations))
    shown += repr([each.__rich_repr__() for each in (given, made, order, made.record)])
    for secret in (text, made.text):
        assert secret[6:] not in shown


async def test_a_text_the_scheme_does_not_have_is_refused_and_not_repeated(store: SimulatedStore) -> None:
    await sender(store)
    for text in ("whsec_not+base64!", "whsec_c2hvcnQ=", " " + secret_text(SCHEMES["standard"]), "whpk_AAAA", ""):
        said = await refused(add(store, text=text))
        assert said.code == "input_invalid"
        assert not text.strip() or text.strip()[6:] not in said.detail
    assert store.senders.secrets == {}


async def test_the_very_secret_it_has_is_refused(store: SimulatedStore) -> None:
    await sender(store)
    text = secret_text(SCHEMES["standard"])
    issued = await add(store, text=text)
    for again in (add, rotate):
        said = await refused(again(store, text=text))
        assert (said.code, issued.record.id in said.detail) == ("object_exists", True)


def _ed25519(seed: bytes) -> tuple[str, str]:
    public = Ed25519Signer(seed).public_key
    return "whsk_" + base64.b64encode(seed).decode(), "whpk_" + base64.b64encode(public).decode()


_KEY: Final = sha256_digest(b"a key of a sender")
_LONG: Final = b"".join(sha256_digest(bytes([part])) for part in range(3))
_SPELLINGS: Final = {
    "without padding": (
        "standard",
        "whsec_" + base64.b64encode(_KEY).decode(),
        "whsec_" + base64.b64encode(_KEY).decode().rstrip("="),
    ),
    "without prefix": ("svix", "whsec_" + base64.b64encode(_KEY).decode(), base64.b64encode(_KEY).decode()),
    "a zero at the end": (
        "standard",
        "whsec_" + base64.b64encode(_KEY).decode(),
        "whsec_" + base64.b64encode(_KEY + bytes(2)).decode(),
    ),
    "its digest": (
        "standard",
        "whsec_" + base64.b64encode(_LONG).decode(),
        "whsec_" + base64.b64encode(sha256_digest(_LONG)).decode(),
    ),
    "private and public": ("standard", *_ed25519(bytes(range(9, 41)))),
}


@pytest.mark.parametrize("name", _SPELLINGS)
async def test_the_same_key_written_otherwise_is_the_very_secret(store: SimulatedStore, name: str) -> None:
    scheme, *texts = _SPELLINGS[name]
    for number, (first, second) in enumerate((texts, texts[::-1])):
        await sender(store, f"acme{number}", scheme=scheme)
        issued = await add(store, f"acme{number}", text=first)
        said = await refused(add(store, f"acme{number}", text=second))
        assert (said.code, issued.record.id in said.detail) == ("object_exists", True)
        assert len(await store.senders.list_held_secrets(f"acme{number}")) == 1


async def test_another_key_is_another_secret(store: SimulatedStore) -> None:
    await sender(store)
    for text in (*_ed25519(bytes(range(9, 41)))[1:], *_ed25519(bytes(range(8, 40)))[1:], secret_text(SCHEMES["svix"])):
        await add(store, text=text)
    assert len(await store.senders.list_held_secrets("acme")) == 3


async def test_a_ninth_active_secret_is_refused(store: SimulatedStore) -> None:
    await sender(store)
    for _ in range(8):
        await add(store)
    assert "at most 8" in (await refused(add(store))).detail
    assert "at most 8" in (await refused(rotate(store))).detail
    # With an end, or from an end on, there is room.
    first = (await store.senders.list_held_secrets("acme"))[0]
    await retire_secret(store, first.id, anyway=True, reason="r", actor=OPERATOR)
    await add(store, not_after=NOW + 100)
    assert "at most 8" in (await refused(add(store, not_before=NOW + 99))).detail
    await add(store, not_before=NOW + 100)
    await rotate(store, overlap_s=0)


async def test_secrets_that_are_not_retired_are_counted(store: SimulatedStore) -> None:
    await sender(store)
    for place in range(32):
        await add(store, not_before=NOW + place, not_after=NOW + place + 1)
    assert "at most 32" in (await refused(add(store, not_before=NOW + 100))).detail


@pytest.mark.parametrize(
    "times",
    [
        {"not_after": NOW},
        {"not_before": NOW + 10, "not_after": NOW + 10},
        {"not_before": -1},
        {"not_before": NOW + SECRETS_AHEAD_S_MAX + 1},
        {"not_after": NOW + SECRETS_AHEAD_S_MAX + 1},
    ],
)
async def test_times_that_cannot_be_are_refused(store: SimulatedStore, times: dict[str, Any]) -> None:
    await sender(store)
    assert (await refused(add(store, **times))).code == "input_invalid"


async def test_a_rotation_lets_what_is_active_end_and_leaves_the_rest(store: SimulatedStore) -> None:
    await sender(store)
    long, short = await add(store), await add(store, not_after=NOW + 60)
    planned = await add(store, not_before=NOW + 10)
    made = await rotate(store)
    rows = store.senders.secrets
    assert rows[long.record.id].not_after == NOW + DAY
    assert rows[short.record.id].not_after == NOW + 60
    assert rows[planned.record.id] == planned.record
    assert rows[made.record.id].is_active(NOW)
    told = [(event.action, event.object_id, event.reason) for event in store.events[-3:]]
    assert told[2] == ("webhook_secret.added", made.record.id, "yearly")
    assert set(told[:2]) == {
        ("webhook_secret.rotated", long.record.id, "yearly"),
        ("webhook_secret.rotated", short.record.id, "yearly"),
    }
    assert store.events[-3].details["rotated_to"] == made.record.id


async def test_a_rotation_without_overlap_retires_and_erases(store: SimulatedStore) -> None:
    await sender(store)
    leaked = await add(store)
    made = await rotate(store, overlap_s=0, reason="leaked")
    row = store.senders.secrets[leaked.record.id]
    assert (row.state, row.sealed_text) == (SecretState.RETIRED, None)
    assert [(r.handle, r.changed_version) for r in store.revocations[-2:]] == [
        (Handle(FeedKind.CREDENTIAL, leaked.record.id), None),
        (sender_handle("acme"), 3),
    ]
    assert [record.id for record in await store.senders.list_held_secrets("acme")] == [made.record.id]
    assert store.events[-2].action == "webhook_secret.retired"


@pytest.mark.parametrize("overlap_s", [-1, OVERLAP_S_MAX + 1])
async def test_an_overlap_is_bounded(store: SimulatedStore, overlap_s: int) -> None:
    await sender(store)
    assert (await refused(rotate(store, overlap_s=overlap_s))).code == "input_invalid"


@pytest.mark.parametrize("reason", ["", " x", "x" * 501, "dw_live_" + "A" * 50])
async def test_a_reason_is_required_and_no_secret(store: SimulatedStore, reason: str) -> None:
    await sender(store)
    issued = await add(store)
    retiring = retire_secret(store, issued.record.id, anyway=True, reason=reason, actor=OPERATOR)
    for change in (rotate(store, reason=reason), retiring):
        assert (await refused(change)).code == "input_invalid"


async def test_every_change_is_heard_by_whoever_keeps_the_sender(store: SimulatedStore) -> None:
    await sender(store)
    issued = await add(store)
    await rotate(store)
    await retire_secret(store, issued.record.id, reason="old", actor=OPERATOR)
    rows = [row for row in store.revocations if row.handle == sender_handle("acme")]
    assert [row.changed_version for row in rows] == [2, 3, 4]
    assert store.senders.rows["acme"].version == 4
    assert {row.leave_at for row in store.revocations} == {NOW + FEED_ROW_LIFETIME_S}
    assert FEED_ROW_LIFETIME_S >= 2 * CACHE_LIFE_S
    assert "acme" not in sender_handle("acme").id


async def test_a_secret_is_retired_knowingly(store: SimulatedStore) -> None:
    await sender(store)
    old = await add(store)

    async def retire(**more: Any) -> object:
        return await retire_secret(store, old.record.id, reason="old", actor=OPERATOR, **more)

    assert "only active" in (await refused(retire())).detail
    new = await add(store)
    store.senders.use(old.record.id, NOW - DAY + 1)
    assert "within the last day" in (await refused(retire())).detail
    store.senders.use(old.record.id, NOW - DAY)
    assert "no other has matched since" in (await refused(retire())).detail
    store.senders.use(new.record.id, NOW - DAY)
    assert "no other has matched since" in (await refused(retire())).detail
    store.senders.use(new.record.id, NOW - 5)
    await retire()
    gone = store.senders.secrets[old.record.id]
    assert (gone.state, gone.sealed_text) == (SecretState.RETIRED, None)
    assert (await refused(retire(anyway=True))).code == "state_final"
    assert store.events[-1].details == {"sender": "acme", "use_count": 1, "last_used_at": NOW - DAY}


async def test_what_is_not_active_may_go_and_anyway_is_anyway(store: SimulatedStore) -> None:
    await sender(store)
    ended = await add(store, not_after=NOW + 1)
    store.now = NOW + 1
    held = await store.senders.list_held_secrets("acme")
    assert needed_because(held, held[0], NOW + 1) is None
    await retire_secret(store, ended.record.id, reason="old", actor=OPERATOR)
    only = await add(store)
    await retire_secret(store, only.record.id, anyway=True, reason="leaked", actor=OPERATOR)
    assert await store.senders.list_held_secrets("acme") == ()


async def test_somebody_elses_change_in_between_is_seen(store: SimulatedStore) -> None:
    await sender(store)
    for _ in range(7):
        await add(store)

    def ninth() -> None:
        row = store.senders.rows["acme"]
        store.senders.rows["acme"] = SenderRecord(
            name="acme", scheme=row.scheme, organization_id=None, created_at=NOW, version=row.version + 1
        )
        template = next(iter(store.senders.secrets.values()))
        fields = {name: getattr(template, name) for name in template.__struct_fields__}
        fields["id"] = CredentialId("whs_beside")
        store.senders.secrets["whs_beside"] = type(template)(**fields)

    store.before_commit.append(ninth)
    assert "at most 8" in (await refused(add(store))).detail
    assert len(store.senders.secrets) == 8


async def test_who_is_not_there_and_no_master_key_are_said(store: SimulatedStore) -> None:
    assert (await refused(add(store, "nobody"))).code == "object_unknown"
    unknown = retire_secret(store, CredentialId("whs_nobody"), reason="r", actor=OPERATOR)
    assert (await refused(unknown)).code == "object_unknown"
    await sender(store)
    store.master_keys = None
    with pytest.raises(Misconfigured, match="DOORWARD_MASTER_KEY_FILE"):
        await add(store)
