"""The types of RFC 9651 section 3, each as one Python type, so that none passes for another.

| structured type | here |
|---|---|
| Integer, Decimal | `int` (never `bool`), `decimal.Decimal` |
| String, Token, Display String | `str` (exactly), `Token`, `DisplayString` |
| Byte Sequence, Boolean, Date | `bytes`, `bool`, `Date` |

`Token`, `Date` and `DisplayString` are no subclasses of `str` or `int`: a parameter that must be a string is not one
because somebody sent a token (`alg=ed25519` is not `alg="ed25519"`).
"""

from decimal import Decimal
from typing import NamedTuple, TypeAlias, final

import msgspec

__all__ = ["BareItem", "Date", "DisplayString", "InnerList", "Item", "Parameters", "Token"]


@final
class Token(msgspec.Struct, frozen=True):
    """A token (section 3.3.4)."""

    text: str


@final
class Date(msgspec.Struct, frozen=True):
    """A date (section 3.3.7): epoch seconds, negative before 1970."""

    seconds: int


@final
class DisplayString(msgspec.Struct, frozen=True):
    """A display string (section 3.3.8): any Unicode, for people."""

    text: str


BareItem: TypeAlias = int | Decimal | str | Token | bytes | bool | Date | DisplayString
"""What an item or a parameter may be."""

Parameters: TypeAlias = tuple[tuple[str, BareItem], ...]
"""Parameters in order (section 3.1.2); every key once."""


class Item(NamedTuple):
    """An item (section 3.3) with its parameters."""

    value: BareItem
    parameters: Parameters = ()


class InnerList(NamedTuple):
    """An inner list (section 3.1.1) with its parameters."""

    items: tuple[Item, ...]
    parameters: Parameters = ()
