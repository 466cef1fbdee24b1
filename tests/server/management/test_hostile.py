"""Whatever is sent, the answer is a registered refusal: never a 500, never an echo, never a hang."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

import httpx2
import pytest
from tests.server.management.conftest import Answered, Ask, Json

from doorward.errors import REFUSALS

PUBLIC = {refusal.public_code for refusal in REFUSALS.values()}

HOSTILE: list[Json] = [
    None,
    True,
    -1,
    0,
    2**31,
    2**63,
    -(2**63) - 1,
    10**400,
    1.5,
    "",
    " ",
    "\0",
    "a\0b",
    "\ud800",
    "\u202egnp.exe",
    "\u0430pp",
    "\uff41pp",
    "=cmd|' /C calc'!A0",
    "<script>alert(1)</script>",
    "' OR 1=1 --",
    "a" * 5_000,
    "\n",
    "\x1b[31m",
    "doorward:keys:write doorward:audit:read",
    [],
    ["\0"],
    ["a"] * 500,
    [None],
    [[]],
    {},
    {"\0": "\0"},
    {"a": "b" * 5_000},
    {str(number): "v" for number in range(100)},
    {"requests": -1, "window_s": 10**30},
    "::ffff:10.0.0.0/104",
    "10.0.0.1/8",
    "9999-12-31T23:59:59Z",
]

BODIES: dict[str, dict[str, Json]] = {
    "/apps": {"name": "n", "organization_id": "acme", "metadata": {}},
    "/keys": {
        "app_id": "app",
        "name": "n",
        "environment": "live",
        "scopes": [],
        "networks": [],
        "rate": None,
        "expires_in_s": 60,
        "metadata": {},
    },
    "/passwords": {"app_id": "app", "name": "n", "scopes": [], "expires_in_s": 60},
    "/webhook-senders": {"name": "n", "scheme": "github", "organization_id": "acme"},
    "/webhook-senders/{sender}/secrets": {"secret": None, "not_before": 1, "not_after": None},
    "/webhook-senders/{sender}/rotate": {"reason": "r", "secret": None, "overlap_s": 1},
    "/webhook-senders/{sender}/secrets/{secret}/retire": {"reason": "r", "anyway": True},
    "/webhook-senders/{empty}/explain": {
        "headers": [],
        "body_base64": "",
        "url": None,
        "signature_header": None,
        "received_at": 1,
        "tolerance_s": 1,
    },
    "/signature-keys": {
        "app_id": "app",
        "name": "n",
        "scopes": [],
        "networks": [],
        "rate": None,
        "expires_in_s": 60,
        "metadata": {},
    },
    "/signature-keys/register": {"app_id": "app", "name": "n", "public_key": "", "algorithm": None},
    "/signature-keys/{signature_key}/rotate": {"reason": "r", "overlap_s": 1, "public_key": None, "algorithm": None},
    "/signature-keys/{revoked}/explain": {
        "method": "GET",
        "target": "/",
        "scheme": "https",
        "headers": [{"name": "host", "value": "a"}],
        "body_base64": "",
        "received_at": 1,
    },
    "/keys/{key}/rotate": {"reason": "r", "overlap_s": 1},
    "/keys/{key}/disable": {"reason": "r"},
    "/apps/{app}/suspend": {"reason": "r"},
}
CHANGES: dict[str, Json] = {"reason": "r", "name": "n", "scopes": [], "networks": [], "rate": None, "metadata": {}}
FIELDS = [(path, field) for path, body in BODIES.items() for field in body]
QUERIES = [
    ("/apps", ("after", "limit", "unknown")),
    ("/keys", ("after", "limit", "app_id")),
    ("/passwords", ("after", "limit", "app_id")),
    ("/signature-keys", ("after", "limit", "app_id")),
    ("/webhook-senders", ("after", "limit")),
    ("/audit", ("app_id", "organization_id", "credential_id", "code", "action", "since", "until", "after", "limit")),
]


@pytest.fixture
async def named(ask: Ask) -> dict[str, str]:
    """Objects that are there. What is to be explained has no secret, so that nothing is searched."""
    app = (await ask("POST", "/apps", {"name": "orders"})).json["id"]
    key = (await ask("POST", "/keys", {"app_id": app, "name": "k"})).json["key"]["id"]
    signature_key, revoked = [
        (await ask("POST", "/signature-keys", {"app_id": app, "name": "k"})).json["key"]["id"] for _ in range(2)
    ]
    await ask("POST", f"/signature-keys/{revoked}/revoke", {"reason": "r"})
    for name in ("sender", "empty"):
        await ask("POST", "/webhook-senders", {"name": name, "scheme": "github"})
    secret = (await ask("POST", "/webhook-senders/sender/secrets", {})).json["webhook_secret"]["id"]
    return {
        "app": app,
        "key": key,
        "signature_key": signature_key,
        "revoked": revoked,
        "sender": "sender",
        "empty": "empty",
        "secret": secret,
    }


def must_be_ours(answered: Answered, sent: Json) -> None:
    if answered.status >= 400:
        assert answered.code in PUBLIC
        if isinstance(sent, str) and len(sent) > 20:
            assert sent[:20] not in answered.text


@pytest.mark.parametrize(("path", "field"), FIELDS)
async def test_no_value_of_any_member_breaks_a_creation(ask: Ask, named: dict[str, str], path: str, field: str) -> None:
    whole = {**BODIES[path]} | ({"app_id": named["app"]} if "app_id" in BODIES[path] else {})
    for value in HOSTILE:
        must_be_ours(await ask("POST", path.format(**named), {**whole, field: value}), value)


@pytest.mark.parametrize("field", CHANGES)
async def test_no_value_of_any_member_breaks_a_change(ask: Ask, named: dict[str, str], field: str) -> None:
    for value in HOSTILE:
        must_be_ours(await ask("PATCH", f"/keys/{named['key']}", {**CHANGES, field: value}), value)


@pytest.mark.parametrize(("path", "names"), QUERIES)
async def test_no_query_breaks_a_list(ask: Ask, path: str, names: tuple[str, ...]) -> None:
    for name in names:
        for value in ("", "-1", "0", "1001", "9" * 400, "%00", "%ff", "%ed%a0%80", "'", "a" * 3_000, "1e9", "NaN", "٣"):
            must_be_ours(await ask("GET", f"{path}?{name}={value}"), value)


@pytest.mark.parametrize(
    "presented_id", ["%00", "..", "%2e%2e", "a" * 3_000, "%ff", "app_' OR 1=1", "dw_live_" + "a" * 50]
)
async def test_no_id_breaks_a_route(ask: Ask, presented_id: str) -> None:
    for path in ("/apps/{}", "/keys/{}", "/passwords/{}", "/signature-keys/{}", "/webhook-senders/{}/secrets"):
        answered = await ask("GET", path.format(presented_id))
        assert answered.status in {401, 403, 404}
        assert presented_id[:20] not in answered.text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 30_000,
        b'{"a":' * 10_000,
        b"null",
        b"[]",
        b'"text"',
        b"1" * 5_000,
        b"NaN",
        b'{"name":"a","name":"b","nme":1}',
        b'{"name":1e999}',
        b"\x00",
        b'{"name":"' + b"\\u0000" * 1_000 + b'"}',
    ],
)
@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data; boundary=x", "\x80", ""])
async def test_no_body_breaks_a_creation(client: httpx2.AsyncClient, admin: str, content: bytes, kind: str) -> None:
    headers = {b"authorization": f"Bearer {admin}".encode(), b"content-type": kind.encode("latin-1")}
    answered = Answered(await client.post("/api/v1/apps", content=content, headers=headers))
    assert answered.status in {400, 422}
    must_be_ours(answered, content.decode("latin-1"))


async def test_what_does_not_fit_is_named_without_its_value(ask: Ask) -> None:
    secret = "dw_live_" + "a" * 50
    refused = await ask("POST", "/apps", {"name": 5, "metadata": {secret: 1}, secret: secret, "organization_id": "/"})
    assert refused.status == 422
    assert {(entry["where"], entry["what"]) for entry in refused.json["errors"]} == {
        ("body.name", "string_type"),
        ("body.metadata.?", "string_type"),
        ("body.?", "extra_forbidden"),
        ("body.organization_id", "string_pattern_mismatch"),
    }
    assert secret not in refused.text


MakeAdmin = Callable[..., Coroutine[Any, Any, str]]


async def test_every_public_shape_is_json(client: httpx2.AsyncClient, admin: str) -> None:
    described = await client.get("/api/openapi.json", headers={"authorization": f"Bearer {admin}"})
    page = await client.get("/api/docs", headers={"authorization": f"Bearer {admin}"})
    description = json.loads(described.text)
    assert set(description["paths"]["/api/v1/keys"]) == {"get", "post"}
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script" not in page.text
    assert all(path in page.text for path in description["paths"])
