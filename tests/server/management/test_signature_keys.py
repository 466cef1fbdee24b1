"""Keys for signed requests over the API: made, registered, taken back, and out of reach of whoever they are not of."""

import json
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Coroutine
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from tests.server.management.conftest import Ask, Json

from doorward.app.store import Store
from doorward.cli.shapes import signature_key_shape

MakeAdmin = Callable[..., Coroutine[Any, Any, str]]

REASON: Final = {"reason": "because"}
READ, WRITE = "doorward:signatures:read", "doorward:signatures:write"
PRIVATE: Final = Ed25519PrivateKey.generate()
PEM: Final = PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def b64url(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


JWK: Final = {"kty": "OKP", "crv": "Ed25519", "x": b64url(PRIVATE.public_key().public_bytes_raw())}


async def make_app(ask: Ask, name: str = "orders", organization: str | None = None) -> str:
    made: str = (await ask("POST", "/apps", {"name": name, "organization_id": organization})).json["id"]
    return made


async def make_key(ask: Ask, app_id: str, *scopes: str, **other: Json) -> Json:
    made = await ask("POST", "/signature-keys", {"app_id": app_id, "name": "k", "scopes": [*scopes], **other})
    assert made.status == 201, made.text
    return made.json


async def test_a_secret_key_lives(ask: Ask) -> None:
    app_id = await make_app(ask)
    order = {
        "app_id": app_id,
        "name": "till 4",
        "scopes": ["orders:read"],
        "networks": ["10.0.0.0/8"],
        "rate": {"requests": 10, "window_s": 60},
        "expires_in_s": "never",
    }
    issued = await ask("POST", "/signature-keys", order)
    assert issued.status == 201
    assert issued.headers["cache-control"] == "no-store"
    secret, jwk = issued.json["secret"], issued.json["jwk"]
    assert len(b64decode(secret)) == 32
    assert jwk["k"] == b64url(b64decode(secret))
    key_id = issued.json["key"]["id"]
    assert (jwk["kid"], key_id[:4], issued.json["key"]["algorithm"]) == (key_id, "sig_", "hmac-sha256")
    path = f"/signature-keys/{key_id}"
    read = await ask("GET", path)
    assert read.json == issued.json["key"]
    assert read.headers["etag"] == '"1"'
    changed = await ask("PATCH", path, {**REASON, "scopes": [], "rate": None})
    assert (changed.json["scopes"], changed.json["rate"], changed.json["version"]) == ([], None, 2)
    assert changed.json["networks"] == ["10.0.0.0/8"]
    assert (await ask("POST", f"{path}/disable", REASON)).json["state"] == "disabled"
    assert (await ask("POST", f"{path}/enable", REASON)).json["state"] == "active"
    successor = await ask("POST", f"{path}/rotate", {**REASON, "overlap_s": 60})
    assert successor.status == 201
    assert successor.json["key"]["rotated_from"] == key_id
    assert successor.json["secret"] not in {None, secret}
    assert (await ask("GET", path)).json["rotated_to"] == successor.json["key"]["id"]
    assert (await ask("POST", f"{path}/revoke", REASON)).json["state"] == "revoked"
    assert (await ask("PATCH", path, {**REASON, "name": "y"})).code == "state_final"
    listed = await ask("GET", f"/signature-keys?app_id={app_id}")
    assert {item["id"] for item in listed.json["items"]} == {key_id, successor.json["key"]["id"]}
    everything = await ask("GET", "/audit?limit=1000")
    for answer in (read, listed, everything):
        assert secret not in answer.text
        assert jwk["k"] not in answer.text
    actions = [event["action"] for event in everything.json["items"] if event["object_id"] == key_id]
    assert actions == [
        f"signature_key.{done}" for done in ("created", "changed", "disabled", "enabled", "rotated", "revoked")
    ]


@pytest.mark.parametrize("given", [PEM, JWK, json.dumps(JWK), json.dumps({"keys": [JWK]})])
async def test_a_public_key_is_registered_and_followed_by_another(ask: Ask, given: Json) -> None:
    order = {"app_id": await make_app(ask), "name": "till", "public_key": given}
    made = await ask("POST", "/signature-keys/register", order)
    assert made.status == 201, made.text
    assert {name: made.json["public_jwk"][name] for name in JWK} == JWK
    assert "d" not in made.json["public_jwk"]
    assert made.json["algorithm"] == "ed25519"
    path = f"/signature-keys/{made.json['id']}"
    # A secret does not follow a public key.
    assert (await ask("POST", f"{path}/rotate", REASON)).code == "input_invalid"
    other = generate_private_key(SECP256R1()).public_key()
    pem = other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    successor = await ask("POST", f"{path}/rotate", {**REASON, "public_key": pem})
    assert (successor.status, successor.json["secret"], successor.json["jwk"]) == (201, None, None)
    assert successor.json["key"]["algorithm"] == "ecdsa-p256-sha256"


async def test_the_members_are_those_of_the_command_line(ask: Ask, store: Store) -> None:
    issued = (await make_key(ask, await make_app(ask)))["key"]
    record = await store.signature_keys.find_signature_key(issued["id"])
    assert record is not None
    assert issued == signature_key_shape(record)


def private_forms() -> list[Json]:
    private = {**JWK, "d": b64url(PRIVATE.private_bytes_raw())}
    pem = PRIVATE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return [
        private,
        json.dumps(private),
        pem,
        json.dumps({"keys": [JWK, private]}),
        {"kty": "oct", "k": b64url(b"k" * 32)},
    ]


@pytest.mark.parametrize("given", private_forms())
async def test_who_hands_in_a_private_key_is_told_that_it_leaked(ask: Ask, given: Json) -> None:
    order = {"app_id": await make_app(ask), "name": "till", "public_key": given}
    refused = await ask("POST", "/signature-keys/register", order)
    assert (refused.status, refused.code) == (422, "input_invalid")
    (error,) = refused.json["errors"]
    assert (error["where"], error["what"]) == ("body.public_key", "value_unusable")
    assert "consider the pair leaked" in error["why"]
    for hidden in (b64url(PRIVATE.private_bytes_raw()), b64url(b"k" * 32), JWK["x"]):
        assert hidden not in refused.text
    assert (await ask("GET", "/signature-keys")).json["items"] == []


async def test_an_rsa_key_is_asked_for_its_algorithm(ask: Ask) -> None:
    public = generate_rsa_key(65_537, 2_048).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    order = {"app_id": await make_app(ask), "name": "till", "public_key": pem}
    refused = await ask("POST", "/signature-keys/register", order)
    assert "leaves its algorithm open" in refused.json["errors"][0]["why"]
    made = await ask("POST", "/signature-keys/register", {**order, "algorithm": "rsa-pss-sha512"})
    assert made.json["algorithm"] == "rsa-pss-sha512"
    # A public key is no secret for HMAC.
    assert (await ask("POST", "/signature-keys/register", {**order, "algorithm": "hmac-sha256"})).status == 422


async def test_reading_is_not_writing_and_neither_is_anything_else(ask: Ask, make_admin: MakeAdmin) -> None:
    app_id = await make_app(ask)
    path = f"/signature-keys/{(await make_key(ask, app_id))['key']['id']}"
    others = [f"doorward:{name}:{verb}" for name in ("apps", "keys", "webhooks") for verb in ("read", "write")]
    reader, writer = await make_admin(*others, READ), await make_admin(*others, WRITE)
    asked = {"method": "GET", "target": "/", "headers": []}
    attempts: list[tuple[str, str, Json, str]] = [
        ("GET", "/signature-keys", None, writer),
        ("GET", path, None, writer),
        ("POST", "/signature-keys", {"app_id": app_id, "name": "k"}, reader),
        ("POST", "/signature-keys/register", {"app_id": app_id, "name": "k", "public_key": PEM}, reader),
        ("PATCH", path, {**REASON, "name": "n"}, reader),
        *[("POST", f"{path}/{verb}", REASON, reader) for verb in ("rotate", "disable", "enable", "revoke")],
        ("POST", f"{path}/explain", asked, reader),
    ]
    for method, where, body, key in attempts:
        refused = await ask(method, where, body, key=key)
        assert (refused.status, refused.code) == (403, "scope_insufficient"), where
        assert refused.json["missing_scopes"] == [WRITE if key == reader else READ]
    assert (await ask("GET", path, key=reader)).json["state"] == "active"
    assert (await ask("POST", f"{path}/disable", REASON, key=writer)).status == 200


async def test_power_is_neither_handed_out_nor_taken_over(ask: Ask, make_admin: MakeAdmin) -> None:
    app_id = await make_app(ask)
    mighty = f"/signature-keys/{(await make_key(ask, app_id, 'doorward:audit:read'))['key']['id']}"
    own = f"/signature-keys/{(await make_key(ask, app_id))['key']['id']}"
    lesser = await make_admin(WRITE)
    order = {"app_id": app_id, "name": "k", "scopes": ["doorward:audit:read"]}
    asked = {"method": "GET", "target": "/", "headers": [{"name": "host", "value": "a"}]}
    attempts: tuple[tuple[str, str, Json], ...] = (
        ("POST", "/signature-keys", order),
        ("POST", "/signature-keys/register", {**order, "public_key": PEM}),
        ("POST", f"{mighty}/rotate", REASON),
        ("PATCH", mighty, {**REASON, "networks": []}),
        ("PATCH", own, {**REASON, "scopes": ["doorward:audit:read"]}),
        ("POST", f"{mighty}/explain", asked),
    )
    for method, path, body in attempts:
        refused = await ask(method, path, body, key=lesser)
        assert (refused.status, refused.code) == (403, "scope_escalation"), path
    await ask("POST", f"{mighty}/disable", REASON, key=lesser)
    assert (await ask("POST", f"{mighty}/enable", REASON, key=lesser)).code == "scope_escalation"
    assert (await ask("POST", f"{mighty}/revoke", REASON, key=lesser)).status == 200


async def test_a_suspended_app_is_not_woken_with_more_power_than_the_waker_has(ask: Ask, make_admin: MakeAdmin) -> None:
    app_id = await make_app(ask)
    await make_key(ask, app_id, "doorward:audit:read")
    lesser = await make_admin("doorward:apps:write")
    assert (await ask("POST", f"/apps/{app_id}/suspend", REASON, key=lesser)).status == 200
    assert (await ask("POST", f"/apps/{app_id}/resume", REASON, key=lesser)).code == "scope_escalation"
    assert (await ask("POST", f"/apps/{app_id}/revoke", REASON, key=lesser)).code == "scope_escalation"


async def test_an_organizations_administrator_sees_its_own_keys_alone(ask: Ask, make_admin: MakeAdmin) -> None:
    acme = await make_admin(READ, WRITE, organization="acme")
    ours = await make_app(ask, "ours", "acme")
    made = await ask("POST", "/signature-keys", {"app_id": ours, "name": "k"}, key=acme)
    assert made.json["key"]["organization_id"] == "acme"
    for number, organization in enumerate((None, "rival")):
        their_app = await make_app(ask, f"theirs {number}", organization)
        key_id = (await make_key(ask, their_app))["key"]["id"]
        path = f"/signature-keys/{key_id}"
        asked = {"method": "GET", "target": "/", "headers": [{"name": "host", "value": "a"}]}
        attempts: list[tuple[str, str, Json]] = [
            ("GET", path, None),
            ("PATCH", path, {**REASON, "name": "mine"}),
            *(("POST", f"{path}/{verb}", REASON) for verb in ("rotate", "disable", "enable", "revoke")),
            ("POST", f"{path}/explain", asked),
            ("POST", "/signature-keys", {"app_id": their_app, "name": "k"}),
            ("POST", "/signature-keys/register", {"app_id": their_app, "name": "k", "public_key": PEM}),
        ]
        for method, where, body in attempts:
            refused = await ask(method, where, body, key=acme)
            nobody = await ask(method, where.replace(key_id, "sig_000000000000"), body, key=acme)
            assert (refused.status, refused.code) == (404, "object_unknown"), where
            assert refused.text == nobody.text
    shown = (await ask("GET", "/signature-keys", key=acme)).json["items"]
    assert [one["id"] for one in shown] == [made.json["key"]["id"]]


async def test_a_change_meant_for_another_version_is_refused(ask: Ask) -> None:
    path = f"/signature-keys/{(await make_key(ask, await make_app(ask)))['key']['id']}"
    change = {**REASON, "name": "renamed"}
    assert (await ask("PATCH", path, change, headers={"if-match": '"2"'})).code == "object_conflict"
    assert (await ask("PATCH", path, change, headers={"if-match": '"1"'})).status == 200


async def test_a_key_is_taken_back_as_any_credential_and_with_its_organization(ask: Ask, make_admin: MakeAdmin) -> None:
    app_id = await make_app(ask, "ours", "acme")
    first, second = [(await make_key(ask, app_id))["key"]["id"] for _ in range(2)]
    acme = await make_admin("doorward:revocations:write", organization="acme")
    for _ in range(2):
        taken = await ask("POST", "/revocations", {"kind": "credential", "id": first, **REASON}, key=acme)
        assert (taken.status, taken.json["id"]) == (200, first)
    whole = await ask("POST", "/revocations", {"kind": "organization", "id": "acme", **REASON})
    assert whole.json["signature_keys"] == 1
    for key_id in (first, second):
        assert (await ask("GET", f"/signature-keys/{key_id}")).json["state"] == "revoked"


async def test_who_ends_an_organization_has_all_the_power_its_signature_keys_have(
    ask: Ask, make_admin: MakeAdmin
) -> None:
    await make_key(ask, await make_app(ask, "ours", "acme"), "doorward:audit:read")
    lesser = await make_admin("doorward:revocations:write")
    refused = await ask("POST", "/revocations", {"kind": "organization", "id": "acme", **REASON}, key=lesser)
    assert (refused.status, refused.code) == (403, "scope_escalation")
