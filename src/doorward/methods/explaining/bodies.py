"""What something on the way may have done to a body that is not about JSON: ends of lines, character sets, coding.

Each step takes a body as received and answers it as it may have been sent, or None where that makes no sense. Steps
are tried alone and in pairs, and each is paid for by the octets of the body, before it is made.
"""

import base64
import binascii
import html
import json
import unicodedata
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias, final

from doorward.methods.explaining.change import RAW_BODY_CURE, Change, Variant, distinct
from doorward.methods.explaining.coding import coded_bodies
from doorward.methods.explaining.forms import form_bodies, reordered_forms, unpacked_forms
from doorward.methods.explaining.json_forms import JsonForms
from doorward.methods.explaining.work import STEP_UNITS, Work

__all__ = ["Bodies"]

MARKS_MAX: Final = 30
"""How many combining marks may stand in a row for a body to be normalised."""

_BOM: Final = b"\xef\xbb\xbf"
# What steps cost for each octet, measured where they are slowest: most of them, and those that look at characters.
_OCTET_UNITS: Final = 2
_CHARACTER_UNITS: Final = 5
_NORMALISED_UNITS: Final = 50
_PARSED_UNITS: Final = 50
# And for each end of a line, and each escape.
_LINE_UNITS: Final = 15
_ESCAPE_UNITS: Final = 500
_Step: TypeAlias = Callable[[bytes], bytes | None]


def _without_newline(body: bytes) -> bytes | None:
    return body[:-2] if body.endswith(b"\r\n") else body[:-1] if body.endswith((b"\n", b"\r")) else None


def _lone_lf(body: bytes) -> bytes | None:
    return body.replace(b"\r\n", b"\n")


def _crlf(body: bytes) -> bytes | None:
    return body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _recoded(source: str, target: str) -> _Step:
    def recode(body: bytes) -> bytes | None:
        try:
            return body.decode(source).encode(target)
        except UnicodeError:
            return None

    return recode


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _normalised(form: str) -> _Step:
    def normalise(body: bytes) -> bytes | None:
        if body.isascii():
            return None
        try:
            text = body.decode()
        except UnicodeError:
            return None
        if has_long_run(text):
            return None
        return unicodedata.normalize(form, text).encode()  # type: ignore[arg-type]  # one of four literals

    return normalise


# They say of themselves that they start something, and decompose into marks that do not.
_HIDDEN_MARKS: Final = frozenset("\u0f73\u0f75\u0f81")


def has_long_run(text: str) -> bool:
    """Whether more marks stand in a row than `MARKS_MAX`.

    Normalisation puts the marks after a letter in order, and takes the square of their number for it: a hundred
    kilobytes of them take minutes. No language has more than a few (Unicode Standard Annex 15, section 13).
    """
    combining, run = unicodedata.combining, 0
    for character in text:
        if combining(character) or character in _HIDDEN_MARKS:
            run += 1
            if run > MARKS_MAX:
                return True
        else:
            run = 0
    return False


def _from_base64(body: bytes) -> bytes | None:
    try:
        return base64.b64decode(body.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None


def _from_json_text(body: bytes) -> bytes | None:
    if body.lstrip()[:1] not in _WRAPPING:
        return None
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, dict) and isinstance(inner := value.get("body"), str):
        return _from_base64(inner.encode()) if value.get("isBase64Encoded") is True else _encoded(inner)
    return _encoded(value) if isinstance(value, str) else None


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _to_json_text(body: bytes) -> bytes | None:
    try:
        return json.dumps(body.decode(), ensure_ascii=False).encode()
    except UnicodeError:
        return None


def _unescaped(body: bytes) -> bytes | None:
    if b"&" not in body or not body.isascii():
        return None
    try:
        return _encoded(html.unescape(body.decode("ascii")))
    except ValueError:
        # `&#` and more digits than Python makes a number of.
        return None


def _change(name: str, fits_when: str, cure: str = RAW_BODY_CURE) -> Change:
    return Change(f"body.{name}", fits_when, cure)


_CHARSET_CURE: Final = (
    "Do not decode the body before it is verified: read bytes, not text, and let no proxy change its character set."
)
_NEWLINE_CURE: Final = (
    "Pass the body on byte for byte; when sending it with curl use --data-binary, for -d drops ends of lines, and when "
    "saving it to a file write no newline of your own."
)

_WITH_NEWLINE: Final = _change("newline", "the body ends with a newline", _NEWLINE_CURE)

_STEPS: Final[tuple[tuple[Change, _Step], ...]] = (
    (_change("newline", "the newline at the end of the body is taken away", _NEWLINE_CURE), _without_newline),
    (_WITH_NEWLINE, lambda body: body + b"\n"),
    (_change("newline", "the body ends with CR LF", _NEWLINE_CURE), lambda body: body + b"\r\n"),
    (_change("crlf", "lines end with LF and not with CR LF", _NEWLINE_CURE), _lone_lf),
    (_change("crlf", "lines end with CR LF and not with LF", _NEWLINE_CURE), _crlf),
    (
        _change("crlf", "lines are not ended at all: something dropped CR and LF", _NEWLINE_CURE),
        lambda body: body.replace(b"\r", b"").replace(b"\n", b""),
    ),
    (
        _change("bom", "the byte order mark before the body is taken away", _CHARSET_CURE),
        lambda body: body[3:] if body.startswith(_BOM) else None,
    ),
    (_change("bom", "a byte order mark stands before the body", _CHARSET_CURE), lambda body: _BOM + body),
    (_change("space", "the white space around the body is taken away", _NEWLINE_CURE), lambda body: body.strip()),
    (
        _change("charset", "the body, which was UTF-8 read as Latin-1, is read as UTF-8", _CHARSET_CURE),
        _recoded("utf-8", "latin-1"),
    ),
    (
        _change("charset", "the body, which was UTF-8 read as Windows-1252, is read as UTF-8", _CHARSET_CURE),
        _recoded("utf-8", "cp1252"),
    ),
    (
        _change("charset", "the body is UTF-8 and not Latin-1", _CHARSET_CURE),
        lambda body: None if _is_utf8(body) else _recoded("latin-1", "utf-8")(body),
    ),
    (
        _change("charset", "the body is UTF-8 and not Windows-1252", _CHARSET_CURE),
        lambda body: None if _is_utf8(body) else _recoded("cp1252", "utf-8")(body),
    ),
    (_change("charset", "the body is UTF-8 and not UTF-16", _CHARSET_CURE), _recoded("utf-16", "utf-8")),
    (_change("charset", "the body is UTF-8 and not UTF-16", _CHARSET_CURE), _recoded("utf-16-le", "utf-8")),
    (_change("charset", "the body is UTF-16 and not UTF-8", _CHARSET_CURE), _recoded("utf-8", "utf-16-le")),
    (_change("charset", "the body is UTF-16 and not UTF-8", _CHARSET_CURE), _recoded("utf-8", "utf-16")),
    (_change("unicode", "the body's characters are composed (NFC)", _CHARSET_CURE), _normalised("NFC")),
    (_change("unicode", "the body's characters are decomposed (NFD)", _CHARSET_CURE), _normalised("NFD")),
    (
        _change(
            "base64",
            "the body is decoded from base64",
            "Decode it first: AWS API Gateway and Lambda hand on base64 and say so in `isBase64Encoded`.",
        ),
        _from_base64,
    ),
    (
        _change(
            "wrapped",
            "the body is the text inside the JSON that was received",
            "Verify the inner text: something has put the body into a JSON string or an event.",
        ),
        _from_json_text,
    ),
    (_change("wrapped", "the body is written as a JSON string"), _to_json_text),
    (_change("html", "the body's HTML escapes (&amp;) are undone"), _unescaped),
    (
        _change("empty", "the body is empty: the sender signed nothing", "The sender must sign the bytes it sends."),
        lambda _: b"",
    ),
    (
        _change("object", "the body is `[object Object]`", "The sender must sign the text of the object."),
        lambda _: b"[object Object]",
    ),
)
_WRITTEN_AGAIN: Final = ("body.charset", "body.base64", "body.wrapped")
"""Steps after which something may have parsed the JSON and written it again."""
_WRAPPING: Final = (b"{", b'"')


@final
class Bodies:
    """A body as it may have been before something changed it.

    Args:
        body: as received.
        made_at: when the delivery was made, epoch seconds, as far as is known: gzip writes it down.
        work: what making them is paid from. When it has ended there are no more of them.
    """

    def __init__(self, body: bytes, *, made_at: int | None, work: Work) -> None:
        self._body: Final = body
        self._made_at: Final = made_at
        self._work: Final = work
        self._json_forms: JsonForms | None = None

    def singles(self) -> Iterator[Variant[bytes]]:
        """Bodies that are one change away, the likeliest first. May repeat itself, and what was received."""
        yield from _steps(self._body, self._work)
        json_forms = self._forms()
        yield from json_forms.layouts()
        yield from json_forms.numbers()
        yield from form_bodies(self._body, self._work)
        yield from unpacked_forms(self._body, self._work)
        yield from coded_bodies(self._body, self._work, made_at=self._made_at)
        yield from reordered_forms(self._body, self._work)

    def pairs(self) -> Iterator[Variant[bytes]]:
        """Bodies that are two changes away."""
        json_forms = self._forms()
        yield from json_forms.layouts_and_numbers()
        for form in json_forms.layouts():
            yield Variant(form.value + b"\n", (*form.changes, _WITH_NEWLINE))
        singles = distinct(list(_steps(self._body, self._work)), but=frozenset({self._body}))
        for first in singles:
            for second in _steps(first.value, self._work):
                yield Variant(second.value, first.changes + second.changes)
        for first in singles:
            if first.changes[0].name in _WRITTEN_AGAIN:
                for form in JsonForms(first.value, self._work, as_ordered=True).layouts():
                    yield Variant(form.value, first.changes + form.changes)

    def _forms(self) -> JsonForms:
        if self._json_forms is None:
            self._json_forms = JsonForms(self._body, self._work)
        return self._json_forms


def _steps(body: bytes, work: Work) -> Iterator[Variant[bytes]]:
    for change, step in _STEPS:
        if not work.take(_units(change, body)):
            return
        value = step(body)
        if value is not None:
            yield Variant(value, (change,))


def _units(change: Change, body: bytes) -> int:
    each, more = _OCTET_UNITS, 0
    match change.name:
        case "body.crlf":
            more = body.count(b"\n") * _LINE_UNITS
        case "body.html":
            more = body.count(b"&") * _ESCAPE_UNITS
        case "body.charset" | "body.base64":
            each = _CHARACTER_UNITS
        case "body.wrapped":
            each = _PARSED_UNITS if body.lstrip()[:1] in _WRAPPING else _CHARACTER_UNITS
        case "body.unicode":
            each = _OCTET_UNITS if body.isascii() else _NORMALISED_UNITS
        case _:
            pass
    return STEP_UNITS + len(body) * each + more
