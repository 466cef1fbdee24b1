"""The command `doorward` and what it consists of. A group's file is imported when one of its commands is called.

`--help` must not pay for the database driver: this file imports no room but `errors`.
"""

from importlib import import_module
from typing import Annotated, Final, final

import typer
from typer.core import TyperCommand, TyperGroup

from doorward.cli.plain_help import PlainGroup

__all__ = ["GROUPS", "build_root", "load_command"]

GROUPS: Final[dict[str, tuple[str, str]]] = {
    "init": ("Start here", "Create the database, the master key and the first administrator."),
    "serve": ("Start here", "Run the server; `--dev` needs no configuration."),
    "check": ("Start here", "Say what is unsafe or missing before you serve."),
    "apps": ("Who may call", "The programs that own credentials."),
    "keys": ("Who may call", "API keys: create, rotate, change, revoke, inspect."),
    "passwords": ("Who may call", "App passwords for Basic, and who still uses them."),
    "tokens": ("Who may call", "Access tokens: issue, inspect, verify, revoke."),
    "revoke": ("Who may call", "Take back a token, a sign-in, a person, a client or a key."),
    "sectors": ("Who may call", "Resources that know people by a derived name."),
    "webhooks": ("Signed messages", "Senders and their secrets; sign, verify, say why not."),
    "signatures": ("Signed messages", "Keys of signed requests; sign, verify, say why not."),
    "audit": ("What happened", "Who did what; verify that nothing was altered."),
    "db": ("Housekeeping", "Upgrade, back up and restore the database."),
    "keyring": ("Housekeeping", "The keys tokens are signed with: list, rotate, retire, import."),
    "masterkey": ("Housekeeping", "Generate and rotate the key that seals what is stored."),
}
"""Every first word after `doorward`: the panel it is listed in, and its one line of help."""

_EPILOGUE: Final = """[bold]First steps[/]   doorward serve --dev    a server to try, on this machine only
              doorward init           a store of your own

[bold]Exit codes[/]    0  done                    4   the store cannot be reached
              1  refused, or failed      70  a bug of ours
              2  not understood          130 ended by Ctrl-C
              3  misconfigured

[bold]Environment[/]   DOORWARD_CONFIG, DOORWARD_DATABASE_URL and every other setting;
              DOORWARD_DEBUG=1, NO_COLOR=1"""


@final
class _LazyGroup(PlainGroup):
    """Lists its commands from the table and imports only the one that is called."""

    def resolve_command(self, ctx: typer.Context, args: list[str]):  # type: ignore[no-untyped-def, override]  # noqa: ANN202  # Typer's own types are private
        """The command of that name, imported now."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, load_command(name) if name in GROUPS else command, rest


def load_command(name: str) -> TyperCommand | TyperGroup:
    """The command of that name in the table, or the group of commands, imported now."""
    command = typer.main.get_command(import_module(f"doorward.cli.{name}").commands)
    assert isinstance(command, TyperCommand | TyperGroup)
    command.name = name
    command.help = command.help or GROUPS[name][1]
    return command


def build_root() -> TyperGroup:
    """The whole command."""
    stubs = {name: PlainGroup(name=name, help=text, rich_help_panel=panel) for name, (panel, text) in GROUPS.items()}
    root = typer.Typer(
        name="doorward",
        cls=_LazyGroup,
        help="One front door for APIs: issue, guard with, and take back credentials.",
        epilog=_EPILOGUE,
        add_completion=False,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
        rich_markup_mode="rich",
    )
    root.callback()(_options)
    group = typer.main.get_group(root)
    group.commands.update(stubs)
    return group


def _tell_version(value: bool) -> None:  # noqa: FBT001  # Typer calls it so
    if value:
        from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415  # 20 ms nobody else needs

        try:
            typer.echo(f"doorward {version('doorward')}")
        except PackageNotFoundError:
            typer.echo("doorward (run from a source tree that is not installed)")
        raise typer.Exit


def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", metavar="", is_eager=True, callback=_tell_version, help="Show the version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", metavar="", help="Show the traceback when something unexpected happens.")
    ] = False,
) -> None:
    del version, debug  # `--debug` is read by `entry.py`, which must know it before anything can go wrong
