"""`docs/benchmarks.md`: one section a row, so that one row can be measured anew and the others stay."""

import datetime as dt
import os
import platform
import re
import sqlite3
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

from bench.measure import Line

__all__ = ["HEAD", "PAGE", "describe_machine", "replace_section", "write_section"]

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
HEAD: Final = """# Benchmarks

<!-- Written by `make bench`. -->

`make bench` measures all of this (`make bench ROWS=apikey_warm` one section, `QUICK=1` fewer rounds). Both sides of a
comparison take turns, at least 20 rounds; a figure is the median over the rounds with its 95 % interval (order
statistics, no assumption about the noise). Ratios are taken within a round. Absolute figures do not travel to other
machines; ratios mostly do. A gate is *met* or *missed* when the whole interval says so.
"""
_PACKAGES: Final = ("uvicorn", "uvloop", "fastapi", "starlette", "sqlalchemy", "asyncpg", "aiosqlite", "msgspec")


def describe_machine() -> str:
    """Processor, interpreter and versions, in one line each."""
    model = "unknown processor"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = re.findall(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), re.MULTILINE)
        model = names[0] if names else model
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    python = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {packages}"
    return f"{os.cpu_count()} cores of {model}, {platform.system()} {platform.release()}; {python}"


def _commit() -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    done = subprocess.run(command, cwd=PAGE.parent, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "no commit"


def replace_section(page: str, name: str, section: str, order: Sequence[str]) -> str:
    """The page with the section of that name replaced or added; sections stay in `order`."""
    pieces = re.split(r"^<!-- row: (\w+) -->\n", page, flags=re.MULTILINE)
    sections = {key: body.strip("\n") for key, body in zip(pieces[1::2], pieces[2::2], strict=True)}
    sections[name] = section.strip("\n")
    kept = [key for key in order if key in sections]
    return HEAD + "".join(f"\n<!-- row: {key} -->\n{sections[key]}\n" for key in kept)


def write_section(name: str, title: str, note: str, lines: Sequence[Line], *, quick: bool, order: Sequence[str]) -> str:
    """Put a measured section into the page; answers the section."""
    today = dt.datetime.now(dt.UTC).date().isoformat()
    table = "".join(f"| {line.work} | {line.figure} | {line.gate} | {line.verdict} |\n" for line in lines)
    quickly = " QUICK=1" if quick else ""
    section = (
        f"## {title}\n\n{note}\n\n| what | figure | gate | |\n|---|---|---|---|\n{table}\n"
        f"`make bench ROWS={name}{quickly}`, {today}, commit {_commit()}; {describe_machine()}\n"
    )
    page = PAGE.read_text() if PAGE.exists() else HEAD
    PAGE.write_text(replace_section(page, name, section, order))
    return section
