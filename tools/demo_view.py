"""How the demo looks: what runs, what was asked and answered, and what to try next."""

import os
import sys
from pathlib import Path
from typing import Final, NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from tools.demo_credentials import Credentials
from tools.demo_signed import SIGN_REQUEST, SIGNED_GROUP
from tools.demo_tokens import ORDERS_AUDIENCE, TokenOffice
from tools.demo_tour import Outcome
from tools.demo_webhooks import EXPLAIN, GROUP, PAYMENT, SIGN, Hooks, Why

__all__ = ["Stage", "say", "show_outcomes", "show_stage", "show_why"]

_GROUPS: Final = (
    "API key", "Its life", "Basic", "Token (JWT)", "Opaque token", "A signing key leaked", SIGNED_GROUP, GROUP,
    "The guard", "Doorward",
)  # fmt: skip
_DEV_ISSUER: Final = "http://127.0.0.1:8700"


class Stage(NamedTuple):
    """Everything that runs, and what was made."""

    doorward: str
    orders: str
    shelf: str
    hooks: Hooks
    admin_key: str
    made: Credentials
    office: TokenOffice
    token_file: Path


def say(console: Console, what: str, where: str) -> None:
    """One step that is done."""
    console.print(Text.assemble(("✓ ", "bold green"), f"{what}  ", (where, "cyan")))


def show_outcomes(console: Console, outcomes: list[Outcome]) -> None:
    """A table, group by group, and whether all is well."""
    # Some are asked last and shown with their kind.
    ordered = sorted(outcomes, key=lambda outcome: _GROUPS.index(outcome.case.group))
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), border_style="dim")
    for title, width in (("  Asked", 20), ("With", 23), ("Due", 3), ("Got", 3), ("Refusal code", None)):
        narrow = width if width == 3 else None
        table.add_column(title, no_wrap=True, overflow="ellipsis", min_width=narrow, max_width=width)
    group = ""
    for outcome in ordered:
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


def _row(outcome: Outcome) -> tuple[Text, ...]:
    case = outcome.case
    mark = Text("✓", style="green") if outcome.fits else Text("✗", style="bold red")
    code = Text(outcome.code, style="dim" if outcome.fits else "bold red")
    if not outcome.fits and outcome.code != case.code:
        code.append(f" (due: {case.code or 'none'})")
    elif not outcome.fits and outcome.status == case.status:
        code.append(" (something else was due)")
    status_style = "green" if outcome.status < 300 else "yellow"
    return (
        Text.assemble(mark, " ", case.ask),
        Text(case.shown),
        Text(str(case.status), style="dim"),
        Text(str(outcome.status), style=status_style if outcome.fits else "bold red"),
        code,
    )


def show_why(console: Console, why: Why) -> None:
    """Why what comes twice is answered as it is, and why the rewritten delivery was refused."""
    for line in (
        "A webhook that comes twice was sent again by its sender: 200, and handled once.",
        "A signed request that comes twice is somebody's copy: 401. Its owner signs anew.",
        "A webhook whose handler answers 503 is given back, and its sender tries again.",
    ):
        console.print(Text(line, style="dim"), soft_wrap=True)
    console.print(Text("\n✓ The rewritten webhook was refused, and doorward webhooks explain says why:", "bold green"))
    console.print(Padding(Text(why.says), (0, 0, 0, 2)))
    console.print(Padding(Text.assemble(("→ ", "green"), why.cure), (0, 0, 0, 2)))


def show_stage(console: Console, stage: Stage) -> None:
    """Where everything is, and commands that work as they stand."""
    made = stage.made
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(no_wrap=True, overflow="fold")
    for name, value in (
        ("Orders API", stage.orders),
        ("Shelf", stage.shelf),
        ("Hooks", stage.hooks.receiver),
        ("Doorward", stage.doorward),
        ("Management API", f"{stage.doorward}/api/docs"),
        ("Reading key", made.reading),
        ("Writing key", made.writing),
        ("App password", made.password),
        ("  its user name", made.app_id),
        ("Token of alice", f"{stage.token_file.read_text()[:40]}…"),
        ("  its file", str(stage.token_file)),
        ("Administrator", stage.admin_key),
        ("Database", str(stage.office.database)),
    ):
        facts.add_row(name, Text(value, style="cyan"))
    console.print()
    console.print(facts, soft_wrap=True)
    console.print("\nTry it in another terminal:\n")
    _show_lines(
        console,
        f"curl -i -H 'Authorization: Bearer {made.reading}' {stage.orders}/orders",
        f"curl -i -u {made.app_id}:{made.password} {stage.orders}/legacy/orders",
        f"curl -i -H 'Authorization: Bearer {stage.admin_key}' {stage.doorward}/api/v1/keys",
    )
    folder = stage.token_file.parent
    doorward = os.path.relpath(Path(sys.executable).parent / "doorward", folder)
    console.print("\nTake the token apart, then take it back, in the folder of the demo:\n")
    _show_lines(
        console,
        f"cd {folder}",
        *(() if stage.doorward == _DEV_ISSUER else (f"export DOORWARD_ISSUER={stage.doorward}",)),
        f"{doorward} tokens inspect --dev --audience {ORDERS_AUDIENCE} < {stage.token_file.name}",
        f'curl -i -H "Authorization: Bearer $(cat {stage.token_file.name})" {stage.shelf}/stock',
        f'{doorward} revoke --dev --subject alice --because "phone stolen"',
        f"{doorward} keyring list --dev --all",
    )
    console.print("\nSign a request as the app does, anew each time you send it:\n")
    host = stage.orders.partition("://")[2]
    _show_lines(
        console,
        f"printf 'GET /orders HTTP/1.1\\r\\nHost: {host}\\r\\n\\r\\n' | {doorward} {' '.join(SIGN_REQUEST)}"
        f" | curl -i -H @- {stage.orders}/orders",
    )
    console.print("\nSend a webhook of your own, and ask why the gateway's was refused:\n")
    _show_lines(
        console,
        f"{doorward} {' '.join(SIGN)} | curl -i -H @- -H 'Content-Type: application/json'"
        f" --data-binary @{PAYMENT} {stage.hooks.receiver}/payments",
        f"{doorward} {' '.join(EXPLAIN)}",
    )
    console.print("\nCtrl-C ends everything.")


def _show_lines(console: Console, *lines: str) -> None:
    for line in lines:
        console.print(Text("  " + line, style="cyan"), soft_wrap=True)
