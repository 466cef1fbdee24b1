"""A signed body of a gigabyte, sent to a door on a real server: what of it stays in memory, and how fast it is."""

import secrets
import socket
import time
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench.measure import Line, Verdict
from bench.processes import Server, serving

from doorward.adapters.sql.maintenance import upgrade
from doorward.app.signed_requests import SignedRequests
from doorward.app.store import open_store
from doorward.crypto.signatures import SignatureAlgorithm, SignatureSigner
from doorward.door import Door
from doorward.frameworks.asgi import ASGIApp, DoorMiddleware, Receive, Scope, Send
from doorward.methods.signature import Message, sign_request

__all__ = ["signed_app", "upload_lines"]

_GIGABYTE: Final = 1 << 30
_PIECE: Final = bytes(1 << 18)
_GROWN_MIB_MAX: Final = 20
_SIGNER: Final = SignatureSigner(SignatureAlgorithm.HMAC_SHA256, b"a secret of thirty-two bytes ok!")


async def _count(scope: Scope, receive: Receive, send: Send) -> None:
    """Takes in the body as a handler that keeps nothing, and says how long it was."""
    if scope["type"] != "http":
        raise NotImplementedError
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message["body"]), message["more_body"]
    said = str(size).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(said))]})
    await send({"type": "http.response.body", "body": said})


def signed_app(url: str) -> ASGIApp:
    """A door for signed requests of up to 2 GiB."""
    keys = {"bench": _SIGNER.verifier}
    return DoorMiddleware(_count, Door(SignedRequests(open_store(url), keys=keys, body_bytes_max=2 * _GIGABYTE)))


def _digest(pieces: int) -> bytes:
    digest = sha256()
    for _ in range(pieces):
        digest.update(_PIECE)
    return digest.digest()


def _head(pieces: int) -> bytes:
    headers = (
        (b"host", b"api.example"),
        (b"content-type", b"application/octet-stream"),
        (b"content-length", b"%d" % (pieces * len(_PIECE))),
        (b"content-digest", b"sha-256=:" + b64encode(_digest(pieces)) + b":"),
    )
    message = Message(method="POST", target=b"/", scheme="http", authority=b"api.example", headers=headers)
    now = int(time.time())
    added = sign_request(message, _SIGNER, key_id="bench", created=now, entropy=secrets.token_bytes, body=None)
    lines = [b"POST / HTTP/1.1", b"Connection: close", *(b": ".join(header) for header in (*headers, *added))]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _send(server: Server, pieces: int) -> tuple[float, int]:
    """How long it took, in seconds, and the most memory the server had meanwhile."""
    head, most = _head(pieces), 0
    began = time.perf_counter()
    with socket.create_connection(("127.0.0.1", server.port), timeout=300) as connection:
        connection.sendall(head)
        for number in range(pieces):
            connection.sendall(_PIECE)
            if number % 16 == 0:
                most = max(most, server.resident_bytes())
        answer = b""
        while chunk := connection.recv(65_536):
            most, answer = max(most, server.resident_bytes()), answer + chunk
    if not answer.endswith(b"\r\n\r\n%d" % (pieces * len(_PIECE))):
        raise RuntimeError(f"the upload was not answered well:\n{answer[:1_000]!r}")
    return time.perf_counter() - began, most


def upload_lines() -> list[Line]:
    """See the module."""
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'bench.db'}"
        upgrade(url)
        with serving("signed", url) as server:
            # Once in small, so that everything is loaded that ever will be.
            _send(server, 8)
            before = server.resident_bytes()
            took_s, most = _send(server, _GIGABYTE // len(_PIECE))
    grown = max(0.0, (most - before) / 2**20)
    verdict = Verdict.MET if grown <= _GROWN_MIB_MAX else Verdict.MISSED
    name = "1 GB to a door on a server, kept on disk until its digest fits"
    return [
        Line(f"{name}: memory grows by", f"{grown:.1f} MiB", f"≤ {_GROWN_MIB_MAX} MiB", verdict),
        Line(f"{name}: a second", f"{_GIGABYTE / took_s / 2**20:.0f} MiB"),
    ]
