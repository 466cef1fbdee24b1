"""What every command shares: the options all of them take, where they write, and the store they open.

A command is an `async def` whose first parameter is the `Desk`; `offer` gives it the shared options and runs it.
"""

import asyncio
import inspect
import os
import pwd
import secrets
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, Final, ParamSpec, final

import typer

from doorward.cli.output import Output
from doorward.cli.parse import parse_database
from doorward.cli.problems import UsageProblem
from doorward.values import Actor

if TYPE_CHECKING:
    from doorward.app.settings import Settings

__all__ = ["After", "AppFilter", "Because", "Desk", "Limit", "new_command", "new_group", "offer", "require_reason"]

P = ParamSpec("P")

_PANEL: Final = "Options of every command"

Because = Annotated[
    str | None, typer.Option("--because", metavar="REASON", help="Why, for the audit log. It must be said.")
]
AppFilter = Annotated[str | None, typer.Option("--app", metavar="APP", help="Only of this app: id or name.")]
After = Annotated[str, typer.Option("--after", metavar="ID", help="Go on after this id.")]
Limit = Annotated[int, typer.Option("--limit", metavar="N", help="At most so many.")]


@final
class Desk:
    """Where a command stands: its output, the settings in force, the clock, and who is asking."""

    def __init__(self, *, as_json: bool, database: str | None, config: Path | None, dev: bool) -> None:
        self.out: Final = Output(as_json=as_json)
        self._database: Final = database
        self._config: Final = config
        self._dev: Final = dev

    @property
    def now(self) -> int:
        """Epoch seconds."""
        return int(time.time())

    @property
    def actor(self) -> Actor:
        """The operator: the name the operating system knows, not one an environment variable may claim."""
        try:
            name = pwd.getpwuid(os.getuid()).pw_name
        except KeyError:  # a container may run under an id without a name
            name = f"uid-{os.getuid()}"
        return Actor(kind="operator", id=name)

    def settings(self, **said: object) -> "Settings":
        """The settings in force: the command line over the environment over the file.

        Raises:
            Misconfigured: what is wrong, and what to change.
        """
        from doorward.app.settings import load_settings  # noqa: PLC0415  # 150 ms `--help` must not pay

        database = None if self._database is None else parse_database(self._database)
        config = self._config or _config_from_environment()
        return load_settings(config, database_url=database, dev=self._dev or None, **said)

    @staticmethod
    def entropy(octets: int) -> bytes:
        """Bytes from the operating system's generator."""
        return secrets.token_bytes(octets)


def _config_from_environment() -> Path | None:
    named = os.environ.get("DOORWARD_CONFIG")
    return Path(named) if named else None


def new_group(help_text: str) -> typer.Typer:
    """A group of commands; also with one command it is a group."""
    group = typer.Typer(help=help_text, no_args_is_help=True, rich_markup_mode="rich", add_completion=False)
    group.callback()(_nothing)
    return group


def new_command() -> typer.Typer:
    """A command that stands alone: `doorward serve`."""
    return typer.Typer(rich_markup_mode="rich", add_completion=False)


def _nothing() -> None:
    pass


def offer(
    group: typer.Typer, name: str
) -> Callable[[Callable[Concatenate[Desk, P], Awaitable[None]]], Callable[Concatenate[Desk, P], Awaitable[None]]]:
    """Add a command to a group, with the shared options after its own."""

    def register(
        command: Callable[Concatenate[Desk, P], Awaitable[None]],
    ) -> Callable[Concatenate[Desk, P], Awaitable[None]]:
        group.command(name, help=inspect.getdoc(command))(_with_shared_options(command))
        return command

    return register


def _with_shared_options(command: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    # Typer reads a signature. Writing these four parameters into forty commands is how one of them would differ.
    def run(
        *, database: str | None, config: Path | None, dev: bool, as_json: bool, debug: bool, **own: Any
    ) -> None:  # Any: theirs
        del debug  # `entry.py` reads it
        desk = Desk(as_json=as_json, database=database, config=config, dev=dev)
        asyncio.run(_await(command(desk, **own)))

    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
    shared = inspect.signature(_shared, eval_str=True).parameters.values()
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # PEP 362 allows it; typeshed does not know
        [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in (*own, *shared)]
    )
    run.__annotations__ = {}
    return run


async def _await(awaited: Awaitable[None]) -> None:
    await awaited


def _shared(
    *,
    as_json: Annotated[
        bool, typer.Option("--json", metavar="", help="Write JSON, for programs.", rich_help_panel=_PANEL)
    ] = False,
    database: Annotated[
        str | None,
        typer.Option(
            "--database",
            metavar="URL",
            help="sqlite:///file.db or postgresql://user@host/name, without a password.",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="Instead of doorward.toml.", rich_help_panel=_PANEL),
    ] = None,
    dev: Annotated[
        bool,
        typer.Option(
            "--dev", metavar="", help="Work on what `serve --dev` keeps in .doorward/.", rich_help_panel=_PANEL
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", metavar="", help="Show the traceback of a bug.", rich_help_panel=_PANEL)
    ] = False,
) -> None:
    """The options of every command."""


def require_reason(because: str | None) -> str:
    """The reason, which is not optional."""
    if because is None or not because.strip():
        raise UsageProblem('Say why, for the audit log: --because "…".')
    return because
