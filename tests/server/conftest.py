"""How these tests speak ASGI: raw, so that a request can be as wrong as an attacker makes it."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Headers = list[tuple[bytes, bytes]]
Ask = Callable[..., Coroutine[Any, Any, tuple[int, dict[bytes, bytes], bytes]]]


@pytest.fixture
def ask() -> Ask:
    """Ask an app one thing; answers (status, headers, body)."""

    async def _ask(
        app: ASGIApp,
        path: str = "/",
        *,
        method: str = "GET",
        headers: Headers | None = None,
        chunks: tuple[bytes, ...] = (b"",),
        scheme: str = "http",
        query: bytes = b"",
    ) -> tuple[int, dict[bytes, bytes], bytes]:
        waiting = list(chunks)
        sent: list[Message] = []

        async def receive() -> Message:
            if not waiting:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

        async def send(message: Message) -> None:
            sent.append(message)

        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode("latin-1", "replace"),
            "query_string": query,
            "root_path": "",
            "scheme": scheme,
            "headers": [(b"host", b"localhost")] if headers is None else headers,
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 8700),
            "state": {},
        }
        await app(scope, receive, send)
        assert sent, "the app sent nothing"
        body = b"".join(message.get("body", b"") for message in sent[1:])
        return sent[0]["status"], dict(sent[0]["headers"]), body

    return _ask


@pytest.fixture
def hello() -> ASGIApp:
    """An app that reads the whole body and answers its length."""

    async def _hello(scope: Scope, receive: Receive, send: Send) -> None:
        length, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ConnectionError("the caller went away")
            length += len(message.get("body", b""))
            more = message.get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(length).encode()})

    return _hello
