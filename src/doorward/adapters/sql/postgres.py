"""The PostgreSQL driver: a pool of asyncpg connections, and one more that listens.

* A transaction may last `TRANSACTION_S`, on the server's clock and on ours: the head of the feed is locked while a
  change commits, and nobody may hold it longer. When our clock runs out the connection is cut rather than asked.
* A lost deadlock or serialization conflict is run again, a bounded number of times. Nothing else is: after a cut
  connection nobody knows whether the commit arrived.
* Settings are made when a connection opens, not in each transaction: a round trip saved while others wait.
  The connection must therefore be a session of its own (no pooler in transaction mode, which cannot LISTEN either).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager, suppress
from typing import Any, Final, TypeVar, final

import asyncpg

from doorward.adapters.sql.schema import SCHEMA_REVISION
from doorward.adapters.sql.script import WRITES_WAITING_MAX, Batch, Rows, Script, Step
from doorward.adapters.sql.statements import FEED_CHANNEL, Statement, Value
from doorward.errors import DoorwardError, Misconfigured, Rejected, Unavailable

__all__ = ["TRANSACTION_S", "PostgresEngine", "connect"]

TRANSACTION_S: Final = 5
"""How long a transaction may take, waiting for locks included."""
CONNECTIONS_MAX: Final = 10
WRITERS_MAX: Final = 6
"""How many of them may be writing."""
CONNECT_S: Final = 5
ATTEMPTS: Final = 5
"""How often a transaction that lost a deadlock is run."""
LISTEN_CHECK_S: Final = 15
"""How often a silent listening connection is asked whether it is still there."""

_SETTINGS: Final = """
SELECT set_config('statement_timeout', $1, false),
       set_config('lock_timeout', $1, false),
       set_config('idle_in_transaction_session_timeout', $1, false),
       set_config('default_transaction_isolation', 'read committed', false),
       set_config('synchronous_commit',
                  CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'
                  ELSE current_setting('synchronous_commit') END, false)
"""
# What a lost race looks like: the transaction is certainly undone, and may be run again.
_RETRIED: Final = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
_DRIVER_ERRORS: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)

T = TypeVar("T")
# asyncpg has no types: its connections are Any here, and nowhere else.
_Connection = Any


async def connect(url: str) -> _Connection:
    """A connection of its own, without our limits: for migrations, backups and listening.

    Raises:
        Misconfigured: the server refuses these credentials, or there is no such database.
        Unavailable: `store_unavailable`.
    """
    try:
        return await asyncpg.connect(url, timeout=CONNECT_S)
    except (ValueError, OverflowError) as error:
        # Its text quotes the URL: a password with a `/` in it is taken for a port.
        raise _refused(error) from None
    except _DRIVER_ERRORS as error:
        raise _refused(error) from error


@final
class PostgresEngine:
    """`Engine` on a PostgreSQL database. Belongs to the loop that started it."""

    def __init__(self, url: str, *, transaction_s: float = TRANSACTION_S) -> None:
        self._url: Final = url
        self._transaction_s: Final = transaction_s
        self._pool: Any = None
        self._waiting = 0
        self._starting: Final = asyncio.Lock()
        # Changes wait for each other; what waits for the head must not take the connections that verification reads by.
        self._writers: Final = asyncio.Semaphore(WRITERS_MAX)

    async def start(self) -> None:
        """See `Engine`."""
        async with self._starting:
            if self._pool is None:
                self._pool = await self._open_pool()

    async def aclose(self) -> None:
        """See `Engine`."""
        pool, self._pool = self._pool, None
        if pool is not None:
            try:
                async with asyncio.timeout(TRANSACTION_S + 1):
                    await pool.close()
            except TimeoutError:
                pool.terminate()

    async def read(self, statement: Statement, params: Mapping[str, Value]) -> Rows:
        """See `Engine`."""
        prepared = statement.prepared("postgresql")
        values = prepared.bind(params)

        async def fetch(connection: _Connection) -> Rows:
            rows: Rows = await connection.fetch(prepared.sql, *values)
            return rows

        with self._counted():
            try:
                return await self._use_connection(fetch)
            except _RETRIED as error:
                raise _translated(error) from error

    async def write(self, factory: Callable[[], Script[T]]) -> T:
        """See `Engine`."""

        async def transact(connection: _Connection) -> T:
            return await _transact(connection, factory())

        with self._counted():
            for _ in range(ATTEMPTS):
                try:
                    return await self._use_connection(transact, gate=self._writers)
                except _RETRIED:
                    continue
        raise Unavailable("store_unavailable", f"lost {ATTEMPTS} deadlocks in a row")

    async def wakeups(self) -> AsyncIterator[None]:
        """See `Engine`: LISTEN on a connection of its own, so that a long transaction never keeps it waiting."""
        connection = await connect(self._url)
        woken = asyncio.Event()
        connection.add_termination_listener(lambda _connection: woken.set())
        try:
            await connection.add_listener(FEED_CHANNEL, lambda *_notification: woken.set())
            while await _heard(connection, woken):
                yield
        except (*_DRIVER_ERRORS, TimeoutError) as error:
            raise _translated(error) from error
        finally:
            connection.terminate()

    async def _open_pool(self) -> Any:
        try:
            pool = await asyncpg.create_pool(
                self._url,
                min_size=1,
                max_size=CONNECTIONS_MAX,
                timeout=CONNECT_S,
                init=self._set_limits,
                reset=_keep_settings,
            )
        except (ValueError, OverflowError) as error:
            raise _refused(error) from None  # as above
        except _DRIVER_ERRORS as error:
            raise _refused(error) from error
        try:
            await _require_schema(pool)
        except BaseException:
            await pool.close()
            raise
        return pool

    @contextmanager
    def _counted(self) -> Iterator[None]:
        if self._waiting >= WRITES_WAITING_MAX:
            raise Unavailable("overloaded", "too many operations are waiting")
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    async def _use_connection(
        self, use: Callable[[_Connection], Awaitable[T]], *, gate: asyncio.Semaphore | None = None
    ) -> T:
        pool = self._pool
        if pool is None:
            raise Unavailable("store_unavailable", "the store is not open")
        try:
            async with AsyncExitStack() as held:
                async with asyncio.timeout(self._transaction_s):
                    if gate is not None:
                        await held.enter_async_context(gate)
                    connection = await pool.acquire()
                held.push_async_callback(pool.release, connection)
                return await self._within_limit(connection, use)
        except _RETRIED:
            raise
        except (*_DRIVER_ERRORS, TimeoutError) as error:
            raise _translated(error) from error

    async def _within_limit(self, connection: _Connection, use: Callable[[_Connection], Awaitable[T]]) -> T:
        try:
            # A little after the server's own limit, which leaves the connection whole.
            async with asyncio.timeout(self._transaction_s * 1.2):
                return await use(connection)
        except (TimeoutError, asyncio.CancelledError):
            # Somewhere between here and there an answer is missing; a polite ROLLBACK could wait for ever.
            with suppress(asyncpg.InterfaceError):  # it is gone already
                connection.terminate()
            raise

    async def _set_limits(self, connection: _Connection) -> None:
        limit_ms = str(int(self._transaction_s * 1_000))
        await connection.fetch(_SETTINGS, limit_ms)
        if connection.get_server_version().major >= 17:
            await connection.fetch("SELECT set_config('transaction_timeout', $1, false)", limit_ms)


async def _transact(connection: _Connection, script: Script[T]) -> T:
    await connection.execute("BEGIN")
    try:
        result = await _run(connection, script)
    except (TimeoutError, asyncio.CancelledError):
        raise  # the connection is about to be cut
    except BaseException:
        if not connection.is_closed():
            await connection.execute("ROLLBACK")
        raise
    await connection.execute("COMMIT")
    return result


async def _run(connection: _Connection, script: Script[T]) -> T:
    try:
        step = next(script)
        while True:
            step = script.send(await _execute(connection, step))
    except StopIteration as stop:
        result: T = stop.value
        return result


async def _execute(connection: _Connection, step: Step | Batch) -> Rows:
    prepared = step.statement.prepared("postgresql")
    if isinstance(step, Batch):
        await connection.executemany(prepared.sql, [prepared.bind(params) for params in step.params])
        return ()
    rows: Rows = await connection.fetch(prepared.sql, *prepared.bind(step.params))
    return rows


async def _keep_settings(_connection: _Connection) -> None:
    """Instead of asyncpg's RESET ALL: our scripts set nothing, and the limits must stay."""


async def _require_schema(pool: Any) -> None:  # Any: an asyncpg pool
    cure = "Run `doorward db upgrade`."
    try:
        versions = await pool.fetch("SELECT version_num, current_setting('server_encoding') FROM alembic_version")
    except asyncpg.UndefinedTableError as error:
        cure = "Is that the right one? To make it, run `doorward init` (or `doorward db upgrade`, for it alone)."
        raise Misconfigured("The database has no Doorward schema.", cure=cure) from error
    except (*_DRIVER_ERRORS, TimeoutError) as error:
        raise _translated(error) from error
    if [row[0] for row in versions] != [SCHEMA_REVISION]:
        raise Misconfigured("The schema of the database is not the one this version knows.", cure=cure)
    if versions[0][1] != "UTF8":
        raise Misconfigured("The database does not hold Unicode.", cure="Create it with ENCODING 'UTF8'.")


async def _heard(connection: _Connection, woken: asyncio.Event) -> bool:
    """Wait for a notification. False when the connection is gone."""
    while not connection.is_closed():
        try:
            # Not wait_for: before Python 3.12 it swallows a cancellation that comes together with the event.
            async with asyncio.timeout(LISTEN_CHECK_S):
                await woken.wait()
        except TimeoutError:
            # A connection cut without a word looks like a quiet one: ask.
            await connection.execute("SELECT 1", timeout=CONNECT_S)
            continue
        woken.clear()
        return not connection.is_closed()
    return False


def _refused(error: BaseException) -> DoorwardError:
    if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError | asyncpg.InvalidCatalogNameError):
        return Misconfigured("PostgreSQL refuses the connection.", cure="Check user, password and database in the URL.")
    if isinstance(error, ValueError | OverflowError):
        return Misconfigured("The PostgreSQL URL cannot be read.", cure="Use postgresql://user@host/database.")
    return _translated(error)


def _translated(error: BaseException) -> DoorwardError:
    match error:
        case asyncpg.UniqueViolationError():
            return Rejected("object_exists")
        case asyncpg.ForeignKeyViolationError():
            return Rejected("object_unknown")
        case asyncpg.DataError() | asyncpg.IntegrityConstraintViolationError():
            return Rejected("input_invalid", type(error).__name__)
        case _:
            return Unavailable("store_unavailable", type(error).__name__)
