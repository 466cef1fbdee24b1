"""What something on the way may have done to a body that is not about JSON: ends of lines, character sets, coding.

Each step takes a body as received and answers it as it may have been sent, or None where that makes no sense. Steps
are tried alone and in pairs.
"""

import base64
import binascii
import html
import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias, final

from doorward.methods.explaining.change import RAW_BODY_CURE, Change, Variant, distinct
from doorward.methods.explaining.coding import coded_bodies
from doorward.methods.explaining.forms import form_bodies
from doorward.methods.explaining.json_forms import JsonForms

__all__ = ["Bodies"]

_BOM: Final = b"\xef\xbb\xbf"
_Step: TypeAlias = Callable[[bytes], bytes | None]


def _without_newline(body: bytes) -> bytes | None:
    return body[:-2] if body.endswith(b"\r\n") else body[:-1] if body.endswith((b"\n", b"\r")) else None


def _lone_lf(body: bytes) -> bytes | None:
    return body.replace(b"\r\n", b"\n")


def _crlf(body: bytes) -> bytes | None:
    return re.sub(rb"(?<!\r)\n", b"\r\n", body)


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
        try:
            return unicodedata.normalize(form, body.decode()).encode()  # type: ignore[arg-type]  # one of four literals
        except UnicodeError:
            return None

    return normalise


def _from_base64(body: bytes) -> bytes | None:
    try:
        return base64.b64decode(body.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None


def _from_json_text(body: bytes) -> bytes | None:
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
    return _encoded(html.unescape(body.decode("utf-8", "surrogateescape"))) if b"&" in body and body.isascii() else None


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


@final
class Bodies:
    """A body as it may have been before something changed it.

    Args:
        body: as received.
        made_at: when the delivery was made, epoch seconds, as far as is known: gzip writes it down.
    """

    def __init__(self, body: bytes, *, made_at: int | None) -> None:
        self._body: Final = body
        self._made_at: Final = made_at
        self._json_forms: JsonForms | None = None

    def singles(self) -> Iterator[Variant[bytes]]:
        """Bodies that are one change away, the likeliest first. May repeat itself, and what was received."""
        yield from _steps(self._body)
        json_forms = self._forms()
        yield from json_forms.layouts()
        yield from json_forms.numbers()
        yield from form_bodies(self._body)
        yield from coded_bodies(self._body, made_at=self._made_at)

    def pairs(self) -> Iterator[Variant[bytes]]:
        """Bodies that are two changes away."""
        json_forms = self._forms()
        yield from json_forms.layouts_and_numbers()
        for form in json_forms.layouts():
            yield Variant(form.value + b"\n", (*form.changes, _WITH_NEWLINE))
        singles = distinct(list(_steps(self._body)), but=frozenset({self._body}))
        for first in singles:
            for second in _steps(first.value):
                yield Variant(second.value, first.changes + second.changes)
        for first in singles:
            if first.changes[0].name in _WRITTEN_AGAIN:
                for form in JsonForms(first.value, as_ordered=True).layouts():
                    yield Variant(form.value, first.changes + form.changes)

    def _forms(self) -> JsonForms:
        if self._json_forms is None:
            self._json_forms = JsonForms(self._body)
        return self._json_forms


def _steps(body: bytes) -> Iterator[Variant[bytes]]:
    for change, step in _STEPS:
        value = step(body)
        if value is not None:
            yield Variant(value, (change,))
