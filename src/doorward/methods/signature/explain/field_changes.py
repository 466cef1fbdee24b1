"""What proxies and frameworks do to header fields, undone: lines joined, folded, padded, appended to, renamed, dropped.

A field whose value is another one altogether cannot be guessed, and is not: only values a program would write by
itself, and those that still stand somewhere in the request, are tried.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from doorward.errors import Rejected
from doorward.methods.explaining import STEP_UNITS, Change, Work
from doorward.methods.signature.components import Message, Resolver
from doorward.methods.signature.explain.pieces import Alternative, component_key, with_field

__all__ = ["Field", "field_alternatives"]

FIELD_BYTES_MAX: Final = 8_192
"""How long a field may be for its variants to be tried."""

# For each octet of a field: as it is, and taken apart and written anew.
_PLAIN_UNITS: Final = 20
_STRUCTURED_UNITS: Final = 1_500
_SPACE: Final = re.compile(rb"[ \t\r\n]+")
_USUAL: Final[Mapping[str, tuple[bytes, ...]]] = {
    "accept-encoding": (b"gzip", b"gzip, deflate", b"gzip, deflate, br", b"gzip, deflate, br, zstd", b"identity"),
    "connection": (b"keep-alive", b"close", b"Keep-Alive"),
    "content-encoding": (b"gzip", b"br", b"deflate", b"zstd", b"identity"),
    "content-type": (b"application/json", b"application/x-www-form-urlencoded", b"text/plain"),
    "expect": (b"100-continue",),
    "te": (b"trailers",),
    "transfer-encoding": (b"chunked",),
    "x-forwarded-proto": (b"https", b"http"),
}
_HOP_BY_HOP: Final = frozenset({"connection", "expect", "te", "transfer-encoding", "accept-encoding", "keep-alive"})
_APPENDED: Final = frozenset({"x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "forwarded", "via"})
_FIELD_CURE: Final = "Let the proxy pass this field on as it came, or do not cover it."
_HOP_CURE: Final = (
    "Do not cover this field: it is between two neighbours on the way, and every proxy writes its own (RFC 9110 "
    "section 7.6.1)."
)


class Field(NamedTuple):
    """A covered field."""

    place: int
    name: str
    plain: bool
    """Whether it has no parameter, so that its raw text may be signed."""
    resolver: Resolver


class _Value(NamedTuple):
    name: str
    words: str
    lines: list[bytes]
    raw: bool = False
    """The text as it is, not as section 2.1 tidies it: some signers do not."""


def field_alternatives(field: Field, message: Message, hosts: list[bytes], work: Work) -> list[Alternative]:
    """Other values of a covered field, the likeliest first, as many as can be paid for.

    Args:
        field: which.
        message: as received.
        hosts: what a covered `host` may have been.
        work: what reading each of them is paid from.
    """
    name = field.name.encode("ascii")
    lines = message.lines(name)
    if sum(map(len, lines)) > FIELD_BYTES_MAX:
        return []
    received = _value(field, message, lines)
    found: dict[bytes, Alternative] = {}
    each = _PLAIN_UNITS if field.plain else _STRUCTURED_UNITS
    for one in _values(field, message, lines, hosts):
        if not work.take(STEP_UNITS * (1 + len(message.headers)) + each * sum(map(len, one.lines))):
            break
        value = b"".join(one.lines) if one.raw else _value(field, message, one.lines)
        if value is not None and value != received and value not in found:
            cure = _HOP_CURE if field.name in _HOP_BY_HOP else _FIELD_CURE
            change = Change(f"field.{one.name}", one.words, cure)
            found[value] = Alternative(change, ((component_key(field.place), value),))
    return list(found.values())


def _value(field: Field, message: Message, lines: list[bytes]) -> bytes | None:
    try:
        return field.resolver(with_field(message, field.name.encode("ascii"), lines))
    except Rejected:
        return None


def _values(field: Field, message: Message, lines: list[bytes], hosts: list[bytes]) -> Iterator[_Value]:
    if lines:
        yield from _rewritten(field.name, lines, raw=field.plain)
    else:
        yield from _dropped(field, message)
    if field.name == "host":
        yield from (_Value("host", "the field host is the one the sender called", [host]) for host in hosts)
    for usual in _USUAL.get(field.name, ()):
        yield _Value("usual", f"the field {field.name} is {usual.decode('ascii')}", [usual])


def _rewritten(name: str, lines: list[bytes], *, raw: bool) -> Iterator[_Value]:
    if len(lines) > 1:
        came = f"it came {len(lines)} times"
        yield _Value("repeated", f"only the first {name} field counts: {came}", lines[:1])
        yield _Value("repeated", f"only the last {name} field counts: {came}", lines[-1:])
        if raw:
            words = f"the lines of the field {name} are joined by a comma alone"
            yield _Value("joined", words, [b",".join(line.strip() for line in lines)], raw=True)
    text = b", ".join(lines)
    yield _Value("space", f"the white space in the field {name} is single spaces", [_SPACE.sub(b" ", text)])
    yield _Value("space", f"there is no white space after the commas of the field {name}", [text.replace(b", ", b",")])
    yield _Value("space", f"there is a space after each comma of the field {name}", [re.sub(rb", *", b", ", text)])
    yield _Value("space", f"there is a space after each semicolon of the field {name}", [re.sub(rb"; *", b"; ", text)])
    yield _Value("space", f"there is no space after the semicolons of the field {name}", [re.sub(rb"; *", b";", text)])
    if raw:
        yield _Value("space", f"the field {name} ends with a space", [text + b" "], raw=True)
    yield _Value("case", f"the field {name} is in lower case", [text.lower()])
    if name == "content-type":
        yield from _content_types(text)
    if name in _APPENDED:
        entries = [entry.strip() for entry in text.split(b",")]
        for count in range(1, min(len(entries), 4)):
            words = f"the last {count} entries of the field {name}, which proxies added, are taken away"
            words = f"the last entry of the field {name}, which a proxy added, is taken away" if count == 1 else words
            yield _Value("appended", words, [b", ".join(entries[:-count])])


def _content_types(text: bytes) -> Iterator[_Value]:
    kind = text.partition(b";")[0].strip()
    yield _Value("charset", "the field content-type names no character set", [kind])
    for charset in (b"; charset=utf-8", b";charset=utf-8", b"; charset=UTF-8", b";charset=UTF-8"):
        words = f"the field content-type ends with {charset.decode('ascii').strip('; ')}"
        yield _Value("charset", words, [kind + charset])


def _dropped(field: Field, message: Message) -> Iterator[_Value]:
    name = field.name
    places = [f"x-original-{name}", f"x-forwarded-{name}", f"x-amzn-remapped-{name}", f"x-{name}"]
    if "-" in name:
        places.append(name.replace("-", "_"))
    for place in places:
        lines = message.lines(place.encode("ascii"))
        if lines:
            yield _Value("renamed", f"the field {name} is what came as {place}", lines)
    if field.plain:
        yield _Value("empty", f"the field {name} is empty: it was signed and not sent", [b""], raw=True)
