"""What every command shares: the options all of them take, where they write, and the store they open.

A command is an `async def` whose first parameter is the `Desk`; `offer` gives it the shared options and runs it.
"""

import asyncio
import inspect
import os
import pwd
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, Final, ParamSpec, TypeAlias, final

import typer

from doorward.cli.output import Output
from doorward.cli.parse import parse_database
from doorward.cli.plain_help import PlainCommand, PlainGroup
from doorward.cli.problems import UsageProblem
from doorward.errors import Misconfigured
from doorward.values import Actor, Change, Event
from doorward.wire.reason import is_secret

if TYPE_CHECKING:
    from doorward.app.settings import Settings
    from doorward.app.store import Store
    from doorward.crypto.sealing import MasterKeys

__all__ = [
    "After",
    "AppFilter",
    "Because",
    "Desk",
    "Limit",
    "Metadata",
    "Name",
    "NewName",
    "ScopeList",
    "new_command",
    "new_group",
    "offer",
    "require_reason",
]

P = ParamSpec("P")
Command: TypeAlias = Callable[Concatenate["Desk", P], Awaitable[None] | None]

_PANEL: Final = "Options of every command"

Because = Annotated[
    str | None, typer.Option("--because", metavar="REASON", help="Why, for the audit log. It must be said.")
]
AppFilter = Annotated[str | None, typer.Option("--app", metavar="APP", help="Only of this app: id or name.")]
After = Annotated[str, typer.Option("--after", metavar="ID", help="Go on after this id.")]
Name = Annotated[
    str | None, typer.Option("--name", metavar="NAME", help="What it is for, for people. Default: the app's name.")
]
NewName = Annotated[str | None, typer.Option("--name", metavar="NAME", help="A new name.")]
ScopeList = Annotated[
    list[str] | None, typer.Option("--scope", metavar="SCOPE", help="What it may be used for; repeat for more.")
]
Metadata = Annotated[
    list[str] | None, typer.Option("--metadata", metavar="NAME=VALUE", help="Anything about it; repeat for more.")
]
Limit = Annotated[int, typer.Option("--limit", metavar="N", help="At most so many.")]


@final
class Desk:
    """Where a command stands: its output, the settings in force, the clock, and who is asking."""

    def __init__(self, *, as_json: bool, database: str | None, config: Path | None, dev: bool) -> None:
        self.out: Final = Output(as_json=as_json, dev=dev)
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

    @property
    def config_file(self) -> Path:
        """The configuration file, whether it is there or not."""
        return self._config or _config_from_environment() or Path("doorward.toml")

    @property
    def database_url(self) -> str:
        """The database the settings name; may hold a password."""
        return self.settings().database_url.get_secret_value()

    @staticmethod
    def master_keys(settings: "Settings") -> "MasterKeys | None":
        """The master keys the settings name; None when they name none."""
        from doorward.app.master_key import load_master_keys  # noqa: PLC0415  # cryptography

        text = settings.master_key
        return load_master_keys(
            settings.master_key_file,
            None if text is None else text.get_secret_value(),
            entropy=secrets.token_bytes,
        )

    @asynccontextmanager
    async def store(
        self, settings: "Settings | None" = None, *, danger_unproven_master_keys: bool = False
    ) -> AsyncIterator["Store"]:
        """The store the settings name, open; closed again whatever happens."""
        from doorward.app.store import open_store  # noqa: PLC0415  # the database driver, another 300 ms

        chosen = settings or self.settings()
        _require_dev_database(chosen)
        async with open_store(
            chosen.database_url.get_secret_value(),
            master_keys=self.master_keys(chosen),
            ring_policy=chosen.ring_policy,
            danger_unproven_master_keys=danger_unproven_master_keys,
        ) as store:
            yield store

    @staticmethod
    def only(event: Event) -> Change:
        """A change that is nothing but an event."""
        return Change(events=(event,))


def _require_dev_database(settings: "Settings") -> None:
    path = settings.database_path
    if settings.dev and path is not None and path.parent == Path(".doorward") and not path.exists():
        raise Misconfigured(
            "No development server has run in this folder: there is no .doorward/doorward.db.",
            cure="Start one with `doorward serve --dev`, or go where it was started.",
        )


def _config_from_environment() -> Path | None:
    named = os.environ.get("DOORWARD_CONFIG")
    return Path(named) if named else None


def new_group(help_text: str) -> typer.Typer:
    """A group of commands; also with one command it is a group."""
    group = typer.Typer(
        cls=PlainGroup, help=help_text, no_args_is_help=True, rich_markup_mode="rich", add_completion=False
    )
    group.callback()(_nothing)
    return group


def new_command() -> typer.Typer:
    """A command that stands alone: `doorward serve`."""
    return typer.Typer(rich_markup_mode="rich", add_completion=False)


def _nothing() -> None:
    pass


def offer(group: typer.Typer, name: str, *, hidden: bool = False) -> Callable[[Command[P]], Command[P]]:
    """Add a command to a group, with the shared options after its own.

    A command that is no coroutine function brings an event loop of its own.
    """

    def register(command: Command[P]) -> Command[P]:
        group.command(name, cls=PlainCommand, help=_paragraphs(command), hidden=hidden)(_with_shared_options(command))
        return command

    return register


def _paragraphs(command: Callable[..., object]) -> str:
    # A line of the source is no line of the terminal.
    return "\n\n".join(" ".join(part.split()) for part in (inspect.getdoc(command) or "").split("\n\n"))


def _with_shared_options(command: Callable[..., Awaitable[None] | None]) -> Callable[..., None]:
    # Typer reads a signature. Writing these parameters into forty commands is how one of them would differ.
    def run(
        *, database: str | None, config: Path | None, dev: bool, as_json: bool, debug: bool, **own: Any
    ) -> None:  # Any: theirs
        del debug  # `entry.py` reads it
        done = command(Desk(as_json=as_json, database=database, config=config, dev=dev), **own)
        if done is not None:
            asyncio.run(_await(done))

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
        bool,
        typer.Option("--json", metavar="", help="Write JSON, for programs: an object a line.", rich_help_panel=_PANEL),
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
    if is_secret(because):
        # Never repeated: it would stand in the terminal's scrollback and in whatever collects this program's errors.
        raise UsageProblem(
            "A token or key stands in the reason, which is kept for ever and shown to whoever reads the audit log: "
            "write its id instead. It stands in the shell's history already: revoke it."
        )
    return because
