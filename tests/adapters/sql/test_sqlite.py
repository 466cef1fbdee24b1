"""The SQLite driver: groups, savepoints, other processes, and what happens when the file is not to be had."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from tests.simulators.clock import NOON, ManualClock
from tests.simulators.records import app_of, creation, event_of, key_of, revocation_of

from doorward.adapters.sql.changes import SqlChanges
from doorward.adapters.sql.open import SqlPorts, open_sql
from doorward.adapters.sql.script import WRITES_WAITING_MAX, Script, Step
from doorward.adapters.sql.sqlite import SqliteEngine, open_connection
from doorward.adapters.sql.statements import Statement
from doorward.apps.port import AppInserted
from doorward.audit.chain import ChainKey
from doorward.errors import Rejected, Unavailable
from doorward.methods.apikey.port import KeyInserted
from doorward.values import Change

KEEP = Statement(text("INSERT INTO meta (name, value) VALUES (:name, x'00')"))
COUNT = Statement(text("SELECT count(*) FROM meta"))
ORPHAN = Statement(
    text("INSERT INTO app_passwords VALUES ('p', 'nobody', NULL, '', zeroblob(32), '', 'active', 0, 0, 1)")
)
DEFER = Statement(text("PRAGMA defer_foreign_keys=ON"))


def keep(name: str) -> Script[str]:
    yield Step(KEEP, {"name": name})
    return name


@pytest.fixture
def path(sqlite_url: str) -> Path:
    return Path(sqlite_url.removeprefix("sqlite:///"))


@pytest.fixture
async def engine(path: Path) -> AsyncIterator[SqliteEngine]:
    engine = SqliteEngine(path, clock=ManualClock(), busy_timeout_ms=100)
    await engine.start()
    yield engine
    await engine.aclose()


@pytest.fixture
async def ports(sqlite_url: str, chain_key: ChainKey) -> AsyncIterator[SqlPorts]:
    ports = open_sql(sqlite_url, chain_key=chain_key, clock=ManualClock())
    await ports.start()
    yield ports
    await ports.aclose()


async def test_a_failing_script_undoes_only_itself(engine: SqliteEngine) -> None:
    def fail(error: Exception) -> Script[str]:
        yield Step(KEEP, {"name": "undone"})
        raise error

    outcomes = await asyncio.gather(
        engine.write(lambda: keep("one")),
        engine.write(lambda: fail(Rejected("object_conflict"))),
        engine.write(lambda: keep("two")),
        engine.write(lambda: keep("one")),
        engine.write(lambda: fail(TypeError("a bug"))),
        engine.write(lambda: keep("three")),
        return_exceptions=True,
    )
    assert [outcome if isinstance(outcome, str) else repr(outcome) for outcome in outcomes] == [
        "one",
        "Rejected('object_conflict')",
        "two",
        "Rejected('object_exists')",
        "TypeError('a bug')",
        "three",
    ]
    assert await engine.read(COUNT, {}) == [(3,)]


async def test_when_the_commit_fails_nobody_in_the_group_was_stored(engine: SqliteEngine, ports: SqlPorts) -> None:
    def orphan() -> Script[None]:
        yield Step(DEFER, {})
        yield Step(ORPHAN, {})

    outcomes = await asyncio.gather(
        engine.write(lambda: keep("innocent")), engine.write(orphan), return_exceptions=True
    )
    assert [getattr(outcome, "code", outcome) for outcome in outcomes] == ["store_unavailable"] * 2
    assert await engine.read(COUNT, {}) == [(0,)]
    assert await engine.write(lambda: keep("later")) == "later"
    assert await ports.meta.read_meta("innocent") is None


async def test_nothing_stops_the_writer(engine: SqliteEngine) -> None:
    """A script that ends the transaction of its group, and then breaks in a way nobody thought of."""

    def sabotage() -> Script[None]:
        yield Step(Statement(text("ROLLBACK")), {})
        raise ZeroDivisionError

    with pytest.raises(Unavailable, match="store_unavailable"):
        await engine.write(sabotage)
    assert await engine.write(lambda: keep("later")) == "later"


async def test_another_process_that_writes_for_too_long_is_unavailable(engine: SqliteEngine, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="store_unavailable"):
        await engine.write(lambda: keep("one"))
    assert await engine.read(COUNT, {}) == [(0,)]
    other.execute("COMMIT")
    assert await engine.write(lambda: keep("two")) == "two"
    other.close()


async def test_one_write_too_many_is_told_so(path: Path) -> None:
    engine = SqliteEngine(path, clock=ManualClock())
    await engine.start()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = [
        asyncio.create_task(engine.write(lambda number=number: keep(f"{number}")))  # type: ignore[misc]
        for number in range(WRITES_WAITING_MAX)
    ]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="overloaded"):
        await engine.write(lambda: keep("one too many"))
    other.execute("COMMIT")
    other.close()
    await asyncio.gather(*waiting)
    assert await engine.read(COUNT, {}) == [(WRITES_WAITING_MAX,)]
    await engine.aclose()


async def test_what_waits_is_finished_before_closing(path: Path) -> None:
    engine = SqliteEngine(path, clock=ManualClock())
    await engine.start()
    tasks = [asyncio.create_task(engine.write(lambda n=n: keep(f"{n}"))) for n in range(50)]  # type: ignore[misc]
    await asyncio.sleep(0)
    await engine.aclose()
    await engine.aclose()
    assert await asyncio.gather(*tasks) == [f"{number}" for number in range(50)]
    for refused in (engine.write(lambda: keep("late")), engine.read(COUNT, {})):
        with pytest.raises(Unavailable, match="store_unavailable"):
            await refused
    await engine.start()
    assert await engine.read(COUNT, {}) == [(50,)]
    await engine.aclose()


async def test_a_caller_who_goes_away_disturbs_nobody(engine: SqliteEngine) -> None:
    gone = asyncio.create_task(engine.write(lambda: keep("gone")))
    stays = asyncio.create_task(engine.write(lambda: keep("stays")))
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays == "stays"


async def test_the_reader_cannot_write(engine: SqliteEngine) -> None:
    with pytest.raises(Unavailable):
        await engine.read(KEEP, {"name": "smuggled"})
    assert await engine.read(COUNT, {}) == [(0,)]


async def test_the_injected_clock_is_the_stores(sqlite_url: str, chain_key: ChainKey) -> None:
    clock = ManualClock(NOON + 0.999)
    ports = open_sql(sqlite_url, chain_key=chain_key, clock=clock)
    await ports.start()
    await ports.changes.commit(Change(revocations=(revocation_of(),)))
    clock.forward(2)
    page = await ports.feed.read_feed(0)
    assert (page.rows[0].committed_at, page.as_of) == (NOON, NOON + 2)
    await ports.aclose()


async def test_our_own_commits_and_those_of_others_wake_the_follower(ports: SqlPorts, sqlite_url: str) -> None:
    wakeups = ports.feed.wakeups()
    other = open_sql(sqlite_url, chain_key=ChainKey("m1", bytes(32)), clock=ManualClock())
    await other.start()
    for writer in (ports, other, ports):
        async with asyncio.timeout(5):
            woken = asyncio.ensure_future(anext(wakeups))
            while not woken.done():
                await writer.changes.commit(Change(events=(event_of(),)))
                await asyncio.sleep(0.001)
            await woken
    await other.aclose()
    await ports.aclose()
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(anext(wakeups), 5)


async def test_no_commit_no_wakeup(ports: SqlPorts) -> None:
    wakeups = ports.feed.wakeups()
    with pytest.raises(Rejected):
        await ports.changes.commit(Change(writes=(KeyInserted(key_of()),)))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(wakeups), 0.1)


def test_a_path_may_hold_anything(tmp_path: Path, sqlite_template: Path, chain_key: ChainKey) -> None:
    folder = tmp_path / "100% ünusual?mode=memory#x"
    folder.mkdir()
    (folder / "a.db").write_bytes(sqlite_template.read_bytes())

    async def write() -> None:
        engine = SqliteEngine(folder / "a.db", clock=ManualClock())
        await engine.start()
        await SqlChanges(engine, chain_key).commit(creation(with_app=True))
        await engine.aclose()

    asyncio.run(write())
    assert {file.name.partition("-")[0] for file in folder.iterdir()} == {"a.db"}
    assert [entry.name for entry in tmp_path.iterdir()] == [folder.name]


async def test_everything_is_on_the_disk_before_the_answer(engine: SqliteEngine, path: Path) -> None:
    await SqlChanges(engine, None).commit(Change(writes=(AppInserted(app_of()),)))
    # FULL: the write-ahead log is synced at each commit, not only at a checkpoint.
    writer = sqlite3.connect(path)
    assert writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    writer.close()
    assert engine._reader is not None
    assert engine._reader.execute("PRAGMA synchronous").fetchone() == (2,)
    assert engine._reader.execute("PRAGMA busy_timeout").fetchone() == (20,)
    assert engine._reader.execute("PRAGMA foreign_keys").fetchone() == (1,)


async def test_a_backup_copied_into_place_gets_its_log_back(path: Path) -> None:
    copied = sqlite3.connect(path)
    assert copied.execute("PRAGMA journal_mode=DELETE").fetchone() == ("delete",)
    copied.close()
    engine = SqliteEngine(path, clock=ManualClock())
    await engine.start()
    shown = await engine.read(Statement(text("PRAGMA journal_mode")), {})
    await engine.aclose()
    assert shown == [("wal",)]


# Without the defence the thread dies, and this test is to say so itself.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning", "ignore::ResourceWarning")
async def test_a_rollback_that_fails_does_not_end_the_writer(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = False

    def authorize(_action: int, operation: str | None, *_rest: str | None) -> int:
        return sqlite3.SQLITE_DENY if broken and operation in {"COMMIT", "ROLLBACK"} else sqlite3.SQLITE_OK

    def open_watched(*arguments: Any, **named: Any) -> sqlite3.Connection:
        connection = open_connection(*arguments, **named)
        connection.set_authorizer(authorize)
        return connection

    monkeypatch.setattr("doorward.adapters.sql.sqlite.open_connection", open_watched)
    engine = SqliteEngine(path, clock=ManualClock(), busy_timeout_ms=100)
    await engine.start()
    broken = True
    for name in ("one", "two"):
        with pytest.raises(Unavailable):
            async with asyncio.timeout(5):
                await engine.write(lambda name=name: keep(name))  # type: ignore[misc]  # mypy infers no default
    broken = False
    with pytest.raises(Unavailable):
        await engine.write(lambda: keep("three"))
    async with asyncio.timeout(5):
        assert await engine.write(lambda: keep("four")) == "four"
    assert await engine.read(COUNT, {}) == [(1,)]
    await engine.aclose()
