"""`DoorMiddleware` in front of a plain ASGI application."""

from collections.abc import MutableMapping
from typing import Any

import pytest
from starlette.testclient import TestClient, WebSocketDenialResponse
from tests.simulators.method import SimulatedMethod
from tests.simulators.plane import SimulatedPlane
from tests.simulators.store import SimulatedStore

from doorward.door import Door
from doorward.errors import Misconfigured, Rejected, Unavailable
from doorward.frameworks.asgi import Body, DoorMiddleware, request_view
from doorward.methods.basic import Basic
from doorward.wire.hops import TrustedHops

Message = MutableMapping[str, Any]


class App:
    """Answers with the credential id and the body it received; knows no lifespan."""

    def __init__(self) -> None:
        self.calls = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        self.calls += 1
        message = await receive()
        body = scope["doorward.principal"].credential_id.encode() + b":" + message["body"]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-own", b"1")]})
        await send({"type": "http.response.body", "body": body})


@pytest.fixture
def app() -> App:
    return App()


def test_admits_and_adds_headers(app: App, method: SimulatedMethod, key: dict[str, str]) -> None:
    client = TestClient(DoorMiddleware(app, Door(method)))
    assert client.get("/").status_code == 401
    assert app.calls == 0
    admitted = client.post("/any/path", content=b"body", headers=key)
    assert (admitted.text, admitted.headers["x-own"], admitted.headers["deprecation"]) == ("k1:body", "1", "@1")


def test_a_password_is_asked_for_over_tls_only(app: App) -> None:
    behind = DoorMiddleware(app, Door(Basic(SimulatedStore())))
    invited = TestClient(behind, base_url="https://testserver").get("/")
    assert (invited.status_code, invited.headers["www-authenticate"][:5]) == (401, "Basic")
    refused = TestClient(behind, base_url="http://testserver").get("/")
    assert (refused.status_code, "www-authenticate" in refused.headers) == (403, False)
    assert refused.json()["code"] == "credential_insecure_transport"


def test_preflight_and_websocket_reach_nobody(app: App, method: SimulatedMethod, key: dict[str, str]) -> None:
    client = TestClient(DoorMiddleware(app, Door(method)))
    preflight = {"origin": "https://x.example", "access-control-request-method": "PUT"}
    assert client.options("/", headers={**preflight, **key}).status_code == 204
    with (
        pytest.raises(WebSocketDenialResponse) as caught,
        client.websocket_connect("/", headers=key),
    ):  # the client's own class for it differs
        raise AssertionError
    assert caught.value.status_code == 403
    assert app.calls == 0


async def test_a_websocket_is_closed_where_no_answer_can_be_given(app: App, method: SimulatedMethod) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    scope: Message = {"type": "websocket", "headers": [], "path": "/", "client": None}
    await DoorMiddleware(app, Door(method))(scope, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_an_app_without_lifespan_gets_one(app: App, method: SimulatedMethod, plane: SimulatedPlane) -> None:
    with TestClient(DoorMiddleware(app, Door(method))):
        assert plane.started
    assert (plane.starts, plane.closes) == (1, 1)


async def test_the_server_is_told_why_the_start_failed(
    app: App, method: SimulatedMethod, plane: SimulatedPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code alone would not say whose outage it is."""

    async def start() -> None:
        raise Unavailable("store_unavailable", "status 401, from https://id.example")

    monkeypatch.setattr(plane, "start", start)
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None:
        sent.append(message)

    with pytest.raises(Unavailable):
        await DoorMiddleware(app, Door(method))({"type": "lifespan"}, receive, send)
    assert sent[-1]["type"] == "lifespan.startup.failed"
    assert "store_unavailable: status 401, from https://id.example" in sent[-1]["message"]


def scope_of(**changes: Any) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "path": "/a/b",
        "raw_path": b"/a%2fb",
        "query_string": b"x=%20",
        "headers": [(b"host", b"h")],
        "client": ("192.0.2.7", 1234),
        **changes,
    }


async def nothing() -> Message:
    raise AssertionError


def test_the_view_is_what_was_received() -> None:
    view = request_view(scope_of(state={"peer_cert": b"der"}), Body(nothing))
    assert (view.method, view.raw_target, view.scheme, str(view.client)) == (
        "GET",
        b"/a%2fb?x=%20",
        "http",
        "192.0.2.7",
    )
    assert view.peer.certificate_der == b"der"
    assert not view.forwarded
    bare = request_view(scope_of(raw_path=None, query_string=b"", client=None), Body(nothing))
    assert (bare.raw_target, bare.client) == (b"/a/b", None)
    assert request_view(scope_of(raw_path=None, path="/ü?"), Body(nothing)).raw_target == b"/%C3%BC%3F?x=%20"


def test_forwarding_headers_count_from_listed_peers_only() -> None:
    headers = [(b"x-forwarded-for", b"198.51.100.1"), (b"x-forwarded-proto", b"https")]
    stranger = request_view(scope_of(headers=headers), Body(nothing), TrustedHops(("10.0.0.0/8",)))
    assert (str(stranger.client), stranger.scheme, stranger.forwarded) == ("192.0.2.7", "http", True)
    listed = request_view(scope_of(headers=headers), Body(nothing), TrustedHops(("192.0.2.7",)))
    assert (str(listed.client), listed.scheme) == ("198.51.100.1", "https")


async def test_the_body_is_read_once_and_replayed() -> None:
    messages: list[Message] = [
        {"type": "http.request", "body": b"ab", "more_body": True},
        {"type": "http.request", "body": b"cd"},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return messages.pop(0)

    body = Body(receive)
    assert body.receive is receive
    assert (await body.read(4), await body.read(4)) == (b"abcd", b"abcd")
    with pytest.raises(Rejected) as caught:
        await body.read(3)
    assert caught.value.code == "body_too_large"
    assert await body.receive() == {"type": "http.request", "body": b"abcd", "more_body": False}
    assert (await body.receive())["type"] == "http.disconnect"


async def test_a_body_that_never_ends() -> None:
    async def endless() -> Message:
        return {"type": "http.request", "body": b"x" * 10, "more_body": True}

    async def hang_up() -> Message:
        return {"type": "http.disconnect"}

    for receive, code in ((endless, "body_too_large"), (hang_up, "request_malformed")):
        with pytest.raises(Rejected) as caught:
            await Body(receive).read(95)
        assert caught.value.code == code


async def test_a_rewritten_peer_is_refused_at_the_first_request(app: App, method: SimulatedMethod) -> None:
    from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

    behind: Any = ProxyHeadersMiddleware(DoorMiddleware(app, Door(method)))  # type: ignore[arg-type]  # its own ASGI types
    headers = [(b"x-forwarded-for", b"198.51.100.1:4711")]

    async def send(_message: Message) -> None:
        raise AssertionError

    with pytest.raises(Misconfigured, match="--no-proxy-headers"):
        await behind(scope_of(client=("127.0.0.1", 5), headers=headers), nothing, send)


async def test_a_rewritten_peer_is_refused_behind_a_middleware_with_a_task_of_its_own(
    app: App, method: SimulatedMethod
) -> None:
    from starlette.middleware.base import BaseHTTPMiddleware
    from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

    class Passing(BaseHTTPMiddleware):
        async def dispatch(self, request: Any, call_next: Any) -> Any:
            return await call_next(request)

    inside = Passing(DoorMiddleware(app, Door(method)))
    behind: Any = ProxyHeadersMiddleware(inside)  # type: ignore[arg-type]  # its own ASGI types
    headers = [(b"x-forwarded-for", b"198.51.100.1:4711"), (b"x-forwarded-proto", b"https")]

    async def send(_message: Message) -> None:
        raise AssertionError

    with pytest.raises(Misconfigured, match="--no-proxy-headers"):
        await behind(scope_of(client=("127.0.0.1", 5), headers=headers), nothing, send)
    assert app.calls == 0
