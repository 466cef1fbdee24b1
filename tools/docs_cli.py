"""The page `docs/cli.md`, from the commands themselves: what is written there is what `--help` says."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, Final

from doorward.cli.root import GROUPS, load_command

__all__ = ["cli_page"]

_SHARED: Final = ("--json", "--database", "--config", "--dev", "--debug", "--help")

_BEGINNING: Final = """# The command line

{note}`doorward` works on the store directly, through the same operations the management API uses; whoever may read
the database's file and the master key may use it. What it changes is recorded in the audit log under the name the
operating system knows the user by.

**Secrets.** No command takes a secret as an argument, because a command line can be read by every user of the machine
and is kept in the shell's history: commands take ids, `doorward keys inspect` reads from standard input, and a
database password comes from `DOORWARD_DATABASE_URL` or the configuration file. A new secret is written once, alone on
its line, to standard output; everything said about it goes to standard error. So `doorward keys create shop >
shop.key` holds the key and nothing else.

**For people and for programs.** Tables are for people. With `--json` a command writes one object on one line, or one
line per object where it lists; the members are those of the management API (`/api/docs`), times are epoch seconds,
and all of it is ASCII. Members are added, never renamed or removed. A command that creates a credential adds its
`secret`, once.

**Words.** Durations are a number and a unit: `30s`, `15m`, `24h`, `90d`. An expiry is a duration, a last day
(`2026-12-31`, to its end in UTC) or the word `never`. What cannot be taken back, and whatever changes what a
credential may do, wants `--because "…"`, which goes into the audit log.

## Exit codes

| code | meaning |
|---|---|
| 0 | done |
| 1 | refused, or a check that failed; one line on standard error says what, and what to do |
| 2 | the command line was not understood |
| 3 | misconfigured: nothing was started or changed |
| 4 | the store cannot be reached; try again |
| 70 | a bug of Doorward; `--debug` shows where |
| 130, 141, 143 | ended by Ctrl-C, by a closed pipe, by SIGTERM |

## Options of every command

They stand behind the command: `doorward keys list --json`.

| option | |
|---|---|
{shared}
Settings that are not options come from the configuration file and the environment: [settings](settings.md).
"""


def cli_page(note: str) -> Iterator[str]:
    """The page, part by part."""
    first = load_command("check")
    shared = "".join(_row(param) for param in first.params if param.opts[0] in _SHARED)
    yield _BEGINNING.format(note=note, shared=shared)
    for name in GROUPS:
        command = load_command(name)
        commands = getattr(command, "commands", None)
        if commands is None:
            yield from _command(f"doorward {name}", command, "##")
            continue
        yield f"\n## `doorward {name}`\n\n{GROUPS[name][1]}\n"
        yield from _commands(f"doorward {name}", commands, "###")


def _commands(path: str, commands: Mapping[str, Any], heading: str) -> Iterator[str]:  # Any: as below
    for name, command in commands.items():
        inner = getattr(command, "commands", None)
        if command.hidden:
            continue
        if inner is None:
            yield from _command(f"{path} {name}", command, heading)
        else:
            yield from _commands(f"{path} {name}", inner, heading)


def _command(path: str, command: Any, heading: str) -> Iterator[str]:  # Any: Typer keeps its classes private
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    own = [param for param in command.params if param not in arguments and param.opts[0] not in _SHARED]
    usage = " ".join([path, *(param.metavar for param in arguments)])
    yield f"\n{heading} `{usage}`\n\n{_escape(inspect.cleandoc(command.help or ''))}\n"
    rows = [_row(param) for param in (*arguments, *own)]
    if rows:
        yield "\n| | |\n|---|---|\n" + "".join(rows)


def _row(param: Any) -> str:  # Any: as above
    is_argument = param.param_type_name == "argument"
    name = param.metavar if is_argument else " ".join(filter(None, (", ".join(param.opts), param.metavar)))
    default = param.default if not is_argument and isinstance(param.default, str | int) else None
    shown = f" Default: {default}." if default not in (None, False, "", True) else ""
    return f"| `{name}` | {_escape(param.help or '')}{shown} |\n"


def _escape(text: str) -> str:
    return text.replace("|", "\\|")
