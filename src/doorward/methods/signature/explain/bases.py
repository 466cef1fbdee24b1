"""The signature base before and after, line by line, with what holds a credential masked."""

import re
from typing import Final, NamedTuple

from doorward.methods.signature.components import Message
from doorward.methods.signature.explain.pieces import BaseOf, Pieces, take_apart
from doorward.methods.signature.wire import PresentedSignature
from doorward.wire.structured import Item, serialize_item

__all__ = ["BaseLine", "base_lines"]

_CREDENTIALS: Final = frozenset(
    {"authorization", "proxy-authorization", "cookie", "signature", "x-api-key", "api-key", "x-auth-token", "dpop"}
)
_WITH_QUERY: Final = frozenset({"@query", "@target-uri", "@request-target"})
_SPEAKING: Final = r"[^=&?]*(?:token|key|secret|passw|signature|code)[^=&?]*"
_SECRET_PARAMETER: Final = re.compile(rf"([?&]{_SPEAKING}=)[^&]+", re.IGNORECASE)
_SECRET_NAME: Final = re.compile(_SPEAKING, re.IGNORECASE)


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
    if value is None:
        return None
    name, parameters = str(item.value), dict(item.parameters)
    if name in _CREDENTIALS or (name == "@query-param" and _SECRET_NAME.fullmatch(str(parameters.get("name")))):
        return f"(a credential, {len(value)} bytes, not shown)"
    text = value.decode("ascii", "backslashreplace")
    return _SECRET_PARAMETER.sub(r"\1(not shown)", text) if name in _WITH_QUERY else text
