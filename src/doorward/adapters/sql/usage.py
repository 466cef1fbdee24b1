"""Use of credentials in SQL: counts add up, and the last use never moves back."""

from typing import Final, final

from sqlalchemy import bindparam, case
from sqlalchemy.dialects.postgresql import insert

from doorward.adapters.sql import schema
from doorward.adapters.sql.script import Batch, Engine, Script
from doorward.adapters.sql.statements import Statement, Value
from doorward.methods.plane import UsageDelta

__all__ = ["USAGE_DELTAS_MAX", "SqlUsage"]

USAGE_DELTAS_MAX: Final = 10_000
"""How many deltas one call may add: it is one transaction."""

_usage: Final = schema.usage.c
# PostgreSQL's INSERT … ON CONFLICT; SQLite took the clause over word for word, and compiles from it.
_insert: Final = insert(schema.usage).values({column.name: bindparam(column.name) for column in _usage})
_newer: Final = _insert.excluded.last_used_at >= _usage.last_used_at
_ADD: Final = Statement(
    _insert.on_conflict_do_update(
        index_elements=[_usage.credential_id],
        set_={
            "use_count": _usage.use_count + _insert.excluded.use_count,
            # Processes flush when they like: an older delta may come later.
            "last_used_at": case((_newer, _insert.excluded.last_used_at), else_=_usage.last_used_at),
            "last_source": case((_newer, _insert.excluded.last_source), else_=_usage.last_source),
        },
    )
)


@final
class SqlUsage:
    """`UsagePort`. At most `USAGE_DELTAS_MAX` deltas a call."""

    def __init__(self, engine: Engine) -> None:
        self._engine: Final = engine

    async def add_usage(self, deltas: tuple[UsageDelta, ...]) -> None:
        """See the port."""
        assert len(deltas) <= USAGE_DELTAS_MAX, f"more than {USAGE_DELTAS_MAX} deltas in one call"
        if deltas:
            # In the order of ids, so that two processes that flush the same credentials cannot deadlock.
            rows = [_row(delta) for delta in sorted(deltas, key=lambda delta: delta.credential_id)]
            await self._engine.write(lambda: _add(rows))


def _add(rows: list[dict[str, Value]]) -> Script[None]:
    yield Batch(_ADD, rows)


def _row(delta: UsageDelta) -> dict[str, Value]:
    return {
        "credential_id": delta.credential_id,
        "method": delta.method,
        "use_count": delta.count,
        "last_used_at": delta.last_used_at,
        "last_source": delta.last_source,
    }
