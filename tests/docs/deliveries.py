"""What the pages of senders do out of sight: a store, an environment, and a sender that really sends.

`prove` holds a page to what it promises: its delivery is taken and run once; nothing else is. Deliveries are signed by
`doorward webhooks sign`'s own function, which the published vectors are held against.
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, final

import httpx2
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from doorward import Principal
from doorward.adapters.sql.maintenance import upgrade
from doorward.methods.webhook import SCHEMES, Scheme, parse_secret, sign_delivery

__all__ = ["Proven", "prove", "set_up", "signed", "write_received"]

JSON: Final = "application/json"


class Proven(NamedTuple):
    """What the handler answered to the first delivery, and who it was told sent it."""

    answer: httpx2.Response
    principal: Principal


@final
class _Watched:
    """An application whose proven callers are looked at."""

    def __init__(self, app: ASGIApp) -> None:
        self._app: Final = app
        self.principals: Final[list[Principal]] = []

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)
        if "doorward.principal" in scope:
            self.principals.append(scope["doorward.principal"])


def set_up(**environment: str) -> None:
    """An empty store in this folder, and the secret of the page's program: in its variable, and in a file."""
    upgrade("sqlite:///doorward.db")
    os.environ.update(environment)
    (secret,) = environment.values()
    Path("secret.txt").write_text(f"{secret}\n")


def signed(
    scheme: Scheme | str, secret: str, body: bytes, *, url: str | None = None, at: int | None = None
) -> dict[str, str]:
    """The headers a sender adds."""
    chosen = SCHEMES[scheme] if isinstance(scheme, str) else scheme
    parsed = parse_secret(chosen, secret, secret_id="sender", danger_short=True)
    delivery_id = f"msg_{len(body)}x{body[:8].hex()}" if chosen.signs_id else None
    now = int(time.time()) if at is None else at
    return dict(sign_delivery(chosen, [parsed], body, now=now, delivery_id=delivery_id, url=url))


def prove(  # what a delivery is made of
    app: Any,  # Any: an application of either framework
    path: str,
    scheme: Scheme | str,
    secret: str,
    body: bytes,
    *,
    url: str | None = None,
    content_type: str = JSON,
    also: Mapping[str, str] | None = None,
) -> Proven:
    """Send the delivery, and everything like it that must be refused."""
    told = {"content-type": content_type, **(also or {})}
    good = signed(scheme, secret, body, url=url) | told
    # In the middle: an HMAC key with a zero octet at its end is the same key.
    middle = len(secret) // 2
    other = secret[:middle] + ("B" if secret[middle] == "A" else "A") + secret[middle + 1 :]
    wrong = signed(scheme, other, body, url=url) | told
    watched = _Watched(app)
    with TestClient(watched) as client:
        assert client.post(path, content=body, headers=told).status_code == 401, "unsigned"
        assert client.post(path, content=body, headers=wrong).status_code == 401, "another secret"
        for altered in (body + b" ", body.replace(b":", b" :", 1), body.swapcase(), b""):
            assert altered == body or client.post(path, content=altered, headers=good).status_code == 401, altered
        assert not watched.principals, "refused, and yet proven"
        first = client.post(path, content=body, headers=good)
        assert first.is_success, first.text
        again = client.post(path, content=body, headers=good)
        assert (again.status_code, again.content) == (200, b""), "a duplicate"
    return Proven(first, watched.principals[0])


def write_received(headers: Mapping[str, str], body: bytes, secret: str) -> None:
    """The files that `doorward webhooks explain` reads in the pages."""
    lines = ["POST / HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    Path("refused.http").write_bytes("".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + body)
    Path("secret.txt").write_text(secret)
