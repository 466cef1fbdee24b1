"""`POST /signature-keys/…/explain`: what a proxy did to a signed request, told with the keys the asker administers."""

from base64 import b64decode, b64encode
from collections.abc import Callable, Coroutine
from typing import Any, Final

import pytest
from tests.server.management.conftest import Ask, Json
from tests.simulators.signed import BODY, changed, message, signed

from doorward.app.store import Store
from doorward.crypto.signatures import SignatureAlgorithm, SignatureSigner
from doorward.methods.signature import Message

MakeAdmin = Callable[..., Coroutine[Any, Any, str]]

WRITE: Final = "doorward:signatures:write"
REASON: Final = {"reason": "because"}


async def make_key(ask: Ask, app: str = "orders", organization: str | None = None, *scopes: str) -> tuple[str, bytes]:
    """A key's id and its secret, of an app that is made when it is not there."""
    order = {"name": app, "organization_id": organization}
    made = await ask("POST", "/apps", order)
    apps = (await ask("GET", "/apps")).json["items"]
    app_id = made.json["id"] if made.status == 201 else next(one["id"] for one in apps if one["name"] == app)
    issued = await ask("POST", "/signature-keys", {"app_id": app_id, "name": "k", "scopes": [*scopes]})
    return issued.json["key"]["id"], b64decode(issued.json["secret"])


def sign(store: Store, key_id: str, secret: bytes, target: bytes = b"/api/orders?id=7") -> Message:
    signer = SignatureSigner(SignatureAlgorithm.HMAC_SHA256, secret)
    host = (b"host", b"api.example")
    whole = message(host, target=target, body=BODY)
    return signed(whole, body=BODY, signer=signer, key_id=key_id, created=int(store.clock()))


def received(request: Message, **other: Json) -> Json:
    return {
        "method": request.method,
        "target": request.target.decode(),
        "headers": [{"name": name.decode(), "value": value.decode("latin-1")} for name, value in request.headers],
        "body_base64": b64encode(BODY).decode(),
        **other,
    }


async def explained(ask: Ask, key_id: str, content: Json, key: str | None = None) -> Json:
    answered = await ask("POST", f"/signature-keys/{key_id}/explain", content, key=key)
    assert answered.status == 200, answered.text
    return answered.json


async def test_a_path_that_a_proxy_cut_is_found_and_the_bases_are_compared(ask: Ask, store: Store) -> None:
    key_id, secret = await make_key(ask)
    request = sign(store, key_id, secret)
    assert (await explained(ask, key_id, received(request)))[
        "says"
    ] == f"The signature fits: it was made with {key_id}."
    told = await explained(ask, key_id, received(changed(request, target=b"/orders?id=7")))
    assert told["says"] == "The signature fits when the path has /api before it."
    assert (told["accepted"], told["code"]) == (False, "signature_mismatch")
    lines = {line["component"]: (line["received"], line["signed"]) for line in told["base"]}
    assert lines['"@path"'] == ("/orders", "/api/orders")
    assert told["findings"][0]["made_with"] == key_id


async def test_another_key_of_the_app_and_a_disabled_one_are_named(ask: Ask, store: Store) -> None:
    key_id, _ = await make_key(ask)
    other_id, other_secret = await make_key(ask)
    request = sign(store, key_id, other_secret)
    (finding,) = (await explained(ask, key_id, received(request)))["findings"]
    assert (finding["changes"], finding["made_with"]) == (["key.other"], other_id)
    await ask("POST", f"/signature-keys/{other_id}/disable", REASON)
    (finding,) = (await explained(ask, key_id, received(request)))["findings"]
    assert (finding["changes"], finding["made_with"]) == (["key.retired"], other_id)
    await ask("POST", f"/signature-keys/{other_id}/revoke", REASON)
    assert (await explained(ask, key_id, received(request)))["findings"] == []


async def test_a_revoked_secret_is_gone(ask: Ask, store: Store) -> None:
    key_id, secret = await make_key(ask)
    await ask("POST", f"/signature-keys/{key_id}/revoke", REASON)
    assert "no secret any more" in (await explained(ask, key_id, received(sign(store, key_id, secret))))["says"]


async def test_only_keys_in_reach_and_within_power_are_tried(ask: Ask, store: Store, make_admin: MakeAdmin) -> None:
    own, _ = await make_key(ask, "ours", "acme")
    acme = await make_admin(WRITE, organization="acme")
    out_of_reach = [await make_key(ask, "theirs"), await make_key(ask, "rivals", "rival")]
    beyond_power = await make_key(ask, "ours", "acme", "doorward:audit:read")
    for _, secret in (*out_of_reach, beyond_power):
        request = received(sign(store, own, secret))
        assert (await explained(ask, own, request, key=acme))["findings"] == []
        assert (await explained(ask, own, request))["findings"]


async def test_no_answer_holds_a_secret_or_a_signature(ask: Ask, store: Store) -> None:
    key_id, secret = await make_key(ask)
    request = sign(store, key_id, secret)
    cut = changed(request, target=b"/orders?id=7")
    right = next(value for name, value in sign(store, key_id, secret, b"/orders?id=7").headers if name == b"signature")
    answered = await ask("POST", f"/signature-keys/{key_id}/explain", received(cut))
    came = next(value for name, value in request.headers if name == b"signature")
    for hidden in (right, came):
        assert hidden.decode().split(":")[1] not in answered.text
    for form in (b64encode(secret).decode(), secret.hex()):
        assert form not in answered.text


@pytest.mark.parametrize(
    "other",
    [
        {"headers": []},
        {"headers": [{"name": "host", "value": "a"}, {"name": "Host", "value": "b"}]},
        {"method": "get"},
        {"target": "/ /"},
        {"scheme": "ftp"},
        {"body_base64": "%"},
        {"key": "mine"},
    ],
)
async def test_what_is_no_request_is_refused(ask: Ask, other: Json) -> None:
    key_id, _ = await make_key(ask)
    whole = {"method": "GET", "target": "/", "headers": [{"name": "host", "value": "a"}], **other}
    refused = await ask("POST", f"/signature-keys/{key_id}/explain", whole)
    assert (refused.status, refused.code) == (422, "input_invalid")
