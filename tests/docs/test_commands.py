"""Every `doorward …` a page shows is a command there is, with options it has, whether the block is run or not."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from typer.core import TyperCommand, TyperGroup

from doorward.cli.root import GROUPS, load_command

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_FENCE: Final = re.compile(r"^```(?:sh|text|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINE: Final = re.compile(r"^\s*(?:\$ )?doorward ([^#\n]*)", re.MULTILINE)
_INLINE: Final = re.compile(r"`doorward ([^`]*)`")
_WORD: Final = re.compile(r"[a-z][a-z-]*")
_OPTION: Final = re.compile(r"(?<!\S)--[a-z-]+")


def shown(text: str) -> Iterator[str]:
    """What follows the word `doorward`, in blocks and within lines."""
    for block in _FENCE.findall(text):
        yield from _LINE.findall(block)
    # A sentence may list several: `doorward init | serve`, `db upgrade|backup`.
    for inline in _INLINE.findall(text):
        if "|" not in inline and "…" not in inline.split()[0]:
            yield inline.replace("\n", " ")


def problem_of(line: str) -> str:
    """What is wrong with a command line; empty when nothing is."""
    words = line.split()
    if not words or words[0].startswith("-"):
        return ""
    if words[0] not in GROUPS:
        return f"there is no `doorward {words[0]}`"
    command: TyperCommand | TyperGroup = load_command(words[0])
    for word in words[1:]:
        if not isinstance(command, TyperGroup) or not _WORD.fullmatch(word):
            break
        found = command.commands.get(word)
        if found is None:
            return f"`doorward {words[0]}` has no `{word}`"
        assert isinstance(found, TyperCommand | TyperGroup)
        command = found
    if isinstance(command, TyperGroup):
        return ""
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    unknown = set(_OPTION.findall(line)) - known - {"--help"}
    return f"`doorward {line.strip()}` has no {', '.join(sorted(unknown))}" if unknown else ""


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_command_that_is_shown_can_be_typed(path: Path) -> None:
    assert [problem for line in shown(path.read_text()) if (problem := problem_of(line))] == []


@pytest.mark.parametrize("line", ["kays list", "keys lst", "keys rotate x --over 0", "init --replace"])
def test_the_check_sees_what_cannot_be_typed(line: str) -> None:
    assert problem_of(line)


def test_the_check_sees_what_can() -> None:
    for line in ("init", "keys rotate ID --overlap 0 --because leaked", "keys", "serve --dev", "--version"):
        assert not problem_of(line)
    assert list(shown("a `doorward keys\nlist` and\n```sh\n$ doorward init # x\n```\n")) == ["init ", "keys list"]
