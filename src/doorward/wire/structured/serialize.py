"""Values to text, by the algorithms of RFC 9651 section 4.1: one spelling for one value.

A value that cannot be written may have come from a peer (the name of a query parameter, say), so it is `Rejected` like
everything else that cannot be used.
"""

import binascii
import re
from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from doorward.errors import Rejected
from doorward.wire.structured.grammar import KEY, TOKEN
from doorward.wire.structured.values import BareItem, Date, DisplayString, InnerList, Item, Parameters, Token

__all__ = [
    "serialize_dictionary",
    "serialize_inner_items",
    "serialize_item",
    "serialize_list",
    "serialize_member",
    "serialize_parameters",
]

_INTEGER_MAX: Final = 999_999_999_999_999
_DECIMAL_WHOLE_MAX: Final = 999_999_999_999
_THOUSANDTH: Final = Decimal("0.001")
_STRING: Final = re.compile(r"[ -~]*+")
_DISPLAY_ESCAPED: Final = re.compile(rb"[^ !#$&-~]")


def _cannot(what: str) -> Rejected:
    return Rejected("request_malformed", f"a structured field cannot hold {what}")


def serialize_dictionary(members: Mapping[str, Item | InnerList]) -> str:
    """A dictionary (section 4.1.2); the empty text when it has no members, and then the field is left out.

    Raises:
        Rejected: `request_malformed`: a value or a key that cannot be written; so do all functions of this file.
    """
    return ", ".join(_dictionary_member(key, value) for key, value in members.items())


def _dictionary_member(key: str, value: Item | InnerList) -> str:
    if isinstance(value, Item) and value.value is True:
        return _key(key) + serialize_parameters(value.parameters)
    return f"{_key(key)}={serialize_member(value)}"


def serialize_list(members: Iterable[Item | InnerList]) -> str:
    """A list (section 4.1.1); the empty text when it has no members, and then the field is left out."""
    return ", ".join(map(serialize_member, members))


def serialize_member(member: Item | InnerList) -> str:
    """A member of a list, or the value of one of a dictionary."""
    if isinstance(member, InnerList):
        return serialize_inner_items(member.items) + serialize_parameters(member.parameters)
    return serialize_item(member)


def serialize_inner_items(items: Iterable[Item]) -> str:
    """The items of an inner list in their parentheses, without the list's own parameters (section 4.1.1.1)."""
    return f"({' '.join(map(serialize_item, items))})"


def serialize_item(item: Item) -> str:
    """An item with its parameters (section 4.1.3)."""
    return _bare(item.value) + serialize_parameters(item.parameters)


def serialize_parameters(parameters: Parameters) -> str:
    """Parameters, each with its semicolon (section 4.1.1.2); true has no value."""
    return "".join(f";{_key(key)}" if value is True else f";{_key(key)}={_bare(value)}" for key, value in parameters)


def _key(key: str) -> str:
    if KEY.fullmatch(key) is None:
        raise _cannot("a key of other characters than the grammar's")
    return key


def _bare(value: BareItem) -> str:
    match value:
        case str():
            return _string(value)
        case bool():
            return "?1" if value else "?0"
        case int():
            return _integer(value)
        case bytes():
            return f":{binascii.b2a_base64(value, newline=False).decode('ascii')}:"
        case _:
            return _rarer(value)


def _rarer(value: Token | Decimal | Date | DisplayString) -> str:
    match value:
        case Token():
            return _token(value.text)
        case Decimal():
            return _decimal(value)
        case Date():
            return f"@{_integer(value.seconds)}"
        case DisplayString():
            return _display(value.text)


def _string(text: str) -> str:
    if _STRING.fullmatch(text) is None:
        raise _cannot("a string that is not printable ASCII")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _integer(number: int) -> str:
    if abs(number) > _INTEGER_MAX:
        raise _cannot("an integer of more than fifteen digits")
    return str(number)


def _token(text: str) -> str:
    if TOKEN.fullmatch(text) is None:
        raise _cannot("a token of other characters than the grammar's")
    return text


def _decimal(number: Decimal) -> str:
    if not number.is_finite() or abs(number) >= _DECIMAL_WHOLE_MAX + 1:
        raise _cannot("a decimal of more than twelve whole digits")
    rounded = number.quantize(_THOUSANDTH, rounding=ROUND_HALF_EVEN)
    if abs(rounded) > _DECIMAL_WHOLE_MAX + 1 - _THOUSANDTH:
        raise _cannot("a decimal of more than twelve whole digits")
    whole, _, fraction = str(rounded).partition(".")
    return f"{whole}.{fraction.rstrip('0') or '0'}"


def _display(text: str) -> str:
    try:
        encoded = text.encode("utf-8")
    except UnicodeEncodeError:
        raise _cannot("a display string that is not Unicode") from None
    # Section 4.1.11: the percent sign, the quote and everything that is not printable ASCII.
    escaped = _DISPLAY_ESCAPED.sub(lambda found: b"%%%02x" % found[0][0], encoded)
    return f'%"{escaped.decode("ascii")}"'
