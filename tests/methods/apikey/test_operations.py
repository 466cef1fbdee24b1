"""Keys through their life: what is written, what the feed and the audit hear, and what is refused."""

import pytest
from msgspec.structs import replace
from tests.simulators.store import NOW, OPERATOR, SimulatedStore

from doorward.apps.operations import revoke_app, suspend_app
from doorward.apps.port import AppRecord
from doorward.crypto.hashing import sha256_digest
from doorward.errors import Rejected, Unavailable
from doorward.methods.apikey import NEVER
from doorward.methods.apikey.config import EXPIRES_IN_S_MAX, FEED_ROW_LIFETIME_S, OVERLAP_S_MAX
from doorward.methods.apikey.operations import (
    change_key,
    create_key,
    disable_key,
    enable_key,
    revoke_key,
    rotate_key,
)
from doorward.methods.apikey.order import IssuedKey, KeyChanges, KeyOrder
from doorward.methods.apikey.port import KeyState
from doorward.revocation.view import CACHE_LIFE_S
from doorward.values import AppId, CredentialId, Environment, FeedKind, Handle, RateLimit, Scopes
from doorward.wire.credential import has_valid_checksum


async def _issue(store: SimulatedStore, owner: AppRecord, **fields: object) -> IssuedKey:
    order = replace(KeyOrder(app_id=owner.id, name="k"), **fields)
    return await create_key(store, order, actor=OPERATOR)


async def _refused(store: SimulatedStore, owner: AppRecord, **fields: object) -> str:
    with pytest.raises(Rejected) as caught:
        await _issue(store, owner, **fields)
    return caught.value.code


async def test_a_new_key_is_stored_by_digest_only(store: SimulatedStore, owner: AppRecord) -> None:
    issued = await _issue(store, owner, scopes=Scopes("a"), prefix="acme", environment=Environment.TEST)
    stored = store.key_rows[issued.record.id]
    assert stored.secret_digest == sha256_digest(issued.text.encode())
    assert issued.text.startswith(f"acme_test_{stored.id}")
    assert has_valid_checksum(issued.text)
    assert issued.text not in repr(stored) + repr(store.events) + repr(issued) + repr(issued.__rich_repr__())
    assert (stored.created_at, stored.expires_at, stored.version) == (NOW, NOW + 90 * 86_400, 1)
    event = store.events[-1]
    assert (event.action, event.object_kind, event.object_id, event.app_id) == (
        "key.created",
        "key",
        stored.id,
        owner.id,
    )
    assert event.details["scopes"] == "a"
    assert store.revocations == []


async def test_never_must_be_said(store: SimulatedStore, owner: AppRecord) -> None:
    assert (await _issue(store, owner)).record.expires_at is not None
    assert (await _issue(store, owner, expires_in_s=NEVER)).record.expires_at is None


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "a" * 101},
        {"name": "a\nb"},
        {"name": " a"},
        {"name": "a\u202eb"},
        {"prefix": "D"},
        {"prefix": "dw\n"},
        {"networks": ("10.0.0.1/8",)},
        {"networks": ("nowhere",)},
        {"networks": ("::ffff:10.0.0.0/104",)},
        {"networks": ("1" * 65,)},
        {"networks": tuple(f"10.0.0.{host}" for host in range(33))},
        {"rate": RateLimit(requests=0, window_s=1)},
        {"rate": RateLimit(requests=1_000_001, window_s=1)},
        {"rate": RateLimit(requests=1, window_s=0)},
        {"rate": RateLimit(requests=1, window_s=86_401)},
        {"rate": RateLimit(requests=-5, window_s=60)},
        {"expires_in_s": 0},
        {"expires_in_s": -1},
        {"expires_in_s": EXPIRES_IN_S_MAX + 1},
        {"expires_in_s": 10**30},
        {"metadata": {str(entry): "" for entry in range(17)}},
        {"metadata": {"": "x"}},
        {"metadata": {"k" * 65: "x"}},
        {"metadata": {"k": "x" * 257}},
        {"metadata": {"k": "a\x00b"}},
    ],
)
async def test_one_over_a_limit_is_refused(store: SimulatedStore, owner: AppRecord, fields: dict[str, object]) -> None:
    assert await _refused(store, owner, **fields) == "input_invalid"
    assert store.key_rows == {}


async def test_the_limits_themselves_are_allowed(store: SimulatedStore, owner: AppRecord) -> None:
    issued = await _issue(
        store,
        owner,
        name="a" * 100,
        networks=tuple(f"10.0.0.{host}" for host in range(32)),
        rate=RateLimit(requests=1_000_000, window_s=86_400),
        expires_in_s=EXPIRES_IN_S_MAX,
        metadata={f"{entry:064}": "x" * 256 for entry in range(16)},
    )
    assert issued.record.networks[0] == "10.0.0.0/32"


async def test_a_key_needs_an_app_that_is_not_revoked(store: SimulatedStore, owner: AppRecord) -> None:
    assert await _refused(store, owner, app_id=AppId("app_nobody")) == "object_unknown"
    await suspend_app(store, owner.id, reason="r", actor=OPERATOR)
    assert (await _issue(store, owner)).record.app_state == "suspended"
    await revoke_app(store, owner.id, reason="r", actor=OPERATOR)
    assert await _refused(store, owner) == "state_final"


async def test_disable_enable_revoke(store: SimulatedStore, owner: AppRecord) -> None:
    key_id = (await _issue(store, owner)).record.id
    assert (await disable_key(store, key_id, reason="odd use", actor=OPERATOR)).state is KeyState.DISABLED
    assert (await enable_key(store, key_id, reason="explained", actor=OPERATOR)).state is KeyState.ACTIVE
    assert (await revoke_key(store, key_id, reason="leaked", actor=OPERATOR)).state is KeyState.REVOKED
    assert [row.changed_version for row in store.revocations] == [2, 3, None]
    assert {row.handle for row in store.revocations} == {Handle(FeedKind.CREDENTIAL, key_id)}
    assert [(event.action, event.reason) for event in store.events[-3:]] == [
        ("key.disabled", "odd use"),
        ("key.enabled", "explained"),
        ("key.revoked", "leaked"),
    ]
    for act in (disable_key, enable_key, revoke_key):
        with pytest.raises(Rejected) as caught:
            await act(store, key_id, reason="r", actor=OPERATOR)
        assert caught.value.code == "state_final"


async def test_a_state_it_has_is_no_change(store: SimulatedStore, owner: AppRecord) -> None:
    issued = await _issue(store, owner)
    events = len(store.events)
    assert await enable_key(store, issued.record.id, reason="r", actor=OPERATOR) == issued.record
    assert (len(store.events), store.revocations) == (events, [])


def test_feed_rows_stay_longer_than_any_cache() -> None:
    assert FEED_ROW_LIFETIME_S >= 2 * CACHE_LIFE_S


async def test_every_row_leaves_after_the_caches(store: SimulatedStore, owner: AppRecord) -> None:
    key_id = (await _issue(store, owner)).record.id
    await disable_key(store, key_id, reason="r", actor=OPERATOR)
    await revoke_key(store, key_id, reason="r", actor=OPERATOR)
    assert {row.leave_at for row in store.revocations} == {NOW + FEED_ROW_LIFETIME_S}


@pytest.mark.parametrize("reason", ["", " ", "x" * 501, "a\nb", "=cmd\x00"])
async def test_a_reason_is_required_and_bounded(store: SimulatedStore, owner: AppRecord, reason: str) -> None:
    key_id = (await _issue(store, owner)).record.id
    for act in (disable_key, enable_key, revoke_key, rotate_key):
        with pytest.raises(Rejected) as caught:
            await act(store, key_id, reason=reason, actor=OPERATOR)
        assert caught.value.code == "input_invalid"
    with pytest.raises(Rejected) as caught:
        await change_key(store, key_id, KeyChanges(name="n"), reason=reason, actor=OPERATOR)
    assert caught.value.code == "input_invalid"
    await revoke_key(store, key_id, reason="x" * 500, actor=OPERATOR)


async def test_change_grants(store: SimulatedStore, owner: AppRecord) -> None:
    rate = RateLimit(requests=5, window_s=1)
    issued = await _issue(store, owner, scopes=Scopes("a", "b"), rate=rate)
    changes = KeyChanges(scopes=Scopes("a"), networks=("10.0.0.0/8",), rate=None, name="n", metadata={"k": "v"})
    changed = await change_key(store, issued.record.id, changes, reason="narrow", actor=OPERATOR)
    assert (changed.scopes, changed.networks, changed.rate) == (Scopes("a"), ("10.0.0.0/8",), None)
    assert (changed.name, changed.metadata, changed.version) == ("n", {"k": "v"}, 2)
    assert changed.secret_digest == issued.record.secret_digest
    assert changed.expires_at == issued.record.expires_at
    assert store.revocations[-1].changed_version == 2
    details = store.events[-1].details
    assert (details["scopes"], details["scopes_before"]) == ("a", "a b")
    assert (details["rate"], details["rate_before"]) == (None, "5/1s")
    kept = await change_key(store, issued.record.id, KeyChanges(name="m"), reason="r", actor=OPERATOR)
    assert kept.scopes == Scopes("a")


async def test_changes_are_bounded_like_orders(store: SimulatedStore, owner: AppRecord) -> None:
    key_id = (await _issue(store, owner)).record.id
    for changes in (
        KeyChanges(),
        KeyChanges(name=""),
        KeyChanges(networks=("x",)),
        KeyChanges(rate=RateLimit(requests=0, window_s=0)),
        KeyChanges(metadata={"": ""}),
    ):
        with pytest.raises(Rejected) as caught:
            await change_key(store, key_id, changes, reason="r", actor=OPERATOR)
        assert caught.value.code == "input_invalid"
    await revoke_key(store, key_id, reason="r", actor=OPERATOR)
    with pytest.raises(Rejected) as caught:
        await change_key(store, key_id, KeyChanges(name="n"), reason="r", actor=OPERATOR)
    assert caught.value.code == "state_final"


async def test_rotation_hands_over_the_grants(store: SimulatedStore, owner: AppRecord) -> None:
    rate = RateLimit(requests=5, window_s=1)
    old = await _issue(
        store, owner, scopes=Scopes("a"), networks=("10.0.0.0/8",), rate=rate, metadata={"k": "v"}, expires_in_s=1_000
    )
    store.now += 900
    new = await rotate_key(store, old.record.id, overlap_s=50, reason="due", actor=OPERATOR)
    was = store.key_rows[old.record.id]
    assert new.text != old.text
    assert (new.record.scopes, new.record.networks, new.record.rate) == (Scopes("a"), ("10.0.0.0/8",), rate)
    assert (new.record.metadata, new.record.name, new.record.app_id) == ({"k": "v"}, "k", owner.id)
    assert (new.record.rotated_from, was.rotated_to) == (old.record.id, new.record.id)
    assert new.record.expires_at == NOW + 900 + 1_000, "the successor starts its life afresh"
    assert was.expires_at == NOW + 950
    assert was.state is KeyState.ACTIVE
    assert store.revocations[-1].changed_version == 2
    assert [event.action for event in store.events[-2:]] == ["key.rotated", "key.created"]


async def test_the_old_key_never_outlives_its_own_expiry(store: SimulatedStore, owner: AppRecord) -> None:
    old = await _issue(store, owner, expires_in_s=100)
    await rotate_key(store, old.record.id, reason="r", actor=OPERATOR)
    assert store.key_rows[old.record.id].expires_at == NOW + 100


async def test_a_key_without_end_gets_one_by_rotation(store: SimulatedStore, owner: AppRecord) -> None:
    old = await _issue(store, owner, expires_in_s=NEVER)
    new = await rotate_key(store, old.record.id, reason="r", actor=OPERATOR)
    assert store.key_rows[old.record.id].expires_at == NOW + 86_400
    assert new.record.expires_at is None


async def test_no_overlap_revokes_the_old_key(store: SimulatedStore, owner: AppRecord) -> None:
    old = await _issue(store, owner)
    await rotate_key(store, old.record.id, overlap_s=0, reason="leaked", actor=OPERATOR)
    assert store.key_rows[old.record.id].state is KeyState.REVOKED
    assert store.revocations[-1].changed_version is None


@pytest.mark.parametrize("overlap_s", [-1, OVERLAP_S_MAX + 1])
async def test_an_overlap_is_bounded(store: SimulatedStore, owner: AppRecord, overlap_s: int) -> None:
    key_id = (await _issue(store, owner)).record.id
    with pytest.raises(Rejected) as caught:
        await rotate_key(store, key_id, overlap_s=overlap_s, reason="r", actor=OPERATOR)
    assert caught.value.code == "input_invalid"
    await rotate_key(store, key_id, overlap_s=OVERLAP_S_MAX, reason="r", actor=OPERATOR)


async def _rotation_code(store: SimulatedStore, key_id: CredentialId) -> str:
    with pytest.raises(Rejected) as caught:
        await rotate_key(store, key_id, reason="r", actor=OPERATOR)
    return caught.value.code


async def test_what_cannot_be_rotated(store: SimulatedStore, owner: AppRecord) -> None:
    rotated = (await _issue(store, owner)).record.id
    await rotate_key(store, rotated, reason="r", actor=OPERATOR)
    assert await _rotation_code(store, rotated) == "object_conflict"
    revoked = (await _issue(store, owner)).record.id
    await revoke_key(store, revoked, reason="r", actor=OPERATOR)
    assert await _rotation_code(store, revoked) == "state_final"
    disabled = (await _issue(store, owner)).record.id
    await disable_key(store, disabled, reason="r", actor=OPERATOR)
    assert await _rotation_code(store, disabled) == "input_invalid"
    expired = (await _issue(store, owner, expires_in_s=10)).record.id
    store.now += 10
    assert await _rotation_code(store, expired) == "state_expired"
    assert await _rotation_code(store, CredentialId("nobody")) == "object_unknown"
    last = (await _issue(store, owner)).record.id
    await revoke_app(store, owner.id, reason="r", actor=OPERATOR)
    assert await _rotation_code(store, last) == "state_final"


async def test_somebody_elses_change_in_between_is_decided_anew(store: SimulatedStore, owner: AppRecord) -> None:
    key_id = (await _issue(store, owner, scopes=Scopes("a"))).record.id

    def interfere() -> None:
        record = store.key_rows[key_id]
        store.key_rows[key_id] = replace(record, scopes=Scopes("b"), version=record.version + 1)

    store.before_commit = [interfere]
    changed = await change_key(store, key_id, KeyChanges(name="n"), reason="r", actor=OPERATOR)
    assert (changed.name, changed.scopes, changed.version) == ("n", Scopes("b"), 3)
    store.before_commit = [interfere, interfere]
    with pytest.raises(Rejected) as caught:
        await change_key(store, key_id, KeyChanges(name="m"), reason="r", actor=OPERATOR)
    assert caught.value.code == "object_conflict"
    assert store.key_rows[key_id].name == "n"


async def test_two_rotations_at_once_give_one_successor(store: SimulatedStore, owner: AppRecord) -> None:
    key_id = (await _issue(store, owner)).record.id

    def interfere() -> None:
        record = store.key_rows[key_id]
        store.key_rows[key_id] = replace(record, rotated_to=CredentialId("other"), version=record.version + 1)

    store.before_commit = [interfere]
    assert await _rotation_code(store, key_id) == "object_conflict"
    assert len(store.key_rows) == 1, "a successor without its predecessor's consent was stored"


async def test_a_store_that_is_away_is_said(store: SimulatedStore, owner: AppRecord) -> None:
    store.away = True
    with pytest.raises(Unavailable):
        await _issue(store, owner)


async def test_a_store_that_is_away_cannot_verify(store: SimulatedStore) -> None:
    store.away = True
    with pytest.raises(Unavailable):
        await revoke_key(store, CredentialId("x"), reason="r", actor=OPERATOR)
