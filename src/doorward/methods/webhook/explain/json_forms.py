"""JSON written again: the same value as other serialisers write it.

A text is taken apart once, into atoms (names, strings, numbers) and the glue between them; every form then is two
lists woven together, so that hundreds of forms of a hundred kilobytes cost milliseconds each.

What cannot be undone is not tried: the order of keys that something has sorted, the digits of a number that something
has rounded.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, TypeAlias, final

from doorward.methods.webhook.explain.change import RAW_BODY_CURE, Change, Variant
from doorward.methods.webhook.explain.json_writing import JSON_WORDS, NUMBER_FORMS, STRING_FORMS, JsonNumber

__all__ = ["JsonForms"]

DEPTH_MAX: Final = 100
"""How deep JSON may be nested for its forms to be tried."""
ATOMS_MAX: Final = 200_000
"""How many names and values it may hold."""

_BOM: Final = b"\xef\xbb\xbf"


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

_ORDERS: Final[tuple[tuple[str, Callable[[_Pairs], _Pairs]], ...]] = (
    ("", lambda pairs: pairs),
    ("sorted keys", lambda pairs: sorted(pairs, key=lambda pair: pair[0])),
    ("keys sorted by length, as a jsonb column keeps them", lambda pairs: sorted(pairs, key=_by_length)),
)


def _by_length(pair: tuple[str, object]) -> tuple[int, bytes]:
    name = pair[0].encode("utf-8", "surrogatepass")
    return len(name), name


@final
class _Taken:
    """A value taken apart in one order and spacing: `glue[0] atom[0] glue[1] … glue[n]`."""

    def __init__(self, spacing: _Spacing, order: Callable[[_Pairs], _Pairs]) -> None:
        self.atoms: Final[list[str]] = []
        self.glue: Final[list[str]] = []
        self._spacing: Final = spacing
        self._order: Final = order
        self._pending: list[str] = []

    def take(self, value: Any) -> None:  # Any: JSON
        self._walk(value, 0)
        self.glue.append("".join(self._pending))

    def _line(self, depth: int) -> str:
        return "" if self._spacing.indent is None else "\n" + self._spacing.indent * depth

    def _atom(self, atom: str) -> None:
        self.glue.append("".join(self._pending))
        self._pending = []
        self.atoms.append(atom)

    def _walk(self, value: Any, depth: int) -> None:  # Any: JSON
        if isinstance(value, _Members):
            self._block("{}", [(name, inner) for name, inner in self._order(value.pairs)], depth)
        elif isinstance(value, list):
            self._block("[]", [(None, inner) for inner in value], depth)
        else:
            self._atom(value)

    def _block(self, brackets: str, inner: list[tuple[str | None, Any]], depth: int) -> None:  # Any: JSON
        if not inner:
            self._pending.append(brackets)
            return
        self._pending.append(brackets[0])
        for place, (name, value) in enumerate(inner):
            self._pending.append((self._spacing.comma if place else "") + self._line(depth + 1))
            if name is not None:
                self._atom(name)
                self._pending.append(self._spacing.colon)
            self._walk(value, depth + 1)
        self._pending.append(self._line(depth) + brackets[1])


class _Layout(NamedTuple):
    spacing: str
    escape: str
    order: str


@final
class JsonForms:
    """Other ways to write the JSON in a body, the likeliest first; none when it is no JSON.

    Args:
        body: as received.
    """

    def __init__(self, body: bytes) -> None:
        value = _parse(body)
        self._received: Final = body.removeprefix(_BOM)
        self._taken: Final = {} if value is None else _take_all(value)
        atoms = next(iter(self._taken.values())).atoms if self._taken else []
        texts: set[str] = {atom for atom in atoms if not isinstance(atom, JsonNumber)}
        numbers: set[str] = {atom for atom in atoms if isinstance(atom, JsonNumber) and atom not in JSON_WORDS}
        self._tables: Final = _distinct_tables(STRING_FORMS, texts)
        self._numbers: Final = _distinct_tables((("", str), *NUMBER_FORMS), numbers)
        orders = dict.fromkeys(order for _, order in self._taken)
        self._layouts: Final = [
            _Layout(spacing.words, escape, order)
            for order in orders
            for escape in self._tables
            for spacing in _SPACINGS
        ]

    def layouts(self) -> Iterator[Variant[bytes]]:
        """The same value in another layout: one change."""
        for layout in self._layouts:
            yield Variant(self._write(layout, ""), (_layout_change(layout),))

    def numbers(self) -> Iterator[Variant[bytes]]:
        """The numbers written otherwise, in the layout as received: one change."""
        return (form for form in self._rewritten() if len(form.changes) == 1)

    def layouts_and_numbers(self) -> Iterator[Variant[bytes]]:
        """Both: two changes."""
        return (form for form in self._rewritten() if len(form.changes) == 2)

    def _rewritten(self) -> Iterator[Variant[bytes]]:
        own = {layout for layout in self._layouts if self._write(layout, "") == self._received}
        for words in self._numbers:
            if words:
                for layout in self._layouts:
                    change = _numbers_change(words)
                    changes = (change,) if layout in own else (_layout_change(layout), change)
                    yield Variant(self._write(layout, words), changes)

    def _write(self, layout: _Layout, numbers: str) -> bytes:
        taken = self._taken[layout.spacing, layout.order]
        table = {**self._tables[layout.escape], **self._numbers[numbers]}
        woven = [""] * (2 * len(taken.atoms) + 1)
        woven[0::2] = taken.glue
        woven[1::2] = [table.get(atom, atom) for atom in taken.atoms]
        return "".join(woven).encode("utf-8", "surrogatepass")


def _take_all(value: Any) -> "dict[tuple[str, str], _Taken]":  # Any: JSON
    found: dict[tuple[str, str], _Taken] = {}
    as_received = _take(value, _SPACINGS[0], _ORDERS[0][1]).atoms
    if len(as_received) > ATOMS_MAX:
        return {}
    for words, order in _ORDERS:
        if words and _take(value, _SPACINGS[0], order).atoms == as_received:
            continue
        for spacing in _SPACINGS:
            found[spacing.words, words] = _take(value, spacing, order)
    return found


def _distinct_tables(
    writers: tuple[tuple[str, Callable[[str], str]], ...], atoms: set[str]
) -> dict[str, dict[str, str]]:
    """How each writer writes each atom; writers that write all of them alike are one."""
    tables: dict[str, dict[str, str]] = {}
    for words, write in writers:
        table = {atom: write(atom) for atom in atoms}
        if table not in tables.values():
            tables[words] = table
    return tables


def _take(value: object, spacing: _Spacing, order: Callable[[_Pairs], _Pairs]) -> _Taken:
    taken = _Taken(spacing, order)
    taken.take(value)
    return taken


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
    words = ", ".join([f"the body is JSON {layout.spacing}", *details])
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
