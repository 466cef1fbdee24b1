"""The one row of `heads`: how it begins, and what a restore does to it."""

from typing import Final

from sqlalchemy import bindparam, update
from sqlalchemy.dialects.postgresql import insert

from doorward.adapters.sql import schema
from doorward.adapters.sql.statements import DialectName, Statement, Value
from doorward.audit.chain import GENESIS

__all__ = ["first_heads", "new_generation"]

_FIRST: Final = Statement(
    insert(schema.heads)
    .values({column.name: bindparam(column.name) for column in schema.heads.c})
    .on_conflict_do_nothing()
)
_NEW: Final = Statement(update(schema.heads).values(feed_generation=bindparam("feed_generation")))


def first_heads(dialect: DialectName, generation: str) -> tuple[str, list[Value]]:
    """SQL and values that begin the feed and the chain, unless they have begun."""
    prepared = _FIRST.prepared(dialect)
    beginning: dict[str, Value] = {
        "id": 1,
        "feed_position": 0,
        "feed_generation": generation,
        "audit_sequence": 0,
        "audit_link": GENESIS,
    }
    return prepared.sql, prepared.bind(beginning)


def new_generation(dialect: DialectName, generation: str) -> tuple[str, list[Value]]:
    """SQL and values that make every verifier reload."""
    prepared = _NEW.prepared(dialect)
    return prepared.sql, prepared.bind({"feed_generation": generation})
