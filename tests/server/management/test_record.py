"""What is asked of the management API leaves a record: what was changed, and what was refused behind the door."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.server.management.conftest import Ask
from tests.server.management.test_reach import MakeAdmin

from doorward.app.store import Store, open_store
from doorward.audit.log_files import read_verifications
from doorward.audit.port import AuditFilter
from doorward.crypto.sealing import MasterKeys

REASON = {"reason": "because"}


@pytest.fixture
async def store(sqlite_url: str, master_keys: MasterKeys, tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(sqlite_url, master_keys=master_keys, audit_log=tmp_path / "log") as opened:
        yield opened


async def test_who_reached_for_more_power_is_in_the_record(
    ask: Ask, make_admin: MakeAdmin, store: Store, tmp_path: Path
) -> None:
    app_id = (await ask("POST", "/apps", {"name": "orders"})).json["id"]
    lesser = await make_admin("doorward:keys:write")
    order = {"app_id": app_id, "name": "k", "scopes": ["doorward:audit:read"]}
    assert (await ask("POST", "/keys?x=y", order, key=lesser)).code == "scope_escalation"
    assert (await ask("POST", "/apps", {"name": "mine"}, key=lesser)).code == "scope_insufficient"
    await store.aclose()
    key_id = lesser[len("dw_live_") :][:12]
    told = [
        (record.code, record.request, record.source, record.method)
        for record in read_verifications(tmp_path / "log", AuditFilter(credential_id=key_id))
    ]
    # What the door refused is told once, by the door.
    assert told == [
        (None, "POST /api/v1/keys", "127.0.0.1", "apikey"),
        ("scope_escalation", "POST /api/v1/keys", "127.0.0.1", "apikey"),
        ("scope_insufficient", "POST /api/v1/apps", "127.0.0.1", "apikey"),
    ]


async def test_changes_are_found_by_app_credential_action_code_and_time(ask: Ask) -> None:
    apps = [(await ask("POST", "/apps", {"name": name})).json["id"] for name in ("orders", "stock")]
    made = [
        (await ask("POST", "/keys", {"app_id": app_id, "name": "k", "scopes": []})).json["key"]["id"] for app_id in apps
    ]
    await ask("POST", f"/keys/{made[0]}/revoke", REASON)

    async def found(query: str) -> list[tuple[str, str]]:
        answer = await ask("GET", f"/audit?limit=1000&{query}")
        assert answer.status == 200
        return [(event["action"], event["object_id"]) for event in answer.json["items"]]

    assert await found(f"credential_id={made[0]}") == [("key.created", made[0]), ("key.revoked", made[0])]
    assert await found(f"app_id={apps[1]}") == [("app.created", apps[1]), ("key.created", made[1])]
    assert await found("action=key.revoked") == [("key.revoked", made[0])]
    assert await found("code=scope_escalation") == []
    (event,) = (await ask("GET", "/audit?action=key.revoked")).json["items"]
    at = event["at"]
    assert ("key.revoked", made[0]) in await found(f"since={at}&until={at + 1}")
    assert await found(f"since={at + 1}") == []
    assert ("key.revoked", made[0]) not in await found(f"until={at}")
