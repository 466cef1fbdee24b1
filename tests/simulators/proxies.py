"""Real proxies that rewrite what they are told to, and a server behind them that keeps what arrives."""

import http.client
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from doorward.wire.request import Header

__all__ = ["PASS", "Received", "caddy_pass", "nginx_location", "send_through"]

DEADLINE_S: Final = 20
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


class Received(NamedTuple):
    """A request as it arrived."""

    target: str
    headers: list[Header]
    body: bytes


@contextmanager
def receiver() -> Iterator[tuple[int, list[Received]]]:
    """An HTTP server that keeps what arrives; its port and what has arrived."""
    received: list[Received] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in self.headers.items()]
            received.append(Received(self.path, headers, body))
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
def proxy(tool: str, folder: Path, directives: str) -> Iterator[int]:
    """Nginx or Caddy with these directives, on the port it answers."""
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
        # nginx without a master may miss a signal that comes just before it waits; nothing here is to be kept.
        process.kill()
        process.wait(timeout=DEADLINE_S)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    pytest.fail(log.read_text())


def send_through(  # what a request is made of
    tool: str, folder: Path, directives: str, method: str, target: str, headers: Sequence[Header], body: bytes
) -> Received:
    """What arrives of a request behind the proxy; INNER in the directives is where it goes."""
    with receiver() as (inner, received), proxy(tool, folder, directives.replace("INNER", str(inner))) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
        named = {name.decode(): value.decode() for name, value in headers}
        connection.request(method, target, body, {"Host": "api.example.com", **named})
        assert connection.getresponse().status == 204
        connection.close()
    (arrived,) = received
    return arrived


PASS: Final = "reverse_proxy 127.0.0.1:INNER"
"""Caddy passes on."""


def caddy_pass(*lines: str) -> str:
    """Caddy passes on with these directives."""
    return "\n\t".join([f"{PASS} {{", *lines]) + "\n}"


def nginx_location(*lines: str, path: str = "/", to: str = "") -> str:
    """Nginx passes on what is under `path`, with these directives."""
    return "\n".join([f"location {path} {{", f"proxy_pass http://127.0.0.1:INNER{to};", *lines, "}"])
