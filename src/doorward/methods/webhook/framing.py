"""Where one part of the signed bytes ends and the next begins: a signature must not fit two deliveries.

Rules:

* Of several parts that differ from delivery to delivery each has a border: bytes between it and the next that it cannot
  hold. Without one whoever holds a delivery moves bytes from one part to the next, and its signature still fits.
* A time is decimal digits, so its border begins with none. An id holds no byte its border begins with (or ends with,
  where it stands behind the body), and never a dot. A URL holds visible characters only.
* A body holds anything, so there is one, and what stands before it has its border behind it, what stands behind it
  before it.
* Twilio has no border between the URL and the form. What that means is said in `schemes.py`, and nothing else may.
"""

import re
from collections.abc import Sequence
from enum import Enum
from typing import Final, final

from doorward.errors import Misconfigured

__all__ = ["DELIVERY_ID_CHARACTERS_MAX", "Part", "id_form", "require_borders"]

DELIVERY_ID_CHARACTERS_MAX: Final = 200
"""How long the id of a delivery may be."""


@final
class Part(Enum):
    """A part of the signed bytes that differs from delivery to delivery."""

    ID = "id"
    TIMESTAMP = "timestamp"
    BODY = "body"
    URL = "url"
    FORM = "form"
    """The parameters of a form: each name and value, sorted by name; nothing for a body whose digest is in the URL."""


_ANYTHING: Final = frozenset({Part.BODY, Part.FORM})
_DOT: Final = b"."
_DIGITS: Final = b"0123456789"


def require_borders(name: str, signed: Sequence[Part | bytes]) -> bytes:
    """See that every signature of a scheme fits one delivery.

    Args:
        name: the scheme's.
        signed: its parts and what stands between them.

    Returns:
        The bytes an id may not hold.

    Raises:
        Misconfigured: a part without a border.
    """
    whole = [place for place, part in enumerate(signed) if part in _ANYTHING]
    if len(whole) > 1:
        raise _ambiguous(name, "two parts that may hold anything")
    barred = _DOT
    for place, part in enumerate(signed):
        if isinstance(part, bytes) or part in _ANYTHING:
            continue
        border = _border(signed, place, is_behind=bool(whole) and whole[0] < place)
        if border is None:
            continue
        if not border or _may_hold(part, border):
            raise _ambiguous(name, f"nothing between the {part.value} and what stands beside it that it cannot hold")
        if part is Part.ID:
            barred += border
    return barred


def _may_hold(part: Part | bytes, border: bytes) -> bool:
    return border in _DIGITS if part is Part.TIMESTAMP else part is Part.URL and b" " < border < b"\x7f"


def _border(signed: Sequence[Part | bytes], place: int, *, is_behind: bool) -> bytes | None:
    """The first byte of what follows a part, or the last of what it follows; None where it needs none."""
    beside = place - 1 if is_behind else place + 1
    if beside == len(signed) or (signed[place] is Part.URL and signed[beside] is Part.FORM):
        return None
    between = signed[beside]
    if not isinstance(between, bytes):
        return b""
    return between[-1:] if is_behind else between[:1]


def _ambiguous(name: str, what: str) -> Misconfigured:
    return Misconfigured(
        f"The scheme {name} has {what}: one signature would fit several deliveries.",
        cure='Write what the sender puts between the parts: (Part.ID, b".", Part.TIMESTAMP, b".", Part.BODY).',
    )


def id_form(barred: bytes) -> re.Pattern[bytes]:
    """An id that is signed: visible ASCII without those bytes."""
    return re.compile(rb"[^\x00-\x20\x7f-\xff%b]{1,%d}+" % (re.escape(barred), DELIVERY_ID_CHARACTERS_MAX))
