"""`POST …/explain`: the right diagnosis, with the secrets the asker administers alone, and nothing to forge with."""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Coroutine
from typing import Any, Final

import httpx2
import pytest
from tests.server.management.conftest import Ask, Json
from tests.simulators.webhook import JSON_BODY, Delivery, deliver

from doorward.app.store import Store
from doorward.server.management.explain import EXPLANATIONS_PER_MINUTE_MAX
from doorward.server.management.explain_models import EXPLAINED_BODY_BYTES_MAX

MakeAdmin = Callable[..., Coroutine[Any, Any, str]]

WRITE: Final = "doorward:webhooks:write"
SPACED: Final = json.dumps(json.loads(JSON_BODY)).encode()


async def make_sender(ask: Ask, delivery: Delivery, name: str = "main", organization: str | None = None) -> str:
    """A sender that signs as the delivery is signed; the id of its secret."""
    order = {"name": name, "scheme": delivery.scheme.name, "organization_id": organization}
    assert (await ask("POST", "/webhook-senders", order)).status == 201
    added = await ask("POST", f"/webhook-senders/{name}/secrets", {"secret": delivery.text.text})
    secret_id: str = added.json["webhook_secret"]["id"]
    return secret_id


def received(delivery: Delivery, body: bytes | None = None, **other: Json) -> Json:
    fields = [{"name": name.decode(), "value": value.decode("latin-1")} for name, value in delivery.headers]
    told = b64encode(delivery.body if body is None else body).decode()
    return {"headers": fields, "body_base64": told, "url": delivery.url, **other}


async def explained(ask: Ask, content: Json, name: str = "main", key: str | None = None) -> Json:
    answered = await ask("POST", f"/webhook-senders/{name}/explain", content, key=key)
    assert answered.status == 200, answered.text
    return answered.json


def fresh(scheme: str, store: Store, body: bytes = JSON_BODY, **other: Any) -> Delivery:  # Any: as `deliver` takes
    return deliver(scheme, body, at=int(store.clock()), **other)


@pytest.mark.parametrize("scheme", ["standard", "stripe", "twilio"])
async def test_a_delivery_that_fits_is_said_to_fit(ask: Ask, store: Store, scheme: str) -> None:
    delivery = fresh(scheme, store)
    secret_id = await make_sender(ask, delivery)
    told = await explained(ask, received(delivery))
    assert told["accepted"]
    assert told["says"] == f"The signature fits: it was made with {secret_id}."


async def test_the_change_that_makes_it_fit_is_said_with_its_cure(ask: Ask, store: Store) -> None:
    delivery = fresh("github", store)
    secret_id = await make_sender(ask, delivery)
    told = await explained(ask, received(delivery, SPACED))
    (finding,) = told["findings"]
    assert (told["accepted"], told["code"]) == (False, "webhook_signature")
    assert finding["says"].startswith("The signature fits when the body is JSON without spaces")
    assert (finding["proven"], finding["made_with"], finding["sender"]) == (True, secret_id, "main")
    assert finding["cures"]
    assert finding["changes"]


async def test_a_clock_is_judged_by_the_time_that_is_said(ask: Ask, store: Store) -> None:
    await make_sender(ask, fresh("stripe", store))
    at = int(store.clock()) + 7_200
    late = deliver("stripe", at=at)
    assert "ahead of our clock" in (await explained(ask, received(late)))["says"]
    assert (await explained(ask, received(late, received_at=at)))["accepted"]
    assert (await explained(ask, received(late, tolerance_s=10_000)))["accepted"]


async def test_nothing_is_found_in_what_nobody_signed(ask: Ask, store: Store) -> None:
    await make_sender(ask, fresh("github", store))
    told = await explained(ask, received(fresh("github", store, seed=9)))
    assert told["findings"] == []
    assert told["says"].startswith("None of these")


async def test_a_sender_without_a_secret_is_said_to_have_none(ask: Ask, store: Store) -> None:
    await ask("POST", "/webhook-senders", {"name": "main", "scheme": "github"})
    assert "has no secret" in (await explained(ask, received(fresh("github", store))))["says"]


async def test_another_endpoints_secret_is_named_with_its_sender(ask: Ask, store: Store) -> None:
    await make_sender(ask, fresh("github", store))
    other = fresh("github", store, seed=2)
    secret_id = await make_sender(ask, other, "orders")
    (finding,) = (await explained(ask, received(other)))["findings"]
    assert (finding["changes"], finding["made_with"], finding["sender"]) == (["secret.other"], secret_id, "orders")


async def test_an_ended_secret_is_named_and_a_retired_one_is_gone(ask: Ask, store: Store) -> None:
    delivery = fresh("github", store)
    secret_id = await make_sender(ask, delivery)
    rotated = await ask("POST", "/webhook-senders/main/rotate", {"reason": "r", "overlap_s": 1})
    assert rotated.status == 201
    later = int(store.clock()) + 60
    (finding,) = (await explained(ask, received(delivery, received_at=later)))["findings"]
    assert (finding["changes"], finding["made_with"]) == (["secret.retired"], secret_id)
    retirement = {"reason": "r", "anyway": True}
    await ask("POST", f"/webhook-senders/main/secrets/{secret_id}/retire", retirement)
    assert (await explained(ask, received(delivery)))["findings"] == []


async def test_a_secret_counts_for_nothing_before_it_was_here(ask: Ask, store: Store) -> None:
    delivery = deliver("github")
    secret_id = await make_sender(ask, delivery)
    (finding,) = (await explained(ask, received(delivery, received_at=int(store.clock()) - 86_400)))["findings"]
    assert (finding["changes"], finding["made_with"]) == (["secret.early"], secret_id)


async def test_only_secrets_in_reach_are_tried(ask: Ask, store: Store, make_admin: MakeAdmin) -> None:
    await make_sender(ask, fresh("github", store), organization="acme")
    acme = await make_admin(WRITE, organization="acme")
    for seed, organization in ((2, None), (3, "rival")):
        other = fresh("github", store, seed=seed)
        await make_sender(ask, other, f"theirs-{seed}", organization)
        told = await explained(ask, received(other), key=acme)
        assert (told["findings"], told["accepted"]) == ([], False)
        assert (await explained(ask, received(other)))["findings"]
    ours = fresh("github", store, seed=4)
    await make_sender(ask, ours, "ours", "acme")
    assert (await explained(ask, received(ours), key=acme))["findings"]


@pytest.mark.parametrize("body", [JSON_BODY, SPACED, b"", b"\xff" * 300])
@pytest.mark.parametrize("scheme", ["standard", "github", "twilio"])
async def test_no_answer_holds_a_secret_or_a_signature(ask: Ask, store: Store, scheme: str, body: bytes) -> None:
    delivery = fresh(scheme, store)
    await make_sender(ask, delivery)
    right = delivery.signature.decode()
    # The right signature of the received body is what a forger lacks; the presented one is of another body.
    sought = deliver(scheme, body, at=int(store.clock())) if scheme != "twilio" else delivery
    answered = await ask("POST", "/webhook-senders/main/explain", received(delivery, body))
    for hidden in (delivery.text.text, right, sought.signature.decode().rpartition(",")[2].rpartition("=")[2]):
        assert len(hidden) < 20 or hidden not in answered.text
    key = delivery.text.text.removeprefix("whsec_")
    assert key not in answered.text
    if scheme == "standard":
        assert b64decode(key).hex() not in answered.text


async def test_nobody_is_answered_without_an_administrators_key(client: httpx2.AsyncClient, ask: Ask) -> None:
    assert (await ask("POST", "/webhook-senders", {"name": "main", "scheme": "github"})).status == 201
    for headers in ({}, {"authorization": "Bearer dw_live_none"}):
        answer = await client.post("/api/v1/webhook-senders/main/explain", content=b"{not json", headers=headers)
        assert answer.status_code == 401


async def test_so_many_a_minute_and_no_more(ask: Ask, make_admin: MakeAdmin) -> None:
    # Senders without a secret: nothing is searched.
    for name, organization in (("main", None), ("ours", "acme")):
        order = {"name": name, "scheme": "github", "organization_id": organization}
        await ask("POST", "/webhook-senders", order)
    first, second = [await make_admin(WRITE, organization="acme") for _ in range(2)]
    for _ in range(EXPLANATIONS_PER_MINUTE_MAX):
        await explained(ask, {"headers": []}, "ours", key=first)
    refused = await ask("POST", "/webhook-senders/ours/explain", {"headers": []}, key=first)
    assert (refused.status, refused.code) == (429, "rate_limited")
    assert int(refused.headers["retry-after"]) >= 1
    # Another key of the same organization is the same asker; somebody else is not.
    assert (await ask("POST", "/webhook-senders/ours/explain", {"headers": []}, key=second)).status == 429
    await explained(ask, {"headers": []})


@pytest.mark.parametrize(
    "other",
    [
        {"body_base64": "a"},
        {"body_base64": "%%%%"},
        {"body_base64": "YQ==\n"},
        {"body_base64": b64encode(bytes(EXPLAINED_BODY_BYTES_MAX + 1)).decode()},
        {"headers": [{"name": "a", "value": "b"}] * 201},
        {"headers": [{"name": "a b", "value": "b"}]},
        {"headers": [{"name": "a", "value": "\u20ac"}]},
        {"headers": [{"name": "a", "value": "b" * 8_193}]},
        {"headers": ["a: b"]},
        {"received_at": -1},
        {"tolerance_s": 0},
        {"signature_header": "a b"},
        {"secret": "mine"},
    ],
)
async def test_what_is_no_delivery_is_refused(ask: Ask, other: Json) -> None:
    await ask("POST", "/webhook-senders", {"name": "main", "scheme": "github"})
    refused = await ask("POST", "/webhook-senders/main/explain", {"headers": [], **other})
    assert (refused.status, refused.code) == (422, "input_invalid")


async def test_the_largest_body_is_explained(ask: Ask, store: Store) -> None:
    body = json.dumps(["ä" * 50] * 1_500, ensure_ascii=False).encode()[: EXPLAINED_BODY_BYTES_MAX - 1]
    delivery = fresh("github", store, body)
    await make_sender(ask, delivery)
    told = await explained(ask, received(delivery, body + b"\n"))
    assert told["findings"][0]["changes"] == ["body.newline"]
