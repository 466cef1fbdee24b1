"""What is unsafe about the database: its kind, its file, the way to it, and its schema."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from doorward.app.check.files import mode_of
from doorward.app.check.finding import Finding
from doorward.app.check.listening import is_loopback
from doorward.app.maintenance import SchemaState, schema_state
from doorward.app.settings import Settings
from doorward.errors import Misconfigured, Unavailable

__all__ = ["check_database_file", "check_database_transport", "check_schema"]

_OTHERS: Final = 0o007
_VERIFIED: Final = frozenset({"verify-full", "verify-ca"})


def check_database_file(settings: Settings) -> Iterator[Finding]:
    """Whether it is of a kind that keeps what it is told, and its file is not open to everybody."""
    url = settings.database_url.get_secret_value()
    if url.partition("://")[0] not in {"sqlite", "postgresql"}:
        yield Finding(
            what="database_url is of no kind Doorward knows",
            why="Only SQLite and PostgreSQL are tested",
            cure="Use sqlite:///file.db or postgresql://user@host/database",
        )
    elif url.startswith("sqlite") and (":memory:" in url or not url.partition(":///")[2]):
        yield Finding(
            what="database_url keeps everything in this process's memory",
            why="Another worker would not see a revocation, and a restart forgets every key",
            cure="Name a file: sqlite:///doorward.db",
        )
    path = settings.database_path
    mode = mode_of(path)
    if mode is not None and mode & _OTHERS:
        yield Finding(
            what=f"Every user of this machine can open the database: {path} has mode {mode:04o}",
            why="It holds who may do what, and who did",
            cure=f"chmod o-rwx {path}",
        )


def check_database_transport(settings: Settings) -> Iterator[Finding]:
    """Whether a database on another machine proves who it is."""
    try:
        parts = urlsplit(settings.database_url.get_secret_value())
        query = parse_qs(parts.query)
    except ValueError:
        return  # told by `_schema`
    if parts.scheme not in {"postgresql", "postgres"} or settings.danger_database_in_the_clear:
        return
    # asyncpg's rules: several hosts are one comma-separated text, and what the URL leaves open the environment says.
    said = parts.netloc.rpartition("@")[2] or ",".join(query.get("host", ())) or os.environ.get("PGHOST", "localhost")
    mode = query.get("sslmode", [os.environ.get("PGSSLMODE", "prefer")])[-1]
    if mode not in _VERIFIED and not all(_is_this_machine(host) for host in said.split(",")):
        yield Finding(
            what="PostgreSQL is on another machine, and its certificate is not verified",
            why="Whoever sits in between reads its password, and answers with digests of keys of his own",
            cure="Add ?sslmode=verify-full (and sslrootcert=…) to database_url; in a network nobody else is in, set "
            "danger_database_in_the_clear",
        )


def check_schema(settings: Settings) -> Iterator[Finding]:
    """Whether the database is there, with the schema of this version."""
    if any(check_database_transport(settings)):
        return  # asking would already show the password
    cure = "Run `doorward db upgrade` (or `doorward init` for a new deployment)"
    try:
        # In a thread of its own: it may need an event loop, and the caller may be inside one.
        with ThreadPoolExecutor(1) as pool:
            state = pool.submit(schema_state, settings.database_url.get_secret_value()).result()
    except Misconfigured as error:
        yield Finding(what=error.problem.rstrip("."), why="Nothing can be stored there", cure=error.cure.rstrip("."))
    except Unavailable:
        yield Finding(
            what="The database cannot be reached",
            why="Nobody can be verified without it",
            cure="Start it, or correct database_url",
        )
    else:
        if state is SchemaState.NEWER:
            yield Finding(
                what="The database was made by a newer Doorward",
                why="This version does not know what its columns mean",
                cure="Upgrade Doorward",
            )
        elif state is not SchemaState.CURRENT and not (settings.dev and state is SchemaState.MISSING):
            yield Finding(
                what=f"The database's schema is {state.value}", why="This version works with its own", cure=cure
            )


def _is_this_machine(presented_host: str) -> bool:
    host = presented_host.partition("]")[0].removeprefix("[") if presented_host[:1] == "[" else presented_host
    host = host if host.count(":") > 1 else host.partition(":")[0]
    # A path, or nothing, is a UNIX socket.
    return unquote(host)[:1] in {"", "/"} or is_loopback(host)
