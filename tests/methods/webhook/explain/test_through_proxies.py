"""Deliveries sent through real proxies that rewrite them, as they were told to, and the diagnosis of what they did."""

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
_CADDY: Final = """{
\tadmin off
\tauto_https off
}
http://:PORT {
\tbind 127.0.0.1
DIRECTIVES
}
"""
_NGINX: Final = """daemon off;
master_process off;
pid FOLDER/nginx.pid;
error_log stderr;
events {}
http {
\taccess_log off;
\tclient_body_temp_path FOLDER/body;
\tproxy_temp_path FOLDER/proxy;
\tfastcgi_temp_path FOLDER/fastcgi;
\tuwsgi_temp_path FOLDER/uwsgi;
\tscgi_temp_path FOLDER/scgi;
\tserver {
\t\tlisten 127.0.0.1:PORT;
DIRECTIVES
\t}
}
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
def _proxy(tool: str, folder: Path, directives: str) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    is_caddy = Path(tool).name == "caddy"
    config, log_file = folder / "config", folder / "log"
    written = (_CADDY if is_caddy else _NGINX).replace("PORT", str(port)).replace("FOLDER", str(folder))
    config.write_text(written.replace("DIRECTIVES", directives))
    command = (
        [tool, "run", "--config", str(config), "--adapter", "caddyfile"]
        if is_caddy
        else [tool, "-e", "stderr", "-p", str(folder), "-c", str(config)]
    )
    homes = {name: str(folder) for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
    with log_file.open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=homes)
    try:
        _wait_for(port, process, log_file)
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
    with _receiver() as (inner, received), _proxy(tool, folder, directives.replace("INNER", str(inner))) as port:
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
_PASS: Final = "reverse_proxy 127.0.0.1:INNER"


def _pass(*lines: str) -> str:
    return "\n\t".join([f"{_PASS} {{", *lines]) + "\n}"


def _location(*lines: str, path: str = "/", to: str = "") -> str:
    return "\n".join([f"location {path} {{", f"proxy_pass http://127.0.0.1:INNER{to};", *lines, "}"])


_HOST: Final = "proxy_set_header Host $host;"
CASES: Final[dict[str, tuple[str, str, str]]] = {
    "caddy, nothing rewritten": ("github", _PASS, "accepted"),
    "caddy, TLS ends there": ("twilio", _PASS, "url"),
    "caddy, another host": ("twilio", _pass("header_up Host inner.test:8000"), "url"),
    "caddy, prefix taken away": (
        "twilio",
        "handle_path /hooks/* {\n" + _pass("header_up X-Forwarded-Prefix /hooks") + "\n}",
        "url",
    ),
    "caddy, path rewritten": (
        "twilio",
        "rewrite /hooks/* /index.php?{query}\n" + _pass("header_up X-Original-URI {http.request.orig_uri}"),
        "url",
    ),
    "caddy, signature dropped": ("github", _pass("header_up -X-Hub-Signature-256"), "header.missing"),
    "caddy, signature doubled": ("standard", _pass('header_up +Webhook-Signature "v1,AAAA"'), "header.repeated"),
    "caddy, time set anew": ("slack", _pass(f"header_up X-Slack-Request-Timestamp {NOW + 1}"), "time.other"),
    "caddy, body written again": ("standard", f"request_body {{\n\tset `{_SPACED}`\n}}\n{_PASS}", "body.json"),
    "nginx, nothing rewritten": ("standard", _location(), "accepted"),
    "nginx, TLS ends there": ("twilio", _location(_HOST), "url"),
    "nginx, another host": ("twilio", _location("proxy_set_header X-Forwarded-Host $host;"), "url"),
    "nginx, prefix taken away": (
        "twilio",
        _location(_HOST, "proxy_set_header X-Forwarded-Prefix /hooks;", path="/hooks/", to="/"),
        "url",
    ),
    "nginx, prefix added": ("twilio", _location(_HOST, path="/hooks/", to="/v2/hooks/"), "url"),
    "nginx, path rewritten": (
        "twilio",
        _location("rewrite ^ /index.php break;", _HOST, "proxy_set_header X-Original-URI $request_uri;"),
        "url",
    ),
    "nginx, query reordered": ("twilio", _location("rewrite ^ /hooks/calls?kind=sms&tenant=7? break;", _HOST), "url"),
    "nginx, signature dropped": ("github", _location('proxy_set_header X-Hub-Signature-256 "";'), "header.missing"),
    "nginx, prefix of the signature lost": (
        "github",
        _location("proxy_set_header X-Hub-Signature-256 $http_x_wanted;"),
        "signature.label",
    ),
    "nginx, newline added": ("stripe", _location(r'proxy_set_body "$request_body\n";'), "body.newline"),
    "nginx, body not passed on": (
        "github",
        _location("proxy_pass_request_body off;", 'proxy_set_header Content-Length "0";'),
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
