"""What people and programs see: tables for the first, JSON for the second, never both.

* Data goes to stdout, everything said about it to stderr; so a pipe or a file gets the data alone.
* With `--json` one object is one line; a list is JSON Lines. Only ASCII leaves (C1 controls travel escaped too).
* Text from outside is neutralised (`text.py`) and never read as markup.
* Ids never wrap and are never cut; names give way first. Where that is not enough, each row is a block of lines.
"""

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias, final

import msgspec
from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from doorward.cli.text import printable

__all__ = ["Cell", "Column", "Output", "styled"]

_NARROWEST: Final = 4
_QUOTED: Final = re.compile("`(doorward [^`]+)`")
_WIDE: Final = 400
"""Columns for a pipe: nothing is cut for `grep`."""

# Made once: ten thousand answers are nothing unusual.
_encode: Final = json.JSONEncoder(ensure_ascii=True, separators=(", ", ": ")).encode

Cell: TypeAlias = "str | Text | None"


@final
class Column(msgspec.Struct, frozen=True):
    """A column of a table. `fixed` ones (ids, states, times) keep their width; the others give way."""

    title: str
    fixed: bool = False
    right: bool = False


def styled(text: str, style: str) -> Text:
    """Text in a style, neutralised."""
    return Text(printable(text), style=style)


@final
class Output:
    """Where a command writes.

    Args:
        as_json: write for programs.
        dev: commands that are told of are to be typed with `--dev`, like this one.
    """

    def __init__(self, *, as_json: bool, dev: bool = False) -> None:
        self.as_json: Final = as_json
        self._dev: Final = dev
        for stream in (sys.stdout, sys.stderr):
            # A terminal of a small character set must not turn a name into an exception.
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        self._out: Final = _console(stderr=False)
        self._err: Final = _console(stderr=True)

    def json(self, value: Mapping[str, Any]) -> None:  # Any: JSON
        """One object on one line of stdout."""
        sys.stdout.write(_encode(value) + "\n")

    def flush(self) -> None:
        """Hand on what was written so far: a pipe would keep it until it has a block or the process ends."""
        sys.stdout.flush()

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[Cell]], *, empty: str) -> None:
        """A table on stdout; with no rows, `empty` on stderr."""
        if not rows:
            self.note(empty)
            return
        cells = [[_cell(cell) for cell in row] for row in rows]
        widths = _fit(columns, cells, self._out.width)
        if sum(widths) + 2 * (len(widths) - 1) > self._out.width:
            self._blocks(columns, cells)
            return
        table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), border_style="dim")
        for column, width in zip(columns, widths, strict=True):
            justify: JustifyMethod = "right" if column.right else "left"
            table.add_column(column.title, no_wrap=True, overflow="ellipsis", width=width, justify=justify)
        for row_cells in cells:
            table.add_row(*row_cells)
        self._out.print(table, crop=False, no_wrap=True)

    def _blocks(self, columns: Sequence[Column], cells: Sequence[Sequence[Text]]) -> None:
        """A table for a terminal that is narrower than its ids: a cut id could not be used."""
        for place, row in enumerate(cells):
            if place:
                self._out.print()
            self.facts([(column.title, cell) for column, cell in zip(columns, row, strict=True)])

    def facts(self, facts: Sequence[tuple[str, Cell]], *, to_stderr: bool = False) -> None:
        """What is known of one thing, a line each; facts without a value are left out."""
        told = [(name, value) for name, value in facts if value is not None and value != ""]
        widest = max((len(name) for name, _ in told), default=0)
        for name, value in told:
            line = Text.assemble((name.ljust(widest + 2), "dim"), _cell(value))
            _print_words(self._err if to_stderr else self._out, line, indent=widest + 2)

    def secret(self, text: str) -> None:
        """A secret, once, alone on its line of stdout and never folded: a double click takes all of it."""
        sys.stderr.flush()
        self._out.print(Text(text, style="bold green", no_wrap=True), soft_wrap=True)
        sys.stdout.flush()

    def heading(self, text: str) -> None:
        """A line above what follows, on stdout."""
        self._out.print(Text(printable(text), style="bold"))

    def finding(self, what: str, why: str, cure: str, *, to_stderr: bool = False) -> None:
        """One thing that is wrong: what, why it matters, what to do."""
        console = self._err if to_stderr else self._out
        console.print(Text.assemble(("✗ ", "bold red"), (printable(what), "bold")))
        console.print(Padding(Text(printable(why)), (0, 0, 0, 2), expand=False))
        console.print(Padding(Text.assemble(("→ ", "green"), printable(cure)), (0, 0, 0, 2), expand=False))
        console.print()

    def verdict(self, text: str, *, good: bool) -> None:
        """The answer to a question that was asked, on stdout."""
        mark = ("✓ ", "bold green") if good else ("✗ ", "bold red")
        _print_words(self._out, Text.assemble(mark, printable(text)), indent=2)

    def done(self, text: str) -> None:
        """What was done, on stderr."""
        _print_words(self._err, Text.assemble(("✓ ", "bold green"), printable(self._told(text))), indent=2)

    def warn(self, text: str) -> None:
        """What deserves a second look, on stderr."""
        _print_words(self._err, Text.assemble(("! ", "bold yellow"), printable(self._told(text))), indent=2)

    def note(self, text: str = "") -> None:
        """What people should know, on stderr."""
        _print_words(self._err, Text(printable(self._told(text))) if text else Text(), indent=0)

    def command(self, *lines: str) -> None:
        """Lines to copy into a shell, indented, on stderr, never folded."""
        for line in lines:
            typed = _under_dev(line) if self._dev else line
            self._err.print(Text("  " + printable(typed), style="cyan", no_wrap=True), soft_wrap=True)

    def _told(self, text: str) -> str:
        return _QUOTED.sub(lambda found: f"`{_under_dev(found[1])}`", text) if self._dev else text


def _under_dev(line: str) -> str:
    """A command of ours as it is typed beside a development server: otherwise it works on another database."""
    if not line.startswith("doorward ") or " --dev" in line:
        return line
    command, redirected, file = line.partition(" < ")
    return f"{command} --dev{redirected}{file}"


def _print_words(console: Console, text: Text, *, indent: int) -> None:
    """One line, or several that begin below the first after `indent` columns.

    Lines end between words only: a folded id or path could not be copied whole. What is no terminal gets one line.
    """
    width = console.width - indent
    if not console.is_terminal or text.cell_len <= console.width or width < _NARROWEST:
        console.print(text, soft_wrap=True)
        return
    first, rest = text[:indent], text[indent:]
    for line in rest.divide(_line_ends(rest.plain, width)):
        line.rstrip()
        console.print(Text.assemble(first, line), soft_wrap=True)
        first = Text(" " * indent)


def _line_ends(plain: str, width: int) -> list[int]:
    """Where lines of at most `width` columns end, between words; a longer word has a line to itself.

    Parameters that follow each other without a space (`;created=1;keyid="a"`) are words of their own.
    """
    ends: list[int] = []
    begun = 0
    for word in re.finditer(r"[^\s;]*;|[^\s;]+", plain):
        if word.start() > begun and cell_len(plain[begun : word.end()]) > width:
            begun = word.start()
            ends.append(begun)
    return ends


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    wide = None if stream.isatty() or "COLUMNS" in os.environ else _WIDE
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False, width=wide)


def _cell(cell: Cell) -> Text:
    if isinstance(cell, Text):
        return cell
    return Text("-", style="dim") if cell is None else Text(printable(cell))


def _fit(columns: Sequence[Column], cells: Sequence[Sequence[Text]], width: int) -> list[int]:
    """How wide each column is: what it needs; where that is too much, the ones that may give way share what is left."""
    widths = [max([len(column.title), *(row[place].cell_len for row in cells)]) for place, column in enumerate(columns)]
    giving = sorted(
        (place for place, column in enumerate(columns) if not column.fixed), key=lambda place: widths[place]
    )
    left = width - 2 * (len(columns) - 1) - sum(widths[place] for place, column in enumerate(columns) if column.fixed)
    for still, place in zip(range(len(giving), 0, -1), giving, strict=True):
        widths[place] = min(widths[place], max(left // still, _NARROWEST))
        left -= widths[place]
    return widths
