"""What an administrator cannot do: more than the key says, elsewhere than its organization, or by giving it away."""

from collections.abc import Callable, Coroutine
from typing import Any

import httpx2
import pytest
from tests.server.management.conftest import Ask, Json

MakeAdmin = Callable[..., Coroutine[Any, Any, str]]

READS = {
    "/apps": "apps",
    "/keys": "keys",
    "/passwords": "passwords",
    "/passwords/usage": "passwords",
    "/signature-keys": "signatures",
    "/webhook-senders": "webhooks",
    "/audit": "audit",
}
ROOMS = ("apps", "keys", "passwords", "signatures", "webhooks")
REASON = {"reason": "because"}


async def make_key(ask: Ask, *scopes: str, key: str | None = None, name: str = "orders") -> Json:
    app = await ask("POST", "/apps", {"name": name})
    return (await ask("POST", "/keys", {"app_id": app.json["id"], "name": "k", "scopes": [*scopes]})).json


@pytest.mark.parametrize("path", READS)
async def test_each_list_demands_its_own_scope(ask: Ask, make_admin: MakeAdmin, path: str) -> None:
    own = f"doorward:{READS[path]}:read"
    others = {f"doorward:{name}:{verb}" for name in ROOMS for verb in ("read", "write")}
    lacking = await make_admin(*((others | {"doorward:audit:read"}) - {own}))
    refused = await ask("GET", path, key=lacking)
    assert (refused.status, refused.code) == (403, "scope_insufficient")
    assert refused.json["missing_scopes"] == [own]
    assert (await ask("GET", path, key=await make_admin(own))).status == 200


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", "/apps", "apps"),
        ("POST", "/apps/app_000000000000/suspend", "apps"),
        ("POST", "/apps/app_000000000000/resume", "apps"),
        ("POST", "/apps/app_000000000000/revoke", "apps"),
        ("POST", "/keys", "keys"),
        ("PATCH", "/keys/000000000000", "keys"),
        ("POST", "/keys/000000000000/rotate", "keys"),
        ("POST", "/keys/000000000000/disable", "keys"),
        ("POST", "/keys/000000000000/enable", "keys"),
        ("POST", "/keys/000000000000/revoke", "keys"),
        ("POST", "/passwords", "passwords"),
        ("POST", "/passwords/000000000000/disable", "passwords"),
        ("POST", "/passwords/000000000000/enable", "passwords"),
        ("POST", "/passwords/000000000000/revoke", "passwords"),
    ],
)
async def test_reading_is_not_writing(ask: Ask, make_admin: MakeAdmin, method: str, path: str, scope: str) -> None:
    reader = await make_admin(*(f"doorward:{name}:read" for name in ("apps", "keys", "passwords", "audit")))
    refused = await ask(method, path, REASON, key=reader)
    assert (refused.status, refused.code) == (403, "scope_insufficient")
    assert refused.json["missing_scopes"] == [f"doorward:{scope}:write"]


async def test_nobody_comes_in_without_a_key(client: httpx2.AsyncClient, admin: str) -> None:
    for path in ("/api/v1/apps", "/api/docs", "/api/openapi.json"):
        assert (await client.get(path)).status_code == 401
    assert (await client.post("/api/v1/apps", content=b"{not json")).status_code == 401
    for path in ("/", "/docs", "/openapi.json", "/api/v1", "/api/v1/apps/", "/api/v1//apps", "/metrics"):
        answer = await client.get(path, headers={"authorization": f"Bearer {admin}"})
        assert answer.status_code in {403, 404}, path


async def test_power_cannot_be_handed_out_by_who_lacks_it(ask: Ask, make_admin: MakeAdmin) -> None:
    app = await ask("POST", "/apps", {"name": "orders"})
    lesser = await make_admin("doorward:keys:write", "doorward:passwords:write")
    for path in ("/keys", "/passwords"):
        order = {"app_id": app.json["id"], "name": "k", "scopes": ["doorward:audit:read"]}
        refused = await ask("POST", path, order, key=lesser)
        assert (refused.status, refused.code) == (403, "scope_escalation")
        made = await ask("POST", path, {**order, "scopes": ["doorward:keys:write", "orders:read"]}, key=lesser)
        assert made.status == 201


async def test_power_cannot_be_taken_over(ask: Ask, make_admin: MakeAdmin) -> None:
    mighty = (await make_key(ask, "doorward:audit:read"))["key"]["id"]
    lesser = await make_admin("doorward:keys:write")
    own = (await make_key(ask, name="mine"))["key"]["id"]
    attempts = (
        ("POST", f"/keys/{mighty}/rotate", REASON),
        ("PATCH", f"/keys/{mighty}", {**REASON, "networks": []}),
        ("PATCH", f"/keys/{own}", {**REASON, "scopes": ["doorward:audit:read"]}),
    )
    for method, path, body in attempts:
        assert (await ask(method, path, body, key=lesser)).code == "scope_escalation"
    await ask("POST", f"/keys/{mighty}/disable", REASON, key=lesser)
    assert (await ask("POST", f"/keys/{mighty}/enable", REASON, key=lesser)).code == "scope_escalation"
    # Taking away is allowed: a leaked key must be stoppable.
    assert (await ask("POST", f"/keys/{mighty}/revoke", REASON, key=lesser)).status == 200


async def test_a_suspended_app_is_woken_only_by_who_has_the_power_it_has(ask: Ask, make_admin: MakeAdmin) -> None:
    app = (await ask("POST", "/apps", {"name": "operators"})).json["id"]
    lesser, equal = (
        await make_admin("doorward:apps:write"),
        await make_admin("doorward:apps:write", "doorward:audit:read"),
    )
    order = {"app_id": app, "name": "k", "scopes": ["doorward:audit:read"]}
    for path in ("/keys", "/passwords"):
        made = (await ask("POST", path, order)).json
        credential = made.get("key", made.get("password"))["id"]
        assert (await ask("POST", f"/apps/{app}/suspend", REASON, key=lesser)).status == 200
        assert (await ask("POST", f"/apps/{app}/resume", REASON, key=lesser)).code == "scope_escalation"
        assert (await ask("POST", f"/apps/{app}/resume", REASON, key=equal)).status == 200
        assert (await ask("POST", f"{path}/{credential}/revoke", REASON)).status == 200
    assert (await ask("POST", f"/apps/{app}/suspend", REASON, key=lesser)).status == 200
    assert (await ask("POST", f"/apps/{app}/resume", REASON, key=lesser)).status == 200


async def test_an_app_is_revoked_only_by_who_has_the_power_it_has(ask: Ask, make_admin: MakeAdmin) -> None:
    app = (await ask("POST", "/apps", {"name": "operators"})).json["id"]
    await ask("POST", "/keys", {"app_id": app, "name": "k", "scopes": ["doorward:audit:read"]})
    lesser = await make_admin("doorward:apps:write")
    assert (await ask("POST", f"/apps/{app}/revoke", REASON, key=lesser)).code == "scope_escalation"
    # Stopping it is allowed, and can be lifted.
    assert (await ask("POST", f"/apps/{app}/suspend", REASON, key=lesser)).status == 200
    assert (await ask("POST", f"/apps/{app}/revoke", REASON)).status == 200


async def test_an_organizations_administrator_sees_that_organization_alone(ask: Ask, make_admin: MakeAdmin) -> None:
    theirs = await make_key(ask, name="theirs")
    their_app, their_key = theirs["key"]["app_id"], theirs["key"]["id"]
    their_password = (await ask("POST", "/passwords", {"app_id": their_app, "name": "p"})).json["password"]["id"]
    scopes = [f"doorward:{name}:{verb}" for name in ("apps", "keys", "passwords") for verb in ("read", "write")]
    acme = await make_admin(*scopes, "doorward:audit:read", organization="acme")
    attempts = [
        ("GET", f"/apps/{their_app}", None),
        *(("POST", f"/apps/{their_app}/{verb}", REASON) for verb in ("suspend", "resume", "revoke")),
        ("GET", f"/keys/{their_key}", None),
        ("PATCH", f"/keys/{their_key}", {**REASON, "name": "mine"}),
        *(("POST", f"/keys/{their_key}/{verb}", REASON) for verb in ("rotate", "disable", "enable", "revoke")),
        ("GET", f"/passwords/{their_password}", None),
        *(("POST", f"/passwords/{their_password}/{verb}", REASON) for verb in ("disable", "enable", "revoke")),
        ("POST", "/keys", {"app_id": their_app, "name": "k"}),
        ("POST", "/passwords", {"app_id": their_app, "name": "p"}),
        ("POST", "/apps", {"name": "x", "organization_id": "other"}),
    ]
    for method, path, body in attempts:
        refused = await ask(method, path, body, key=acme)
        assert (refused.status, refused.code) == (404, "object_unknown"), (method, path)
    for path in ("/keys", "/passwords", f"/keys?app_id={their_app}", f"/passwords?app_id={their_app}", "/audit"):
        shown = (await ask("GET", path, key=acme)).json["items"]
        assert all(item["organization_id"] == "acme" for item in shown), path
    assert (await ask("GET", "/audit?organization_id=other", key=acme)).json["items"] == []
    assert [app["organization_id"] for app in (await ask("GET", "/apps", key=acme)).json["items"]] == ["acme"]


async def test_what_an_organizations_administrator_makes_belongs_to_it(ask: Ask, make_admin: MakeAdmin) -> None:
    acme = await make_admin("doorward:apps:write", "doorward:keys:write", "doorward:keys:read", organization="acme")
    app = await ask("POST", "/apps", {"name": "acme orders"}, key=acme)
    assert app.json["organization_id"] == "acme"
    made = await ask(
        "POST", "/keys", {"app_id": app.json["id"], "name": "k", "scopes": ["doorward:keys:read"]}, key=acme
    )
    assert made.json["key"]["organization_id"] == "acme"
    shown = (await ask("GET", "/keys", key=made.json["secret"])).json["items"]
    assert {item["organization_id"] for item in shown} == {"acme"}


async def test_a_change_meant_for_another_version_is_refused(ask: Ask) -> None:
    key_id = (await make_key(ask))["key"]["id"]
    change = {**REASON, "name": "renamed"}
    assert (await ask("PATCH", f"/keys/{key_id}", change, headers={"if-match": '"2"'})).code == "object_conflict"
    assert (await ask("PATCH", f"/keys/{key_id}", change, headers={"if-match": '"1"'})).status == 200
    assert (await ask("PATCH", f"/keys/{key_id}", change, headers={"if-match": '"1"'})).code == "object_conflict"
    assert (await ask("PATCH", f"/keys/{key_id}", change, headers={"if-match": "W/1"})).code == "input_invalid"
    assert (await ask("POST", f"/keys/{key_id}/revoke", REASON, headers={"if-match": '"1"'})).code == "object_conflict"


async def test_a_test_key_and_an_app_password_open_nothing_here(ask: Ask, client: httpx2.AsyncClient) -> None:
    app = await ask("POST", "/apps", {"name": "orders"})
    scopes = ["doorward:apps:read"]
    order = {"app_id": app.json["id"], "name": "k", "scopes": scopes}
    test_key = (await ask("POST", "/keys", {**order, "environment": "test"})).json["secret"]
    assert (await ask("GET", "/apps", key=test_key)).status == 401
    password = (await ask("POST", "/passwords", order)).json
    answer = await client.get("/api/v1/apps", auth=(password["user_id"], password["secret"]))
    assert answer.status_code == 401
