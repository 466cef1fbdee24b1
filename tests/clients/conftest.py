"""Real servers on loopback: one behind a door, one that keeps what it receives, one that sends callers elsewhere."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import pytest
import uvicorn
from tests.clients.libraries import LIBRARIES, Library

from doorward.methods.signature import Message

App = Callable[[Any, Any, Any], Awaitable[None]]


class Received(NamedTuple):
    """A request as it came."""

    method: str
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    def value(self, name: str) -> str | None:
        return next((value.decode() for key, value in self.headers if key == name.encode()), None)

    def message(self, scheme: str = "http") -> Message:
        host = self.value("host")
        assert host is not None
        return Message(
            method=self.method, target=self.target, scheme=scheme, authority=host.encode(), headers=self.headers
        )


class Keeper:
    """Keeps every request and answers by its path: `/to?CODE=URL` redirects, `/401` refuses, `/login` leads on,
    all else is fine.
    """

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.refused: set[str] = set()
        self.url = ""

    def forget(self) -> None:
        """As new."""
        self.requests.clear()
        self.refused.clear()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        query = scope["query_string"]
        target = scope["raw_path"] + (b"?" + query if query else b"")
        received = Received(scope["method"], target, tuple(scope["headers"]), body)
        self.requests.append(received)
        status, headers = 200, []
        if scope["path"] == "/to":
            ((code, urls),) = parse_qs(query.decode()).items()
            status, headers = int(code), [(b"location", urls[0].encode())]
        elif scope["path"] == "/401" or received.value("authorization") in self.refused:
            status = 401
        elif scope["path"] == "/login":
            status, headers = 307, [(b"location", b"/orders")]
        await send({"type": "http.response.start", "status": status, "headers": [*headers, (b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


@contextmanager
def served(app: App, **settings: Any) -> Iterator[str]:
    """The address of a server that runs in a thread until the end."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    ready = threading.Event()

    class Ready(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            ready.set()

    server = Ready(uvicorn.Config(app, log_level="error", lifespan="off", proxy_headers=False, **settings))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True)
    thread.start()
    assert ready.wait(10)
    scheme = "https" if "ssl_certfile" in settings else "http"
    yield f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
    listener.close()


@pytest.fixture(scope="module")
def origins() -> Iterator[tuple[Keeper, Keeper]]:
    """Two origins: the same host at two ports."""
    one, other = Keeper(), Keeper()
    with served(one) as one.url, served(other) as other.url:
        yield one, other


@pytest.fixture
def keeper(origins: tuple[Keeper, Keeper]) -> Keeper:
    origins[0].forget()
    return origins[0]


@pytest.fixture
def elsewhere(origins: tuple[Keeper, Keeper]) -> Keeper:
    """Another origin."""
    origins[1].forget()
    return origins[1]


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> Library:
    return Library(request.param)
