"""SQLite as files: made, upgraded, copied, put back."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import time
from typing import Final

from doorward.adapters.sql.generation import first_heads, new_generation
from doorward.adapters.sql.migrations.scripts import known_revisions, migration_script
from doorward.adapters.sql.schema import SCHEMA_REVISION
from doorward.adapters.sql.sqlite import open_connection
from doorward.errors import Misconfigured, Unavailable

__all__ = ["backup", "begin_generation", "read_revision", "restore", "upgrade"]

SQLITE_MIN: Final = (3, 37, 0)
"""STRICT tables and RETURNING."""

_OURS: Final = "SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'"
_REVISION: Final = "SELECT version_num FROM alembic_version"


def read_revision(path: Path) -> str | None:
    """The revision of the schema in the file; None when there is no file, or no schema in it.

    Raises:
        Misconfigured: the file is not a SQLite database.
    """
    if not path.exists():
        return None
    with _opened(path) as connection:
        return _revision(connection)


def upgrade(path: Path, *, generation: str) -> None:
    """Bring the file to this version's schema, in one transaction."""
    if sqlite3.sqlite_version_info < SQLITE_MIN:
        raise Misconfigured(
            f"SQLite {sqlite3.sqlite_version} is too old.", cure="Use a Python with SQLite 3.37 or later."
        )
    if not path.exists():
        # The digests in it are nobody else's business; SQLite gives its -wal and -shm files the same mode.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    with _opened(path) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("BEGIN IMMEDIATE")
        revision = _revision(connection)
        if revision != SCHEMA_REVISION:
            _run_script(connection, migration_script("sqlite", start=revision, end=SCHEMA_REVISION))
            connection.execute(*first_heads("sqlite", generation))
        connection.execute("COMMIT")


def backup(path: Path, target: Path) -> None:
    """Copy the database as it is at one moment, while others read and write it."""
    with _opened(path) as connection:
        _copy_to_new_file(connection, target)


def restore(path: Path, source: Path, *, generation: str) -> None:
    """Put a copy in place of what the file holds, in one step for everybody who has it open."""
    if not source.exists():
        raise Misconfigured(f"There is no file {source}.", cure="Name a backup.")
    with TemporaryDirectory(dir=path.absolute().parent) as folder:
        prepared = Path(folder) / "prepared.db"
        with _opened(source) as connection:
            if _revision(connection) not in known_revisions():
                raise Misconfigured(f"{source} is not a backup of Doorward.", cure="Name a backup.")
            _copy_to_new_file(connection, prepared)
        # The new generation is in the copy before anybody can see it: a verifier never meets the old one twice.
        upgrade(prepared, generation=generation)
        with _opened(prepared) as connection:
            connection.execute(*new_generation("sqlite", generation))
            if not path.exists():
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            with _opened(path) as destination:
                connection.backup(destination)


def begin_generation(path: Path, *, generation: str) -> None:
    """Call the feed by another name, while others read and write the file."""
    with _opened(path) as connection:
        connection.execute(*new_generation("sqlite", generation))


def _copy_to_new_file(connection: sqlite3.Connection, target: Path) -> None:
    part = target.with_name(f"{target.name}.part")
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    try:
        with _opened(part) as copy:
            connection.backup(copy)
            # One file, without a -wal beside it that somebody forgets to copy.
            copy.execute("PRAGMA journal_mode=DELETE")
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(open_connection(path, clock=time)) as connection:
            yield connection
    except sqlite3.OperationalError as error:
        raise Unavailable("store_unavailable", error.sqlite_errorname) from error
    except sqlite3.DatabaseError as error:
        raise Misconfigured(f"{path} is not a Doorward database.", cure="Name another file.") from error


def _revision(connection: sqlite3.Connection) -> str | None:
    ((ours,),) = connection.execute(_OURS).fetchall()
    rows = connection.execute(_REVISION).fetchall() if ours else []
    return str(rows[0][0]) if rows else None


def _run_script(connection: sqlite3.Connection, script: str) -> None:
    # Not `executescript`, which commits first: the statements belong to the transaction that read the revision.
    statement = ""
    for line in script.splitlines():
        statement += f"{line}\n"
        if sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""
