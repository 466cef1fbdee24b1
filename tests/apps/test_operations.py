"""Apps through their life: one row in the feed reaches all their credentials."""

import pytest
from msgspec.structs import replace
from tests.simulators.store import NOW, OPERATOR, SimulatedStore

from doorward.apps.issue import FEED_ROW_LIFETIME_S
from doorward.apps.operations import create_app, resume_app, revoke_app, suspend_app
from doorward.apps.port import AppRecord, AppState
from doorward.errors import Rejected
from doorward.revocation.view import CACHE_LIFE_S
from doorward.values import AppId, FeedKind, Handle, OrganizationId


async def test_a_new_app(store: SimulatedStore) -> None:
    record = await create_app(
        store, name="sync", organization_id=OrganizationId("acme"), metadata={"k": "v"}, actor=OPERATOR
    )
    assert record.id.startswith("app_")
    assert len(record.id) == len("app_") + 12
    assert (record.state, record.version, record.created_at) == (AppState.ACTIVE, 1, NOW)
    assert store.app_rows[record.id] == record
    event = store.events[-1]
    assert (event.action, event.app_id, event.organization_id) == ("app.created", record.id, "acme")


async def test_a_name_is_taken_once(store: SimulatedStore, owner: AppRecord) -> None:
    with pytest.raises(Rejected) as caught:
        await create_app(store, name=owner.name, actor=OPERATOR)
    assert caught.value.code == "object_exists"


@pytest.mark.parametrize("name", ["", "a" * 101, "a\tb", " a ", "\u200b"])
async def test_names_are_bounded(store: SimulatedStore, name: str) -> None:
    with pytest.raises(Rejected) as caught:
        await create_app(store, name=name, actor=OPERATOR)
    assert caught.value.code == "input_invalid"


@pytest.mark.parametrize("organization", ["", "a" * 65, "a b", "a/b", "é", "a\n"])
async def test_organization_ids_are_bounded(store: SimulatedStore, organization: str) -> None:
    with pytest.raises(Rejected) as caught:
        await create_app(store, name="n", organization_id=OrganizationId(organization), actor=OPERATOR)
    assert caught.value.code == "input_invalid"


async def test_metadata_is_bounded(store: SimulatedStore) -> None:
    with pytest.raises(Rejected):
        await create_app(store, name="n", metadata={"k": "v" * 257}, actor=OPERATOR)


async def test_suspend_resume_revoke(store: SimulatedStore, owner: AppRecord) -> None:
    assert (await suspend_app(store, owner.id, reason="unpaid", actor=OPERATOR)).state is AppState.SUSPENDED
    assert (await resume_app(store, owner.id, reason="paid", actor=OPERATOR)).state is AppState.ACTIVE
    assert (await revoke_app(store, owner.id, reason="gone", actor=OPERATOR)).state is AppState.REVOKED
    assert [row.changed_version for row in store.revocations] == [2, 3, None]
    assert {row.handle for row in store.revocations} == {Handle(FeedKind.APP, owner.id)}
    assert {row.leave_at for row in store.revocations} == {NOW + FEED_ROW_LIFETIME_S}
    assert [(event.action, event.reason) for event in store.events[-3:]] == [
        ("app.suspended", "unpaid"),
        ("app.resumed", "paid"),
        ("app.revoked", "gone"),
    ]
    for act in (suspend_app, resume_app, revoke_app):
        with pytest.raises(Rejected) as caught:
            await act(store, owner.id, reason="r", actor=OPERATOR)
        assert caught.value.code == "state_final"


def test_feed_rows_stay_longer_than_any_cache() -> None:
    assert FEED_ROW_LIFETIME_S >= 2 * CACHE_LIFE_S


async def test_a_state_it_has_is_no_change(store: SimulatedStore, owner: AppRecord) -> None:
    assert await resume_app(store, owner.id, reason="r", actor=OPERATOR) == owner
    assert store.revocations == []


async def test_a_reason_is_required(store: SimulatedStore, owner: AppRecord) -> None:
    with pytest.raises(Rejected) as caught:
        await suspend_app(store, owner.id, reason="", actor=OPERATOR)
    assert caught.value.code == "input_invalid"


async def test_an_unknown_app(store: SimulatedStore) -> None:
    with pytest.raises(Rejected) as caught:
        await suspend_app(store, AppId("app_nobody"), reason="r", actor=OPERATOR)
    assert caught.value.code == "object_unknown"


async def test_somebody_elses_change_in_between_is_decided_anew(store: SimulatedStore, owner: AppRecord) -> None:
    def interfere() -> None:
        record = store.app_rows[owner.id]
        store.app_rows[owner.id] = replace(record, metadata={"k": "v"}, version=record.version + 1)

    store.before_commit = [interfere]
    assert (await suspend_app(store, owner.id, reason="r", actor=OPERATOR)).metadata == {"k": "v"}
    store.before_commit = [interfere, interfere]
    with pytest.raises(Rejected) as caught:
        await resume_app(store, owner.id, reason="r", actor=OPERATOR)
    assert caught.value.code == "object_conflict"
