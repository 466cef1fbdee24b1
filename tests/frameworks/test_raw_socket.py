"""Spellings of paths, over a raw socket against a real uvicorn: none reaches a handler unproven."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
import uvicorn
from fastapi import Depends, FastAPI
from starlette.staticfiles import StaticFiles
from tests.simulators.method import SimulatedMethod

from doorward.errors import Misconfigured
from doorward.frameworks.fastapi import Door, guard, open_route
from doorward.values import Principal

TARGETS = [
    b"/orders", b"//orders", b"/orders/", b"/orders//", b"/%6frders", b"/orders%2f", b"/%2forders", b"/%2Forders",
    b"/orders;x", b"/orders;/../healthz", b"/;/orders", b"/ORDERS", b"/./orders", b"/%2e/orders", b"/x/../orders",
    b"/x/%2e%2e/orders", b"/healthz/../orders", b"/healthz/%2e%2e/orders", b"/healthz%2f..%2forders",
    b"/healthz/..;/orders", b"/healthz\\..\\orders", b"/orders\\", b"/\\orders", b"/orders%00", b"/orders%00.html",
    b"/orders%20", b"/orders%09", b"/orders%0d%0a", b"/orders%23", b"/orders%3f", b"/orders?x", b"/orders#x",
    b"/orders%c0%af", b"/%ef%bc%8forders", b"/%c0%aeorders", b"/ord%e2%80%8bers", b"/%u006frders", b"/orders%",
    b"/orders%2", b"/items/1", b"/items/1/", b"/items/1%2f2", b"/items//1", b"/items/..%2forders",
    b"/static/../orders", b"/static/secret.txt", b"/static/%2e%2e/secret.txt", b"/docs", b"/openapi.json",
    b"/docs/", b"//docs", b"/%64ocs", b"http://example.org/orders", b"http://example.org:80//orders",
    b"https://example.org/orders", b"orders", b"*", b"", b"/healthz/orders", b"/healthz%2forders",
    b"/" + b"a" * 5000, b"/orders/" + b"../" * 50 + b"orders", b"/sub/orders", b"/sub//orders", b"/sub",
]  # fmt: skip
VERBS = [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE", b"get", b"BREW"]


class Reached:
    """Handlers that say that they were reached."""

    def __init__(self) -> None:
        self.paths: list[str] = []


def make_app(method: SimulatedMethod, reached: Reached, directory: Any) -> FastAPI:
    door = Door(method)
    app = guard(FastAPI())

    @app.get("/healthz")
    @open_route
    async def health() -> str:
        return "fine"

    @app.api_route("/orders", methods=["GET", "POST", "PUT", "DELETE", "OPTIONS"])
    @app.get("/items/{item:path}")
    async def orders(principal: Annotated[Principal, Depends(door)]) -> str:
        reached.paths.append(principal.id)
        return "secret"

    sub = FastAPI()
    sub.add_api_route("/orders", orders)
    app.mount("/sub", sub)
    app.mount("/static", StaticFiles(directory=directory))
    return app


def serve(app: Any, **settings: Any) -> Iterator[int]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="critical", **settings)
    ready = threading.Event()

    class Ready(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            ready.set()

    server = Ready(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True)
    thread.start()
    assert ready.wait(10)
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join(10)
    listener.close()


@pytest.fixture
def reached() -> Reached:
    return Reached()


@pytest.fixture(params=["httptools", "h11"])
def port(request: Any, method: SimulatedMethod, reached: Reached, tmp_path: Any) -> Iterator[int]:
    (tmp_path / "secret.txt").write_text("secret")
    yield from serve(make_app(method, reached, tmp_path), http=request.param, proxy_headers=False)


def ask(port: int, head: bytes) -> bytes:
    """Send a request as it is; answer everything that comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(head)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer


def test_no_spelling_reaches_a_handler(port: int, reached: Reached, key: dict[str, str]) -> None:
    statuses: dict[bytes, set[bytes]] = {}
    for target in TARGETS:
        for verb in VERBS if len(target) < 20 else [b"GET", b"OPTIONS"]:
            answer = ask(port, verb + b" " + target + b" HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n")
            assert b"secret" not in answer, target
            status = answer[9:12]
            statuses.setdefault(target, set()).add(status)
            # 307 is the framework's redirect to the path with or without its slash, 400 the server's.
            assert status in {b"400", b"401", b"403", b"404", b"405", b"307"} or b"fine" in answer, (
                verb,
                target,
                answer,
            )
            assert b"fine" not in answer or target == b"/healthz"
            if status in {b"401", b"403", b"404"}:
                assert b"application/problem+json" in answer, (verb, target, answer)
    assert not reached.paths
    assert statuses[b"/orders"] == {b"401"} | ({b"400"} & statuses[b"/orders"])
    # The table proves nothing unless the handler can be reached.
    good = ask(
        port, f"GET /orders HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Secret: {key['x-secret']}\r\n\r\n".encode()
    )
    assert b"200" in good[:15]
    assert b"deprecation: @1" in good.lower()
    assert len(reached.paths) == 1


def test_two_requests_on_one_connection_are_proven_each(port: int, reached: Reached, key: dict[str, str]) -> None:
    good = f"GET /orders HTTP/1.1\r\nHost: x\r\nX-Secret: {key['x-secret']}\r\n\r\n".encode()
    bad = b"GET /orders HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = ask(port, good + bad)
    assert (answer.count(b"HTTP/1.1 200"), answer.count(b"HTTP/1.1 401")) == (1, 1)
    assert len(reached.paths) == 1


def test_a_server_that_rewrites_the_peer_does_not_start(
    method: SimulatedMethod, reached: Reached, tmp_path: Any
) -> None:
    messages: list[str] = []
    config = uvicorn.Config(make_app(method, reached, tmp_path), log_level="critical", proxy_headers=True)
    config.load()

    async def start() -> None:
        async def receive() -> dict[str, str]:
            return {"type": "lifespan.startup"}

        async def send(message: Any) -> None:
            messages.append(str(message))

        await config.loaded_app({"type": "lifespan", "asgi": {}, "state": {}}, receive, send)

    with pytest.raises(Misconfigured):
        asyncio.run(start())
    assert len(messages) == 1
    assert "lifespan.startup.failed" in messages[0]
    assert "--no-proxy-headers" in messages[0]
