"""Signed requests as octets for a socket: what is signed and what is sent may differ."""

import secrets
import time
from collections.abc import Sequence
from typing import Any

from doorward.crypto.signatures import SignatureAlgorithm, SignatureSigner
from doorward.methods.signature import Message, sign_request
from doorward.wire.request import Header

__all__ = ["chunked", "head", "signed_head"]


def signed_head(
    key_id: str,
    secret: bytes,
    *,
    body: bytes | None = b"",
    method: str = "POST",
    target: bytes = b"/orders?id=7",
    host: bytes = b"api.example",
    scheme: str = "http",
    sent_target: bytes | None = None,
    sent_host: bytes | None = None,
    more: Sequence[Header] = (),
    unsigned: Sequence[Header] = (),
    framing: Sequence[Header] | None = None,
    **signing: Any,
) -> bytes:
    """Request line and headers.

    Args:
        key_id: the key's.
        secret: its secret.
        body: what is signed; None: the `Content-Digest` among the headers is taken at its word.
        method: signed and sent.
        target: as it is signed.
        host: as it is signed.
        scheme: as it is signed.
        sent_target: as it is sent.
        sent_host: as it is sent.
        more: headers, for the signature to cover if it is told to.
        unsigned: headers that come on the way.
        framing: how the end of the body is told; its length when nothing is said.
        **signing: as `sign_request` takes it.
    """
    typed = [(b"content-type", b"application/json")] if body else []
    framed = [(b"content-length", b"%d" % len(body))] if framing is None and body else list(framing or ())
    headers = [*more, *typed, *framed]
    message = Message(method=method, target=target, scheme=scheme, authority=host, headers=headers)
    options: dict[str, Any] = {"created": int(time.time()), "entropy": secrets.token_bytes} | signing
    signer = SignatureSigner(SignatureAlgorithm.HMAC_SHA256, secret)
    added = sign_request(message, signer, key_id=key_id, body=body, **options)
    return head(
        method,
        target if sent_target is None else sent_target,
        [(b"host", host if sent_host is None else sent_host), *headers, *added, *unsigned],
    )


def head(method: str, target: bytes, headers: Sequence[Header]) -> bytes:
    """The same for any headers; the connection ends with the answer."""
    lines = [method.encode() + b" " + target + b" HTTP/1.1", b"Connection: close"]
    lines += [name + b": " + value for name, value in headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def chunked(body: bytes, size: int = 7, trailers: bytes = b"") -> bytes:
    """A body in chunks."""
    pieces = [body[begin : begin + size] for begin in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n" + trailers + b"\r\n"
