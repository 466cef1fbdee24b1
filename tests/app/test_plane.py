"""One plane, one loop; what fails at the start leaves nothing behind."""

import asyncio
import secrets
from pathlib import Path

import pytest
from msgspec.structs import replace

from doorward.app.administration import ADMINISTRATION_APP, create_first_admin, find_other_administrators
from doorward.app.store import open_store
from doorward.apps.operations import create_app
from doorward.crypto.sealing import MasterKeys
from doorward.errors import Misconfigured
from doorward.methods.apikey.operations import create_key
from doorward.methods.apikey.order import KeyOrder
from doorward.values import Actor, Scopes

OPERATOR = Actor(kind="operator", id="test")


@pytest.fixture
def master_keys() -> MasterKeys:
    return MasterKeys({"k1": bytes(range(32))}, current="k1", entropy=secrets.token_bytes)


async def test_nothing_is_opened_before_it_is_used(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/absent.db")
    assert not store.plane.started
    with pytest.raises(Misconfigured, match="db upgrade"):
        await store.plane.start()
    assert not store.plane.started
    assert not (tmp_path / "absent.db").exists()


def test_a_log_that_could_not_be_chained_is_not_left_out_in_silence(
    tmp_path: Path, master_keys: MasterKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DOORWARD_MASTER_KEY", "DOORWARD_MASTER_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(Misconfigured, match="MASTER_KEY"):
        open_store("sqlite:///orders.db", audit_log=tmp_path)
    open_store("sqlite:///orders.db", audit_log=tmp_path, master_keys=master_keys)
    open_store("sqlite:///orders.db")


async def test_starts_at_once_are_one_start_and_closing_twice_is_one(sqlite_url: str) -> None:
    store = open_store(sqlite_url)
    await asyncio.gather(*(store.plane.start() for _ in range(20)))
    seen = [store.plane.started]
    await store.aclose()
    await store.aclose()
    seen.append(store.plane.started)
    await store.plane.start()
    seen.append(store.plane.started)
    await store.aclose()
    assert seen == [True, False, True]


def test_a_second_loop_is_refused_until_the_first_has_closed(sqlite_url: str) -> None:
    store = open_store(sqlite_url)
    with asyncio.Runner() as first, asyncio.Runner() as second:
        first.run(store.plane.start())
        with pytest.raises(Misconfigured, match="second event loop"):
            second.run(store.plane.start())
        first.run(store.aclose())
        second.run(store.plane.start())
        second.run(store.aclose())


async def test_there_is_one_first_administrator_unless_it_is_replaced(sqlite_url: str, master_keys: MasterKeys) -> None:
    async with open_store(sqlite_url, master_keys=master_keys) as store:
        first = await create_first_admin(store, actor=OPERATOR)
        with pytest.raises(Misconfigured, match="administrator already"):
            await create_first_admin(store, actor=OPERATOR)
        second = await create_first_admin(store, actor=OPERATOR, replace_existing=True)
        app = await store.apps.find_app_by_name(ADMINISTRATION_APP)
        assert app is not None
        states = {key.id: key.state.value for key in await store.keys.list_keys(app_id=app.id)}
    assert states == {first.record.id: "revoked", second.record.id: "active"}
    assert "doorward:audit:read" in second.record.scopes


async def test_replacing_the_administrator_leaves_none_of_its_keys_alive(
    sqlite_url: str, master_keys: MasterKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whoever has the key makes more of them than one page of a list holds, and some for another app.
    monkeypatch.setattr("doorward.app.administration._PAGE", 2)
    async with open_store(sqlite_url, master_keys=master_keys) as store:
        first = await create_first_admin(store, actor=OPERATOR)
        other = await create_app(store, name="other", actor=OPERATOR)
        order = KeyOrder(app_id=first.record.app_id, name="k", scopes=first.record.scopes)
        for _ in range(5):
            await create_key(store, order, actor=OPERATOR)
        elsewhere = await create_key(store, replace(order, app_id=other.id), actor=OPERATOR)
        await create_key(store, KeyOrder(app_id=other.id, name="k", scopes=Scopes("orders:read")), actor=OPERATOR)
        second = await create_first_admin(store, actor=OPERATOR, replace_existing=True)
        alive = [key.id for key in await store.keys.list_keys(app_id=first.record.app_id) if key.state == "active"]
        assert alive == [second.record.id]
        assert [key.id for key in await find_other_administrators(store)] == [elsewhere.record.id]
