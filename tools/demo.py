"""A guarded API, toured over real HTTP: `make demo`, or `python -m tools.demo [--once] [--folder DIR]`.

Starts `doorward serve --dev` on SQLite in a fresh folder and `examples/orders.py` beside it, makes credentials through
the management API, asks everything in `demo_tour.py`, and shows what was answered. Stays up until Ctrl-C; with
`--once` it ends after the tour: 0 when every answer was what it should be, 1 when one was not.
"""

import argparse
import json
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

import httpx2
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text
from tools.demo_credentials import Credentials, make_credentials
from tools.demo_processes import DemoFailed, Processes, find_port, wait_until_up
from tools.demo_tour import Outcome, cases_for, revoke_in_use, take_tour

__all__ = ["main"]

ROOT: Final = Path(__file__).resolve().parent.parent
_MARK: Final = ".doorward-demo"


class _Stage(NamedTuple):
    """Everything that runs, and what was made."""

    doorward: str
    orders: str
    admin_key: str
    made: Credentials
    database: Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; answers the exit code."""
    parser = argparse.ArgumentParser(prog="demo", description=__doc__.partition("\n")[0])
    parser.add_argument("--once", action="store_true", help="end after the tour")
    parser.add_argument("--folder", type=Path, default=ROOT / ".demo", help="made anew (default: .demo)")
    chosen = parser.parse_args(arguments)
    console = Console(highlight=False, emoji=False, width=None if sys.stdout.isatty() else 100)
    signal.signal(signal.SIGTERM, _leave)
    try:
        folder = _fresh(chosen.folder.resolve())
        with Processes(folder) as processes:
            stage = _set_up(console, processes, folder)
            outcomes = _tour(console, stage)
            if not chosen.once:
                _stay(console, stage, processes)
    except DemoFailed as failed:
        console.print(Text(f"✗ {failed}", style="red"), soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("\nEnded.")
        return 130 if chosen.once else 0
    return 0 if all(outcome.fits for outcome in outcomes) else 1


def _leave(*_: object) -> NoReturn:
    raise SystemExit(143)


def _fresh(folder: Path) -> Path:
    # Only a folder this demo has made is ever removed.
    if folder.exists() and not (folder / _MARK).exists() and any(folder.iterdir()):
        raise DemoFailed(f"{folder} holds something that is not of this demo: name another with --folder.")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / _MARK).touch()
    return folder


def _set_up(console: Console, processes: Processes, folder: Path) -> _Stage:
    begun, taken = time.monotonic(), set[int]()
    port, metrics, orders_port = (find_port(first, taken) for first in (8700, 8701, 8702))
    doorward, orders = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{orders_port}"
    database = folder / ".doorward" / "doorward.db"

    with console.status("doorward serve --dev …"):
        served = processes.start(
            "doorward",
            ["-m", "doorward.cli", "serve", "--dev", "--json", "--port", str(port), "--metrics-port", str(metrics)],
            environment={},
            folder=folder,
        )
        wait_until_up(f"{doorward}/readyz", processes)
        admin_key = json.loads(processes.read_line(served))["admin_key"]
        processes.drain(served)
    _say(console, "doorward serve --dev", doorward)

    with console.status("examples/orders.py …"):
        command = ["-m", "uvicorn", "orders:app", "--app-dir", str(ROOT / "examples"), "--port", str(orders_port)]
        process = processes.start(
            "orders",
            [*command, "--no-proxy-headers", "--no-access-log", "--log-level", "warning"],
            environment={"DOORWARD_DATABASE_URL": f"sqlite:///{database}"},
            folder=folder,
        )
        processes.drain(process)
        with httpx2.Client(base_url=doorward, headers={"authorization": f"Bearer {admin_key}"}, timeout=5) as office:
            made = make_credentials(office)
        wait_until_up(f"{orders}/health", processes)
    _say(console, "examples/orders.py", orders)

    with console.status("waiting for the short-lived ones to expire …"):
        while time.time() <= made.expire_at:
            processes.require_running()
            time.sleep(0.02)
    _say(console, made.summary, f"in {time.monotonic() - begun:.1f} s")
    return _Stage(doorward, orders, admin_key, made, database)


def _say(console: Console, what: str, where: str) -> None:
    console.print(Text.assemble(("✓ ", "bold green"), f"{what}  ", (where, "cyan")))


def _tour(console: Console, stage: _Stage) -> list[Outcome]:
    cases = cases_for(stage.made, doorward=stage.doorward, admin_key=stage.admin_key)
    admin = {"authorization": f"Bearer {stage.admin_key}"}
    with (
        console.status("touring …"),
        httpx2.Client(base_url=stage.orders, timeout=5) as client,
        httpx2.Client(base_url=stage.doorward, headers=admin, timeout=5) as office,
    ):
        outcomes = take_tour(client, cases)
        outcomes += revoke_in_use(client, office, stage.made)
    # Asked last, shown with its kind.
    groups = list(dict.fromkeys(case.group for case in cases))
    outcomes.sort(key=lambda outcome: groups.index(outcome.case.group))
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), border_style="dim")
    for title, width in (("  Asked", 20), ("With", 23), ("Due", 3), ("Got", 3), ("Refusal code", None)):
        table.add_column(title, no_wrap=True, overflow="ellipsis", max_width=width)
    group = ""
    for outcome in outcomes:
        case = outcome.case
        if case.group != group:
            if group:
                table.add_section()
            group = case.group
            table.add_row(Text(group, style="bold"))
        table.add_row(*_row(outcome))
    console.print()
    console.print(table)
    wrong = sum(not outcome.fits for outcome in outcomes)
    summary = f"{len(outcomes)} requests, each answered as it should be." if not wrong else f"{wrong} wrong."
    console.print(Text(f"\n{'✗' if wrong else '✓'} {summary}", style="bold red" if wrong else "bold green"))
    return outcomes


def _row(outcome: Outcome) -> tuple[Text, ...]:
    case = outcome.case
    mark = Text("✓", style="green") if outcome.fits else Text("✗", style="bold red")
    code = Text(outcome.code, style="dim" if outcome.fits else "bold red")
    if outcome.code != case.code:
        code.append(f" (due: {case.code or 'none'})")
    status_style = "green" if outcome.status < 300 else "yellow"
    return (
        Text.assemble(mark, " ", case.ask),
        Text(case.shown),
        Text(str(case.status), style="dim"),
        Text(str(outcome.status), style=status_style if outcome.fits else "bold red"),
        code,
    )


def _stay(console: Console, stage: _Stage, processes: Processes) -> None:
    made = stage.made
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(no_wrap=True, overflow="fold")
    for name, value in (
        ("Orders API", stage.orders),
        ("Doorward", stage.doorward),
        ("Management API", f"{stage.doorward}/api/docs"),
        ("Reading key", made.reading),
        ("Writing key", made.writing),
        ("App password", made.password),
        ("  its user name", made.app_id),
        ("Administrator", stage.admin_key),
        ("Database", str(stage.database)),
    ):
        facts.add_row(name, Text(value, style="cyan"))
    console.print()
    console.print(facts, soft_wrap=True)
    console.print("\nTry it in another terminal:\n")
    for line in (
        f"curl -i -H 'Authorization: Bearer {made.reading}' {stage.orders}/orders",
        f"curl -i -u {made.app_id}:{made.password} {stage.orders}/legacy/orders",
        f"curl -i -H 'Authorization: Bearer {stage.admin_key}' {stage.doorward}/api/v1/keys",
    ):
        console.print(Text("  " + line, style="cyan"), soft_wrap=True)
    console.print("\nCtrl-C ends everything.")
    while True:
        processes.require_running()
        time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())
