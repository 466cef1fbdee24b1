"""Statements: written once in SQLAlchemy Core, compiled once per dialect, executed by our own drivers.

A statement is compiled when it is first used and kept. Values pass through `bind`, which refuses what one of the
engines cannot hold (NUL in text, lone surrogates, integers beyond 64 bits), so that hostile input is the same
`input_invalid` on both and never an error of a driver.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, TypeAlias, final

from sqlalchemy import BigInteger, BindParameter, Column, ColumnElement, bindparam, func, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.engine import Compiled, Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.sql.functions import FunctionElement

from doorward.errors import Rejected

__all__ = ["FEED_CHANNEL", "VALUE_OCTETS_MAX", "DialectName", "Prepared", "Statement", "Value", "announced", "limited"]
__all__ += ["nearest", "require_page", "store_clock_ms"]

VALUE_OCTETS_MAX: Final = 65_536
"""How long one text or byte value may be."""
PAGE_ROWS_MAX: Final = 1_000
"""How many rows a list may be asked for."""
FEED_CHANNEL: Final = "doorward_feed"
"""The PostgreSQL notification channel of the feed."""

Value: TypeAlias = str | int | bytes | None
DialectName: TypeAlias = Literal["sqlite", "postgresql"]

_INTEGER_LIMIT: Final = 2**63
_DIALECTS: Final[dict[DialectName, Dialect]] = {
    "sqlite": sqlite.dialect(paramstyle="qmark"),
    "postgresql": asyncpg.dialect(),  # type: ignore[no-untyped-call]  # dialects are untyped in SQLAlchemy
}


class Prepared(NamedTuple):
    """A statement in the words of one dialect, and the order of its parameters."""

    sql: str
    order: tuple[str, ...]
    constants: Mapping[str, Value]

    def bind(self, params: Mapping[str, Value]) -> list[Value]:
        """The values in order.

        Raises:
            Rejected: `input_invalid` for a value that no column can hold.
        """
        for name, value in params.items():
            if isinstance(value, str):
                _require_text(name, value)
            elif isinstance(value, int):
                if not -_INTEGER_LIMIT <= value < _INTEGER_LIMIT:
                    raise Rejected("input_invalid", f"{name} is beyond 64 bits")
            elif value is not None and len(value) > VALUE_OCTETS_MAX:
                raise Rejected("input_invalid", f"{name} is longer than {VALUE_OCTETS_MAX} octets")
        constants = self.constants
        return [params[name] if name in params else constants[name] for name in self.order]


def _require_text(name: str, text: str) -> None:
    if len(text) > VALUE_OCTETS_MAX:
        raise Rejected("input_invalid", f"{name} is longer than {VALUE_OCTETS_MAX} characters")
    # PostgreSQL holds no NUL in text; SQLite does, and its `length` and `=` then disagree about it.
    if "\0" in text:
        raise Rejected("input_invalid", f"{name} has a NUL in it")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Rejected("input_invalid", f"{name} is not Unicode text") from None


@final
class Statement:
    """A statement in all dialects. Made at import, once per sentence of SQL."""

    __slots__ = ("_clause", "_prepared")

    def __init__(self, clause: ClauseElement) -> None:
        self._clause: Final = clause
        self._prepared: Final[dict[DialectName, Prepared]] = {}

    def prepared(self, dialect: DialectName) -> Prepared:
        """In the words of `dialect`; compiled on first use (two threads may both compile: the same result twice)."""
        found = self._prepared.get(dialect)
        if found is None:
            found = self._prepared[dialect] = _prepare(self._clause.compile(dialect=_DIALECTS[dialect]))
        return found


def _prepare(compiled: Compiled) -> Prepared:
    constants = {
        name: bound.value
        for name, bound in compiled.binds.items()  # type: ignore[attr-defined]  # SQLCompiler, which `compile` gives
        if not bound.required
    }
    order = compiled.positiontup  # type: ignore[attr-defined]  # as above
    return Prepared(sql=str(compiled), order=tuple(order or ()), constants=constants)


def limited(name: str) -> BindParameter[int]:
    """A LIMIT parameter."""
    return bindparam(name, type_=BigInteger())


def nearest(column: Column[str], name: str) -> ColumnElement[bool]:
    """The row whose `column` is the parameter, or else the next one above it.

    A look-up by a presented id that only reads a row when the id exists answers sooner when it does not, which tells
    a stranger which ids exist (invariant 3). So a row is read, joined and decoded either way, and the caller throws it
    away when it is another's.
    """
    other = column.table.alias()
    at_or_above = other.c[column.name] >= bindparam(name)
    return column == select(func.min(other.c[column.name])).where(at_or_above).scalar_subquery()


def require_page(limit: int) -> None:
    """Refuse a page that is empty or longer than `PAGE_ROWS_MAX`.

    Raises:
        Rejected: `input_invalid`.
    """
    if not 1 <= limit <= PAGE_ROWS_MAX:
        raise Rejected("input_invalid", f"a page has 1 to {PAGE_ROWS_MAX} rows, not {limit}")


class store_clock_ms(FunctionElement[int]):  # noqa: N801  # reads as the SQL function it is
    """The store's clock in milliseconds since the epoch.

    PostgreSQL has its own, the same for all nodes. SQLite's processes share a machine: each connection registers the
    injected clock under this name.
    """

    type = BigInteger()
    inherit_cache = True
    name = "doorward_clock_ms"


class announced(FunctionElement[None]):  # noqa: N801  # as above
    """Tells the followers, when the transaction commits, that the feed has grown.

    In the RETURNING of the statement that moves the head, so that it costs no round trip while the head is locked.
    SQLite has no channel: `PRAGMA data_version` shows its commits.
    """

    inherit_cache = True
    name = "announced"


# Any below: SQLAlchemy's compiler hooks are untyped.
@compiles(store_clock_ms, "sqlite")
def _sqlite_clock(_element: store_clock_ms, _compiler: Any, **_options: Any) -> str:
    return "doorward_clock_ms()"


@compiles(store_clock_ms, "postgresql")
def _postgresql_clock(_element: store_clock_ms, _compiler: Any, **_options: Any) -> str:
    # clock_timestamp, not now(): a transaction that waited for a lock must not count from before the wait.
    return "CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT)"


@compiles(announced, "sqlite")
def _sqlite_announced(_element: announced, _compiler: Any, **_options: Any) -> str:
    return "NULL"


@compiles(announced, "postgresql")
def _postgresql_announced(_element: announced, _compiler: Any, **_options: Any) -> str:
    return f"pg_notify('{FEED_CHANNEL}', '')"
