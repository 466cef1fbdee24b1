"""Deliveries sent through a real proxy that rewrites them, as it was told to, and the diagnosis of what it did."""

import http.client
import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from tests.methods.webhook.explain.test_one_break import COMPACT, explained, first
from tests.simulators.webhook import JSON_BODY, NOW, Delivery, deliver

from doorward.wire.request import Header

pytestmark = pytest.mark.slow

_DEADLINE_S: Final = 20
_CONFIG: Final = """{{
\tadmin off
\tauto_https off
}}
http://:{port} {{
\tbind 127.0.0.1
\t{directives}
}}
"""
_SPACED: Final = json.dumps(json.loads(COMPACT))


class _Received(NamedTuple):
    target: str
    headers: list[Header]
    body: bytes


@contextmanager
def _receiver() -> Iterator[tuple[int, list[_Received]]]:
    received: list[_Received] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in self.headers.items()]
            received.append(_Received(self.path, headers, body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class calls it so
            pass

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port, received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def _caddy(tool: str, folder: Path, directives: str) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    config = folder / "Caddyfile"
    config.write_text(_CONFIG.format(port=port, directives=directives.replace("\n", "\n\t")))
    with (folder / "caddy.log").open("wb") as log:
        process = subprocess.Popen(
            [tool, "run", "--config", str(config), "--adapter", "caddyfile"],
            stdout=log,
            stderr=log,
            env={"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)},
        )
    try:
        _wait_for(port, process, folder / "caddy.log")
        yield port
    finally:
        process.terminate()
        process.wait(timeout=_DEADLINE_S)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _DEADLINE_S
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    pytest.fail(log.read_text())


def _through(tool: str, folder: Path, directives: str, delivery: Delivery, target: str) -> Delivery:
    """What arrives of a delivery behind the proxy, with the URL as a receiver there would put it together."""
    with _receiver() as (inner, received), _caddy(tool, folder, directives.replace("INNER", str(inner))) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_DEADLINE_S)
        headers = {name.decode(): value.decode() for name, value in delivery.headers}
        connection.request("POST", target, delivery.body, {"Host": "api.example.com", **headers})
        assert connection.getresponse().status == 204
        connection.close()
    ((path, arrived, body),) = received
    (host,) = (value.decode() for name, value in arrived if name == b"host")
    url = f"http://{host}{path}" if delivery.scheme.signs_url else None
    return delivery._replace(headers=arrived, body=body, url=url)


_TARGET: Final = "/hooks/calls?tenant=7&kind=sms"
_PROXY: Final = "reverse_proxy 127.0.0.1:INNER"


def _proxy(*lines: str) -> str:
    return "\n\t".join([f"{_PROXY} {{", *lines]) + "\n}"


CASES: Final[dict[str, tuple[str, str, str]]] = {
    "nothing rewritten": ("github", _PROXY, "accepted"),
    "TLS ends at the proxy": ("twilio", _PROXY, "url"),
    "another host": ("twilio", _proxy("header_up Host inner.test:8000"), "url"),
    "prefix taken away": (
        "twilio",
        "handle_path /hooks/* {\n" + _proxy("header_up X-Forwarded-Prefix /hooks") + "\n}",
        "url",
    ),
    "path rewritten": (
        "twilio",
        "rewrite /hooks/* /index.php?{query}\n" + _proxy("header_up X-Original-URI {http.request.orig_uri}"),
        "url",
    ),
    "signature dropped": ("github", _proxy("header_up -X-Hub-Signature-256"), "header.missing"),
    "signature doubled": ("standard", _proxy('header_up +Webhook-Signature "v1,AAAA"'), "header.repeated"),
    "time set anew": ("slack", _proxy(f"header_up X-Slack-Request-Timestamp {NOW + 1}"), "time.other"),
    "body written again": ("standard", f"request_body {{\n\tset `{_SPACED}`\n}}\n{_PROXY}", "body.json"),
}


@pytest.mark.parametrize("broken", CASES)
def test_what_a_proxy_did_is_told_first(broken: str, require_tool: Callable[[str], str], tmp_path: Path) -> None:
    scheme, directives, expected = CASES[broken]
    sent = deliver(scheme, JSON_BODY if scheme == "twilio" else COMPACT, url=f"https://api.example.com{_TARGET}")
    arrived = _through(require_tool("caddy"), tmp_path, directives, sent, _TARGET)
    explanation = explained(arrived)
    if expected == "accepted":
        assert explanation.accepted
    else:
        assert first(explanation) == expected
        assert explanation.findings[0].cure
