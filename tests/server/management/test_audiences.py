"""Which resources a key stands for is power over Doorward, and is handed out like it."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from tests.server.management.conftest import Ask

MakeAdmin = Callable[..., Coroutine[Any, Any, str]]

INTROSPECT = "doorward:tokens:introspect"
READ = "doorward:revocations:read"
WRITES = ("doorward:apps:write", "doorward:keys:write")
OWN, RIVAL = "https://acme.example", "https://rival.example"
REASON = {"reason": "because"}


def names(*audiences: str) -> dict[str, str]:
    return {"audience": " ".join(audiences)}


async def make_app(ask: Ask, key: str) -> str:
    made: str = (await ask("POST", "/apps", {"name": "acme"}, key=key)).json["id"]
    return made


@pytest.mark.parametrize("scope", [INTROSPECT, READ])
@pytest.mark.parametrize("audience", [None, OWN])
async def test_an_organization_makes_no_key_for_a_resource_of_others(
    ask: Ask, make_admin: MakeAdmin, scope: str, audience: str | None
) -> None:
    acme = await make_admin(*WRITES, scope, organization="acme", audience=audience)
    order = {"app_id": await make_app(ask, acme), "name": "k", "scopes": [scope]}
    for wanted in (names(RIVAL), names(OWN, RIVAL), names("https://no-sector.example")):
        refused = await ask("POST", "/keys", {**order, "metadata": wanted}, key=acme)
        assert (refused.status, refused.code) == (403, "scope_escalation")
    own = await ask("POST", "/keys", {**order, "metadata": names(*([audience] if audience else []))}, key=acme)
    assert own.status == 201


async def test_a_reader_of_the_feed_does_not_shake_off_its_makers_audiences(ask: Ask, make_admin: MakeAdmin) -> None:
    acme = await make_admin(*WRITES, INTROSPECT, READ, organization="acme", audience=OWN)
    order = {"app_id": await make_app(ask, acme), "name": "k"}
    assert (await ask("POST", "/keys", {**order, "scopes": [READ]}, key=acme)).code == "scope_escalation"
    # To introspect without them is to be told nothing.
    assert (await ask("POST", "/keys", {**order, "scopes": [INTROSPECT]}, key=acme)).status == 201
    made = await ask("POST", "/keys", {**order, "scopes": [READ], "metadata": names(OWN)}, key=acme)
    path = f"/keys/{made.json['key']['id']}"
    assert (await ask("PATCH", path, {**REASON, "metadata": {}}, key=acme)).code == "scope_escalation"


async def test_a_resource_of_others_does_not_come_in_by_a_change(ask: Ask, make_admin: MakeAdmin) -> None:
    acme = await make_admin(*WRITES, INTROSPECT, organization="acme", audience=OWN)
    order = {"app_id": await make_app(ask, acme), "name": "k"}
    # A note, as long as the key has no power.
    noted = await ask("POST", "/keys", {**order, "scopes": ["x:read"], "metadata": names(RIVAL)}, key=acme)
    assert noted.status == 201
    asking = await ask("POST", "/keys", {**order, "scopes": [INTROSPECT], "metadata": names(OWN)}, key=acme)
    attempts = (
        (noted, {"scopes": [INTROSPECT]}),
        (asking, {"metadata": names(RIVAL)}),
        (asking, {"metadata": names(RIVAL), "scopes": [INTROSPECT]}),
    )
    for made, change in attempts:
        path = f"/keys/{made.json['key']['id']}"
        assert (await ask("PATCH", path, {**REASON, **change}, key=acme)).code == "scope_escalation"
    # Both at once, and neither is more than it may be.
    path = f"/keys/{noted.json['key']['id']}"
    harmless = {**REASON, "scopes": [INTROSPECT], "metadata": names(OWN)}
    assert (await ask("PATCH", path, harmless, key=acme)).status == 200


async def test_a_key_for_a_resource_of_others_is_not_taken_over(ask: Ask, make_admin: MakeAdmin) -> None:
    acme = await make_admin(*WRITES, INTROSPECT, organization="acme", audience=OWN)
    app = await make_app(ask, acme)
    order = {"app_id": app, "name": "k", "scopes": [INTROSPECT], "metadata": names(OWN, RIVAL)}
    # By who operates the deployment: that is allowed.
    path = f"/keys/{(await ask('POST', '/keys', order)).json['key']['id']}"
    assert (await ask("POST", f"{path}/rotate", REASON, key=acme)).code == "scope_escalation"
    assert (await ask("PATCH", path, {**REASON, "networks": []}, key=acme)).code == "scope_escalation"
    assert (await ask("POST", f"{path}/disable", REASON, key=acme)).status == 200
    assert (await ask("POST", f"{path}/enable", REASON, key=acme)).code == "scope_escalation"
    assert (await ask("POST", f"/apps/{app}/suspend", REASON, key=acme)).status == 200
    assert (await ask("POST", f"/apps/{app}/resume", REASON, key=acme)).code == "scope_escalation"
    assert (await ask("POST", f"{path}/revoke", REASON, key=acme)).status == 200
    assert (await ask("POST", f"/apps/{app}/resume", REASON, key=acme)).status == 200
