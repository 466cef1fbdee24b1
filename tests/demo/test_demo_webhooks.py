"""The gateway of the demo does what it is there to show, and the sender signs as the specification says."""

import asyncio
import base64
import secrets
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Final

import httpx2
import pytest
from tools.demo_gateway import KEPT, app
from tools.demo_webhooks import Hooks, explain_refusal, sign

from doorward.methods.webhook import find_scheme, parse_secret, verify_delivery

SECRET: Final = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
SENT: Final = b'{"order":"7","amount":4200}'


@pytest.fixture
def received() -> Iterator[tuple[str, list[tuple[str, bytes, str]]]]:
    """A service behind the gateway: its address, and what has arrived."""
    arrived: list[tuple[str, bytes, str]] = []

    class Service(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            arrived.append((self.path, body, self.headers["webhook-id"]))
            self.send_response(401)
            self.send_header("WWW-Authenticate", "Webhook")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class calls it so
            pass

    server = HTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", arrived
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_gateway_passes_on_the_same_json_in_other_bytes_and_it_is_explained(
    received: tuple[str, list[tuple[str, bytes, str]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream, arrived = received
    monkeypatch.setenv("UPSTREAM", upstream)
    monkeypatch.setenv("KEPT_IN", str(tmp_path))
    headers = sign(SECRET, SENT)

    async def ask() -> httpx2.Response:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://gateway") as client:
            return await client.post("/payments?x=%20", content=SENT, headers=headers)

    answer = asyncio.run(ask())
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Webhook")
    assert arrived == [("/payments?x=%20", b'{"order": "7", "amount": 4200}', headers["webhook-id"])]
    assert (tmp_path / KEPT).read_bytes().startswith(b"POST /payments?x=%20 HTTP/1.1\r\n")
    assert (tmp_path / KEPT).read_bytes().endswith(b'\r\n\r\n{"order": "7", "amount": 4200}')

    (tmp_path / "hooks.secret").write_text(SECRET)
    why = explain_refusal(Hooks("", "", tmp_path, SECRET))
    assert "JSON without spaces" in why.says
    assert "Verify the bytes as they arrive" in why.cure


def test_the_sender_signs_as_the_specification_says() -> None:
    scheme = find_scheme("standard")
    headers = sign(SECRET, SENT)
    wire = [(name.encode(), value.encode()) for name, value in headers.items()]
    verified = verify_delivery(
        scheme, [parse_secret(scheme, SECRET, secret_id="s")], wire, SENT, now=int(headers["webhook-timestamp"])
    )
    assert verified.delivery_id == headers["webhook-id"]
