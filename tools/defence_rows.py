"""The rows of `tests/defences/*.toml`: read, and checked as far as reading goes."""

import ast
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["Row", "find_problems", "read_rows"]

_FIELDS: Final = frozenset({"name", "attack", "file", "find", "replace", "test"})


class Row(NamedTuple):
    """One defence. See `tests/defences.toml`."""

    origin: str
    name: str
    attack: str
    file: str
    find: str
    replace: str
    test: str


def read_rows(root: Path) -> tuple[list[Row], list[str]]:
    """Every row under `root`, and what is wrong with the files themselves."""
    rows: list[Row] = []
    problems: list[str] = []
    for path in [root / "tests/defences.toml", *sorted((root / "tests/defences").glob("*.toml"))]:
        for number, raw in enumerate(tomllib.loads(path.read_text()).get("defence", []), start=1):
            if raw.keys() != _FIELDS:
                problems.append(f"{path.name}, row {number}: needs exactly {', '.join(sorted(_FIELDS))}")
                continue
            rows.append(Row(path.stem, **raw))
    times = Counter(row.name for row in rows)
    problems += [f"{count} rows are named: {name}" for name, count in times.items() if count > 1]
    return rows, problems


def _defines(source: str, names: list[str]) -> bool:
    """Whether a test file defines `names`: a function, or a class and a function in it."""
    body: list[ast.stmt] = ast.parse(source).body
    for name in names:
        found = next(
            (
                node
                for node in body
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == name
            ),
            None,
        )
        if found is None:
            return False
        body = found.body
    return True


def _compiles(source: str) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def find_problems(root: Path, row: Row) -> Iterator[str]:
    """What keeps a row from meaning anything, seen without running it."""
    source = root / row.file
    if not source.is_file():
        yield f"there is no {row.file}"
        return
    text = source.read_text()
    times = text.count(row.find)
    if times != 1:
        yield f"`find` occurs {times} times in {row.file}"
    elif row.find == row.replace:
        yield "`replace` changes nothing"
    elif not _compiles(text.replace(row.find, row.replace)):
        yield f"{row.file} does not compile with the replacement"
    path, *names = row.test.partition("[")[0].split("::")
    if not (root / path).is_file():
        yield f"there is no {path}"
    elif not names or not _defines((root / path).read_text(), names):
        yield f"{path} has no {'::'.join(names)}"
