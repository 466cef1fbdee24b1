"""Whoever asks for one organization's objects gets no others: administrators are confined by it."""

from msgspec.structs import replace
from tests.simulators.records import app_of, event_of, key_of, password_of

from doorward.adapters.sql.open import SqlPorts
from doorward.apps.port import AppInserted
from doorward.audit.port import AuditFilter
from doorward.methods.apikey.port import KeyInserted
from doorward.methods.basic.port import PasswordInserted
from doorward.values import AppId, Change, OrganizationId

OURS, THEIRS = OrganizationId("ours"), OrganizationId("theirs")


async def test_lists_and_events_of_one_organization(ports: SqlPorts) -> None:
    apps = [
        replace(app_of(f"app_{name}", name=name), organization_id=organization)
        for name, organization in (("a", OURS), ("b", THEIRS), ("c", None))
    ]
    keys = [
        replace(key_of(f"k{number}", AppId(app.id)), organization_id=app.organization_id)
        for number, app in enumerate(apps)
    ]
    passwords = [
        replace(password_of(f"p{number}", AppId(app.id)), organization_id=app.organization_id)
        for number, app in enumerate(apps)
    ]
    events = tuple(event_of(app.id, organization_id=app.organization_id) for app in apps)
    writes = (*map(AppInserted, apps), *map(KeyInserted, keys), *map(PasswordInserted, passwords))
    await ports.changes.commit(Change(writes=writes, events=events))
    assert [app.name for app in await ports.apps.list_apps(organization_id=OURS)] == ["a"]
    assert [key.id for key in await ports.keys.list_keys(organization_id=THEIRS)] == ["k1"]
    assert await ports.keys.list_keys(organization_id=OURS, app_id=AppId("app_b")) == ()
    assert [found.id for found in await ports.passwords.list_passwords(organization_id=OURS)] == ["p0"]
    found = await ports.audit.list_events(AuditFilter(organization_id=THEIRS))
    assert [stored.event.object_id for stored in found] == ["app_b"]
