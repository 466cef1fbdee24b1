"""A gateway as many are: it parses every JSON body and writes it again, which is the same JSON and not the same bytes.

    UPSTREAM=http://127.0.0.1:8704 KEPT_IN=. uvicorn tools.demo_gateway:app --port 8705

What it passed on last it keeps in `passed-on.http`, as the service behind it received it.
"""

import json
import os
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any, Final

import httpx2

__all__ = ["KEPT", "app"]

KEPT: Final = "passed-on.http"
_OWN: Final = frozenset({b"host", b"content-length", b"connection", b"accept-encoding"})

# ASGI's own types.
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """Pass a request on."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    if body:
        body = json.dumps(json.loads(body)).encode()
    headers = [(name, value) for name, value in scope["headers"] if name not in _OWN]
    target = scope["raw_path"].decode() + ("?" + scope["query_string"].decode() if scope["query_string"] else "")
    _keep(f"{scope['method']} {target} HTTP/1.1", headers, body)
    async with httpx2.AsyncClient(timeout=5) as client:
        answer = await client.request(scope["method"], os.environ["UPSTREAM"] + target, headers=headers, content=body)
    kept = [(name.lower(), value) for name, value in answer.headers.raw if name.lower() not in _OWN]
    await send({"type": "http.response.start", "status": answer.status_code, "headers": kept})
    await send({"type": "http.response.body", "body": answer.content})


def _keep(line: str, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    head = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    (Path(os.environ["KEPT_IN"]) / KEPT).write_bytes(line.encode() + b"\r\n" + head + b"\r\n" + body)
