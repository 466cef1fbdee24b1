"""What an administrator does in a day, over the API alone."""

from tests.server.management.conftest import Ask, Json


async def make_app(ask: Ask, name: str = "orders") -> str:
    made = await ask("POST", "/apps", {"name": name, "metadata": {"team": "retail"}})
    assert made.status == 201
    app_id: str = made.json["id"]
    return app_id


async def test_an_app_lives(ask: Ask) -> None:
    app_id = await make_app(ask)
    read = await ask("GET", f"/apps/{app_id}")
    assert read.json["name"] == "orders"
    assert read.json["metadata"] == {"team": "retail"}
    assert read.headers["etag"] == '"1"'
    assert (await ask("POST", f"/apps/{app_id}/suspend", {"reason": "audit"})).json["state"] == "suspended"
    assert (await ask("POST", f"/apps/{app_id}/resume", {"reason": "done"})).json["state"] == "active"
    assert (await ask("POST", f"/apps/{app_id}/revoke", {"reason": "gone"})).json["state"] == "revoked"
    refused = await ask("POST", f"/apps/{app_id}/resume", {"reason": "again"})
    assert (refused.status, refused.code) == (409, "state_final")
    again = await ask("POST", "/apps", {"name": "orders"})
    assert (again.status, again.code) == (409, "object_exists")


async def test_a_key_lives(ask: Ask) -> None:
    app_id = await make_app(ask)
    order = {
        "app_id": app_id,
        "name": "till 4",
        "scopes": ["orders:read"],
        "networks": ["10.0.0.0/8"],
        "rate": {"requests": 10, "window_s": 60},
        "expires_in_s": "never",
    }
    issued = await ask("POST", "/keys", order)
    assert issued.status == 201
    assert issued.headers["cache-control"] == "no-store"
    assert issued.json["secret"].startswith("dw_live_")
    key_id = issued.json["key"]["id"]
    assert issued.json["key"]["expires_at"] is None
    read = await ask("GET", f"/keys/{key_id}")
    assert read.json == issued.json["key"]
    assert issued.json["secret"] not in read.text
    changed = await ask("PATCH", f"/keys/{key_id}", {"reason": "narrower", "scopes": [], "rate": None})
    assert changed.status == 200, changed.text
    assert (changed.json["scopes"], changed.json["rate"], changed.json["version"]) == ([], None, 2)
    assert changed.json["networks"] == ["10.0.0.0/8"]
    assert (await ask("POST", f"/keys/{key_id}/disable", {"reason": "hm"})).json["state"] == "disabled"
    assert (await ask("POST", f"/keys/{key_id}/enable", {"reason": "ok"})).json["state"] == "active"
    successor = await ask("POST", f"/keys/{key_id}/rotate", {"reason": "yearly", "overlap_s": 60})
    assert successor.status == 201
    assert successor.json["key"]["rotated_from"] == key_id
    old = await ask("GET", f"/keys/{key_id}")
    assert old.json["rotated_to"] == successor.json["key"]["id"]
    assert (await ask("POST", f"/keys/{key_id}/revoke", {"reason": "over"})).json["state"] == "revoked"
    assert (await ask("PATCH", f"/keys/{key_id}", {"reason": "x", "name": "y"})).code == "state_final"


async def test_an_app_password_lives(ask: Ask) -> None:
    app_id = await make_app(ask)
    issued = await ask("POST", "/passwords", {"app_id": app_id, "name": "printer", "scopes": ["orders:read"]})
    assert issued.status == 201
    assert issued.json["user_id"] == app_id
    password_id = issued.json["password"]["id"]
    assert (await ask("GET", f"/passwords/{password_id}")).json == issued.json["password"]
    assert (await ask("GET", "/passwords/usage")).json == {"items": [], "next": None}
    assert [item["id"] for item in (await ask("GET", f"/passwords?app_id={app_id}")).json["items"]] == [password_id]
    for action, state in (("disable", "disabled"), ("enable", "active"), ("revoke", "revoked")):
        assert (await ask("POST", f"/passwords/{password_id}/{action}", {"reason": "r"})).json["state"] == state


async def test_everything_is_in_the_record_and_no_secret_is(ask: Ask) -> None:
    app_id = await make_app(ask)
    issued = await ask("POST", "/keys", {"app_id": app_id, "name": "till"})
    key_id = issued.json["key"]["id"]
    await ask("POST", f"/keys/{key_id}/revoke", {"reason": "leaked on a forum"})
    found = await ask("GET", f"/audit?credential_id={key_id}")
    assert [event["action"] for event in found.json["items"]] == ["key.created", "key.revoked"]
    revoked = found.json["items"][1]
    assert revoked["reason"] == "leaked on a forum"
    assert (revoked["actor_kind"], revoked["source"]) == ("app", "127.0.0.1")
    everything = await ask("GET", "/audit?limit=1000")
    assert issued.json["secret"] not in everything.text
    first = await ask("GET", "/audit?limit=1")
    after = await ask("GET", f"/audit?limit=1000&after={first.json['next']}")
    assert [first.json["items"][0], *after.json["items"]] == everything.json["items"]


async def test_lists_go_on_where_they_stopped(ask: Ask) -> None:
    for number in range(5):
        await make_app(ask, f"app {number}")
    whole = (await ask("GET", "/apps")).json["items"]
    seen: list[Json] = []
    page: Json = {"next": ""}
    while page["next"] is not None:
        page = (await ask("GET", f"/apps?limit=2&after={page['next']}")).json
        assert len(page["items"]) <= 2
        seen += page["items"]
    assert seen == whole
    assert len(whole) == 6
