"""Senders of webhooks and their secrets over the API: what is shown, once, and to whom it is not."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from tests.server.management.conftest import Answered, Ask, Json
from tests.simulators.webhook import secret_text

from doorward.app.store import Store
from doorward.cli.shapes import issued_webhook_secret_shape, webhook_sender_shape
from doorward.methods.webhook import SCHEMES
from doorward.server.management.webhook_models import WebhookRotation, WebhookSecretOrderIn

MakeAdmin = Callable[..., Coroutine[Any, Any, str]]

REASON = {"reason": "because"}
BOTH = ("doorward:webhooks:read", "doorward:webhooks:write")
GIVEN = secret_text(SCHEMES["github"])


async def make_sender(
    ask: Ask, name: str = "github-main", scheme: str = "github", organization: str | None = None
) -> str:
    made = await ask("POST", "/webhook-senders", {"name": name, "scheme": scheme, "organization_id": organization})
    assert made.status == 201, made.text
    return f"/webhook-senders/{name}"


async def secrets_of(ask: Ask, path: str) -> list[Json]:
    found: list[Json] = (await ask("GET", f"{path}/secrets")).json["items"]
    return found


async def test_a_sender_is_made_and_read(ask: Ask) -> None:
    path = await make_sender(ask, organization="acme")
    read = await ask("GET", path)
    assert read.json["scheme"] == "github"
    assert read.json["organization_id"] == "acme"
    assert read.headers["etag"] == '"1"'
    again = await ask("POST", "/webhook-senders", {"name": "github-main", "scheme": "slack"})
    assert (again.status, again.code) == (409, "object_exists")
    unknown = await ask("GET", "/webhook-senders/nobody")
    assert (unknown.status, unknown.code) == (404, "object_unknown")


async def test_a_secret_that_was_made_is_shown_once_and_a_given_one_never(ask: Ask) -> None:
    path = await make_sender(ask)
    minted = await ask("POST", f"{path}/secrets", {})
    assert minted.status == 201
    assert minted.headers["cache-control"] == "no-store"
    assert len(minted.json["secret"]) >= 32
    assert minted.json["webhook_secret"]["id"].startswith("whs_")
    given = await ask("POST", f"{path}/secrets", {"secret": GIVEN})
    assert given.json["secret"] is None
    listed = await ask("GET", f"{path}/secrets")
    assert [(item["active"], item["retirable"]) for item in listed.json["items"]] == [(True, False)] * 2
    for text in (minted.json["secret"], GIVEN):
        for answer in (given, listed, await ask("GET", path), await ask("GET", "/audit?limit=1000")):
            assert text not in answer.text


async def test_a_rotation_ends_the_old_secrets_and_a_retirement_erases(ask: Ask) -> None:
    path = await make_sender(ask)
    old = (await ask("POST", f"{path}/secrets", {"secret": GIVEN})).json["webhook_secret"]
    new = await ask("POST", f"{path}/rotate", {**REASON, "overlap_s": 60})
    assert new.status == 201
    assert new.json["secret"]
    before, after = sorted(await secrets_of(ask, path), key=lambda one: one["id"] != old["id"])
    assert (before["id"], before["active"]) == (old["id"], True)
    assert before["not_after"] == after["created_at"] + 60
    early = await ask("POST", f"{path}/secrets/{old['id']}/retire", REASON)
    assert (early.status, early.json["errors"][0]["why"].partition(":")[0]) == (
        422,
        "what it matched is not counted yet",
    )
    retired = await ask("POST", f"{path}/secrets/{old['id']}/retire", {**REASON, "anyway": True})
    assert (retired.status, retired.json["state"], retired.json["active"]) == (200, "retired", False)
    assert before["created_at"] <= retired.json["not_after"] <= before["created_at"] + 30
    again = await ask("POST", f"{path}/secrets/{old['id']}/retire", REASON)
    assert (again.status, again.code) == (409, "state_final")
    only = f"{path}/secrets/{new.json['webhook_secret']['id']}/retire"
    refused = await ask("POST", only, REASON)
    assert (refused.status, refused.code) == (422, "input_invalid")
    (error,) = refused.json["errors"]
    assert error["where"] == "body.anyway"
    assert error["why"].startswith("it is the only active secret")
    assert (await ask("POST", only, {**REASON, "anyway": True})).json["state"] == "retired"


async def test_why_a_secret_is_not_taken_is_said_and_the_secret_is_not(ask: Ask) -> None:
    path = await make_sender(ask, "billing", "stripe")
    short = "whsec_" + "5up3rs3cret"
    for order, why in (({}, "Stripe makes the secret"), ({"secret": short}, "has 11 bytes after whsec_")):
        for where, more in (("secrets", {}), ("rotate", REASON)):
            refused = await ask("POST", f"{path}/{where}", {**order, **more})
            assert (refused.status, refused.code) == (422, "input_invalid")
            (error,) = refused.json["errors"]
            assert why in error["why"]
            assert short[6:] not in refused.text
    assert await secrets_of(ask, path) == []


async def test_a_leak_ends_every_active_secret_at_once(ask: Ask) -> None:
    path = await make_sender(ask)
    old = (await ask("POST", f"{path}/secrets", {"secret": GIVEN})).json["webhook_secret"]["id"]
    new = (await ask("POST", f"{path}/rotate", {**REASON, "overlap_s": 0})).json["webhook_secret"]["id"]
    states = {one["id"]: one["state"] for one in await secrets_of(ask, path)}
    assert states == {old: "retired", new: "active"}


async def test_a_ninth_active_secret_and_one_that_is_there_are_refused(ask: Ask) -> None:
    path = await make_sender(ask)
    assert (await ask("POST", f"{path}/secrets", {"secret": GIVEN})).status == 201
    twice = await ask("POST", f"{path}/secrets", {"secret": GIVEN})
    assert (twice.status, twice.code) == (409, "object_exists")
    for _ in range(7):
        assert (await ask("POST", f"{path}/secrets", {})).status == 201
    assert (await ask("POST", f"{path}/secrets", {})).code == "input_invalid"


async def test_everything_is_in_the_record_of_the_organization(ask: Ask, make_admin: MakeAdmin) -> None:
    path = await make_sender(ask, organization="acme")
    acme = await make_admin(*BOTH, "doorward:audit:read", organization="acme")
    secret = (await ask("POST", f"{path}/secrets", {}, key=acme)).json["webhook_secret"]["id"]
    await ask("POST", f"{path}/rotate", {"reason": "yearly"}, key=acme)
    await ask("POST", f"{path}/secrets/{secret}/retire", {"reason": "leaked on a forum", "anyway": True}, key=acme)
    events = (await ask("GET", "/audit?limit=1000", key=acme)).json["items"]
    told = [(event["action"], event["reason"]) for event in events if event["object_kind"].startswith("webhook")]
    assert told == [
        ("webhook_sender.created", None),
        ("webhook_secret.added", None),
        ("webhook_secret.rotated", "yearly"),
        ("webhook_secret.added", "yearly"),
        ("webhook_secret.retired", "leaked on a forum"),
    ]
    assert {event["source"] for event in events[-2:]} == {"127.0.0.1"}


async def test_reading_and_writing_demand_their_scopes(ask: Ask, make_admin: MakeAdmin) -> None:
    path = await make_sender(ask)
    others = [f"doorward:{name}:{verb}" for name in ("apps", "keys", "signatures") for verb in ("read", "write")]
    reader, writer = await make_admin(*others, BOTH[0]), await make_admin(*others, BOTH[1])
    attempts: list[tuple[str, str, Json, str]] = [
        ("GET", "/webhook-senders", None, writer),
        ("GET", path, None, writer),
        ("GET", f"{path}/secrets", None, writer),
        ("POST", "/webhook-senders", {"name": "x", "scheme": "github"}, reader),
        ("POST", f"{path}/secrets", {}, reader),
        ("POST", f"{path}/rotate", REASON, reader),
        ("POST", f"{path}/secrets/whs_000000000000/retire", REASON, reader),
        ("POST", f"{path}/explain", {"headers": []}, reader),
    ]
    for method, where, body, key in attempts:
        refused = await ask(method, where, body, key=key)
        assert (refused.status, refused.code) == (403, "scope_insufficient"), where
        assert refused.json["missing_scopes"] == [BOTH[1] if key == reader else BOTH[0]]
    assert (await ask("GET", path, key=reader)).status == 200
    assert (await ask("POST", f"{path}/secrets", {}, key=writer)).status == 201


async def test_an_organizations_administrator_reaches_its_own_senders_alone(ask: Ask, make_admin: MakeAdmin) -> None:
    own = await make_sender(ask, "own", organization="acme")
    acme = await make_admin(*BOTH, organization="acme")
    assert (await ask("POST", f"{own}/secrets", {}, key=acme)).status == 201
    for number, organization in enumerate((None, "rival")):
        theirs = await make_sender(ask, f"theirs-{number}", organization=organization)
        secret = (await ask("POST", f"{theirs}/secrets", {})).json["webhook_secret"]["id"]
        attempts: list[tuple[str, str, Json]] = [
            ("GET", theirs, None),
            ("GET", f"{theirs}/secrets", None),
            ("POST", f"{theirs}/secrets", {}),
            ("POST", f"{theirs}/rotate", {**REASON, "overlap_s": 0}),
            ("POST", f"{theirs}/secrets/{secret}/retire", {**REASON, "anyway": True}),
            # Nor by a way round: its id under a sender of one's own.
            ("POST", f"{own}/secrets/{secret}/retire", {**REASON, "anyway": True}),
            ("POST", f"{theirs}/explain", {"headers": []}),
        ]
        for method, where, body in attempts:
            refused = await ask(method, where, body, key=acme)
            nobody = await ask(method, where.replace("theirs", "nobodys"), body, key=acme)
            assert (refused.status, refused.code) == (404, "object_unknown"), where
            assert refused.text == nobody.text
        assert [one["state"] for one in await secrets_of(ask, theirs)] == ["active"]
    assert [one["name"] for one in (await ask("GET", "/webhook-senders", key=acme)).json["items"]] == ["own"]


async def test_an_organizations_administrator_makes_up_no_names(ask: Ask, make_admin: MakeAdmin) -> None:
    acme = await make_admin(*BOTH, organization="acme")
    for organization in (None, "acme", "rival"):
        order = {"name": "stripe", "scheme": "stripe", "organization_id": organization}
        refused = await ask("POST", "/webhook-senders", order, key=acme)
        assert (refused.status, refused.code) == (403, "scope_escalation")
    assert (await ask("GET", "/webhook-senders")).json["items"] == []


async def test_the_members_are_those_of_the_command_line(ask: Ask, store: Store) -> None:
    path = await make_sender(ask)
    issued = await ask("POST", f"{path}/secrets", {})
    held = await store.senders.list_held_secrets("github-main")
    shape = issued_webhook_secret_shape(held[0], held, issued.json["secret"], int(store.clock()))
    assert set(issued.json) == set(shape)
    assert set(issued.json["webhook_secret"]) == set(shape["webhook_secret"])
    sender = await store.senders.find_sender("github-main")
    assert sender is not None
    assert (await ask("GET", path)).json == webhook_sender_shape(sender)


async def test_a_secret_of_another_sender_is_not_retired_under_this_ones_name(ask: Ask) -> None:
    one, other = await make_sender(ask, "one"), await make_sender(ask, "other")
    secret = (await ask("POST", f"{other}/secrets", {})).json["webhook_secret"]["id"]
    refused = await ask("POST", f"{one}/secrets/{secret}/retire", {**REASON, "anyway": True})
    assert (refused.status, refused.code) == (404, "object_unknown")


async def test_a_change_meant_for_another_version_of_the_sender_is_refused(ask: Ask) -> None:
    path = await make_sender(ask)
    stale = {"if-match": '"1"'}
    assert (await ask("POST", f"{path}/secrets", {}, headers=stale)).status == 201
    for where, body in ((f"{path}/secrets", {}), (f"{path}/rotate", REASON)):
        refused = await ask("POST", where, body, headers=stale)
        assert (refused.status, refused.code) == (409, "object_conflict")
    assert (await ask("POST", f"{path}/rotate", REASON, headers={"if-match": '"2"'})).status == 201


async def test_lists_of_senders_go_on_where_they_stopped(ask: Ask) -> None:
    for name in ("b", "a.b", "a-b", "a_b", "A"):
        await make_sender(ask, name)
    whole = (await ask("GET", "/webhook-senders")).json["items"]
    seen: list[Json] = []
    page: Json = {"next": ""}
    while page["next"] is not None:
        page = (await ask("GET", f"/webhook-senders?limit=2&after={page['next']}")).json
        seen += page["items"]
    assert seen == whole
    assert len(whole) == 5


async def test_a_secret_that_matched_is_shown_to_have(ask: Ask, store: Store) -> None:
    path = await make_sender(ask)
    secret = (await ask("POST", f"{path}/secrets", {})).json["webhook_secret"]["id"]
    assert (await secrets_of(ask, path))[0]["last_used_at"] is None
    store.plane.usage.count("webhook", secret, 1_700_000_000, None)  # type: ignore[arg-type]  # NewTypes of str
    await store.plane.usage.flush()
    (shown,) = await secrets_of(ask, path)
    assert (shown["last_used_at"], shown["use_count"]) == (1_700_000_000, 1)


def must_not_echo(answered: Answered, secret: str) -> None:
    assert answered.status >= 400
    assert secret not in answered.text
    assert secret[:16] not in answered.text


@pytest.mark.parametrize("scheme", ["standard", "svix", "stripe", "github", "slack", "shopify", "twilio", "plain"])
async def test_a_secret_that_does_not_fit_is_refused_without_an_echo(ask: Ask, scheme: str) -> None:
    path = await make_sender(ask, scheme, scheme)
    wrong = f" {secret_text(SCHEMES[scheme])}"
    must_not_echo(await ask("POST", f"{path}/secrets", {"secret": wrong}), wrong.strip())
    must_not_echo(await ask("POST", f"{path}/rotate", {**REASON, "secret": wrong}), wrong.strip())
    must_not_echo(await ask("POST", f"{path}/secrets", {"secert": secret_text(SCHEMES[scheme])}), wrong.strip())
    must_not_echo(await ask("POST", f"{path}/secrets", {"secret": [wrong]}), wrong.strip())
    made = await ask("POST", f"{path}/secrets", {})
    assert made.status == (422 if SCHEMES[scheme].secret_assigned else 201)
    assert (await ask("POST", f"{path}/secrets", {"secret": wrong.strip()})).status == 201


def test_no_repr_of_a_request_shows_the_secret() -> None:
    for shown in (
        WebhookSecretOrderIn.model_validate({"secret": GIVEN}),
        WebhookRotation.model_validate({"secret": GIVEN, "reason": "r"}),
    ):
        assert GIVEN not in repr(shown)
        assert GIVEN not in json.dumps(shown.model_dump(mode="json"))
