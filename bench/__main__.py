"""`python -m bench [--quick] [--rows a,b]`: measure, print, write `docs/benchmarks.md`; 1 when a gate is missed."""

import argparse
import importlib
import sys
import time
from typing import Final, Protocol, cast

from bench.measure import Line, Verdict
from bench.page import write_section
from rich.console import Console
from rich.table import Table

ROWS: Final = (
    "apikey_warm",
    "guarded_routes",
    "cold_key",
    "unknown_id",
    "million_keys",
    "driver",
    "warm_memory",
    "revoked_memory",
    "revoke",
    "revoke_stream",
    "jwt_verify",
    "jwt_seen",
    "jwt_warm",
    "jwt_refuse",
    "signatures",
    "webhooks",
    "explaining_beside",
)


class _Row(Protocol):
    """What each file of `bench/` that measures something offers."""

    TITLE: str
    NOTE: str

    def measure(self, *, rounds: int) -> list[Line]:
        """Measure with so many rounds."""
        ...


def _measure(name: str, *, rounds: int, quick: bool, console: Console) -> bool:
    """Measure one row, print and write it; whether no gate was missed."""
    # The module has what the protocol says; a module is not an instance of it to the type checker.
    row = cast("_Row", importlib.import_module(f"bench.{name}"))
    console.print(f"[bold]{row.TITLE}[/]")
    began = time.monotonic()
    lines = row.measure(rounds=rounds)
    table = Table("what", "figure", "gate", "", box=None, pad_edge=False)
    for line in lines:
        style = "red" if line.verdict is Verdict.MISSED else ""
        table.add_row(line.work, line.figure.replace("[", "\\["), line.gate, str(line.verdict), style=style)
    console.print(table)
    console.print(f"[dim]{time.monotonic() - began:.0f} s[/]\n")
    write_section(name, row.TITLE, row.NOTE, lines, quick=quick, order=ROWS)
    return all(line.verdict is not Verdict.MISSED for line in lines)


def main(arguments: list[str]) -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds: for a first look, not for a claim")
    parser.add_argument("--rows", default=",".join(ROWS), help="comma-separated: " + ", ".join(ROWS))
    options = parser.parse_args(arguments)
    unknown = set(options.rows.split(",")) - set(ROWS)
    if unknown:
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    console = Console(highlight=False)
    met = [
        _measure(name, rounds=6 if options.quick else 20, quick=options.quick, console=console)
        for name in options.rows.split(",")
    ]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
