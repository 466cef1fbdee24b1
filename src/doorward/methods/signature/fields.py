"""The text of header fields under a signature (RFC 9421 section 2.1), plain and with `;sf`, `;bs`, `;key`.

Rules:

* Every line without the white space around it, obsolete folding turned into one space, lines joined by a comma and a
  space: what proxies may do to a field without changing it changes nothing here either.
* Only printable ASCII can be in a signature base; `base.py` looks at the whole of it at once. Anything else can be
  signed with `;bs`, which wraps the bytes.
* What is taken apart (`;key`, `;sf`) is taken apart for anybody, before a key is looked up: it has a length, and each
  field is scanned once however many of its members are covered. No key comes twice in it.
* A name is a name. `x_user` is not `x-user`, and because servers after the manner of CGI make one of the two, a request
  with both is refused as soon as one is covered.
"""

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Final

from doorward.errors import Rejected
from doorward.methods.signature.components import Message, Resolver, refuse_component
from doorward.methods.signature.config import FieldKind
from doorward.wire.structured import (
    parse_dictionary,
    parse_item,
    parse_list,
    parse_member,
    serialize_dictionary,
    serialize_item,
    serialize_list,
    serialize_member,
)

__all__ = [
    "REGISTERED_KINDS",
    "aliases_of",
    "dictionary_member",
    "field_value",
    "plain_field",
    "refuse_aliases",
    "retyped_field",
    "wrapped_field",
]

# As numbers: looking for a number in bytes costs a tenth of looking for bytes in them.
_LINE_FEED: Final = ord("\n")
_UNDERSCORE: Final = ord("_")
# A name with three dashes has seven aliases.
_DASHES_MAX: Final = 3
_FOLD: Final = re.compile(rb"\r?\n(?=[ \t])")

REGISTERED_KINDS: Final[Mapping[str, FieldKind]] = {
    "accept-signature": "dictionary",
    "cache-control": "dictionary",
    "cdn-cache-control": "dictionary",
    "client-cert": "item",
    "client-cert-chain": "list",
    "content-digest": "dictionary",
    "idempotency-key": "item",
    "priority": "dictionary",
    "proxy-status": "list",
    "cache-status": "list",
    "repr-digest": "dictionary",
    "signature": "dictionary",
    "signature-input": "dictionary",
    "want-content-digest": "dictionary",
    "want-repr-digest": "dictionary",
}
"""Fields known to be structured, for `;sf` (sections 2.1.1 and 2.1.2)."""


def _unfold(line: bytes) -> bytes:
    if _LINE_FEED not in line:
        return line.strip(b" \t")
    # Each fold with the white space on both of its sides (RFC 9110 section 5.5).
    return b" ".join(part.strip(b" \t") for part in _FOLD.split(line)).strip(b" ")


def field_value(message: Message, name: bytes) -> bytes | None:
    """The value of a field as section 2.1 combines it: any bytes; None when it is not there."""
    by_name = message.by_name
    if by_name is not None:
        value = by_name.get(name)
        if value is None:
            return None
        return _unfold(value) if _LINE_FEED in value else value.strip(b" \t")
    lines = message.lines(name)
    return b", ".join(map(_unfold, lines)) if lines else None


def _required(message: Message, name: bytes) -> bytes:
    value = field_value(message, name)
    if value is None:
        raise refuse_component(f"the covered field {name.decode('ascii')} is not there")
    return value


def plain_field(name: str) -> Resolver:
    """A field as it is."""
    wanted = name.encode("ascii")

    def resolve(message: Message) -> bytes:
        by_name = message.by_name
        value = None if by_name is None else by_name.get(wanted)
        # The usual case in one step; anything else takes the long way to the same answer.
        if value is None or _LINE_FEED in value:
            return _required(message, wanted)
        return value.strip(b" \t")

    return resolve


def wrapped_field(name: str) -> Resolver:
    """Each line as a byte sequence (`;bs`, section 2.1.3)."""
    wanted = name.encode("ascii")

    def resolve(message: Message) -> bytes:
        lines = message.lines(wanted)
        if not lines:
            raise refuse_component(f"the covered field {name} is not there")
        return b", ".join(b":%b:" % b64encode(_unfold(line)) for line in lines)

    return resolve


def dictionary_member(name: str, key: str) -> Resolver:
    """One member of a dictionary, serialised anew (`;key`, section 2.1.2)."""
    wanted = name.encode("ascii")

    def resolve(message: Message) -> bytes:
        try:
            # Of the whole field only this one member is built.
            member = message.scan_members(wanted, _required(message, wanted)).get(key)
            value = None if member is None else parse_member(member, unique=True)
        except Rejected as error:
            raise refuse_component(error.detail) from None
        if value is None:
            raise refuse_component(f"a covered member of the field {name} is not there")
        return serialize_member(value).encode("ascii")

    return resolve


def retyped_field(name: str, kind: FieldKind) -> Resolver:
    """A structured field, serialised anew (`;sf`, section 2.1.1)."""
    wanted = name.encode("ascii")

    def resolve(message: Message) -> bytes:
        try:
            return _again(message.read_structured(wanted, _required(message, wanted)), kind).encode("ascii")
        except Rejected as error:
            raise refuse_component(error.detail) from None

    return resolve


def _again(value: bytes, kind: FieldKind) -> str:
    # A key that comes twice is one of those things two readers read differently.
    if kind == "item":
        return serialize_item(parse_item(value, unique=True))
    if kind == "list":
        return serialize_list(parse_list(value, unique=True))
    return serialize_dictionary(parse_dictionary(value, unique=True))


def aliases_of(fields: Iterable[bytes]) -> frozenset[bytes] | None:
    """Every name that some servers take for one of these; None where they are too many to write down."""
    if max((name.count(b"-") for name in fields), default=0) > _DASHES_MAX:
        return None
    found: list[bytes] = []
    for name in fields:
        first, *others = name.split(b"-")
        spelled = [first]
        for piece in others:
            spelled = [ahead + between + piece for ahead in spelled for between in (b"-", b"_")]
        found += spelled[1:]
    return frozenset(found)


def refuse_aliases(message: Message, fields: frozenset[bytes]) -> None:
    """Refuse a header that some servers take for a covered one.

    Raises:
        Rejected: `signature_component`.
    """
    for name in message.by_name if message.by_name is not None else [name for name, _ in message.headers]:
        if _UNDERSCORE in name and name.replace(b"_", b"-") in fields:
            raise refuse_component("a header with underscores is an alias of a covered field")
