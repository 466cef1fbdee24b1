"""`KeyPort`, `PasswordPort`, and the writes of both."""

import asyncio
from typing import Any

import pytest
from tests.simulators.clock import NOON
from tests.simulators.records import APP, app_of, key_of, password_of

from doorward.adapters.sql import apikey, basic
from doorward.adapters.sql.open import SqlPorts
from doorward.apps.port import AppInserted, AppState, AppUpdated
from doorward.errors import Rejected
from doorward.methods.apikey.port import KeyInserted, KeyState, KeyUpdated
from doorward.methods.basic.port import PasswordInserted, PasswordState, PasswordUpdated
from doorward.methods.plane import UsageDelta
from doorward.values import AppId, Change, CredentialId, Environment, MethodName, RateLimit, Scopes


@pytest.fixture(autouse=True)
async def app(ports: SqlPorts) -> None:
    await ports.changes.commit(Change(writes=(AppInserted(app_of()),)))


async def test_a_key_comes_back_with_its_app(ports: SqlPorts) -> None:
    record = key_of()
    await ports.changes.commit(Change(writes=(KeyInserted(record),)))
    found = await ports.keys.find_key(record.id)
    assert found == key_of(app_name=app_of().name, app_state="active")


async def test_a_key_with_nothing_optional_comes_back(ports: SqlPorts) -> None:
    bare: dict[str, Any] = {
        "organization_id": None,
        "scopes": Scopes(),
        "networks": (),
        "rate": None,
        "expires_at": None,
    }
    await ports.changes.commit(Change(writes=(KeyInserted(key_of(metadata={}, **bare)),)))
    found = await ports.keys.find_key(key_of().id)
    assert found == key_of(metadata={}, app_name=app_of().name, **bare)


async def test_a_password_comes_back_with_its_app(ports: SqlPorts) -> None:
    record = password_of()
    await ports.changes.commit(Change(writes=(PasswordInserted(record),)))
    assert await ports.passwords.find_password(record.id) == password_of(app_name=app_of().name)
    assert await ports.passwords.find_password(CredentialId("nowhere")) is None


async def test_use_and_the_state_of_the_app_are_joined(ports: SqlPorts) -> None:
    await ports.changes.commit(Change(writes=(KeyInserted(key_of()), PasswordInserted(password_of()))))
    await ports.changes.commit(Change(writes=(AppUpdated(app_of(state=AppState.SUSPENDED, version=2)),)))
    for credential in (key_of().id, password_of().id):
        used = UsageDelta(
            method=MethodName("x"), credential_id=credential, count=3, last_used_at=NOON, last_source="::1"
        )
        await ports.usage.add_usage((used,))
    key = await ports.keys.find_key(key_of().id)
    password = await ports.passwords.find_password(password_of().id)
    for found in (key, password):
        assert found is not None
        assert (found.app_state, found.use_count, found.last_used_at, found.last_source) == (
            "suspended",
            3,
            NOON,
            "::1",
        )


async def test_lists_are_by_id_and_by_app(ports: SqlPorts) -> None:
    other = AppId("app_other")
    keys = [key_of("3"), key_of("1"), key_of("2", other)]
    passwords = [password_of("6"), password_of("5", other), password_of("4")]
    await ports.changes.commit(
        Change(
            writes=(
                AppInserted(app_of(other)),
                *map(KeyInserted, keys),
                *map(PasswordInserted, passwords),
            )
        )
    )
    assert [key.id for key in await ports.keys.list_keys()] == ["1", "2", "3"]
    assert [key.id for key in await ports.keys.list_keys(app_id=APP, after="1")] == ["3"]
    assert [found.id for found in await ports.passwords.list_passwords(limit=2)] == ["4", "5"]
    assert [found.id for found in await ports.passwords.list_passwords(app_id=other)] == ["5"]
    for listing in (ports.keys.list_keys, ports.passwords.list_passwords):
        with pytest.raises(Rejected, match="input_invalid"):
            await listing(limit=1_001)


async def test_a_taken_id_is_refused(ports: SqlPorts) -> None:
    await ports.changes.commit(Change(writes=(KeyInserted(key_of()), PasswordInserted(password_of()))))
    for again in (KeyInserted(key_of()), PasswordInserted(password_of())):
        with pytest.raises(Rejected, match="object_exists"):
            await ports.changes.commit(Change(writes=(again,)))


async def test_a_credential_of_no_app_is_refused(ports: SqlPorts) -> None:
    for orphan in (KeyInserted(key_of(app_id="app_x")), PasswordInserted(password_of(app_id="app_x"))):
        with pytest.raises(Rejected, match="object_unknown"):
            await ports.changes.commit(Change(writes=(orphan,)))


async def test_an_update_changes_what_may_change_and_nothing_else(ports: SqlPorts) -> None:
    await ports.changes.commit(Change(writes=(AppInserted(app_of("app_thief")), KeyInserted(key_of()))))
    changed: dict[str, Any] = {
        "version": 2,
        "name": "renamed",
        "scopes": Scopes("orders:read"),
        "networks": (),
        "rate": RateLimit(5, 1),
        "state": KeyState.DISABLED,
        "expires_at": None,
        "rotated_to": CredentialId("next"),
        "metadata": {"new": "yes"},
    }
    fixed: dict[str, Any] = {
        "app_id": AppId("app_thief"),
        "organization_id": None,
        "secret_digest": bytes(32),
        "prefix": "zz",
        "environment": Environment.TEST,
        "created_at": 0,
        "rotated_from": CredentialId("before"),
    }
    await ports.changes.commit(Change(writes=(KeyUpdated(key_of(**changed | fixed)),)))
    assert await ports.keys.find_key(key_of().id) == key_of(**changed, app_name=app_of().name)


async def test_a_password_is_updated_one_version_on(ports: SqlPorts) -> None:
    await ports.changes.commit(Change(writes=(PasswordInserted(password_of()),)))
    second = password_of(version=2, state=PasswordState.DISABLED)
    await ports.changes.commit(Change(writes=(PasswordUpdated(second),)))
    assert await ports.passwords.find_password(second.id) == password_of(
        version=2, state=PasswordState.DISABLED, app_name=app_of().name
    )


@pytest.mark.parametrize("version", [1, 3])
async def test_an_update_from_another_version_is_a_conflict(ports: SqlPorts, version: int) -> None:
    await ports.changes.commit(Change(writes=(KeyInserted(key_of()),)))
    with pytest.raises(Rejected, match="object_conflict"):
        await ports.changes.commit(Change(writes=(KeyUpdated(key_of(version=version)),)))


async def test_an_update_of_nothing_is_unknown(ports: SqlPorts) -> None:
    for update in (KeyUpdated(key_of(version=2)), PasswordUpdated(password_of(version=2))):
        with pytest.raises(Rejected, match="object_unknown"):
            await ports.changes.commit(Change(writes=(update,)))


async def test_revocation_is_final_in_the_store_too(ports: SqlPorts) -> None:
    await ports.changes.commit(
        Change(
            writes=(
                KeyInserted(key_of(state=KeyState.REVOKED)),
                PasswordInserted(password_of(state=PasswordState.REVOKED)),
            )
        )
    )
    for update in (KeyUpdated(key_of(version=2)), PasswordUpdated(password_of(version=2))):
        with pytest.raises(Rejected, match="object_conflict"):
            await ports.changes.commit(Change(writes=(update,)))


async def test_of_a_hundred_parallel_updates_one_succeeds(ports: SqlPorts) -> None:
    await ports.changes.commit(Change(writes=(KeyInserted(key_of()),)))

    async def rename(number: int) -> str:
        try:
            await ports.changes.commit(Change(writes=(KeyUpdated(key_of(version=2, name=f"{number}")),)))
        except Rejected as refused:
            return refused.code
        return f"{number}"

    outcomes = await asyncio.gather(*(rename(number) for number in range(100)))
    (winner,) = [outcome for outcome in outcomes if outcome != "object_conflict"]
    found = await ports.keys.find_key(key_of().id)
    assert found is not None
    assert (found.name, found.version) == (winner, 2)


async def test_an_unknown_id_reads_a_row_like_a_known_one(ports: SqlPorts) -> None:
    # One that reads none answers sooner, and a stranger with a clock learns which ids exist (invariant 3).
    await ports.changes.commit(Change(writes=(KeyInserted(key_of()), PasswordInserted(password_of()))))
    unknown = CredentialId("!" * 12)  # sorts before every id there is
    for find in (apikey._ROWS.finding, basic._ROWS.finding):
        assert len(await ports.keys._engine.read(find, {"id": unknown})) == 1
    assert await ports.keys.find_key(unknown) is None
    assert await ports.passwords.find_password(unknown) is None
