"""Signed requests as they arrive at a door, and bodies that can be held back while they arrive."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from tests.simulators.request import view_of
from tests.simulators.store import NOW

from doorward.crypto.signatures import SignatureAlgorithm, SignatureSigner
from doorward.methods.signature import message_of, sign_request
from doorward.wire.request import Header, RequestView, index_headers

__all__ = ["Arriving", "hmac_signer", "signed_view"]


def hmac_signer(secret: bytes) -> SignatureSigner:
    return SignatureSigner(SignatureAlgorithm.HMAC_SHA256, secret)


def signed_view(
    key_id: str,
    signer: SignatureSigner | bytes,
    *more: Header,
    body: bytes = b"",
    sent: bytes | None = None,
    at: int = NOW,
    nonce: bytes | None = None,
    target: bytes = b"/orders?id=7",
    client: str | None = "192.0.2.1",
    authority: bytes = b"api.example",
    scheme: str = "https",
    **signing: Any,
) -> RequestView:
    """A request signed at `at`; `sent` is the body that comes instead of the one that was signed."""
    length = ((b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))) if body else ()
    arrives = body if sent is None else sent
    view = view_of(*length, *more, target=target, method="POST", body=arrives, client=client, authority=authority)
    view = msgspec.structs.replace(view, scheme=scheme)
    octets = iter([nonce]) if nonce is not None else None
    added = sign_request(
        message_of(view, view.authority),
        hmac_signer(signer) if isinstance(signer, bytes) else signer,
        key_id=key_id,
        created=at,
        entropy=secrets.token_bytes if octets is None else lambda _: next(octets),
        body=body,
        **signing,
    )
    headers = (*view.headers, *added)
    return msgspec.structs.replace(view, headers=headers, by_name=index_headers(headers))


class Arriving:
    """Lets something happen while the body of a request arrives, and counts how often it was asked for."""

    def __init__(self, view: RequestView, meanwhile: Callable[[], Awaitable[None] | None] | None = None) -> None:
        self.asked = 0
        self._pass_body = view.pass_body
        self._meanwhile = meanwhile
        self.view = msgspec.structs.replace(view, pass_body=self.pass_body)

    async def pass_body(self, see: Callable[[bytes], None], limit: int, sender: str) -> None:
        self.asked += 1
        if self._meanwhile is not None:
            waiting = self._meanwhile()
            if waiting is not None:
                await waiting
        await self._pass_body(see, limit, sender)
