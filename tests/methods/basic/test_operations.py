"""App passwords through their life."""

import pytest
from msgspec.structs import replace
from tests.simulators.store import NOW, OPERATOR, SimulatedStore

from doorward.apps.operations import revoke_app
from doorward.apps.port import AppRecord
from doorward.crypto.hashing import sha256_digest
from doorward.errors import Rejected
from doorward.methods.basic.config import EXPIRES_IN_S_MAX, FEED_ROW_LIFETIME_S
from doorward.methods.basic.operations import (
    create_password,
    disable_password,
    enable_password,
    revoke_password,
)
from doorward.methods.basic.order import IssuedPassword, PasswordOrder
from doorward.methods.basic.port import PasswordState
from doorward.revocation.view import CACHE_LIFE_S
from doorward.values import AppId, CredentialId, FeedKind, Handle
from doorward.wire.credential import has_valid_checksum


async def _issue(store: SimulatedStore, owner: AppRecord, **fields: object) -> IssuedPassword:
    return await create_password(store, replace(PasswordOrder(app_id=owner.id, name="p"), **fields), actor=OPERATOR)


async def test_a_new_password_is_stored_by_digest_only(store: SimulatedStore, owner: AppRecord) -> None:
    issued = await _issue(store, owner)
    stored = store.password_rows[issued.record.id]
    assert stored.secret_digest == sha256_digest(issued.text.encode())
    assert issued.text.startswith(f"dw_pass_{stored.id}")
    assert has_valid_checksum(issued.text)
    assert stored.expires_at == NOW + 90 * 86_400
    assert issued.text not in repr(stored) + repr(store.events) + repr(issued) + repr(issued.__rich_repr__())
    assert store.events[-1].action == "password.created"


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "a" * 101},
        {"expires_in_s": 0},
        {"expires_in_s": EXPIRES_IN_S_MAX + 1},
        {"prefix": "1"},
    ],
)
async def test_one_over_a_limit_is_refused(store: SimulatedStore, owner: AppRecord, fields: dict[str, object]) -> None:
    with pytest.raises(Rejected) as caught:
        await _issue(store, owner, **fields)
    assert caught.value.code == "input_invalid"
    await _issue(store, owner, expires_in_s=EXPIRES_IN_S_MAX)


async def test_a_password_needs_an_app_that_is_not_revoked(store: SimulatedStore, owner: AppRecord) -> None:
    with pytest.raises(Rejected) as caught:
        await _issue(store, owner, app_id=AppId("app_nobody"))
    assert caught.value.code == "object_unknown"
    await revoke_app(store, owner.id, reason="r", actor=OPERATOR)
    with pytest.raises(Rejected) as caught:
        await _issue(store, owner)
    assert caught.value.code == "state_final"


async def test_disable_enable_revoke(store: SimulatedStore, owner: AppRecord) -> None:
    password_id = (await _issue(store, owner)).record.id
    assert (await disable_password(store, password_id, reason="a", actor=OPERATOR)).state is PasswordState.DISABLED
    assert (await enable_password(store, password_id, reason="b", actor=OPERATOR)).state is PasswordState.ACTIVE
    assert (await enable_password(store, password_id, reason="b", actor=OPERATOR)).version == 3
    assert (await revoke_password(store, password_id, reason="c", actor=OPERATOR)).state is PasswordState.REVOKED
    assert [row.changed_version for row in store.revocations] == [2, 3, None]
    assert {row.handle for row in store.revocations} == {Handle(FeedKind.CREDENTIAL, password_id)}
    assert {row.leave_at for row in store.revocations} == {NOW + FEED_ROW_LIFETIME_S}
    assert [event.reason for event in store.events[-3:]] == ["a", "b", "c"]
    for act in (disable_password, enable_password, revoke_password):
        with pytest.raises(Rejected) as caught:
            await act(store, password_id, reason="r", actor=OPERATOR)
        assert caught.value.code == "state_final"


def test_feed_rows_stay_longer_than_any_cache() -> None:
    assert FEED_ROW_LIFETIME_S >= 2 * CACHE_LIFE_S


async def test_refusals(store: SimulatedStore, owner: AppRecord) -> None:
    with pytest.raises(Rejected) as caught:
        await revoke_password(store, CredentialId("nobody"), reason="r", actor=OPERATOR)
    assert caught.value.code == "object_unknown"
    password_id = (await _issue(store, owner)).record.id
    with pytest.raises(Rejected) as caught:
        await revoke_password(store, password_id, reason="", actor=OPERATOR)
    assert caught.value.code == "input_invalid"


async def test_somebody_elses_change_in_between_is_decided_anew(store: SimulatedStore, owner: AppRecord) -> None:
    password_id = (await _issue(store, owner)).record.id

    def interfere() -> None:
        record = store.password_rows[password_id]
        store.password_rows[password_id] = replace(record, name="other", version=record.version + 1)

    store.before_commit = [interfere]
    assert (await revoke_password(store, password_id, reason="r", actor=OPERATOR)).name == "other"
    other = (await _issue(store, owner)).record.id
    password_id = other
    store.before_commit = [interfere, interfere]
    with pytest.raises(Rejected) as caught:
        await revoke_password(store, other, reason="r", actor=OPERATOR)
    assert caught.value.code == "object_conflict"
