"""`application/x-www-form-urlencoded` bodies, read strictly (the URL standard, section 5; RFC 6749 appendix B).

A parameter that is sent twice is refused (RFC 6749 section 3.1): of two readers one takes the first and the other the
last. Names and values are UTF-8; a value that is not, or an escape that is none, is refused and not replaced.
"""

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from doorward.errors import Rejected

__all__ = ["FORM_FIELDS_MAX", "FORM_TYPE", "parse_form", "require_form_type"]

FORM_TYPE: Final = b"application/x-www-form-urlencoded"
FORM_FIELDS_MAX: Final = 32
"""How many fields a form may have."""

# Printable ASCII, and every percent sign begins an escape.
_ENCODED: Final = re.compile(rb"(?:[\x21-\x24\x26-\x7e]|%[0-9A-Fa-f]{2})*")


def require_form_type(presented_content_type: bytes | None) -> None:
    """Refuse a body that does not say it is a form. Parameters of the type are ignored.

    Raises:
        Rejected: `request_malformed`.
    """
    media_type = (presented_content_type or b"").partition(b";")[0].strip().lower()
    if media_type != FORM_TYPE:
        raise Rejected("request_malformed", "the body is no form")


def parse_form(presented_body: bytes) -> dict[str, str]:
    """The fields of a form, each once.

    Args:
        presented_body: the caller bounds its size.

    Raises:
        Rejected: `request_malformed`.
    """
    if _ENCODED.fullmatch(presented_body) is None:
        raise Rejected("request_malformed", "the form is not encoded as forms are")
    pieces = [piece for piece in presented_body.split(b"&") if piece]
    if len(pieces) > FORM_FIELDS_MAX:
        raise Rejected("request_malformed", f"more than {FORM_FIELDS_MAX} fields")
    fields: dict[str, str] = {}
    for piece in pieces:
        name, _, value = piece.partition(b"=")
        key = _decode(name)
        if key in fields:
            raise Rejected("request_malformed", "a field is there twice")
        fields[key] = _decode(value)
    return fields


def _decode(encoded: bytes) -> str:
    try:
        return unquote_to_bytes(encoded.replace(b"+", b" ")).decode("utf-8")
    except UnicodeDecodeError:
        raise Rejected("request_malformed", "a field that is not UTF-8") from None
