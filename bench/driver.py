"""The store's own driver beside aiosqlite and SQLAlchemy's async engine: durable inserts and point reads a second."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any, Final, NamedTuple

import aiosqlite
from bench.measure import Interval, Line, Verdict, median_interval, paired_ratios
from bench.stock import Store, key_and_record, opened, postgres_database, sqlite_database, stock
from sqlalchemy import insert, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import create_async_engine

from doorward.adapters.sql.schema import api_keys
from doorward.methods.apikey.port import KeyInserted, KeyRecord
from doorward.values import Change, CredentialId

__all__ = ["NOTE", "TITLE", "measure"]

TITLE: Final = "The driver beside its peers"
NOTE: Final = (
    "50 tasks in one event loop, the same table; WAL with `synchronous=FULL` on SQLite, fsync on for PostgreSQL "
    "(same machine, UNIX socket). Operations a second, wall-clock. Doorward's insert is a whole `Change`, its read the "
    "key joined with its app and its use; the peers' are one INSERT with its commit, and one SELECT by key."
)
_TASKS: Final = 50
_ROWS: Final = 10_000
_OURS: Final = "Doorward"

# What one operation is: inserts take a new record, reads the id of one that is there.
Insert = Callable[[KeyRecord], Awaitable[Any]]
Read = Callable[[str], Awaitable[Any]]


class _Side(NamedTuple):
    insert: Insert
    read: Read
    inserts: int
    reads: int


def _columns(record: KeyRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "app_id": record.app_id,
        "organization_id": None,
        "name": record.name,
        "prefix": record.prefix,
        "environment": record.environment.value,
        "secret_digest": record.secret_digest,
        "scopes": str(record.scopes),
        "networks": "",
        "rate_requests": None,
        "rate_window_s": None,
        "state": record.state.value,
        "created_at": record.created_at,
        "expires_at": record.expires_at,
        "rotated_from": None,
        "rotated_to": None,
        "version": 1,
        "metadata": "{}",
    }


def _ours(store: Store) -> _Side:
    async def insert_one(record: KeyRecord) -> None:
        await store.changes.commit(Change(writes=(KeyInserted(record),)))

    async def read_one(key_id: str) -> None:
        assert await store.keys.find_key(CredentialId(key_id)) is not None

    return _Side(insert_one, read_one, 2_000, 4_000)


async def _aiosqlite(url: str, stack: AsyncExitStack) -> _Side:
    connection = await stack.enter_async_context(aiosqlite.connect(url.removeprefix("sqlite:///")))
    await connection.execute("PRAGMA synchronous=FULL")
    names = list(_columns(key_and_record()[1]))
    statement = str(insert(api_keys).compile(dialect=sqlite.dialect(paramstyle="named"), column_keys=names))

    async def insert_one(record: KeyRecord) -> None:
        await connection.execute(statement, _columns(record))
        await connection.commit()

    async def read_one(key_id: str) -> None:
        async with connection.execute("SELECT * FROM api_keys WHERE id = ?", (key_id,)) as cursor:
            assert await cursor.fetchone() is not None

    return _Side(insert_one, read_one, 500, 1_000)


def _sqlalchemy(url: str, stack: AsyncExitStack) -> _Side:
    engine = create_async_engine(url)
    stack.push_async_callback(engine.dispose)

    async def insert_one(record: KeyRecord) -> None:
        async with engine.begin() as connection:
            await connection.execute(insert(api_keys), _columns(record))

    async def read_one(key_id: str) -> None:
        async with engine.connect() as connection:
            found = await connection.execute(select(api_keys).where(api_keys.c.id == key_id))
            assert found.first() is not None

    return _Side(insert_one, read_one, 200, 400)


async def _per_second(operation: Callable[[Any], Awaitable[Any]], given: list[Any]) -> float:
    waiting = iter(given)

    async def work() -> None:
        for one in waiting:
            await operation(one)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(_TASKS):
            group.create_task(work())
    return len(given) / (time.perf_counter() - began)


async def _compare(sides: Mapping[str, _Side], ids: list[str], rounds: int, engine: str) -> list[Line]:
    inserts: dict[str, list[float]] = {name: [] for name in sides}
    reads: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        for name, side in list(sides.items())[:: 1 if number % 2 == 0 else -1]:
            records = [key_and_record()[1] for _ in range(side.inserts)]
            inserts[name].append(await _per_second(side.insert, records))
            reads[name].append(await _per_second(side.read, ids[: side.reads]))
    return [
        *_lines(f"{engine}, durable inserts/s", inserts),
        *_lines(f"{engine}, point reads/s", reads),
    ]


def _lines(what: str, sides: Mapping[str, list[float]]) -> list[Line]:
    lines: list[Line] = []
    for name, rates in sides.items():
        shown = median_interval(rates).show(digits=0)
        ratio = Interval(1, 1, 1) if name == _OURS else paired_ratios(sides, _OURS, name)
        beside = "" if name == _OURS else f"; Doorward {ratio.show(digits=1)} times as many"
        lines.append(Line(f"{what}: {name}", shown + beside, "—", Verdict.NO_GATE))
    return lines


async def _on_sqlite(urls: tuple[str, str, str], rounds: int) -> list[Line]:
    async with AsyncExitStack() as stack:
        stores = [await stack.enter_async_context(opened(url)) for url in urls]
        texts = [await stock(store, _ROWS) for store in stores]
        ids = [[text[8:20] for text in some] for some in texts]
        sides = {
            _OURS: _ours(stores[0]),
            "aiosqlite": await _aiosqlite(urls[1], stack),
            "SQLAlchemy async + aiosqlite": _sqlalchemy("sqlite+aiosqlite:///" + urls[2][len("sqlite:///") :], stack),
        }
        own = dict(zip(sides, ids, strict=True))
        return await _compare(
            {name: side._replace(read=_with_own(side.read, own[name], ids[0])) for name, side in sides.items()},
            ids[0],
            rounds,
            "SQLite",
        )


def _with_own(read: Read, own: list[str], shared: list[str]) -> Read:
    """Reads by position: each side has its own file, and so its own ids."""
    by_shared = dict(zip(shared, own, strict=True))
    return lambda key_id: read(by_shared[key_id])


async def _on_postgres(url: str, rounds: int) -> list[Line]:
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(opened(url))
        ids = [text[8:20] for text in await stock(store, _ROWS)]
        peer = _sqlalchemy(url.replace("postgresql://", "postgresql+asyncpg://"), stack)
        return await _compare({_OURS: _ours(store), "SQLAlchemy async + asyncpg": peer}, ids, rounds, "PostgreSQL")


def measure(*, rounds: int) -> list[Line]:
    """See the module."""
    with sqlite_database() as one, sqlite_database() as two, sqlite_database() as three:
        lines = asyncio.run(_on_sqlite((one, two, three), rounds))
    with postgres_database() as url:
        lines += asyncio.run(_on_postgres(url, rounds))
    return lines
