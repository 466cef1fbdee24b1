"""Text to values, by the algorithms of RFC 9651 section 4.2.

Rules:

* A field that does not parse is refused whole; nothing of it is used (section 4.2).
* The limits are the least every parser must be able to take (section 3); beyond them a field is refused. Whoever knows
  his field better sets lower ones.
* A repeated key replaces the earlier one (section 4.2.2), which is what the specification wants and what two readers
  of one message disagree on. Fields that decide about trust ask for `unique`.
* Scanning (where does it end, is it well formed) and building values are two steps: whoever needs a part only builds
  that part, and whoever sees the same part often may keep it.
"""

import binascii
from decimal import Decimal
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from doorward.errors import Rejected
from doorward.wire.structured.grammar import INNER, ITEM, MEMBER, PARAMETER, SEPARATOR
from doorward.wire.structured.values import BareItem, Date, DisplayString, InnerList, Item, Parameters, Token

__all__ = [
    "FIELD_BYTES_MAX",
    "INNER_ITEMS_MAX",
    "MEMBERS_MAX",
    "PARAMETERS_MAX",
    "Member",
    "Parameter",
    "parse_bytes",
    "parse_dictionary",
    "parse_inner_items",
    "parse_item",
    "parse_list",
    "parse_member",
    "parse_parameters",
    "scan_dictionary",
]

FIELD_BYTES_MAX: Final = 64 * 1024
"""How long a structured field may be, all its lines together."""
MEMBERS_MAX: Final = 1_024
"""How many members a list or a dictionary may have."""
INNER_ITEMS_MAX: Final = 256
"""How many items an inner list may have."""
PARAMETERS_MAX: Final = 256
"""How many parameters an item or an inner list may have."""

_DIGITS: Final = frozenset("-0123456789")
_TRUE: Final = "?1"
Parameter = tuple[str, BareItem]


class Member(NamedTuple):
    """One member of a dictionary, scanned: well formed, its values not built. `inner` and `bare` None: true."""

    key: str
    inner: str | None
    """The items of an inner list with their parentheses."""
    bare: str | None
    parameters: str


def _broken(what: str) -> Rejected:
    return Rejected("request_malformed", f"a structured field: {what}")


def _text_of(presented_field: bytes) -> str:
    if len(presented_field) > FIELD_BYTES_MAX:
        raise _broken("too long")
    if not presented_field.isascii():
        raise _broken("not ASCII")
    # Section 4.2: leading and trailing spaces go, and spaces only: a tab is not white space here.
    return presented_field.decode("ascii").strip(" ")


def parse_item(presented_field: bytes, *, unique: bool = False) -> Item:
    """A field that is one item (section 4.2, `item`).

    Args:
        presented_field: unverified; several lines joined by a comma and a space.
        unique: refuse a key that comes twice among the parameters of one thing.

    Raises:
        Rejected: `request_malformed`.
    """
    text = _text_of(presented_field)
    matched = ITEM.fullmatch(text)
    if matched is None:
        raise _broken("not an item")
    return Item(_bare(matched[1]), parse_parameters(matched[2], unique=unique))


def parse_list(presented_field: bytes, *, unique: bool = False) -> list[Item | InnerList]:
    """A field that is a list (section 4.2.1). Arguments and errors: as `parse_item`."""
    text = _text_of(presented_field)
    found: list[Item | InnerList] = []
    position, end = 0, len(text)
    while position < end:
        matched = INNER.match(text, position) or ITEM.match(text, position)
        if matched is None or len(found) >= MEMBERS_MAX:
            raise _broken("not a list, or too many members")
        parameters = parse_parameters(matched[2], unique=unique)
        if text[position] == "(":
            found.append(InnerList(parse_inner_items(matched[1], unique=unique), parameters))
        else:
            found.append(Item(_bare(matched[1]), parameters))
        position = _past_separator(text, matched.end())
    return found


def parse_dictionary(presented_field: bytes, *, unique: bool = False) -> dict[str, Item | InnerList]:
    """A field that is a dictionary (section 4.2.2), in order.

    Args:
        presented_field: as `parse_item`.
        unique: refuse a key that comes twice, of a member or of a parameter.

    Raises:
        Rejected: `request_malformed`.
    """
    found: dict[str, Item | InnerList] = {}
    for member in scan_dictionary(presented_field):
        if unique and member.key in found:
            raise _broken("a key comes twice")
        found[member.key] = parse_member(member, unique=unique)
    return found


def parse_member(member: Member, *, unique: bool = False) -> Item | InnerList:
    """The value of one member that was scanned. `unique` and errors: as `parse_dictionary`."""
    parameters = parse_parameters(member.parameters, unique=unique)
    if member.inner is not None:
        return InnerList(parse_inner_items(member.inner, unique=unique), parameters)
    return Item(_bare(member.bare or _TRUE), parameters)


def scan_dictionary(presented_field: bytes, *, members_max: int = MEMBERS_MAX) -> list[Member]:
    """The members of a dictionary in order, repeated ones too; well formed, and nothing built yet.

    Raises:
        Rejected: `request_malformed`, also for more than `members_max` members.
    """
    text = _text_of(presented_field)
    alone = MEMBER.fullmatch(text)
    if alone is not None:
        return [Member._make(alone.groups())]
    found: list[Member] = []
    position, end = 0, len(text)
    while position < end:
        matched = MEMBER.match(text, position)
        if matched is None or len(found) >= members_max:
            raise _broken("not a dictionary, or too many members")
        found.append(Member._make(matched.groups()))
        position = _past_separator(text, matched.end())
    return found


def _past_separator(text: str, position: int) -> int:
    """Where the next member begins, or the end of the text. A comma must be followed by one (section 4.2.1)."""
    end = len(text)
    if position == end:
        return end
    matched = SEPARATOR.match(text, position)
    if matched is None or matched.end() == end:
        raise _broken("something else where a comma or the end should be")
    return matched.end()


def parse_inner_items(text: str, *, unique: bool = False) -> tuple[Item, ...]:
    """The items of an inner list (section 4.2.1.2) that was scanned: `(…)` without the list's own parameters.

    Raises:
        Rejected: `request_malformed`.
    """
    found: list[Item] = []
    position = 1
    while True:
        while text[position] == " ":
            position += 1
        matched = ITEM.match(text, position)
        if matched is None:
            return tuple(found)
        if len(found) >= INNER_ITEMS_MAX:
            raise _broken("too many items in a list")
        found.append(Item(_bare(matched[1]), parse_parameters(matched[2], unique=unique)))
        position = matched.end()


def parse_parameters(text: str, *, unique: bool = False) -> Parameters:
    """Parameters (section 4.2.3.2) that were scanned.

    Raises:
        Rejected: `request_malformed`.
    """
    if not text:
        return ()
    found = PARAMETER.findall(text)
    if len(found) > PARAMETERS_MAX:
        raise _broken("too many parameters")
    by_key = {key: _bare(value) if value else True for key, value in found}
    if unique and len(by_key) < len(found):
        raise _broken("a parameter comes twice")
    return tuple(by_key.items())


def _bare(text: str) -> BareItem:
    """A bare item (section 4.2.3.1) that was scanned."""
    first = text[0]
    if first == '"':
        inside = text[1:-1]
        return inside.replace('\\"', '"').replace("\\\\", "\\") if "\\" in inside else inside
    if first in _DIGITS:
        return Decimal(text) if "." in text else int(text)
    return _rarer(first, text)


def _rarer(first: str, text: str) -> BareItem:
    match first:
        case ":":
            return parse_bytes(text)
        case "?":
            return text == _TRUE
        case "@":
            return Date(int(text[1:]))
        case "%":
            return _display(text)
        case _:
            return Token(text)


def parse_bytes(text: str) -> bytes:
    """A byte sequence (section 4.2.7) that was scanned, with its colons; canonical padding.

    Raises:
        Rejected: `request_malformed`.
    """
    try:
        return binascii.a2b_base64(text[1:-1], strict_mode=True)
    except binascii.Error:
        raise _broken("a byte sequence is not base64") from None


def _display(text: str) -> DisplayString:
    try:
        return DisplayString(unquote_to_bytes(text[2:-1]).decode("utf-8"))
    except UnicodeDecodeError:
        raise _broken("a display string is not UTF-8") from None
