"""A guarded API, toured over real HTTP: `make demo`, or `python -m tools.demo [--once] [--folder DIR]`.

Starts `doorward serve --dev` on SQLite in a fresh folder, `examples/orders.py` and `examples/hooks.py` beside it on the
same database, and `examples/shelf.py` without one; makes credentials through the management API and tokens with the
library; asks everything in `demo_tour.py`, `demo_webhooks.py` and `demo_tokens.py`, and shows what was answered. Stays
up until Ctrl-C; with `--once` it ends after the tour: 0 when every answer was what it should be, 1 when one was not.
"""

import argparse
import json
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

import httpx2
from rich.console import Console
from rich.text import Text
from tools.demo_credentials import make_credentials
from tools.demo_processes import DemoFailed, Processes, find_port, wait_until_up
from tools.demo_signed import tour_of_signed_requests
from tools.demo_tokens import SHELF_AUDIENCE, TokenOffice, Tokens, cases_of_tokens, take_back
from tools.demo_tour import Outcome, cases_for, revoke_in_use, take_tour
from tools.demo_view import Stage, say, show_outcomes, show_stage, show_why
from tools.demo_webhooks import explain_refusal, start_hooks, tour_of_webhooks, wait_for_hooks

__all__ = ["main"]

ROOT: Final = Path(__file__).resolve().parent.parent
_MARK: Final = ".doorward-demo"
_TOKEN_LIFETIME_S: Final = 3_600


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; answers the exit code."""
    parser = argparse.ArgumentParser(prog="demo", description=__doc__.partition("\n")[0])
    parser.add_argument("--once", action="store_true", help="end after the tour")
    parser.add_argument("--folder", type=Path, default=ROOT / ".demo", help="made anew (default: .demo)")
    chosen = parser.parse_args(arguments)
    console = Console(highlight=False, emoji=False, width=None if sys.stdout.isatty() else 80)
    signal.signal(signal.SIGTERM, _leave)
    try:
        folder = _fresh(chosen.folder.resolve())
        with Processes(folder) as processes:
            stage, tokens = _set_up(console, processes, folder)
            outcomes = _tour(console, stage, tokens)
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


def _set_up(console: Console, processes: Processes, folder: Path) -> tuple[Stage, Tokens]:
    begun, taken = time.monotonic(), set[int]()
    port, metrics, *others = (find_port(first, taken) for first in range(8700, 8706))
    orders_port, shelf_port, hooks_port, gateway_port = others
    doorward, orders, shelf = (f"http://127.0.0.1:{each}" for each in (port, orders_port, shelf_port))
    office = TokenOffice(folder, doorward)
    database = office.database

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
    say(console, "doorward serve --dev", doorward)

    with console.status("examples/orders.py, examples/hooks.py and examples/shelf.py …"):
        sources = {"DOORWARD_DATABASE_URL": f"sqlite:///{database}", "DOORWARD_ISSUER": doorward}
        examples = ROOT / "examples"
        processes.serve("orders", "orders:app", examples, orders_port, environment=sources, folder=folder)
        hooks = start_hooks(processes, (hooks_port, gateway_port), database, folder)
        with httpx2.Client(base_url=doorward, headers={"authorization": f"Bearer {admin_key}"}, timeout=5) as client:
            made = make_credentials(client, shelf_audience=SHELF_AUDIENCE)
        key_file = _write_secret(folder / "shelf.key", made.shelf)
        sources = {"DOORWARD_ISSUER": doorward, "SHELF_KEY_FILE": str(key_file)}
        processes.serve("shelf", "shelf:app", examples, shelf_port, environment=sources, folder=folder)
        tokens = office.make_tokens()
        wait_until_up(f"{orders}/health", processes)
        wait_until_up(f"{shelf}/health", processes)
        wait_for_hooks(hooks, processes)
    say(console, "examples/orders.py", f"{orders} on the same database")
    say(console, "examples/hooks.py", f"{hooks.receiver} likewise, and a gateway that rewrites JSON before it")
    say(console, "examples/shelf.py", f"{shelf} without a database")

    with console.status("waiting for the short-lived ones to expire …"):
        while time.time() <= max(made.expire_at, tokens.expire_at):
            processes.require_running()
            time.sleep(0.02)
    say(console, f"{made.summary}, 4 tokens", f"in {time.monotonic() - begun:.1f} s")
    return Stage(doorward, orders, shelf, hooks, admin_key, made, office, folder / "alice.token"), tokens


def _write_secret(path: Path, text: str) -> Path:
    path.touch(0o600)
    path.write_text(text + "\n")
    return path


def _tour(console: Console, stage: Stage, tokens: Tokens) -> list[Outcome]:
    cases = cases_for(stage.made, doorward=stage.doorward, admin_key=stage.admin_key)
    admin = {"authorization": f"Bearer {stage.admin_key}"}
    with (
        console.status("touring …"),
        httpx2.Client(base_url=stage.orders, timeout=5) as client,
        httpx2.Client(base_url=stage.doorward, headers=admin, timeout=5) as office,
    ):
        outcomes = take_tour(client, cases)
        outcomes += tour_of_signed_requests(client, stage.office, stage.made.app_id, stage.orders)
        outcomes += tour_of_webhooks(client, stage.hooks, stage.made)
        why = explain_refusal(stage.hooks)
        outcomes += revoke_in_use(client, office, stage.made)
        outcomes += take_tour(client, cases_of_tokens(tokens, stage.shelf))
        taken_back, said = take_back(client, stage.office, tokens, stage.shelf)
        outcomes += taken_back
        _write_secret(stage.token_file, stage.office.sign_in("alice", _TOKEN_LIFETIME_S))
    show_outcomes(console, outcomes)
    console.print(Text(f"✓ {said}", style="bold green"), soft_wrap=True)
    show_why(console, why)
    return outcomes


def _stay(console: Console, stage: Stage, processes: Processes) -> None:
    show_stage(console, stage)
    while True:
        processes.require_running()
        time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())
