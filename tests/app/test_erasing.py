"""What is over is erased: with the app it belonged to, and a day after its end by whichever process serves."""

import logging
import secrets
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace
from tests.app.conftest import Eventually
from tests.simulators.clock import ManualClock
from tests.simulators.stored_signature_keys import registered_key

from doorward.app.erasing import ENDED_KEPT_S, SecretEraser, erase_ended_secrets
from doorward.app.store import Store, open_store
from doorward.apps.operations import create_app, revoke_app, suspend_app
from doorward.audit.port import AuditFilter
from doorward.crypto.sealing import MasterKeys
from doorward.methods.signature.operations import (
    create_signature_key,
    disable_signature_key,
    register_signature_key,
    rotate_signature_key,
)
from doorward.methods.signature.order import SignatureKeyOrder
from doorward.methods.signature.port import SignatureKeyInserted
from doorward.methods.webhook.operations import add_secret, add_sender, rotate_secret
from doorward.methods.webhook.order import SecretOrder, SenderOrder
from doorward.values import Actor, AppId, Change, CredentialId

ADA = Actor(kind="operator", id="ada")
NOW, HOUR = 1_800_000_000, 3_600


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
async def store(sql_url: str, clock: ManualClock) -> AsyncIterator[Store]:
    keys = MasterKeys({"k1": secrets.token_bytes(32)}, current="k1", entropy=secrets.token_bytes)
    async with open_store(sql_url, master_keys=keys, clock=clock) as opened:
        yield opened


async def make_key(store: Store, app_id: AppId, expires_in_s: int = 90 * 86_400) -> CredentialId:
    order = SignatureKeyOrder(app_id=app_id, name="k", expires_in_s=expires_in_s)
    return (await create_signature_key(store, order, actor=ADA)).record.id


async def states(store: Store) -> dict[str, tuple[str, bool]]:
    """Of each signature key: its state, and whether a secret of it is there."""
    records = await store.signature_keys.list_signature_keys()
    return {record.id: (record.state.value, record.sealed_secret is not None) for record in records}


async def held(store: Store, sender: str = "acme") -> set[str]:
    return {record.id for record in await store.senders.list_held_secrets(sender)}


async def test_a_revoked_app_leaves_no_secret_behind(store: Store) -> None:
    app, other = [await create_app(store, name=name, actor=ADA) for name in ("shop", "other")]
    active, disabled, theirs = (
        await make_key(store, app.id),
        await make_key(store, app.id),
        await make_key(store, other.id),
    )
    await disable_signature_key(store, disabled, reason="x", actor=ADA)
    old = await make_key(store, app.id)
    new = (await rotate_signature_key(store, old, reason="yearly", actor=ADA)).record.id
    order = SignatureKeyOrder(app_id=app.id, name="k")
    public = (await register_signature_key(store, order, registered_key(), actor=ADA)).id
    await suspend_app(store, app.id, reason="x", actor=ADA)
    assert all(sealed for key_id, (_, sealed) in (await states(store)).items() if key_id != public)
    await revoke_app(store, app.id, reason="left", actor=ADA)
    assert await states(store) == {
        **dict.fromkeys((active, disabled, old, new), ("revoked", False)),
        public: ("active", False),
        theirs: ("active", True),
    }


async def test_a_key_that_was_made_as_its_app_was_revoked_is_erased_too(store: Store) -> None:
    app = await create_app(store, name="shop", actor=ADA)
    key_id = await make_key(store, app.id)
    record = await store.signature_keys.find_signature_key(key_id)
    assert record is not None
    await revoke_app(store, app.id, reason="left", actor=ADA)
    # Decided on the app as it was before, committed after.
    late = replace(record, id=CredentialId("sig_late00000000"))
    await store.changes.commit(Change(writes=(SignatureKeyInserted(late),)))
    assert (await states(store))[late.id] == ("active", True)
    assert await erase_ended_secrets(store) == 1
    assert (await states(store))[late.id] == ("revoked", False)


async def test_an_expired_secret_is_erased_a_day_later_and_that_is_on_record(store: Store, clock: ManualClock) -> None:
    app = await create_app(store, name="shop", actor=ADA)
    short, long = await make_key(store, app.id, HOUR), await make_key(store, app.id)
    old = await make_key(store, app.id)
    await rotate_signature_key(store, old, overlap_s=HOUR, reason="yearly", actor=ADA)
    public = SignatureKeyOrder(app_id=app.id, name="p", expires_in_s=HOUR)
    registered = (await register_signature_key(store, public, registered_key(), actor=ADA)).id
    clock.forward(HOUR + ENDED_KEPT_S - 1)
    assert await erase_ended_secrets(store) == 0
    clock.forward(1)
    assert await erase_ended_secrets(store) == 2
    assert await erase_ended_secrets(store) == 0
    found = await states(store)
    assert (found[short], found[old], found[long]) == (("revoked", False), ("revoked", False), ("active", True))
    # Nothing of it is a secret, and it says that it has expired.
    assert found[registered] == ("active", False)
    events = [stored.event for stored in await store.audit.list_events(AuditFilter(action="signature_key.revoked"))]
    assert {event.object_id for event in events} == {short, old}
    assert {(event.actor.kind, event.reason) for event in events} == {
        ("system", "it has expired, and its secret is erased")
    }


async def test_a_senders_old_secret_is_erased_a_day_after_the_overlap(store: Store, clock: ManualClock) -> None:
    await add_sender(store, SenderOrder(name="acme", scheme="standard"), actor=ADA)
    old = (await add_secret(store, SecretOrder(sender="acme"), actor=ADA)).record.id
    new = (await rotate_secret(store, SecretOrder(sender="acme"), overlap_s=HOUR, reason="yearly", actor=ADA)).record.id
    planned = (await add_secret(store, SecretOrder(sender="acme", not_before=NOW + 90 * HOUR), actor=ADA)).record.id
    clock.forward(HOUR + ENDED_KEPT_S - 1)
    assert await erase_ended_secrets(store) == 0
    clock.forward(1)
    assert await erase_ended_secrets(store) == 1
    assert await held(store) == {new, planned}
    gone = await store.senders.find_secret(old)
    assert gone is not None
    assert (gone.state.value, gone.sealed_text) == ("retired", None)
    (stored,) = await store.audit.list_events(AuditFilter(action="webhook_secret.retired"))
    assert (stored.event.object_id, stored.event.actor.kind) == (old, "system")


async def test_a_store_that_serves_erases_by_itself_and_one_that_cannot_record_does_not(
    sqlite_url: str, clock: ManualClock, eventually: Eventually
) -> None:
    keys = MasterKeys({"k1": secrets.token_bytes(32)}, current="k1", entropy=secrets.token_bytes)
    async with open_store(sqlite_url, master_keys=keys, clock=clock) as store:
        await add_sender(store, SenderOrder(name="acme", scheme="standard"), actor=ADA)
        await add_secret(store, SecretOrder(sender="acme", not_after=NOW + 1), actor=ADA)
        clock.forward(2 * ENDED_KEPT_S)
        bare = open_store(sqlite_url, clock=clock)
        async with bare:
            idle = SecretEraser(bare, first_after_s=0.0)
            await idle.start()
            assert idle._task is None
            await idle.aclose()

        async def is_erased() -> bool:
            return await held(store) == set()

        eraser = SecretEraser(store, first_after_s=0.0, interval_s=0.01, monotonic=clock)
        for _ in range(2):
            await eraser.start()
        await eventually(is_erased)
        # And again and again: what ends later is found later.
        await add_secret(store, SecretOrder(sender="acme", not_after=int(clock()) + 1), actor=ADA)
        clock.forward(2 * ENDED_KEPT_S)
        await eventually(is_erased)
        for _ in range(2):
            await eraser.aclose()


async def test_the_plane_of_a_store_takes_an_eraser_along(sqlite_url: str) -> None:
    keys = MasterKeys({"k1": secrets.token_bytes(32)}, current="k1", entropy=secrets.token_bytes)
    store = open_store(sqlite_url, master_keys=keys)
    await store.plane.start()
    assert [type(companion) for companion in store.plane._companions] == [SecretEraser]
    assert store.plane._companions[0]._task is not None  # type: ignore[attr-defined]  # as above
    await store.aclose()
    assert store.plane._companions[0]._task is None  # type: ignore[attr-defined]  # as above


async def test_an_eraser_survives_a_store_that_is_away(
    sqlite_url: str, clock: ManualClock, eventually: Eventually, caplog: pytest.LogCaptureFixture
) -> None:
    keys = MasterKeys({"k1": secrets.token_bytes(32)}, current="k1", entropy=secrets.token_bytes)
    store = open_store(sqlite_url, master_keys=keys, clock=clock)
    eraser = SecretEraser(store, first_after_s=0.0, interval_s=0.01, monotonic=clock)
    caplog.set_level(logging.WARNING, "doorward.erasing")
    await eraser.start()  # nobody has opened the store

    async def is_said() -> bool:
        return any("could not be erased" in record.message for record in caplog.records)

    await eventually(is_said)
    async with store:
        await add_sender(store, SenderOrder(name="acme", scheme="standard"), actor=ADA)
        await add_secret(store, SecretOrder(sender="acme", not_after=NOW + 1), actor=ADA)
        clock.forward(2 * ENDED_KEPT_S)

        async def is_erased() -> bool:
            return await held(store) == set()

        await eventually(is_erased)
        await eraser.aclose()


async def test_a_clock_that_leaps_ahead_erases_nothing(
    sqlite_url: str, clock: ManualClock, eventually: Eventually
) -> None:
    keys = MasterKeys({"k1": secrets.token_bytes(32)}, current="k1", entropy=secrets.token_bytes)
    passed, passes = ManualClock(0), 0

    def own_clock() -> float:
        nonlocal passes
        passes += 1
        return passed()

    async def has_looked_twice_more() -> bool:
        return passes >= seen + 2

    async with open_store(sqlite_url, master_keys=keys, clock=clock) as store:
        await add_sender(store, SenderOrder(name="acme", scheme="standard"), actor=ADA)
        issued = await add_secret(store, SecretOrder(sender="acme", not_after=NOW + HOUR), actor=ADA)
        eraser = SecretEraser(store, first_after_s=0.0, interval_s=0.01, monotonic=own_clock)
        await eraser.start()
        clock.forward(30 * ENDED_KEPT_S)
        seen = passes
        await eventually(has_looked_twice_more)
        assert await held(store) == {issued.record.id}
        # The time has really passed.
        passed.forward(30 * ENDED_KEPT_S)

        async def is_erased() -> bool:
            return await held(store) == set()

        await eventually(is_erased)
        await eraser.aclose()
