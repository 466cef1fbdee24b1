"""PostgreSQL as a whole: upgraded, written to a file, put back.

The file is a zip: `manifest.json` (format, revision, columns) and one member per table, a JSON array per line, bytes as
base64. No pg_dump is needed, and any later version can read it: the rows are loaded into the revision they were
written from, and upgraded there.
"""

import base64
import os
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any, Final

import asyncpg
import msgspec
from sqlalchemy import LargeBinary, Table

from doorward.adapters.sql import schema
from doorward.adapters.sql.generation import first_heads, new_generation
from doorward.adapters.sql.migrations.scripts import known_revisions, migration_script
from doorward.adapters.sql.postgres import connect
from doorward.adapters.sql.schema import SCHEMA_REVISION
from doorward.errors import Misconfigured, Unavailable

__all__ = ["backup", "begin_generation", "read_revision", "restore", "upgrade"]

FORMAT: Final = 1
ROWS_AT_ONCE: Final = 1_000
LINE_OCTETS_MAX: Final = 1_048_576
"""How long one line of a member may be."""

_UPGRADE_LOCK: Final = "SELECT pg_advisory_xact_lock(7166450153)"


class _Table(msgspec.Struct, frozen=True):
    columns: tuple[str, ...]
    binary: tuple[str, ...]


class _Manifest(msgspec.Struct, frozen=True):
    format: int
    revision: str
    tables: dict[str, _Table]


async def read_revision(url: str) -> str | None:
    """The revision of the schema; None when there is none."""
    async with _connected(url) as connection:
        return await _revision(connection)


async def upgrade(url: str, *, generation: str) -> None:
    """Bring the schema to this version's, in one transaction."""
    async with _connected(url) as connection, connection.transaction():
        # Two nodes that start at once: the second waits, and then finds nothing to do.
        await connection.execute(_UPGRADE_LOCK)
        await _migrate(connection, SCHEMA_REVISION)
        sql, values = first_heads("postgresql", generation)
        await connection.fetch(sql, *values)


async def backup(url: str, target: Path) -> None:
    """Write all rows as they are at one moment."""
    part = target.with_name(f"{target.name}.part")
    descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            async with (
                _connected(url) as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                    await _write_archive(connection, archive)
            file.flush()
            os.fsync(file.fileno())
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)


async def restore(url: str, source: Path, *, generation: str) -> None:
    """Replace what is there by what the file holds, in one transaction."""
    try:
        with zipfile.ZipFile(source) as archive:
            manifest = _read_manifest(archive)
            async with _connected(url) as connection, connection.transaction():
                await connection.execute(_UPGRADE_LOCK)
                await _drop_all(connection)
                await _migrate(connection, manifest.revision)
                for name, table in manifest.tables.items():
                    await _load(connection, archive, name, table)
                await _migrate(connection, SCHEMA_REVISION)
                sql, values = new_generation("postgresql", generation)
                await connection.fetch(sql, *values)
    except (zipfile.BadZipFile, KeyError, ValueError, FileNotFoundError, msgspec.MsgspecError) as error:
        raise Misconfigured(f"{source} is not a backup this version can read.", cure="Name another file.") from error


async def begin_generation(url: str, *, generation: str) -> None:
    """Call the feed by another name, while others read and write the database."""
    async with _connected(url) as connection:
        sql, values = new_generation("postgresql", generation)
        await connection.execute(sql, *values)


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Any]:  # Any: asyncpg has no types
    connection = await connect(url)
    try:
        yield connection
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Unavailable("store_unavailable", type(error).__name__) from error
    finally:
        await connection.close()


async def _revision(connection: Any) -> str | None:
    if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
        return None
    revision: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
    return revision


async def _migrate(connection: Any, end: str) -> None:
    start = await _revision(connection)
    if start != end:
        await connection.execute(migration_script("postgresql", start=start, end=end))


async def _drop_all(connection: Any) -> None:
    names = [*schema.metadata.tables, "alembic_version"]
    await connection.execute(f"DROP TABLE IF EXISTS {', '.join(names)}")


async def _write_archive(connection: Any, archive: zipfile.ZipFile) -> None:
    tables = {str(table.name): _described(table) for table in schema.metadata.sorted_tables}
    manifest = _Manifest(FORMAT, SCHEMA_REVISION, tables)
    archive.writestr("manifest.json", msgspec.json.encode(manifest))
    for name, table in tables.items():
        rows = connection.cursor(f"SELECT {', '.join(table.columns)} FROM {name}", prefetch=ROWS_AT_ONCE)  # noqa: S608  # our own names
        with archive.open(f"{name}.jsonl", "w", force_zip64=True) as member:
            async for row in rows:
                member.write(msgspec.json.encode(list(row)) + b"\n")


def _described(table: Table) -> _Table:
    return _Table(
        columns=tuple(str(column.name) for column in table.columns),
        binary=tuple(str(column.name) for column in table.columns if isinstance(column.type, LargeBinary)),
    )


def _read_manifest(archive: zipfile.ZipFile) -> _Manifest:
    manifest = msgspec.json.decode(archive.read("manifest.json"), type=_Manifest)
    if manifest.format != FORMAT or manifest.revision not in known_revisions():
        raise ValueError("a backup of a newer Doorward")
    if not manifest.tables.keys() <= schema.metadata.tables.keys():
        raise ValueError("a backup of other tables")
    return manifest


async def _load(connection: Any, archive: zipfile.ZipFile, name: str, table: _Table) -> None:
    with archive.open(f"{name}.jsonl") as member:
        await connection.copy_records_to_table(name, records=_records(member, table), columns=table.columns)


def _records(member: IO[bytes], table: _Table) -> Iterator[list[Any]]:
    binary = [name in table.binary for name in table.columns]
    while line := member.readline(LINE_OCTETS_MAX):
        row = msgspec.json.decode(line, type=list[Any])
        yield [
            base64.b64decode(value, validate=True) if octets else value
            for value, octets in zip(row, binary, strict=True)
        ]
