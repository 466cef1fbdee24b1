"""JSON written again: the same value as other serialisers write it.

A text is taken apart once, into atoms (names, strings, numbers) and the glue between them; every form then is two
lists woven together, so that hundreds of forms of a hundred kilobytes cost milliseconds each.

What cannot be undone is not tried: the order of keys that something has sorted, the digits of a number that something
has rounded.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias, final

from doorward.methods.explaining.change import RAW_BODY_CURE, Change, Variant
from doorward.methods.explaining.json_writing import JSON_WORDS, NUMBER_FORMS, STRING_FORMS, JsonNumber, escaped_in
from doorward.methods.explaining.work import STEP_UNITS, Work

__all__ = ["JsonForms"]

DEPTH_MAX: Final = 100
"""How deep JSON may be nested for its forms to be tried."""
ATOMS_MAX: Final = 200_000
"""How many names and values it may hold."""

# Measured where they are slowest: numbers in an array, arrays of nothing, strings of characters that are escaped.
_PARSED_OCTET_UNITS: Final = 60
_VALUE_UNITS: Final = 2_000
_STRING_UNITS: Final = 400
_ESCAPED_UNITS: Final = 300
_MARK_UNITS: Final = 300
_ATOM_UNITS: Final = 60
_WRITTEN_UNITS: Final = 2
_BOM: Final = b"\xef\xbb\xbf"
_MARK: Final = re.compile(r"[,:]|<([0-9]+)>")


_Pairs: TypeAlias = "list[tuple[str, Any]]"


class _Members(NamedTuple):
    pairs: _Pairs


class _Spacing(NamedTuple):
    words: str
    comma: str
    colon: str
    indent: str | None


_SPACINGS: Final = (
    _Spacing("without spaces, as JavaScript writes it", ",", ":", None),
    _Spacing("with a space after each comma and colon, as Python writes it", ", ", ": ", None),
    _Spacing("indented by two spaces", ",", ": ", "  "),
    _Spacing("indented by four spaces", ",", ": ", "    "),
    _Spacing("indented by tabs", ",", ": ", "\t"),
)

_Order: TypeAlias = tuple[str, Callable[[_Pairs], _Pairs]]

_ORDERS: Final[tuple[_Order, ...]] = (
    ("", lambda pairs: pairs),
    ("sorted keys", lambda pairs: sorted(pairs, key=lambda pair: pair[0])),
    ("keys sorted by length, as a jsonb column keeps them", lambda pairs: sorted(pairs, key=_by_length)),
)


def _by_length(pair: tuple[str, object]) -> tuple[int, bytes]:
    name = pair[0].encode("utf-8", "surrogatepass")
    return len(name), name


@final
class _Taken:
    """A value taken apart in one order: `glue[0] atom[0] glue[1] … glue[n]`, both by number.

    Glue is punctuation and where lines may begin. There are few different pieces of it, whatever the size of the text,
    so that every way of spacing is worked out on those alone.
    """

    def __init__(self, value: Any, order: Callable[[_Pairs], _Pairs], atoms: dict[str, int]) -> None:  # Any: JSON
        self._order: Final = order
        self._atoms: Final = atoms
        self._pieces: Final[dict[str, int]] = {}
        # In pieces: a text that grows piece by piece is copied each time, which is the square of an array of nothing.
        self._pending: Final[list[str]] = []
        self.atoms: Final[list[int]] = []
        self.glue: Final[list[int]] = []
        self._walk(value, 0)
        self._end_glue()

    def spaced(self, spacing: _Spacing, work: Work) -> list[str] | None:
        """The glue in one spacing, whole; None when it cannot be paid for."""
        indent = spacing.indent
        # A function is called for each mark in them.
        if not work.take(_MARK_UNITS * sum(map(len, self._pieces)) + _ATOM_UNITS * len(self.glue)):
            return None

        def respace(found: re.Match[str]) -> str:
            mark = found[0]
            if mark in ",:":
                return spacing.comma if mark == "," else spacing.colon
            return "" if indent is None else "\n" + indent * int(found[1])

        written = [_MARK.sub(respace, piece) for piece in self._pieces]
        return list(map(written.__getitem__, self.glue))

    def _end_glue(self) -> None:
        self.glue.append(self._pieces.setdefault("".join(self._pending), len(self._pieces)))
        self._pending.clear()

    def _atom(self, atom: str) -> None:
        self._end_glue()
        self.atoms.append(self._atoms.setdefault(atom, len(self._atoms)))

    def _walk(self, value: Any, depth: int) -> None:  # Any: JSON
        if isinstance(value, _Members):
            self._block("{}", self._order(value.pairs), depth)
        elif isinstance(value, list):
            self._block("[]", [(None, inner) for inner in value], depth)
        else:
            self._atom(value)

    def _block(self, brackets: str, inner: Sequence[tuple[str | None, Any]], depth: int) -> None:  # Any: JSON
        if not inner:
            self._pending.append(brackets)
            return
        self._pending.append(brackets[0])
        for place, (name, value) in enumerate(inner):
            self._pending.append(f"{',' if place else ''}<{depth + 1}>")
            if name is not None:
                self._atom(name)
                self._pending.append(":")
            self._walk(value, depth + 1)
        self._pending.append(f"<{depth}>{brackets[1]}")


class _Layout(NamedTuple):
    spacing: _Spacing
    escape: str
    order: str


@final
class JsonForms:
    """Other ways to write the JSON in a body, the likeliest first; none when it is no JSON.

    Args:
        body: as received.
        work: what writing them is paid from. When it has ended there are no more of them.
        as_ordered: leave the keys in their order.
    """

    def __init__(self, body: bytes, work: Work, *, as_ordered: bool = False) -> None:
        atoms: dict[str, int] = {}
        self._work: Final = work
        orders = _ORDERS[:1] if as_ordered else _ORDERS
        value = _parse(body) if work.take(_taking_units(body, len(orders))) else None
        self._received: Final = body.removeprefix(_BOM)
        taken = {} if value is None else _take_orders(value, atoms, orders)
        self._orders: Final = taken if work.take(_writing_units(atoms)) else {}
        if not self._orders:
            atoms.clear()
        self._escapes: Final = _distinct(STRING_FORMS, atoms, lambda atom: not isinstance(atom, JsonNumber))
        self._numbers: Final = _distinct(
            (("", str), *NUMBER_FORMS), atoms, lambda atom: isinstance(atom, JsonNumber) and atom not in JSON_WORDS
        )
        self._glue: Final[dict[tuple[_Spacing, str], list[str]]] = {}
        self._layouts: Final = [
            _Layout(spacing, escape, order)
            for order in self._orders
            for escape in self._escapes
            for spacing in _SPACINGS
        ]

    def layouts(self) -> Iterator[Variant[bytes]]:
        """The same value in another layout: one change."""
        for layout in self._layouts:
            written = self._write(layout, "")
            if written is None:
                return
            yield Variant(written, (_layout_change(layout),))

    def numbers(self) -> Iterator[Variant[bytes]]:
        """The numbers written otherwise, in the layout as received: one change."""
        own = [layout for layout in self._layouts if not layout.order and self._is_own(layout)]
        for words in filter(None, self._numbers):
            for layout in own[:1]:
                written = self._write(layout, words)
                if written is not None:
                    yield Variant(written, (_numbers_change(words),))

    def layouts_and_numbers(self) -> Iterator[Variant[bytes]]:
        """Both: two changes."""
        for words in filter(None, self._numbers):
            for layout in self._layouts:
                if not layout.order:
                    written = self._write(layout, words)
                    if written is None:
                        return
                    yield Variant(written, (_layout_change(layout), _numbers_change(words)))

    def _is_own(self, layout: _Layout) -> bool:
        return self._write(layout, "") == self._received

    def _glue_of(self, layout: _Layout) -> list[str] | None:
        glue = self._glue.get((layout.spacing, layout.order))
        if glue is None:
            glue = self._orders[layout.order].spaced(layout.spacing, self._work)
            if glue is not None:
                self._glue[layout.spacing, layout.order] = glue
        return glue

    def _write(self, layout: _Layout, numbers: str) -> bytes | None:
        """The value in one form; None when it cannot be paid for."""
        taken, glue = self._orders[layout.order], self._glue_of(layout)
        strings, rewritten = self._escapes[layout.escape], self._numbers[numbers]
        # The octets are paid for by whoever looks at them; here, what it takes to put them together.
        if glue is None or not self._work.take(STEP_UNITS + _ATOM_UNITS * (len(strings) + len(glue))):
            return None
        table = [string or number or "" for string, number in zip(strings, rewritten, strict=True)]
        woven = [""] * (2 * len(taken.atoms) + 1)
        woven[0::2] = glue
        woven[1::2] = map(table.__getitem__, taken.atoms)
        written = "".join(woven).encode("utf-8", "surrogatepass")
        return written if self._work.take(_WRITTEN_UNITS * len(written)) else None


def _taking_units(body: bytes, orders: int) -> int:
    """What it takes to take a text apart: each of its values, once for each order."""
    values = body.count(b",") + body.count(b":") + body.count(b"[") + body.count(b"{") + 1
    return STEP_UNITS + _PARSED_OCTET_UNITS * len(body) + _VALUE_UNITS * values * orders


def _writing_units(atoms: Mapping[str, int]) -> int:
    """What it takes to write each different atom in every form."""
    numbers = sum(isinstance(atom, JsonNumber) for atom in atoms)
    escaped = sum(escaped_in(atom) for atom in atoms if not isinstance(atom, JsonNumber))
    strings = _STRING_UNITS * (len(atoms) - numbers) + _ESCAPED_UNITS * escaped + sum(map(len, atoms))
    return len(STRING_FORMS) * strings + len(NUMBER_FORMS) * _VALUE_UNITS * numbers


def _take_orders(value: Any, atoms: dict[str, int], orders: Sequence[_Order]) -> dict[str, _Taken]:  # Any: JSON
    found: dict[str, _Taken] = {}
    for words, order in orders:
        taken = _Taken(value, order, atoms)
        if len(taken.atoms) > ATOMS_MAX:
            return {}
        if taken.atoms not in [other.atoms for other in found.values()]:
            found[words] = taken
    return found


def _distinct(
    writers: Sequence[tuple[str, Callable[[str], str]]], atoms: Mapping[str, int], mine: Callable[[str], bool]
) -> dict[str, list[str | None]]:
    """How each writer writes its kind of atoms, by number; writers that write all of them alike are one."""
    found: dict[str, list[str | None]] = {}
    for words, write in writers:
        written = [write(atom) if mine(atom) else str(atom) if atom in JSON_WORDS else None for atom in atoms]
        if written not in found.values():
            found[words] = written
    return found


def _parse(body: bytes) -> Any:  # Any: JSON
    try:
        value = json.loads(
            body.removeprefix(_BOM).decode("utf-8"),
            parse_int=JsonNumber,
            parse_float=JsonNumber,
            parse_constant=_refuse,
            object_pairs_hook=_Members,
        )
        return _plain(value, 0)
    except (ValueError, RecursionError):
        return None


def _refuse(name: str) -> str:
    raise ValueError(name)


def _plain(value: Any, depth: int) -> Any:  # Any: JSON
    if depth > DEPTH_MAX:
        raise ValueError("nested too deep")
    if isinstance(value, _Members):
        return _Members([(name, _plain(inner, depth + 1)) for name, inner in value.pairs])
    if isinstance(value, list):
        return [_plain(inner, depth + 1) for inner in value]
    if isinstance(value, str):
        return value
    return JsonNumber("null" if value is None else str(value).lower())


def _layout_change(layout: _Layout) -> Change:
    details = [words for words in (layout.order, layout.escape) if words]
    words = ", ".join([f"the body is JSON {layout.spacing.words}", *details])
    return Change(
        "body.json",
        f"{words}: something parsed it and wrote it again",
        RAW_BODY_CURE,
    )


def _numbers_change(words: str) -> Change:
    return Change(
        "body.json.numbers",
        f"the numbers in the JSON are other: {words}; something parsed the body and wrote it again",
        RAW_BODY_CURE,
    )
