"""One JSON object, read strictly: headers, claims and keys (RFC 7515 section 4, RFC 7519 section 4, RFC 8259).

Rules of this file:

* No member twice, at any depth. A decoder that keeps the last one and another that keeps the first see two different
  tokens under one signature.
* UTF-8 only, no lone surrogates, no NaN, no Infinity, no number that overflows, no comments, nothing after the end.
* Nesting is bounded, so that whoever walks the answer cannot be made to run out of stack.

Finding a repeated member must not cost more than the decoding. The decoder keeps the last one silently, so the proof
goes backwards. In an object with nothing nested in it only members are parted by commas: as many as the decoded ones
need leave none for a dropped one. Otherwise, what the decoded object encodes to has no member twice, and if that is the
very text that was read, neither has the text. Issuers that write spaces or escapes of their own take the next step,
which counts quotation marks; what is left is read again by a slower decoder that shows every member.
"""

import json
from contextlib import suppress
from typing import Final

import msgspec

from doorward.errors import Rejected

__all__ = ["DEPTH_MAX", "parse_object"]

DEPTH_MAX: Final = 16
"""How deep objects and arrays of a token or a key may be nested, the outermost included."""

_DECODE: Final = msgspec.json.Decoder().decode
_ENCODE: Final = msgspec.json.Encoder().encode
# As numbers: looking for a number in bytes costs a tenth of looking for bytes in them.
_BRACE: Final = ord("{")
_BRACKET: Final = ord("[")
_COMMA: Final = ord(",")


def parse_object(presented: bytes) -> dict[str, object]:
    """One JSON object without a repeated member.

    Args:
        presented: the whole text; the caller bounds its size.

    Returns:
        The members; strings, integers of any size up to some thousand digits, finite floats, True, False, None,
        lists and dicts.

    Raises:
        Rejected: `token_malformed`.
    """
    try:
        decoded = _DECODE(presented)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Rejected("token_malformed", "not JSON") from None
    if type(decoded) is not dict:
        raise Rejected("token_malformed", "not a JSON object")
    # One brace at the very beginning and no bracket: there is nothing inside. So are most headers and most claims.
    if presented.rfind(_BRACE) or _BRACKET in presented:
        if presented.count(_BRACE) + presented.count(_BRACKET) > DEPTH_MAX:
            _refuse_deep(decoded)
    elif presented.count(_COMMA) + 1 == len(decoded):
        # A comma in a text only makes them more, and is looked into below.
        return decoded
    if _ENCODE(decoded) != presented:
        _refuse_repeated(presented, decoded)
    return decoded


def _refuse_deep(decoded: dict[str, object]) -> None:
    level: list[object] = [decoded]
    for _ in range(DEPTH_MAX):
        # One layer down: what is inside the containers of this one.
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node if isinstance(node, list) else ())
        ]
        if not level:
            return
    if any(isinstance(node, dict | list) for node in level):
        raise Rejected("token_malformed", f"JSON nested deeper than {DEPTH_MAX}")


def _refuse_repeated(presented: bytes, decoded: dict[str, object]) -> None:
    # Every string of the text has two quotation marks around it, and every member that was dropped had at least its
    # name's. So as many as the decoded strings need leaves none for a dropped one (and none that is escaped).
    if presented.count(b'"') == 2 * _count_strings(decoded):
        return
    if b"\\" in presented:
        # The marks that are too many may be escaped ones: a decoder that shows every member knows.
        with suppress(ValueError, RecursionError):
            json.loads(presented, object_pairs_hook=_without_repetition)
            return
    raise Rejected("token_malformed", "a JSON member appears twice")


def _count_strings(decoded: dict[str, object]) -> int:
    found = 0
    rest: list[object] = [decoded]
    while rest:
        node = rest.pop()
        if isinstance(node, str):
            found += 1
        elif isinstance(node, dict):
            found += len(node)
            rest.extend(node.values())
        elif isinstance(node, list):
            rest.extend(node)
    return found


def _without_repetition(pairs: list[tuple[str, object]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError
