"""Takes out every defence, one at a time, in a scratch copy, and demands that its test goes red.

`python -m tools.defences [--list] [--tested] [--only TEXT]`. The rows are in `tests/defences/*.toml`, their format is
in `tests/defences.toml`. Coverage says that a line ran; this says that a test would miss it.
"""

import argparse
import compileall
import json
import os
import py_compile
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Final, NamedTuple

from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from tools.defence_rows import Row, find_problems, read_rows

__all__ = ["Result", "main", "take_out"]

ROOT: Final = Path(__file__).resolve().parent.parent
_COPIED: Final = (
    "src",
    "tests",
    "tools",
    "examples",
    "bench",
    "fuzz",
    "docs",
    "pyproject.toml",
    "README.md",
    "requirements",
)
_WORKERS: Final = 2
_ROW_S_MAX: Final = 60


class Result(NamedTuple):
    """How a row ended; `problem` is empty when the test went red as it must."""

    row: Row
    problem: str
    took_s: float


def _copy_tree(target: Path) -> None:
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc", "*.db*", ".*")
    for name in _COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=ignore)
        elif source.exists():
            shutil.copy2(source, target / name)
    # Compiled by content: a file patched and restored within one second has the same time and may have the same size.
    mode = py_compile.PycInvalidationMode.CHECKED_HASH
    compileall.compile_dir(target / "src", quiet=2, invalidation_mode=mode)


def _probe(folder: Path, tests: list[str], within_s: float) -> dict[str, list[str]]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(folder / "src"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    environment.setdefault("DOORWARD_VECTORS", str(ROOT.parent / "shared" / "vectors"))
    command = [sys.executable, str(ROOT / "tools" / "defence_probe.py"), *tests]
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=within_s, check=False
        )
    except subprocess.TimeoutExpired:
        return {"failed": [], "broken": [f"the test did not end within {within_s:.0f} s"]}
    lines = done.stdout.strip().splitlines()
    if not lines or not lines[-1].startswith("{"):
        return {"failed": [], "broken": [done.stderr[-300:]]}
    found: dict[str, list[str]] = json.loads(lines[-1])
    return found


@contextmanager
def _without(folder: Path, row: Row) -> Iterator[None]:
    path = folder / row.file
    before = path.read_text()
    path.write_text(before.replace(row.find, row.replace))
    try:
        yield
    finally:
        path.write_text(before)


def take_out(folder: Path, row: Row) -> Result:
    """Take one defence out of the copy in `folder`, run its test there, put the defence back."""
    started = time.monotonic()
    with _without(folder, row):
        outcome = _probe(folder, [row.test], _ROW_S_MAX)
    problem = ""
    if outcome["broken"]:
        problem = f"broke instead of failing: {outcome['broken'][0]}"
    elif not outcome["failed"]:
        problem = f"still green: {row.test}"
    return Result(row, problem, time.monotonic() - started)


def _run_rows(rows: list[Row], console: Console, *, tested: bool) -> list[Result]:
    with tempfile.TemporaryDirectory(prefix="doorward-defences-") as scratch:
        free: SimpleQueue[Path] = SimpleQueue()
        for number in range(_WORKERS):
            folder = Path(scratch) / str(number)
            folder.mkdir()
            _copy_tree(folder)
            free.put(folder)
        if not tested:
            outcome = _probe(Path(scratch) / "0", sorted({row.test for row in rows}), 600)
            if outcome["broken"] or outcome["failed"]:
                console.print("[red]Not all tests are green with every defence in place; make them so first:[/]")
                console.print((outcome["broken"] + outcome["failed"])[0], markup=False)
                raise SystemExit(1)

        def work(row: Row) -> Result:
            folder = free.get()
            try:
                return take_out(folder, row)
            finally:
                free.put(folder)

        results: list[Result] = []
        with Progress(console=console, transient=True) as progress, ThreadPoolExecutor(_WORKERS) as pool:
            task = progress.add_task("taking out defences", total=len(rows))
            for future in as_completed([pool.submit(work, row) for row in rows]):
                results.append(future.result())
                progress.advance(task)
        return results


def _report(results: list[Result], console: Console) -> None:
    table = Table("room", "defences", "red", "slowest", box=None)
    for origin in sorted({result.row.origin for result in results}):
        mine = [result for result in results if result.row.origin == origin]
        red = sum(not result.problem for result in mine)
        table.add_row(origin, str(len(mine)), str(red), f"{max(result.took_s for result in mine):.1f} s")
    console.print(table)
    for result in results:
        if result.problem:
            console.print(f"{result.row.origin}: {result.row.name}\n    {result.problem}", style="red", markup=False)


def main(arguments: list[str]) -> int:
    """0 when every defence is missed by its test once it is gone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true", help="check the rows and print them; run nothing")
    parser.add_argument("--tested", action="store_true", help="the tests are known to be green as things stand")
    parser.add_argument("--only", default="", metavar="TEXT", help="rows whose room, name or test contains TEXT")
    options = parser.parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    rows, problems = read_rows(ROOT)
    rows = [row for row in rows if options.only in f"{row.origin} {row.name} {row.test}"]
    problems += [f"{row.origin}: {row.name}: {problem}" for row in rows for problem in find_problems(ROOT, row)]
    for problem in problems:
        console.print(problem, style="red", markup=False)
    if problems:
        return 1
    if options.list:
        for row in rows:
            console.print(f"{row.origin}: {row.name} ({row.file})", markup=False)
        return 0
    if not rows:
        console.print("no defences to take out")
        return 0
    started = time.monotonic()
    results = _run_rows(rows, console, tested=options.tested)
    _report(results, console)
    green = sum(bool(result.problem) for result in results)
    console.print(f"{len(rows)} defences taken out in {time.monotonic() - started:.0f} s, {green} not missed")
    return 1 if green else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
