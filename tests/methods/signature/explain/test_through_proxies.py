"""Signed requests through real proxies that rewrite them, as they were told to, and the diagnosis of what they did."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from tests.methods.signature.explain.test_one_break import COMPACT, explained, names
from tests.simulators.proxies import PASS, caddy_pass, nginx_location, send_through
from tests.simulators.signed import message, signed

from doorward.methods.signature import Message

pytestmark = pytest.mark.slow

_TARGET: Final = "/hooks/calls?tenant=7&kind=sms"
_SPACED: Final = json.dumps(json.loads(COMPACT))
_HOST: Final = "proxy_set_header Host $host;"
_SET_BODY: Final = f"proxy_set_body '{_SPACED}';"
# What is done, what is covered besides the usual, and what must be told first.
CASES: Final[dict[str, tuple[str, tuple[str, ...], str]]] = {
    "caddy, nothing rewritten": (PASS, (), "accepted"),
    "caddy, TLS ends there": (PASS, ('"@scheme"',), "target.scheme"),
    "caddy, another host": (caddy_pass("header_up Host inner.test:8000"), (), "target.authority"),
    "caddy, another host and TLS ends": (
        caddy_pass("header_up Host inner.test:8000"),
        ('"@target-uri"',),
        "target.authority + target.scheme",
    ),
    "caddy, prefix taken away": (
        "handle_path /hooks/* {\n" + caddy_pass("header_up X-Forwarded-Prefix /hooks") + "\n}",
        (),
        "target.path",
    ),
    "caddy, path rewritten": (
        "rewrite /hooks/* /index.php?{query}\n" + caddy_pass("header_up X-Original-URI {http.request.orig_uri}"),
        (),
        "target.path",
    ),
    "caddy, query dropped": ("rewrite /hooks/* {path}?kind=sms&tenant=7\n" + PASS, (), "target.query"),
    "caddy, field dropped": (caddy_pass("header_up -X-Id"), ('"x-id"',), "field.missing"),
    "caddy, field doubled": (caddy_pass("header_up +X-Id again"), ('"x-id"',), "field.repeated"),
    "nginx, forwarding appended": (
        nginx_location(_HOST, "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"),
        ('"x-forwarded-for"',),
        "field.appended",
    ),
    "nginx, body written again": (nginx_location(_HOST, _SET_BODY), (), "body.json"),
    "nginx, body written again, length covered": (nginx_location(_HOST, _SET_BODY), ('"content-length"',), "body.json"),
    "nginx, nothing rewritten": (nginx_location(_HOST), (), "accepted"),
    "nginx, TLS ends there": (nginx_location(_HOST), ('"@target-uri"',), "target.scheme"),
    "nginx, another host": (nginx_location("proxy_set_header X-Forwarded-Host $host;"), (), "target.authority"),
    "nginx, prefix taken away": (
        nginx_location(_HOST, "proxy_set_header X-Forwarded-Prefix /hooks;", path="/hooks/", to="/"),
        (),
        "target.path",
    ),
    "nginx, prefix added": (nginx_location(_HOST, path="/hooks/", to="/v2/hooks/"), (), "target.path"),
    "nginx, host, scheme and path": (
        nginx_location(
            "proxy_set_header X-Forwarded-Host $host;",
            "proxy_set_header X-Forwarded-Prefix /hooks;",
            path="/hooks/",
            to="/",
        ),
        ('"@target-uri"',),
        "target.authority + target.path + target.scheme",
    ),
    "nginx, query reordered": (
        nginx_location("rewrite ^ /hooks/calls?kind=sms&tenant=7? break;", _HOST),
        (),
        "target.query",
    ),
    "nginx, field dropped": (nginx_location(_HOST, 'proxy_set_header X-Id "";'), ('"x-id"',), "field.missing"),
    "nginx, connection covered": (nginx_location(_HOST), ('"connection"',), "field.usual"),
    "nginx, signature dropped": (
        nginx_location(_HOST, 'proxy_set_header Signature "";', 'proxy_set_header Signature-Input "";'),
        (),
        "signature.missing",
    ),
    "nginx, newline added": (nginx_location(_HOST, r'proxy_set_body "$request_body\n";'), (), "body.newline"),
    "nginx, body not passed on": (
        nginx_location(_HOST, "proxy_pass_request_body off;", 'proxy_set_header Content-Length "0";'),
        (),
        "body.read",
    ),
}


@pytest.mark.parametrize("broken", CASES)
def test_what_a_proxy_did_is_told_first(broken: str, require_tool: Callable[[str], str], tmp_path: Path) -> None:
    directives, more, expected = CASES[broken]
    sent = message(
        (b"x-id", b"a b"),
        (b"x-forwarded-for", b"192.0.2.1"),
        (b"connection", b"keep-alive"),
        target=_TARGET.encode(),
        authority=b"api.example.com",
        body=COMPACT,
    )
    request = signed(sent, body=COMPACT, more_components=list(more))
    arrived = send_through(
        require_tool(broken.partition(",")[0]), tmp_path, directives, "POST", _TARGET, request.headers, COMPACT
    )
    (host,) = (value for name, value in arrived.headers if name == b"host")
    # What stands behind the proxy is spoken to over plain HTTP; without a list of trusted hops it knows no better.
    scheme = "http" if more and more[0] in ('"@scheme"', '"@target-uri"') else "https"
    got = Message(method="POST", target=arrived.target.encode(), scheme=scheme, authority=host, headers=arrived.headers)
    found = explained(got, arrived.body)
    assert names(found) == expected
    if found.findings:
        assert found.findings[0].cure
