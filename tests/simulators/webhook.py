"""Senders of webhooks: secrets and signed deliveries of every scheme, made with the product's own signer.

That the signer is right is shown against published vectors and the senders' own libraries.
"""

import base64
from collections.abc import Sequence
from typing import Final, NamedTuple

from doorward.methods.webhook import SCHEMES, Scheme, WebhookSecret, parse_secret, sign_delivery
from doorward.methods.webhook.explain import SecretText
from doorward.wire.request import Header

__all__ = ["JSON_BODY", "NOW", "SCHEME_NAMES", "URL", "Delivery", "deliver", "lower", "secret_text"]

NOW: Final = 1_750_000_000
URL: Final = "https://api.example.com/hooks/calls?tenant=7&kind=sms"
JSON_BODY: Final = b'{"amount":100,"currency":"USD"}'
SCHEME_NAMES: Final = tuple(SCHEMES)


class Delivery(NamedTuple):
    """What arrives, and what the receiver holds."""

    scheme: Scheme
    secret: WebhookSecret
    text: SecretText
    headers: list[Header]
    body: bytes
    url: str | None

    def changed(self, name: str, value: bytes | None) -> "Delivery":
        """The same with another value of a header; None takes the header away."""
        kept = [header for header in self.headers if header[0] != name.lower().encode()]
        added = [] if value is None else [(name.lower().encode(), value)]
        return self._replace(headers=kept + added)

    def value(self, name: str) -> bytes:
        """The value of a header."""
        (found,) = (value for key, value in self.headers if key == name.lower().encode())
        return found

    @property
    def signature(self) -> bytes:
        """The value of the signature header."""
        return self.value(self.scheme.signature_header)


def secret_text(scheme: Scheme, seed: int = 1) -> str:
    """A secret as that sender writes it: 32 octets that differ from seed to seed."""
    octets = bytes((seed * 37 + place * 11) % 256 for place in range(32))
    if scheme.name in {"standard", "svix"}:
        return "whsec_" + base64.b64encode(octets).decode()
    return ("whsec_" if scheme.name == "stripe" else "") + octets.hex()


def deliver(
    scheme: Scheme | str,
    body: bytes = JSON_BODY,
    *,
    at: int = NOW,
    seed: int = 1,
    text: str | None = None,
    url: str = URL,
    delivery_id: str = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W",
) -> Delivery:
    """A delivery of that sender, signed at `at`."""
    chosen = SCHEMES[scheme] if isinstance(scheme, str) else scheme
    if chosen.signs_url and body == JSON_BODY:
        body = b"CallSid=CA12&Caller=%2B14158675309&Digits=1234"
    text = text or secret_text(chosen, seed)
    secret = parse_secret(chosen, text, secret_id=f"secret-{seed}", danger_short=True)
    called = url if chosen.signs_url else None
    signed = sign_delivery(
        chosen, [secret], body, now=at, delivery_id=delivery_id if chosen.signs_id else None, url=called
    )
    return Delivery(chosen, secret, SecretText(id=secret.id, text=text), lower(signed), body, called)


def lower(headers: Sequence[tuple[str, str]]) -> list[Header]:
    """Headers as a server hands them on."""
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
