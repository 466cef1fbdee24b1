"""`POST /introspect` over a real store: who may ask, about what, and what is said."""

import asyncio
import json
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.types import ASGIApp
from tests.server.conftest import Ask
from tests.simulators.plane import SimulatedPlane

from doorward.app.store import Store, open_store
from doorward.apps.operations import create_app
from doorward.crypto.sealing import MasterKeys
from doorward.door import Door
from doorward.errors import Rejected, Unavailable
from doorward.methods.apikey import ApiKeys
from doorward.methods.apikey.operations import create_key, revoke_key
from doorward.methods.apikey.order import IssuedKey, KeyOrder
from doorward.methods.bearer.operations import issue_access_token
from doorward.methods.opaque.operations import issue_opaque_token
from doorward.methods.token_order import TokenOrder
from doorward.revocation.operations import revoke_session, revoke_subject, revoke_token
from doorward.server.introspection import INTROSPECTION_BYTES_MAX, introspection_routes
from doorward.server.management.doors import AdministratorScope
from doorward.server.own_tokens import OwnTokens
from doorward.values import Actor, Change, FeedKind, Handle, PrincipalKind, Revocation, Scopes
from doorward.wire.hops import TrustedHops

OPERATOR = Actor(kind="operator", id="test")
ISSUER = "https://id.example"
API = "https://api.example"
FORM = (b"content-type", b"application/x-www-form-urlencoded")
Inspect = Callable[..., Coroutine[Any, Any, dict[str, Any]]]  # Any: JSON


@pytest.fixture
async def store(sqlite_url: str) -> AsyncIterator[Store]:
    keys = MasterKeys({"k1": bytes(range(32))}, current="k1", entropy=secrets.token_bytes)
    opened = open_store(sqlite_url, master_keys=keys, issuer=ISSUER)
    await opened.plane.start()
    yield opened
    await opened.aclose()


@pytest.fixture
def app(store: Store) -> ASGIApp:
    door = Door(ApiKeys(store), require=Scopes(AdministratorScope.TOKENS_INTROSPECT), principal_kind=PrincipalKind.APP)
    routes = introspection_routes(OwnTokens(store, prefix="dw"), door, hops=TrustedHops(), clock=store.clock)
    return routes["/introspect"]


@pytest.fixture
def make_asker(store: Store) -> Callable[..., Coroutine[Any, Any, IssuedKey]]:
    made = 0

    async def _make(audience: str | None = API, *scopes: str) -> IssuedKey:
        nonlocal made
        made += 1
        owner = await create_app(store, name=f"resource {made}", actor=OPERATOR)
        metadata = {} if audience is None else {"audience": audience}
        wanted = Scopes(*(scopes or (AdministratorScope.TOKENS_INTROSPECT,)))
        return await create_key(
            store, KeyOrder(app_id=owner.id, name="k", scopes=wanted, metadata=metadata), actor=OPERATOR
        )

    return _make


@pytest.fixture
async def asker(make_asker: Callable[..., Coroutine[Any, Any, IssuedKey]]) -> IssuedKey:
    return await make_asker()


@pytest.fixture
def inspect(app: ASGIApp, ask: Ask, asker: IssuedKey) -> Inspect:
    async def _inspect(token: str, key: str | None = None) -> dict[str, Any]:
        body = urlencode({"token": token}).encode()
        headers = [FORM, (b"authorization", f"Bearer {key or asker.text}".encode())]
        status, told, answer = await ask(app, "/introspect", method="POST", headers=headers, chunks=(body,))
        assert status == 200, answer
        assert told[b"cache-control"] == b"no-store"
        assert told[b"content-type"] == b"application/json"
        said: dict[str, Any] = json.loads(answer)
        return said

    return _inspect


def _order(**changed: Any) -> TokenOrder:  # Any: whatever the fields hold
    fields: dict[str, Any] = {"client_id": "web", "subject": "alice", "audience": (API,), "session_id": "s1"}
    return TokenOrder(**fields | changed)


async def _both(store: Store, **changed: Any) -> list[tuple[str, Any]]:  # Any: as above
    signed = await issue_access_token(store, _order(**changed), watermark=await store.feed.read_watermark())
    opaque = await issue_opaque_token(store, _order(**changed), watermark=await store.feed.read_watermark())
    return [(signed.text, signed.claims), (opaque.text, opaque.claims)]


async def test_a_good_token_is_described_whole(store: Store, inspect: Inspect) -> None:
    for text, claims in await _both(store, scopes=Scopes("a"), claims={"plan": "gold"}):
        for _ in range(2):
            assert await inspect(text) == {"active": True, **claims, "token_type": "Bearer"}


async def test_a_token_for_somebody_else_is_not_active(
    store: Store, inspect: Inspect, make_asker: Callable[..., Coroutine[Any, Any, IssuedKey]]
) -> None:
    other = await make_asker("https://other.example https://third.example")
    nobody = await make_asker(None)
    for text, _ in await _both(store):
        assert (await inspect(text))["active"] is True
        for key in (other, nobody):
            assert await inspect(text, key.text) == {"active": False}
    for text, _ in await _both(store, audience=(API, "https://third.example")):
        assert (await inspect(text))["active"] is True
        assert (await inspect(text, other.text))["active"] is True


@pytest.mark.parametrize("what", ["token", "session", "subject"])
async def test_a_revoked_token_is_not_active(store: Store, inspect: Inspect, what: str) -> None:
    tokens = await _both(store)
    for text, _ in tokens:
        assert (await inspect(text))["active"] is True
    if what == "token":
        for _, claims in tokens:
            await revoke_token(store, claims["jti"], reason="r", actor=OPERATOR)
    elif what == "session":
        await revoke_session(store, "s1", reason="r", actor=OPERATOR)
    else:
        await revoke_subject(store, "alice", reason="r", actor=OPERATOR)
    await _caught_up(store)
    for text, _ in tokens:
        assert await inspect(text) == {"active": False}


async def _caught_up(store: Store) -> None:
    head = await store.feed.read_watermark()
    loop = asyncio.get_running_loop()
    deadline = loop.time() + 5
    while store.plane.view.read_after < head.position:
        assert loop.time() < deadline, "not in time"
        await asyncio.sleep(0.005)


async def test_what_is_no_good_token_is_not_active(store: Store, inspect: Inspect) -> None:
    (signed, _), (opaque, _) = await _both(store)
    head, payload, signature = signed.split(".")
    none = "eyJhbGciOiJub25lIn0"
    cases = [
        "x",
        ".",
        "..",
        "...",
        "Søren",
        "\x00",
        " ",
        opaque[:-1],
        opaque[:20] + "0" * 32 + opaque[52:],
        "dw_live_" + opaque[9:],
        f"{head}.{payload}.",
        f"{none}.{payload}.",
        f"{head}.{payload}.{'A' * len(signature)}",
        f"{head}.{payload}.{signature}.",
        f"{signed}.",
        f"{signed} ",
        "a." * 4_000,
        "x" * 20_000,
    ]
    for token in cases:
        assert await inspect(token) == {"active": False}, token[:40]


async def test_a_row_of_the_feed_is_enough(store: Store, inspect: Inspect) -> None:
    # An opaque token that was inserted while the write ran that marks rows.
    tokens = await _both(store)
    row = Revocation(handle=Handle(FeedKind.SUBJECT, "alice"), leave_at=None)
    await store.changes.commit(Change(revocations=(row,)))
    await _caught_up(store)
    for text, _ in tokens:
        assert await inspect(text) == {"active": False}


async def test_what_cannot_be_known_is_not_answered(store: Store) -> None:
    for text, _ in await _both(store):
        with pytest.raises(Unavailable, match="revocation_stale"):
            await OwnTokens(_Stale(store), prefix="dw").prove(text, frozenset({API}), int(store.clock()), 1e12)


class _Stale:
    """The store, seen from a time when nothing was read for long."""

    def __init__(self, store: Store) -> None:
        self.opaque_tokens = store.opaque_tokens
        self.issuer = store.issuer
        self.keyring = store.keyring
        self.plane = SimulatedPlane(store.clock)


async def test_an_expired_token_is_not_active(sqlite_url: str) -> None:
    now = 1_900_000_000.0
    keys = MasterKeys({"k1": bytes(range(32))}, current="k1", entropy=secrets.token_bytes)
    store = open_store(sqlite_url, master_keys=keys, issuer=ISSUER, clock=lambda: now)
    await store.plane.start()
    tokens = OwnTokens(store, prefix="dw")
    issued = await _both(store, lifetime_s=60)
    for text, _ in issued:
        await tokens.prove(text, frozenset({API}), int(now) + 59, time.monotonic())
        with pytest.raises(Rejected, match="credential_expired"):
            await tokens.prove(text, frozenset({API}), int(now) + 60, time.monotonic())
    await store.aclose()


async def test_a_store_without_an_issuer_knows_no_signed_token(sqlite_url: str, store: Store) -> None:
    ((signed, _), _) = await _both(store)
    keys = MasterKeys({"k1": bytes(range(32))}, current="k1", entropy=secrets.token_bytes)
    other = open_store(sqlite_url, master_keys=keys)
    with pytest.raises(Rejected, match="token_issuer"):
        await OwnTokens(other, prefix="dw").prove(signed, frozenset({API}), 0, 0.0)


async def test_a_door_stands_before_it(
    store: Store, app: ASGIApp, ask: Ask, make_asker: Callable[..., Coroutine[Any, Any, IssuedKey]], asker: IssuedKey
) -> None:
    ((signed, _), (opaque, _)) = await _both(store)
    body = urlencode({"token": signed}).encode()

    async def status(*headers: tuple[bytes, bytes]) -> int:
        answer = await ask(app, "/introspect", method="POST", headers=[FORM, *headers], chunks=(body,))
        return answer[0]

    def bearer(text: str) -> tuple[bytes, bytes]:
        return (b"authorization", f"Bearer {text}".encode())

    powerless = await make_asker(API, "orders:read")
    assert await status() == 401
    assert await status(bearer(powerless.text)) == 403
    # A token is no credential of who asks about tokens.
    assert await status(bearer(signed)) == 401
    assert await status(bearer(opaque)) == 401
    assert await status(bearer(asker.text)) == 200
    await revoke_key(store, asker.record.id, reason="r", actor=OPERATOR)
    await _caught_up(store)
    assert await status(bearer(asker.text)) == 401


BAD_FORMS = [
    b"",
    b"token=",
    b"token=a&token=b",
    b"token=a&%74oken=b",
    b"tok=a",
    b"token=%zz",
    b"token=%",
    b"token=%ff",
    b"token=a b",
    b"token=a\x00",
    b"&".join(b"f%d=1" % number for number in range(33)) + b"&token=a",
    b'{"token": "a"}\n',
]


@pytest.mark.parametrize("body", BAD_FORMS, ids=range(len(BAD_FORMS)))
async def test_a_form_that_is_not_one_is_refused(app: ASGIApp, ask: Ask, asker: IssuedKey, body: bytes) -> None:
    headers = [FORM, (b"authorization", f"Bearer {asker.text}".encode())]
    status, _, answer = await ask(app, "/introspect", method="POST", headers=headers, chunks=(body,))
    assert (status, json.loads(answer)["code"]) == (400, "request_malformed")


async def test_other_types_methods_and_sizes_are_refused(app: ASGIApp, ask: Ask, asker: IssuedKey) -> None:
    key = (b"authorization", f"Bearer {asker.text}".encode())

    async def code(*headers: tuple[bytes, bytes], method: str = "POST", body: bytes = b"token=a") -> str:
        _, _, answer = await ask(app, "/introspect", method=method, headers=[key, *headers], chunks=(body,))
        said: str = json.loads(answer)["code"]
        return said

    assert await code() == "request_malformed"
    assert await code((b"content-type", b"application/json")) == "request_malformed"
    assert await code(FORM, FORM) == "header_repeated"
    assert await code(FORM, method="GET") == "method_not_allowed"
    too_much = b"token=" + b"a" * INTROSPECTION_BYTES_MAX
    assert await code(FORM, body=too_much) == "body_too_large"


async def test_a_token_in_the_url_is_not_looked_at(store: Store, app: ASGIApp, ask: Ask, asker: IssuedKey) -> None:
    ((signed, _), _) = await _both(store)
    headers = [FORM, (b"authorization", f"Bearer {asker.text}".encode())]
    query = b"token=" + signed.encode()
    status, _, _ = await ask(app, "/introspect", method="POST", headers=headers, chunks=(b"",), query=query)
    assert status == 400


async def test_no_token_is_written_down(
    store: Store, inspect: Inspect, caplog: pytest.LogCaptureFixture, sqlite_url: str
) -> None:
    caplog.set_level(logging.DEBUG)
    (signed, _), (opaque, _) = await _both(store)
    for text in (signed, opaque, signed[:-3], opaque[:-3]):
        await inspect(text)
    database = Path(sqlite_url.removeprefix("sqlite:///"))
    stored = b"".join(path.read_bytes() for path in database.parent.glob(f"{database.name}*"))
    for text in (signed, opaque):
        assert text[-38:] not in caplog.text
        assert text[-38:].encode() not in stored


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(garbage=st.text(max_size=200))
async def test_garbage_is_not_active(store: Store, garbage: str) -> None:
    tokens = OwnTokens(store, prefix="dw")
    for text in (garbage, f"dw_token_{garbage}", f"{quote(garbage)}.{quote(garbage)}.x"):
        with pytest.raises(Rejected):
            await tokens.prove(text, frozenset({API}), int(store.clock()), time.monotonic())
