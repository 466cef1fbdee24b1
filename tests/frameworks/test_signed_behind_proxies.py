"""Signed requests through real proxies that are trusted, or not, to a real server: what they rewrite and what holds."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from tests.frameworks.signed_server import KEY, SECRET, echo
from tests.frameworks.test_raw_socket import ask, serve
from tests.simulators.proxies import PASS, caddy_pass, nginx_location, proxy
from tests.simulators.signed_wire import chunked, signed_head

from doorward import Door, SignedRequests, TrustedHops, open_store
from doorward.crypto.signatures import SignatureAlgorithm, SignatureKey
from doorward.frameworks.asgi import DoorMiddleware

pytestmark = pytest.mark.slow

KEYS: Final = {KEY: SignatureKey(SignatureAlgorithm.HMAC_SHA256, SECRET)}
BODY: Final = b'{"amount":100}'
FOR: Final = "proxy_set_header X-Forwarded-For $remote_addr;"
PROTO: Final = "proxy_set_header X-Forwarded-Proto $scheme;"
HTTPS: Final = "proxy_set_header X-Forwarded-Proto https;"
HOST: Final = "proxy_set_header Host $host;"
SAID_HOST: Final = "proxy_set_header X-Forwarded-Host $host;"
INNER_HOST: Final = "proxy_set_header Host inner.test:8000;"
STREAMED: Final = ("proxy_http_version 1.1;", "proxy_request_buffering off;")


class Case(NamedTuple):
    """What a proxy does, what is signed, and what comes of it: the status and the public code."""

    directives: str
    signing: dict[str, Any]
    expected: str
    listed: tuple[str, ...] = ("127.0.0.1",)


OK: Final = "200 "
INVALID: Final = "401 credential_invalid"
SCHEME: Final[dict[str, Any]] = {"scheme": "https", "more_components": ['"@scheme"', '"@target-uri"']}
CASES: Final[dict[str, Case]] = {
    "nginx, host passed on": Case(nginx_location(HOST, FOR, PROTO), {}, OK),
    "nginx, host rewritten and said": Case(nginx_location(INNER_HOST, SAID_HOST, FOR, PROTO), {}, OK),
    "nginx, host rewritten, and nobody is listed": Case(
        nginx_location(INNER_HOST, SAID_HOST, FOR, PROTO), {}, INVALID, ()
    ),
    "nginx, host rewritten and not said": Case(nginx_location(INNER_HOST, FOR, PROTO), {}, INVALID),
    "nginx, TLS ends there": Case(nginx_location(HOST, FOR, HTTPS), SCHEME, OK),
    "nginx, TLS ends there, and nobody is listed": Case(nginx_location(HOST, FOR, HTTPS), SCHEME, INVALID, ()),
    "nginx, the default port of the scheme it says": Case(
        nginx_location("proxy_set_header Host $host:443;", FOR, HTTPS), SCHEME, OK
    ),
    "nginx, prefix taken away": Case(
        nginx_location(HOST, FOR, PROTO, path="/hooks/", to="/"), {"target": b"/hooks/orders"}, INVALID
    ),
    "nginx, path kept as it was written": Case(
        nginx_location(HOST, FOR, PROTO), {"target": b"//a/%2F%2f/../b?x=%20+&y"}, OK
    ),
    "nginx, query reordered": Case(
        nginx_location("rewrite ^ /orders?b=2&a=1? break;", HOST, FOR, PROTO), {"target": b"/orders?a=1&b=2"}, INVALID
    ),
    "nginx, body streamed": Case(nginx_location(HOST, FOR, PROTO, *STREAMED), {}, OK),
    "nginx, body written again": Case(
        nginx_location(HOST, FOR, PROTO, "proxy_set_body '{\"amount\": 100}';"), {}, "401 signature_digest"
    ),
    "nginx, body not passed on": Case(
        nginx_location(HOST, FOR, PROTO, "proxy_pass_request_body off;", 'proxy_set_header Content-Length "";'),
        {},
        "401 signature_digest",
    ),
    "nginx, which does not say for whom": Case(nginx_location(HOST), {}, "400 request_malformed"),
    "caddy, nothing rewritten": Case(PASS, {}, OK),
    "caddy, host rewritten": Case(caddy_pass("header_up Host inner.test:8000"), {}, OK),
    "caddy, host rewritten, and nobody is listed": Case(caddy_pass("header_up Host inner.test:8000"), {}, INVALID, ()),
    "caddy, TLS ends there": Case(caddy_pass("header_up X-Forwarded-Proto https"), SCHEME, OK),
    "caddy, prefix taken away": Case("handle_path /hooks/* {\n" + PASS + "\n}", {"target": b"/hooks/orders"}, INVALID),
    "caddy, path kept as it was written": Case(PASS, {"target": b"/a/%2F%2f/b?x=%20+&y"}, OK),
    "caddy, a covered header set again": Case(
        caddy_pass("header_up X-Id other"), {"more": ((b"x-id", b"one"),), "more_components": ['"x-id"']}, INVALID
    ),
    "caddy, a covered header added": Case(
        caddy_pass("header_up +X-Id two"), {"more": ((b"x-id", b"one"),), "more_components": ['"x-id"']}, INVALID
    ),
    "caddy, another header added": Case(caddy_pass("header_up X-Trace 1"), {}, OK),
}


@contextmanager
def door(url: str, listed: tuple[str, ...]) -> Iterator[int]:
    app = DoorMiddleware(echo, Door(SignedRequests(open_store(url), keys=KEYS)), hops=TrustedHops(listed))
    serving = serve(app, proxy_headers=False, lifespan="on")
    try:
        yield next(serving)
    finally:
        list(serving)


def told(answer: bytes) -> str:
    code = answer.partition(b'"code":"')[2].partition(b'"')[0]
    return f"{answer[9:12].decode()} {code.decode()}"


@pytest.mark.parametrize("name", CASES)
def test_what_a_proxy_rewrites(name: str, require_tool: Callable[[str], str], sqlite_url: str, tmp_path: Path) -> None:
    case = CASES[name]
    tool = require_tool(name.partition(",")[0])
    with (
        door(sqlite_url, case.listed) as inner,
        proxy(tool, tmp_path, case.directives.replace("INNER", str(inner))) as port,
    ):
        signing: dict[str, Any] = {"host": b"api.example", **case.signing}
        answer = ask(port, signed_head(KEY, SECRET, body=BODY, **signing) + BODY)
        assert told(answer) == case.expected, answer
        if case.expected == OK:
            in_chunks = signed_head(KEY, SECRET, body=BODY, framing=((b"transfer-encoding", b"chunked"),), **signing)
            assert told(ask(port, in_chunks + chunked(BODY))) == OK


@pytest.mark.parametrize("tool", ["nginx", "caddy"])
def test_who_asks_another_host_is_refused_whatever_he_says(
    tool: str, require_tool: Callable[[str], str], sqlite_url: str, tmp_path: Path
) -> None:
    directives = nginx_location(HOST, SAID_HOST, FOR, PROTO) if tool == "nginx" else PASS
    with (
        door(sqlite_url, ("127.0.0.1",)) as inner,
        proxy(require_tool(tool), tmp_path, directives.replace("INNER", str(inner))) as port,
    ):
        # A request that was signed for one host, sent to another that knows the same keys.
        lies = ((b"x-forwarded-host", b"api.example"), (b"forwarded", b"host=api.example"))
        request = signed_head(KEY, SECRET, body=BODY, host=b"api.example", sent_host=b"other.example", unsigned=lies)
        assert told(ask(port, request + BODY)) == INVALID
