"""Transactions as scripts without I/O.

A unit of work is a generator: it yields a `Step` (or a `Batch`) and is sent the rows of its answer. It never waits, so
the same script is run by the SQLite writer thread and by asyncpg, and it says what it does in the order it does it.
What is conditional asks for its rows back (`RETURNING`): no row means the condition did not hold.

A driver is given a factory rather than a generator: a transaction that lost a deadlock is run again from the start.
"""

from collections.abc import AsyncIterator, Callable, Generator, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeAlias, TypeVar

from doorward.adapters.sql.statements import Statement, Value

__all__ = ["WRITES_WAITING_MAX", "Batch", "Engine", "Row", "Rows", "Script", "Step"]

WRITES_WAITING_MAX: Final = 1_024
"""How many operations may wait for an engine; the next one is told `overloaded`."""

# Any: what a column holds is known by the statement that reads it, and checked by the port's conformance suite.
Row: TypeAlias = Sequence[Any]
Rows: TypeAlias = Sequence[Row]


class Step(NamedTuple):
    """One statement, answered with its rows."""

    statement: Statement
    params: Mapping[str, Value]


class Batch(NamedTuple):
    """One statement for many rows of parameters; answered with no rows."""

    statement: Statement
    params: Sequence[Mapping[str, Value]]


T = TypeVar("T")
Script: TypeAlias = Generator[Step | Batch, Rows, T]


class Engine(Protocol):
    """What the ports need of a database. Two there are: `sqlite.py` and `postgres.py`.

    Every error of the driver or the network becomes a `Rejected` or an `Unavailable`; none passes through.
    """

    async def start(self) -> None:
        """Connect, and refuse a schema this version does not know.

        Raises:
            Misconfigured: the schema is missing or unknown; the cure names `doorward db upgrade`.
            Unavailable: `store_unavailable`.
        """
        ...

    async def aclose(self) -> None:
        """Finish what was taken on, then close. Idempotent."""
        ...

    async def read(self, statement: Statement, params: Mapping[str, Value]) -> Rows:
        """One statement, one snapshot.

        Raises:
            Rejected: `input_invalid` for a value no column can hold.
            Unavailable: `store_unavailable`, `overloaded`.
        """
        ...

    async def write(self, factory: Callable[[], Script[T]]) -> T:
        """Run a script in one transaction; it is durable when this returns.

        Raises:
            Rejected: what the script raised; `object_exists` or `object_unknown` when a constraint did not hold.
            Unavailable: `store_unavailable` (whether it was committed is then unknown), `overloaded` (it was not).
        """
        ...

    def wakeups(self) -> AsyncIterator[None]:
        """Yields whenever something may have been committed, by anybody. Ends when the channel is cut."""
        ...
