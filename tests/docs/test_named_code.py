"""What a document says about the code is there: every named file, symbol and test.

Files are written as code, from `src/doorward/` or from the root; symbols follow their file after a colon
(`door/door.py: Door.admit`), tests as `tests/….py::test_…`.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_CODE: Final = re.compile(r"(?<!`)`([^`]+)`(?!`)", re.DOTALL)
_FENCE: Final = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_NAMED: Final = re.compile(r"([\w./-]+\.(?:py|toml|md|txt))(?:(::|: )([\w.:, ]+))?")


def _find(name: str) -> Path | None:
    for base in (ROOT, ROOT / "src" / "doorward"):
        if (base / name).exists():
            return base / name
    return None


@cache
def _symbols(path: Path) -> frozenset[str]:
    return frozenset(_defined(ast.parse(path.read_text()).body, ""))


def _defined(body: list[ast.stmt], owner: str) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield owner + node.name
            yield from _defined(node.body, f"{owner}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield owner + node.name
        elif isinstance(node, ast.AnnAssign | ast.Assign):
            targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
            yield from (owner + target.id for target in targets if isinstance(target, ast.Name))


def _missing(text: str) -> Iterator[str]:
    for code in _CODE.findall(_FENCE.sub("", text)):
        named = _NAMED.fullmatch(" ".join(code.split()))
        # A bare file name is a word ("every method has a `verify.py`"); with a folder or a symbol it is a place.
        if named is None or ("/" not in named[1] and not named[3]):
            continue
        path = _find(named[1])
        if path is None:
            yield named[1]
        elif named[3]:
            symbols = [symbol.strip().replace("::", ".") for symbol in named[3].split(",")]
            yield from (f"{named[1]}: {symbol}" for symbol in symbols if symbol not in _symbols(path))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_page_names_is_there(path: Path) -> None:
    assert list(_missing(path.read_text())) == []


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("`errors.py: REFUSALS`", []),
        ("`door/door.py:\nDoor.admit, Door`", []),
        ("`errors.py: NO_SUCH`", ["errors.py: NO_SUCH"]),
        ("`no/such.py`", ["no/such.py"]),
        ("`tests/docs/test_named_code.py::test_what_a_page_names_is_there`", []),
        ("`tests/docs/test_named_code.py::test_other`", ["tests/docs/test_named_code.py: test_other"]),
    ],
)
def test_the_check_sees_what_is_missing(text: str, missing: list[str]) -> None:
    assert list(_missing(text)) == missing
