"""Signed requests in front of FastAPI, Starlette and ASGI: nothing is received before the headers are proven, nothing
runs before the body is.
"""

import time
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient
from tests.simulators.signature_keys import SimulatedKeys
from tests.simulators.signed_door import signed_view
from tests.simulators.store import SimulatedStore

from doorward import Door as CoreDoor
from doorward import Principal, Scopes, SignedRequests
from doorward.errors import Misconfigured
from doorward.frameworks import fastapi, starlette
from doorward.frameworks.asgi import DoorMiddleware
from doorward.methods.signature.method import RequestSignatures

KEY = "shop"
SECRET = bytes((7 + place * 37) % 256 for place in range(32))
BODY = b'{"amount":100}'
LARGE = b'{"amount":100,"note":"' + b"x" * 700_000 + b'"}'


class Handler:
    """Says what it was given."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def take(self, body: bytes) -> None:
        self.bodies.append(body)


def fastapi_app(method: RequestSignatures, handler: Handler) -> Any:
    door = fastapi.Door(method)
    app = fastapi.guard(FastAPI())

    @app.post("/orders")
    async def order(
        request: Request, event: dict[str, object], principal: Annotated[Principal, Depends(door)]
    ) -> Response:
        assert event["amount"] == 100
        handler.take(await request.body())
        return Response(principal.id)

    return app


def starlette_app(method: RequestSignatures, handler: Handler) -> Any:
    async def order(request: Request) -> Response:
        handler.take(b"".join([piece async for piece in request.stream()]))
        return PlainTextResponse(request.state.principal.id)

    return starlette.guard(Starlette(routes=[Route("/orders", starlette.Door(method)(order), methods=["POST"])]))


def unguarded_starlette_app(method: RequestSignatures, handler: Handler) -> Any:
    async def order(request: Request) -> Response:
        handler.take(await request.body())
        return PlainTextResponse(request.state.principal.id)

    return Starlette(routes=[Route("/orders", starlette.Door(method)(order), methods=["POST"])])


def asgi_app(method: RequestSignatures, handler: Handler) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        handler.take(body)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["doorward.principal"].id.encode()})

    return DoorMiddleware(app, CoreDoor(method))


MAKERS = [fastapi_app, starlette_app, unguarded_starlette_app, asgi_app]
Maker = Callable[[RequestSignatures, Handler], Any]


@pytest.fixture
def keys() -> SimulatedKeys:
    found = SimulatedKeys()
    found.add(KEY, SECRET)
    return found


@pytest.fixture
def method(store: SimulatedStore, keys: SimulatedKeys) -> RequestSignatures:
    store.now = time.time()
    return SignedRequests(store, keys=keys)


@pytest.fixture
def handler() -> Handler:
    return Handler()


@pytest.fixture(params=MAKERS, ids=lambda maker: maker.__name__)
def app(request: Any, method: RequestSignatures, handler: Handler) -> Any:
    return request.param(method, handler)


def headers_of(body: bytes = BODY, secret: bytes = SECRET, **options: Any) -> list[tuple[bytes, bytes]]:
    """Headers of a request to the test client's host."""
    view = signed_view(
        KEY,
        secret,
        body=body,
        at=int(time.time()),
        target=b"/orders",
        authority=b"testserver",
        scheme="http",
        **options,
    )
    return [(name, value) for name, value in view.headers if name != b"content-length"]


def post(client: TestClient, headers: list[tuple[bytes, bytes]], body: bytes = BODY) -> Any:
    return client.post("/orders", headers=[(name.decode(), value.decode()) for name, value in headers], content=body)


@pytest.mark.parametrize("body", [BODY, LARGE], ids=["in memory", "on disk"])
def test_a_signed_request_is_handled_once(app: Any, handler: Handler, body: bytes) -> None:
    client = TestClient(app)
    headers = headers_of(body)
    first = post(client, headers, body)
    assert (first.status_code, first.text) == (200, KEY)
    again = post(client, headers, body)
    assert (again.status_code, again.json()["code"]) == (401, "replayed")
    assert handler.bodies == [body]


def test_nothing_runs_before_the_body_is_proven(app: Any, handler: Handler, store: SimulatedStore) -> None:
    client = TestClient(app)
    refused = post(client, headers_of(), b'{"amount":999}')
    assert (refused.status_code, refused.json()["code"]) == (401, "signature_digest")
    assert refused.headers["www-authenticate"].startswith("Signature")
    assert not handler.bodies
    assert not store.plane.claims.rows


def test_another_host_is_another_request(app: Any, handler: Handler) -> None:
    client = TestClient(app, base_url="http://other.example")
    assert post(client, headers_of()).json()["code"] == "credential_invalid"
    assert not handler.bodies


async def test_nothing_is_received_before_the_headers_are_proven(app: Any, handler: Handler) -> None:
    headers = [(b"host", b"testserver"), (b"content-length", b"14")]
    assert await status_and_asked(app, headers) == (401, 0)
    assert await status_and_asked(app, headers + headers_of(secret=SECRET[::-1])) == (401, 0)
    assert await status_and_asked(app, headers + headers_of()) == (200, 1)
    assert len(handler.bodies) == 1


async def status_and_asked(app: Any, headers: list[tuple[bytes, bytes]]) -> tuple[int, int]:
    """What is answered, and how often the server was asked for a piece of the body."""
    asked: list[int] = []
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        asked.append(1)
        return {"type": "http.request", "body": BODY, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/orders",
        "raw_path": b"/orders",
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("192.0.2.1", 1234),
        "server": ("testserver", 80),
        "state": {},
    }
    await app(scope, receive, send)
    return statuses[0], len(asked)


def test_a_refusal_by_the_door_burns_nothing(
    store: SimulatedStore, method: RequestSignatures, handler: Handler
) -> None:
    strict = DoorMiddleware(asgi_app(method, handler), CoreDoor(method, require=Scopes("orders:write")))
    assert post(TestClient(strict), headers_of()).status_code == 403
    assert not store.plane.claims.rows


def test_two_doors_on_one_route_see_the_same_body(store: SimulatedStore, keys: SimulatedKeys, handler: Handler) -> None:
    store.now = time.time()
    # Without a nonce: what one of them has used up the other would refuse.
    first, second = (SignedRequests(store, keys=keys, profile="danger-replayable") for _ in range(2))
    app = DoorMiddleware(asgi_app(second, handler), CoreDoor(first))
    assert post(TestClient(app), headers_of(LARGE), LARGE).status_code == 200
    assert handler.bodies == [LARGE]


def test_fastapi_without_a_guard_cannot_prove_a_body(method: RequestSignatures) -> None:
    door = fastapi.Door(method)
    app = FastAPI()

    @app.post("/orders", dependencies=[Depends(door)])
    async def order() -> None:
        raise AssertionError("not reached")

    with pytest.raises(Misconfigured, match="guard"):
        post(TestClient(app), headers_of())
