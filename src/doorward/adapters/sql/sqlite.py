"""The SQLite driver: reads in the loop, one writer thread that commits in groups.

* A point read costs less than handing it to a thread, so it is done where it is asked for. WAL lets it never wait.
* The writer takes everything that waits into one transaction, each script in its own savepoint: one fdatasync for all
  of them, and a script that fails undoes only itself. Nobody is answered before the commit is on the disk.
* WAL with `synchronous=FULL`: what was answered survives a power cut. Several processes may share the file; each
  group starts with BEGIN IMMEDIATE, so a script never reads something that changes before it writes.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final, NamedTuple, TypeVar, final

from doorward.adapters.sql.schema import SCHEMA_REVISION
from doorward.adapters.sql.script import WRITES_WAITING_MAX, Batch, Rows, Script, Step
from doorward.adapters.sql.statements import Statement, Value
from doorward.errors import DoorwardError, Misconfigured, Rejected, Unavailable
from doorward.values import Clock

__all__ = ["SqliteEngine", "open_connection"]

GROUP_MAX: Final = 256
"""How many scripts one commit may carry: bounds how long the first of them waits."""
BUSY_TIMEOUT_MS: Final = 5_000
"""How long to wait for another process that is writing."""
LOOP_TIMEOUT_MS: Final = 20
"""How long a read may wait, in the loop, for what stops even readers (a restore): everybody waits with it."""
POLL_INTERVAL_S: Final = 0.02
"""How often to look whether another process has committed."""

# Trusted schema: who could write to the file must not get functions called from views and triggers of his.
_PRAGMAS: Final = ("foreign_keys=ON", "synchronous=FULL", "trusted_schema=OFF")
_VERSION: Final = "SELECT version_num FROM alembic_version"
_NOT_OURS: Final = frozenset({"SQLITE_ERROR", "SQLITE_NOTADB", "SQLITE_CANTOPEN"})

T = TypeVar("T")


class _Job(NamedTuple):
    # Any: the script's result, which only its caller knows.
    factory: Callable[[], Script[Any]]
    answer: "asyncio.Future[Any]"


def open_connection(
    path: Path, *pragmas: str, clock: Clock, busy_timeout_ms: int = BUSY_TIMEOUT_MS
) -> sqlite3.Connection:
    """A connection with our settings and these, to a file that exists."""
    # The URI quotes what the path may hold (`?`, `%`), and is the only way to say "do not create".
    uri = f"{path.absolute().as_uri()}?mode=rw"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    try:
        for pragma in (f"busy_timeout={busy_timeout_ms}", *_PRAGMAS, *pragmas):
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error:
        connection.close()
        raise
    connection.create_function("doorward_clock_ms", 0, lambda: int(clock() * 1_000))
    return connection


@final
class SqliteEngine:
    """`Engine` on one file. Belongs to the loop that started it."""

    def __init__(self, path: Path, *, clock: Clock, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> None:
        self._path: Final = path
        self._clock: Final = clock
        self._busy_timeout_ms: Final = busy_timeout_ms
        self._reader: sqlite3.Connection | None = None
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._waiting = 0
        self._writer: Thread | None = None
        self._committed: set[asyncio.Event] = set()

    async def start(self) -> None:
        """See `Engine`."""
        if self._reader is not None:
            return
        self._require_schema()
        with ExitStack() as opened:
            # WAL is lost when a backup is copied into place instead of restored.
            writer = opened.enter_context(closing(self._open(self._busy_timeout_ms, "journal_mode=WAL")))
            self._reader = self._open(LOOP_TIMEOUT_MS, "query_only=ON")
            opened.pop_all()
        work = (writer, asyncio.get_running_loop())
        self._writer = Thread(target=self._write_groups, args=work, name="doorward-sqlite-writer", daemon=True)
        self._writer.start()

    async def aclose(self) -> None:
        """See `Engine`."""
        if self._reader is None or self._writer is None:
            return
        self._reader.close()
        self._reader = None
        self._jobs.put(None)
        await asyncio.to_thread(self._writer.join)
        self._writer = None

    async def read(self, statement: Statement, params: Mapping[str, Value]) -> Rows:
        """See `Engine`."""
        prepared = statement.prepared("sqlite")
        values = prepared.bind(params)
        if self._reader is None:
            raise Unavailable("store_unavailable", "the store is not open")
        try:
            return self._reader.execute(prepared.sql, values).fetchall()
        except sqlite3.Error as error:
            raise _translated(error) from error

    async def write(self, factory: Callable[[], Script[T]]) -> T:
        """See `Engine`."""
        if self._writer is None or self._reader is None:
            raise Unavailable("store_unavailable", "the store is not open")
        if self._waiting >= WRITES_WAITING_MAX:
            raise Unavailable("overloaded", "too many writes are waiting")
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting += 1
        self._jobs.put(_Job(factory, answer))
        try:
            return await answer
        finally:
            self._waiting -= 1

    async def wakeups(self) -> AsyncIterator[None]:
        """See `Engine`: our own commits at once, those of other processes by polling `data_version`."""
        committed = asyncio.Event()
        connection = self._open(LOOP_TIMEOUT_MS)
        self._committed.add(committed)
        try:
            seen = _data_version(connection)
            while self._reader is not None:
                # Not wait_for: before Python 3.12 it swallows a cancellation that comes together with the event.
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLL_INTERVAL_S):
                        await committed.wait()
                committed.clear()
                version = _data_version(connection)
                if version != seen:
                    seen = version
                    yield
        except sqlite3.Error as error:
            raise _translated(error) from error
        finally:
            self._committed.discard(committed)
            connection.close()

    def _open(self, busy_timeout_ms: int, *pragmas: str) -> sqlite3.Connection:
        try:
            return open_connection(self._path, *pragmas, clock=self._clock, busy_timeout_ms=busy_timeout_ms)
        except sqlite3.Error as error:
            raise _translated(error) from error

    def _require_schema(self) -> None:
        problem, cure = f"The schema of {self._path} is not the one this version knows.", "Run `doorward db upgrade`."
        try:
            connection = open_connection(self._path, clock=self._clock, busy_timeout_ms=self._busy_timeout_ms)
            with closing(connection):
                known = connection.execute(_VERSION).fetchall() == [(SCHEMA_REVISION,)]
        except sqlite3.Error as error:
            if _name(error) not in _NOT_OURS:
                raise _translated(error) from error
            known, problem = False, f"There is no Doorward database at {self._path.absolute()}."
            cure = "Is that the right place? To make one, run `doorward init` (or `doorward db upgrade`, for it alone)."
        if not known:
            raise Misconfigured(problem, cure=cure)

    # From here on: the writer thread.

    def _write_groups(self, connection: sqlite3.Connection, loop: asyncio.AbstractEventLoop) -> None:
        while (group := self._take_group()) is not None:
            answers = _commit_group(connection, group)
            try:
                loop.call_soon_threadsafe(self._answer, answers)
            except RuntimeError:  # the loop is closed: nobody waits any more
                break
        connection.close()

    def _take_group(self) -> list[_Job] | None:
        job = self._jobs.get()
        group: list[_Job] = []
        while job is not None:
            group.append(job)
            if len(group) == GROUP_MAX or self._jobs.empty():
                return group
            job = self._jobs.get()
        if group:
            self._jobs.put(None)  # closing: this group first, then the end
        return group or None

    def _answer(self, answers: "list[tuple[_Job, Any]]") -> None:
        for job, outcome in answers:
            if job.answer.done():  # the caller went away
                continue
            if isinstance(outcome, BaseException):
                job.answer.set_exception(outcome)
            else:
                job.answer.set_result(outcome)
        for committed in self._committed:
            committed.set()


def _commit_group(connection: sqlite3.Connection, group: list[_Job]) -> list[tuple[_Job, Any]]:
    try:
        connection.execute("BEGIN IMMEDIATE")
        # Who went away while waiting is not served: otherwise a caller who gives up and asks again fills the queue.
        wanted = [job for job in group if not job.answer.cancelled()]
        answers = [(job, _run_in_savepoint(connection, job.factory)) for job in wanted]
        connection.execute("COMMIT")
    except Exception as error:  # noqa: BLE001  # whatever it is: without this thread nothing is ever written again
        # A full disk or a lost lock undoes the whole transaction: nobody in this group was stored, and it was nobody's
        # own fault.
        # Where even the rollback fails, the next group cannot begin, and tries it again.
        if connection.in_transaction:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        return [(job, Unavailable("store_unavailable", _name(error))) for job in group]
    return answers


def _run_in_savepoint(connection: sqlite3.Connection, factory: Callable[[], Script[Any]]) -> Any:
    # Answers an exception instead of raising it: the scripts after this one are none of its business.
    connection.execute("SAVEPOINT script")
    try:
        outcome = _run(connection, factory())
    except Exception as error:  # whatever it is, it belongs to the caller of this script alone
        if not connection.in_transaction:
            raise
        connection.execute("ROLLBACK TO script")
        outcome = _translated(error) if isinstance(error, sqlite3.Error) else error
    connection.execute("RELEASE script")
    return outcome


def _run(connection: sqlite3.Connection, script: Script[T]) -> T:
    try:
        step = next(script)
        while True:
            step = script.send(_execute(connection, step))
    except StopIteration as stop:
        result: T = stop.value
        return result


def _execute(connection: sqlite3.Connection, step: Step | Batch) -> Rows:
    prepared = step.statement.prepared("sqlite")
    if isinstance(step, Batch):
        connection.executemany(prepared.sql, [prepared.bind(params) for params in step.params])
        return ()
    return connection.execute(prepared.sql, prepared.bind(step.params)).fetchall()


def _data_version(connection: sqlite3.Connection) -> int:
    ((version,),) = connection.execute("PRAGMA data_version").fetchall()
    return int(version)


def _translated(error: sqlite3.Error) -> DoorwardError:
    match name := _name(error):
        case "SQLITE_CONSTRAINT_UNIQUE" | "SQLITE_CONSTRAINT_PRIMARYKEY":
            return Rejected("object_exists")
        case "SQLITE_CONSTRAINT_FOREIGNKEY":
            return Rejected("object_unknown")
        case _ if isinstance(error, sqlite3.IntegrityError | sqlite3.DataError):
            return Rejected("input_invalid", name)
        case _:
            return Unavailable("store_unavailable", name)


def _name(error: Exception) -> str:
    # Errors of the module itself, and not of SQLite, have no name there.
    return getattr(error, "sqlite_errorname", "") or type(error).__name__
