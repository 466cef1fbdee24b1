"""Deliveries sent through real proxies that rewrite them, as they were told to, and the diagnosis of what they did."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from tests.methods.webhook.explain.test_one_break import COMPACT, explained, first
from tests.simulators.proxies import PASS, caddy_pass, nginx_location, send_through
from tests.simulators.webhook import JSON_BODY, NOW, Delivery, deliver

pytestmark = pytest.mark.slow

_SPACED: Final = json.dumps(json.loads(COMPACT))


def _through(tool: str, folder: Path, directives: str, delivery: Delivery, target: str) -> Delivery:
    """What arrives of a delivery behind the proxy, with the URL as a receiver there would put it together."""
    arrived = send_through(tool, folder, directives, "POST", target, delivery.headers, delivery.body)
    (host,) = (value.decode() for name, value in arrived.headers if name == b"host")
    url = f"http://{host}{arrived.target}" if delivery.scheme.signs_url else None
    return delivery._replace(headers=arrived.headers, body=arrived.body, url=url)


_TARGET: Final = "/hooks/calls?tenant=7&kind=sms"
_HOST: Final = "proxy_set_header Host $host;"
CASES: Final[dict[str, tuple[str, str, str]]] = {
    "caddy, nothing rewritten": ("github", PASS, "accepted"),
    "caddy, TLS ends there": ("twilio", PASS, "url"),
    "caddy, another host": ("twilio", caddy_pass("header_up Host inner.test:8000"), "url"),
    "caddy, prefix taken away": (
        "twilio",
        "handle_path /hooks/* {\n" + caddy_pass("header_up X-Forwarded-Prefix /hooks") + "\n}",
        "url",
    ),
    "caddy, path rewritten": (
        "twilio",
        "rewrite /hooks/* /index.php?{query}\n" + caddy_pass("header_up X-Original-URI {http.request.orig_uri}"),
        "url",
    ),
    "caddy, signature dropped": ("github", caddy_pass("header_up -X-Hub-Signature-256"), "header.missing"),
    "caddy, signature doubled": ("standard", caddy_pass('header_up +Webhook-Signature "v1,AAAA"'), "header.repeated"),
    "caddy, time set anew": ("slack", caddy_pass(f"header_up X-Slack-Request-Timestamp {NOW + 1}"), "time.other"),
    "nginx, body written again": ("standard", nginx_location(f"proxy_set_body '{_SPACED}';"), "body.json"),
    "nginx, nothing rewritten": ("standard", nginx_location(), "accepted"),
    "nginx, TLS ends there": ("twilio", nginx_location(_HOST), "url"),
    "nginx, another host": ("twilio", nginx_location("proxy_set_header X-Forwarded-Host $host;"), "url"),
    "nginx, prefix taken away": (
        "twilio",
        nginx_location(_HOST, "proxy_set_header X-Forwarded-Prefix /hooks;", path="/hooks/", to="/"),
        "url",
    ),
    "nginx, prefix added": ("twilio", nginx_location(_HOST, path="/hooks/", to="/v2/hooks/"), "url"),
    "nginx, path rewritten": (
        "twilio",
        nginx_location("rewrite ^ /index.php break;", _HOST, "proxy_set_header X-Original-URI $request_uri;"),
        "url",
    ),
    "nginx, query reordered": (
        "twilio",
        nginx_location("rewrite ^ /hooks/calls?kind=sms&tenant=7? break;", _HOST),
        "url",
    ),
    "nginx, signature dropped": (
        "github",
        nginx_location('proxy_set_header X-Hub-Signature-256 "";'),
        "header.missing",
    ),
    "nginx, prefix of the signature lost": (
        "github",
        nginx_location("proxy_set_header X-Hub-Signature-256 $http_x_wanted;"),
        "signature.label",
    ),
    "nginx, newline added": ("stripe", nginx_location(r'proxy_set_body "$request_body\n";'), "body.newline"),
    "nginx, body not passed on": (
        "github",
        nginx_location("proxy_pass_request_body off;", 'proxy_set_header Content-Length "0";'),
        "body.read",
    ),
}


@pytest.mark.parametrize("broken", CASES)
def test_what_a_proxy_did_is_told_first(broken: str, require_tool: Callable[[str], str], tmp_path: Path) -> None:
    scheme, directives, expected = CASES[broken]
    sent = deliver(scheme, JSON_BODY if scheme == "twilio" else COMPACT, url=f"https://api.example.com{_TARGET}")
    bare = sent.signature.removeprefix(b"sha256=")
    sent.headers.append((b"x-wanted", bare))
    arrived = _through(require_tool(broken.partition(",")[0]), tmp_path, directives, sent, _TARGET)
    explanation = explained(arrived)
    if expected == "accepted":
        assert explanation.accepted
    else:
        assert first(explanation) == expected
        assert explanation.findings[0].cure
