"""How other serialisers write the strings and the numbers of JSON."""

import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Final

__all__ = ["JSON_WORDS", "NUMBER_FORMS", "STRING_FORMS", "JsonNumber", "escaped_in"]

_ESCAPED: Final = re.compile(r'["\\\x00-\x1f\x7f-\U0010ffff/<>&=\'+`]')


class JsonNumber(str):
    """A number, or `true`, `false`, `null`, as it was written: equal to no string of the same characters."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JsonNumber) and str.__eq__(self, other)

    def __hash__(self) -> int:
        return ~str.__hash__(self)


_SHORT: Final = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _units(character: str, form: str) -> str:
    code = ord(character)
    if code < 0x10000:
        return form.format(code)
    code -= 0x10000
    return form.format(0xD800 | code >> 10) + form.format(0xDC00 | code & 0x3FF)


def _escaper(*, ascii_only: bool, upper: bool = False, slash: bool = False, extra: str = "") -> Callable[[str], str]:
    form = "\\u{:04X}" if upper else "\\u{:04x}"

    def escape_one(found: re.Match[str]) -> str:
        character = found[0]
        if character in extra:
            return _units(character, form)
        if character in _SHORT:
            return _SHORT[character]
        if character == "/":
            return "\\/" if slash else "/"
        if character < " " or (ascii_only and character > "~" and (character != "\x7f" or upper)):
            return _units(character, form)
        return character

    def escape(text: str) -> str:
        plain = text.isascii() and text.isalnum()
        return f'"{text}"' if plain else f'"{_ESCAPED.sub(escape_one, text)}"'

    return escape


STRING_FORMS: Final = (
    ("", _escaper(ascii_only=False)),
    ("non-ASCII characters escaped, as Python writes them", _escaper(ascii_only=True)),
    ("slashes and non-ASCII characters escaped, as PHP writes them", _escaper(ascii_only=True, slash=True)),
    ("slashes escaped, as PHP writes them", _escaper(ascii_only=False, slash=True)),
    ("<, > and & escaped, as Go and Rails write them", _escaper(ascii_only=False, extra="<>&\u2028\u2029")),
    ("HTML characters escaped, as Gson writes them", _escaper(ascii_only=False, extra="<>&='\u2028\u2029")),
    ("many characters escaped, as .NET writes them", _escaper(ascii_only=True, upper=True, extra="\"<>&'+`")),
)


def _as_javascript(text: str) -> str:
    number = float(text)
    if not math.isfinite(number):
        return text
    if 1e-6 <= abs(number) < _WHOLE_BELOW:
        return format(Decimal(repr(number)), "f").removesuffix(".0")
    return repr(number).replace("e-0", "e-") if number else "0"


def _as_python(text: str) -> str:
    return repr(float(text)) if any(character in text for character in ".eE") and _finite(text) else text


def _with_decimal(text: str) -> str:
    return text if any(character in text for character in ".eE") else f"{text}.0"


def _two_decimals(text: str) -> str:
    # Six characters (`1e308,`) would become three hundred.
    small = any(character in text for character in ".eE") and abs(float(text)) < _WHOLE_BELOW
    return f"{float(text):.2f}" if small else text


def _finite(text: str) -> bool:
    return math.isfinite(float(text))


_WHOLE_BELOW: Final = 1e21


def escaped_in(text: str) -> int:
    """How many characters of a string are looked at one by one when it is written."""
    return 0 if text.isascii() and text.isalnum() else len(_ESCAPED.findall(text))


NUMBER_FORMS: Final[tuple[tuple[str, Callable[[str], str]], ...]] = (
    ("whole numbers written without a fraction, as JavaScript does", _as_javascript),
    ("floats written in their shortest form, as Python does", _as_python),
    ("whole numbers written with .0", _with_decimal),
    ("fractions written with two decimals", _two_decimals),
)

JSON_WORDS: Final = frozenset(map(JsonNumber, ("true", "false", "null")))
