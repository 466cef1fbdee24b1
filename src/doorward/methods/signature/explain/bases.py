"""The signature base before and after, line by line, with what holds a credential masked.

A covered field may hold a key, a token, or a signature that is valid for this very request: another one of RFC 9421, or
that of a webhook. An explanation is pasted into tickets, so none of them is written.
"""

import re
from typing import Final, NamedTuple
from urllib.parse import unquote

from doorward.methods.signature.components import Message
from doorward.methods.signature.explain.pieces import BaseOf, Pieces, take_apart
from doorward.methods.signature.wire import PresentedSignature
from doorward.wire.structured import Item, serialize_item

__all__ = ["BaseLine", "base_lines", "shown_component"]

_CREDENTIALS: Final = frozenset({"authorization", "proxy-authorization", "cookie", "dpop", "x-forwarded-client-cert"})
# `X-Hub-Signature-256`, `X-Shopify-Hmac-Sha256`, `X-Api-Key`, `?sig=`, `?code=`: nobody can list them all.
_SPEAKING: Final = re.compile(
    r"token|key|secret|passw|passphrase|sig|hmac|auth|credential|session|jwt|bearer|assertion|saml|ticket|code"
)
_SAYING: Final = frozenset({"otp", "pin", "pwd", "mac", "sid", "sas", "pass"})
# They name a key or an attempt, and prove nothing.
_HARMLESS: Final = frozenset({"signature-input", "idempotency-key"})
# Whether a name speaks of a secret is asked of each name by itself: asked of a whole query by one pattern, it is tried
# anew from every place in it.
_PARAMETER: Final = re.compile(r"([?&#]([^=&?#]*+)=)([^&]++)")
_DECODED_TIMES_MAX: Final = 3


class BaseLine(NamedTuple):
    """One line of the base."""

    component: str
    """As the base writes it: `"@path"`."""
    received: str | None
    """Its text in the request as received; None when it cannot be had. Credentials are masked."""
    signed: str | None
    """Its text as it was signed; None while that is not known."""

    @property
    def changed(self) -> bool:
        """Whether it was signed otherwise."""
        return self.signed is not None and self.signed != self.received


def base_lines(message: Message, presented: PresentedSignature, fitting: Pieces | None = None) -> tuple[BaseLine, ...]:
    """The lines of the base of a request as received, beside those of the pieces with which the signature fits."""
    base_of, received = BaseOf(message, presented), take_apart(message, presented)
    after: list[bytes | None] = [None] * len(base_of.items) if fitting is None else base_of.values(fitting)
    lines = [
        BaseLine(serialize_item(item), _shown(item, before), _shown(item, signed))
        for item, before, signed in zip(base_of.items, base_of.values(received), after, strict=True)
    ]
    text = presented.covered.text
    signed_parameters = None if fitting is None else text + fitting["parameters"].decode("ascii")
    return (*lines, BaseLine('"@signature-params"', text + presented.said.text, signed_parameters))


def _shown(item: Item, value: bytes | None) -> str | None:
    return None if value is None else shown_component(item, value)


def shown_component(item: Item, value: bytes) -> str:
    """The text of a covered component as it may be told: what is a credential is masked, whole or in the query."""
    name, parameters = str(item.value), dict(item.parameters)
    if _is_credential(name) or (name == "@query-param" and _is_speaking(str(parameters.get("name")))):
        return f"(a credential, {len(value)} bytes, not shown)"
    text = value.decode("ascii", "backslashreplace")
    # Not in `@query` alone: gateways copy whole targets into fields of their own, and so does a referrer.
    return _PARAMETER.sub(lambda found: f"{found[1]}(not shown)" if _is_speaking(found[2]) else found[0], text)


def _is_credential(name: str) -> bool:
    return name in _CREDENTIALS or not (name.startswith("@") or name in _HARMLESS or not _is_speaking(name))


def _is_speaking(presented_name: str) -> bool:
    """Whether a name says that its value is a secret, however it is escaped: `%74oken` is read as `token`."""
    name = presented_name
    for _ in range(_DECODED_TIMES_MAX):
        if "%" not in name:
            break
        name = unquote(name)
    name = name.lower().strip()
    return name in _SAYING or _SPEAKING.search(name) is not None
