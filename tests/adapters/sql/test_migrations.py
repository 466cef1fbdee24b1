"""The migrations make what `schema.py` says, on both engines."""

import asyncio
import sqlite3
from pathlib import Path

import asyncpg
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import CreateIndex, CreateTable

from doorward.adapters.sql import schema
from doorward.adapters.sql.maintenance import upgrade
from doorward.adapters.sql.migrations.scripts import known_revisions, migration_script
from doorward.adapters.sql.open import open_sql
from doorward.values import FeedKind, Handle

POSTGRESQL = postgresql.dialect()  # type: ignore[no-untyped-call]  # dialects are untyped in SQLAlchemy
_SHAPE = """
SELECT table_name || '.' || column_name, data_type, is_nullable, collation_name
  FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL SELECT conname, pg_get_constraintdef(oid), '', ''
  FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT indexname, indexdef, '', '' FROM pg_indexes WHERE schemaname = 'public'
ORDER BY 1, 2
"""


def statements(dialect: Dialect) -> list[str]:
    tables = schema.metadata.sorted_tables
    made = [str(CreateTable(table).compile(dialect=dialect)) for table in tables]
    return made + [str(CreateIndex(index).compile(dialect=dialect)) for table in tables for index in table.indexes]


def test_the_newest_revision_is_the_one_we_serve() -> None:
    assert known_revisions()[0] == schema.SCHEMA_REVISION


def test_sqlite_is_made_as_the_schema_says(tmp_path: Path) -> None:
    upgrade(f"sqlite:///{tmp_path}/migrated.db")
    shapes = []
    for name, made in (("migrated.db", []), ("made.db", statements(sqlite.dialect()))):
        connection = sqlite3.connect(tmp_path / name)
        for statement in made:
            connection.execute(statement)
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name").fetchall()
        shapes.append([(row[0], "".join(row[1].split())) for row in rows if row[0] != "alembic_version"])
        connection.close()
    assert shapes[0] == shapes[1]


def test_postgresql_is_made_as_the_schema_says(postgres_url: str, empty_postgres_url: str) -> None:
    async def shape(url: str, made: list[str]) -> list[tuple[str, ...]]:
        connection = await asyncpg.connect(url)
        try:
            for statement in made:
                await connection.execute(statement)
            rows = await connection.fetch(_SHAPE)
        finally:
            await connection.close()
        return [tuple(row) for row in rows if not str(row[0]).startswith("alembic")]

    migrated = asyncio.run(shape(postgres_url, []))
    assert migrated == asyncio.run(shape(empty_postgres_url, statements(POSTGRESQL)))


_ROW = "INSERT INTO feed (position, kind, id, leave_at, committed_at) VALUES (7, 'app', 'a1', NULL, 1800000000)"
_HEAD = "INSERT INTO heads VALUES (1, 7, 'g1', 0, {link})"


async def test_a_feed_of_the_first_release_is_kept_by_the_upgrade(empty_sql_url: str) -> None:
    """A revocation that an upgrade forgets would open the door again."""
    sqlite_engine = empty_sql_url.startswith("sqlite")
    script = migration_script("sqlite" if sqlite_engine else "postgresql", start=None, end="0001")
    head = _HEAD.format(link="x'00'" if sqlite_engine else "'\\x00'")
    if sqlite_engine:
        connection = sqlite3.connect(empty_sql_url.removeprefix("sqlite:///"))
        connection.executescript(f"{script};{_ROW};{head}")
        connection.close()
    else:
        server = await asyncpg.connect(empty_sql_url)
        for statement in (script, _ROW, head):
            await server.execute(statement)
        await server.close()
    await asyncio.to_thread(upgrade, empty_sql_url)

    ports = open_sql(empty_sql_url, chain_key=None, clock=lambda: 1_800_000_001.0)
    await ports.start()
    try:
        page = await ports.feed.read_feed(0)
    finally:
        await ports.aclose()
    assert (page.watermark, page.generation) == (7, "g1")
    assert [(row.position, row.handle, row.leave_at) for row in page.rows] == [(7, Handle(FeedKind.APP, "a1"), None)]
