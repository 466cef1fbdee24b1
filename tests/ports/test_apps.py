"""`AppPort` and the writes of apps."""

import pytest
from tests.simulators.records import app_of

from doorward.adapters.sql.open import SqlPorts
from doorward.apps.port import AppInserted, AppState, AppUpdated
from doorward.errors import Rejected
from doorward.values import AppId, Change


async def test_an_app_comes_back_as_it_was_written(ports: SqlPorts) -> None:
    record = app_of()
    await ports.changes.commit(Change(writes=(AppInserted(record),)))
    assert await ports.apps.find_app(record.id) == record
    assert await ports.apps.find_app_by_name(record.name) == record


async def test_nothing_is_found_where_nothing_is(ports: SqlPorts) -> None:
    assert await ports.apps.find_app(AppId("app_nowhere")) is None
    assert await ports.apps.find_app_by_name("") is None


async def test_names_are_found_exactly(ports: SqlPorts) -> None:
    await ports.changes.commit(Change(writes=(AppInserted(app_of(name="Orders")),)))
    assert await ports.apps.find_app_by_name("orders") is None


async def test_apps_are_listed_by_id_in_the_order_of_bytes(ports: SqlPorts) -> None:
    ids = ["app_b", "app_a", "app_B", "app_0"]
    await ports.changes.commit(Change(writes=tuple(AppInserted(app_of(app_id)) for app_id in ids)))
    assert [app.id for app in await ports.apps.list_apps()] == ["app_0", "app_B", "app_a", "app_b"]
    assert [app.id for app in await ports.apps.list_apps(after="app_B", limit=1)] == ["app_a"]


@pytest.mark.parametrize("limit", [0, -1, 1_001, 2**70])
async def test_a_page_has_one_to_a_thousand_rows(ports: SqlPorts, limit: int) -> None:
    with pytest.raises(Rejected) as refused:
        await ports.apps.list_apps(limit=limit)
    assert refused.value.code == "input_invalid"


@pytest.mark.parametrize("taken", [{"app_id": "app_1", "name": "other"}, {"app_id": "app_2", "name": "first"}])
async def test_a_taken_id_or_name_is_refused(ports: SqlPorts, taken: dict[str, str]) -> None:
    await ports.changes.commit(Change(writes=(AppInserted(app_of("app_1", name="first")),)))
    with pytest.raises(Rejected) as refused:
        await ports.changes.commit(Change(writes=(AppInserted(app_of(**taken)),)))
    assert refused.value.code == "object_exists"


async def test_an_update_moves_one_version_on(ports: SqlPorts) -> None:
    await ports.changes.commit(Change(writes=(AppInserted(app_of()),)))
    second = app_of(version=2, state=AppState.SUSPENDED, metadata={})
    await ports.changes.commit(Change(writes=(AppUpdated(second),)))
    assert await ports.apps.find_app(second.id) == second
    with pytest.raises(Rejected) as refused:
        await ports.changes.commit(Change(writes=(AppUpdated(second),)))
    assert refused.value.code == "object_conflict"


async def test_a_name_taken_by_an_update_is_refused(ports: SqlPorts) -> None:
    both = (AppInserted(app_of("app_1", name="first")), AppInserted(app_of("app_2", name="second")))
    await ports.changes.commit(Change(writes=both))
    with pytest.raises(Rejected) as refused:
        await ports.changes.commit(Change(writes=(AppUpdated(app_of("app_2", name="first", version=2)),)))
    assert refused.value.code == "object_exists"


async def test_a_revoked_app_stays_revoked(ports: SqlPorts) -> None:
    await ports.changes.commit(Change(writes=(AppInserted(app_of(state=AppState.REVOKED)),)))
    with pytest.raises(Rejected) as refused:
        await ports.changes.commit(Change(writes=(AppUpdated(app_of(version=2)),)))
    assert refused.value.code == "object_conflict"
    found = await ports.apps.find_app(app_of().id)
    assert found is not None
    assert found.state is AppState.REVOKED
