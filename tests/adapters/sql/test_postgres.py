"""The PostgreSQL driver: order, limits, lost races, cut connections."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import asyncpg
import pytest
from sqlalchemy import text
from tests.simulators.records import event_of, revocation_of

from doorward.adapters.sql.feed import SqlFeed
from doorward.adapters.sql.open import SqlPorts
from doorward.adapters.sql.postgres import PostgresEngine
from doorward.adapters.sql.script import WRITES_WAITING_MAX, Script, Step
from doorward.adapters.sql.statements import Statement
from doorward.errors import Unavailable
from doorward.values import Change

SLEEP = Statement(text("SELECT pg_sleep(30)"))
ONE = Statement(text("SELECT 1"))
LOCK_HEAD = "SELECT feed_position FROM heads FOR UPDATE"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
TERMINATE_OTHERS = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                      WHERE datname = current_database() AND pid <> pg_backend_pid()"""
LISTENING = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"


@pytest.fixture
async def impatient(postgres_url: str) -> AsyncIterator[PostgresEngine]:
    """An engine whose transactions may take 0.3 s."""
    engine = PostgresEngine(postgres_url, transaction_s=0.3)
    await engine.start()
    yield engine
    await engine.aclose()


async def until(connection: asyncpg.Connection, query: str) -> object:
    async with asyncio.timeout(10):
        while not (found := await connection.fetchval(query)):  # noqa: ASYNC110  # the event is in another process
            await asyncio.sleep(0.005)
    return found


async def test_who_locks_the_head_first_and_commits_last_is_not_skipped(
    postgres_ports: SqlPorts, postgres: asyncpg.Connection
) -> None:
    ports = postgres_ports
    slow = postgres.transaction()
    await slow.start()
    position = await postgres.fetchval(LOCK_HEAD) + 1
    await postgres.execute("INSERT INTO feed VALUES ($1, 'credential', 'slow', NULL, NULL, 0)", position)
    await postgres.execute("UPDATE heads SET feed_position = $1", position)
    fast = asyncio.create_task(ports.changes.commit(Change(revocations=(revocation_of("fast"),))))
    await until(postgres, WAITING)
    page = await ports.feed.read_feed(0)
    assert (page.rows, page.watermark) == ((), 0)
    assert not fast.done()
    await slow.commit()
    assert await fast == 2
    page = await ports.feed.read_feed(0)
    assert [(row.position, row.handle.id) for row in page.rows] == [(1, "slow"), (2, "fast")]


async def test_a_locked_head_makes_others_unavailable_not_stuck(
    impatient: PostgresEngine, postgres: asyncpg.Connection, postgres_ports: SqlPorts
) -> None:
    ports = SqlPorts(impatient, None)
    async with postgres.transaction():
        await postgres.fetchval(LOCK_HEAD)
        async with asyncio.timeout(3):
            with pytest.raises(Unavailable, match="store_unavailable"):
                await ports.changes.commit(Change(revocations=(revocation_of(),)))
        assert (await ports.feed.read_feed(0)).watermark == 0
    assert await postgres_ports.changes.commit(Change(revocations=(revocation_of(),))) == 1


def step(statement: Statement) -> Callable[[], Script[None]]:
    def script() -> Script[None]:
        yield Step(statement, {})

    return script


async def test_a_transaction_that_takes_too_long_ends(impatient: PostgresEngine) -> None:
    async with asyncio.timeout(3):
        with pytest.raises(Unavailable, match="store_unavailable"):
            await impatient.write(step(SLEEP))
        with pytest.raises(Unavailable, match="store_unavailable"):
            await impatient.read(SLEEP, {})
    assert await impatient.read(ONE, {}) == [(1,)]


async def test_an_idle_transaction_does_not_hold_the_head(
    impatient: PostgresEngine, postgres: asyncpg.Connection, postgres_url: str
) -> None:
    """A process stopped in the middle of a change: the server lets go of what it had locked."""
    frozen = await asyncpg.connect(postgres_url)
    await impatient._set_limits(frozen)
    await frozen.execute("BEGIN")
    await frozen.fetchval(LOCK_HEAD)
    async with asyncio.timeout(3):
        await postgres.fetchval(LOCK_HEAD)
    frozen.terminate()


async def test_cut_connections_are_unavailable_and_then_replaced(
    postgres_ports: SqlPorts, postgres: asyncpg.Connection
) -> None:
    await asyncio.gather(*(postgres_ports.feed.read_feed(0) for _ in range(20)))
    await postgres.fetchval(TERMINATE_OTHERS)
    failures = 0
    async with asyncio.timeout(10):
        while True:
            try:
                assert await postgres_ports.changes.commit(Change(events=(event_of(),))) == 0
                break
            except Unavailable as error:
                assert error.code == "store_unavailable"  # noqa: PT017  # how many there are is not settled
                failures += 1
    assert failures <= 10


async def test_a_connection_cut_in_the_middle_is_unavailable(
    postgres_ports: SqlPorts, postgres: asyncpg.Connection
) -> None:
    async with postgres.transaction():
        await postgres.fetchval(LOCK_HEAD)
        change = asyncio.create_task(postgres_ports.changes.commit(Change(revocations=(revocation_of(),))))
        await until(postgres, WAITING)
        await postgres.fetchval(TERMINATE_OTHERS)
        with pytest.raises(Unavailable, match="store_unavailable"):
            await change
    assert (await postgres_ports.feed.read_feed(0)).watermark == 0


async def test_a_caller_who_goes_away_leaves_nothing_locked(
    postgres_ports: SqlPorts, postgres: asyncpg.Connection
) -> None:
    async with postgres.transaction():
        await postgres.fetchval(LOCK_HEAD)
        change = asyncio.create_task(postgres_ports.changes.commit(Change(revocations=(revocation_of(),))))
        await until(postgres, WAITING)
        change.cancel()
        with pytest.raises(asyncio.CancelledError):
            await change
    async with asyncio.timeout(5):
        assert await postgres_ports.changes.commit(Change(revocations=(revocation_of("next"),))) == 1


async def test_waiting_changes_leave_room_for_reads(postgres_ports: SqlPorts, postgres: asyncpg.Connection) -> None:
    async with postgres.transaction():
        await postgres.fetchval(LOCK_HEAD)
        change = Change(revocations=(revocation_of(),))
        waiting = [asyncio.create_task(postgres_ports.changes.commit(change)) for _ in range(50)]
        await until(postgres, WAITING)
        async with asyncio.timeout(2):
            await asyncio.gather(*(postgres_ports.feed.read_feed(0) for _ in range(50)))
        assert not any(task.done() for task in waiting)
    assert sorted(await asyncio.gather(*waiting)) == list(range(1, 51))


async def test_one_operation_too_many_is_told_so(postgres_ports: SqlPorts, postgres: asyncpg.Connection) -> None:
    async with postgres.transaction():
        await postgres.fetchval(LOCK_HEAD)
        waiting = [
            asyncio.create_task(postgres_ports.changes.commit(Change(revocations=(revocation_of(),))))
            for _ in range(WRITES_WAITING_MAX)
        ]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="overloaded"):
            await postgres_ports.changes.commit(Change(revocations=(revocation_of(),)))
        for change in waiting:
            change.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_lost_deadlock_is_run_again(postgres_url: str) -> None:
    """Two scripts that lock two rows crosswise: PostgreSQL ends one, and it is run again from the start."""
    insert = Statement(text("INSERT INTO meta VALUES (:name, ''::bytea)"))
    touch = Statement(text("UPDATE meta SET value = value || '\\x01'::bytea WHERE name = :name"))
    pause = Statement(text("SELECT pg_sleep(0.05)"))
    engine = PostgresEngine(postgres_url)
    await engine.start()

    def both(first: str, second: str) -> Callable[[], Script[None]]:
        def script() -> Script[None]:
            yield Step(touch, {"name": first})
            yield Step(pause, {})
            yield Step(touch, {"name": second})

        return script

    def rows() -> Script[None]:
        yield Step(insert, {"name": "a"})
        yield Step(insert, {"name": "b"})

    await engine.write(rows)
    await asyncio.gather(engine.write(both("a", "b")), engine.write(both("b", "a")))
    lengths = await engine.read(Statement(text("SELECT length(value) FROM meta ORDER BY name")), {})
    assert [tuple(row) for row in lengths] == [(2,), (2,)]
    await engine.aclose()


async def test_a_commit_wakes_the_follower(postgres_ports: SqlPorts, postgres: asyncpg.Connection) -> None:
    wakeups = postgres_ports.feed.wakeups()
    woken = asyncio.ensure_future(anext(wakeups))
    await until(postgres, LISTENING)
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        while not woken.done():
            await postgres_ports.changes.commit(Change(revocations=(revocation_of(),)))
        await woken


async def test_a_cut_channel_ends_and_another_one_works(postgres_ports: SqlPorts, postgres: asyncpg.Connection) -> None:
    for _ in range(2):
        wakeups = postgres_ports.feed.wakeups()
        woken = asyncio.ensure_future(anext(wakeups))
        pid = await until(postgres, LISTENING)
        async with asyncio.timeout(5):
            while not woken.done():
                await postgres_ports.changes.commit(Change(events=(event_of(),)))
        await postgres.fetchval("SELECT pg_terminate_backend($1)", pid)
        with suppress(Unavailable):
            async with asyncio.timeout(5):
                async for _ in wakeups:
                    pass


async def test_a_setting_that_loses_answers_is_put_right(postgres_url: str, postgres: asyncpg.Connection) -> None:
    name = await postgres.fetchval("SELECT current_database()")
    await postgres.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    engine = PostgresEngine(postgres_url)
    await engine.start()
    shown = await engine.read(Statement(text("SHOW synchronous_commit")), {})
    assert [tuple(row) for row in shown] == [("on",)]
    await engine.aclose()


async def test_the_store_counts_by_its_own_clock(postgres_ports: SqlPorts, postgres: asyncpg.Connection) -> None:
    before = await postgres.fetchval("SELECT floor(extract(epoch FROM clock_timestamp()))::bigint")
    await postgres_ports.changes.commit(Change(revocations=(revocation_of(),)))
    page = await SqlFeed(postgres_ports._engine).read_feed(0)
    assert before <= page.rows[0].committed_at <= page.as_of <= before + 60
