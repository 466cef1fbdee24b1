"""The feed in SQL, read as one snapshot. (`appending.py` appends to it.)

Positions come from the one row of `heads`, which a change locks last and holds until its commit is visible. So
positions become visible in their order, an aborted change leaves no gap, and a reader who sees a position has seen
every kept one before it (docs/adr/0006-gapless-feed-positions.md).
"""

from collections.abc import AsyncIterator
from typing import Final, final

from sqlalchemy import bindparam, delete, select, true

from doorward.adapters.sql import schema
from doorward.adapters.sql.script import Engine, Row, Script, Step
from doorward.adapters.sql.sectors import SETTLED
from doorward.adapters.sql.statements import Statement, limited, store_clock_ms
from doorward.errors import Rejected
from doorward.revocation.port import FeedPage, FeedRow
from doorward.revocation.withholding import names_person
from doorward.values import FeedKind, Handle, Watermark

__all__ = ["PAGE_FEED_ROWS_MAX", "SqlFeed"]

PAGE_FEED_ROWS_MAX: Final = 10_000
"""How many rows one page of the feed may hold."""
REMOVED_AT_ONCE: Final = 1_000
"""How many rows that have left are removed in one transaction."""

_feed: Final = schema.feed.c
_heads: Final = schema.heads.c
# One statement is one snapshot on both engines: rows, watermark and generation cannot come from different moments.
_rows: Final = (
    select(schema.feed)
    .where(_feed.position > bindparam("after"))
    .order_by(_feed.position)
    .limit(limited("limit"))
    .subquery("page")
)
_READ: Final = Statement(
    select(
        _heads.feed_position,
        _heads.feed_generation,
        store_clock_ms(),
        _rows.c.position,
        _rows.c.kind,
        _rows.c.id,
        _rows.c.committed_at,
        _rows.c.leave_at,
        _rows.c.changed_version,
        _rows.c.audience,
    )
    .select_from(schema.heads.outerjoin(_rows, true()))
    .order_by(_rows.c.position)
)
_HEAD: Final = Statement(select(_heads.feed_generation, _heads.feed_position))
_REMOVE: Final = Statement(
    delete(schema.feed)
    .where(
        _feed.position.in_(
            select(_feed.position)
            .where(_feed.leave_at <= bindparam("now", type_=_feed.leave_at.type))
            .order_by(_feed.leave_at)
            .limit(limited("limit"))
        )
    )
    .returning(_feed.position)
)


@final
class SqlFeed:
    """`FeedPort`."""

    def __init__(self, engine: Engine) -> None:
        self._engine: Final = engine

    async def read_feed(
        self, after: int, *, limit: int = PAGE_FEED_ROWS_MAX, audiences: frozenset[str] | None = None
    ) -> FeedPage:
        """See the port. A page cut short carries the watermark of the last row it looked at."""
        if not 1 <= limit <= PAGE_FEED_ROWS_MAX:
            raise Rejected("input_invalid", f"a page of the feed has 1 to {PAGE_FEED_ROWS_MAX} rows, not {limit}")
        plain_names = audiences is None or await self._may_know_names(audiences)
        # What is withheld is left out here, not in SQL: a reader of few rows must not make one statement run through
        # a million that are not for him.
        rows = await self._engine.read(_READ, {"after": after, "limit": limit + 1})
        head, generation, as_of_ms = rows[0][:3]
        page = tuple(
            _row(row) for row in rows[:limit] if row[3] is not None and _is_for(audiences, row, plain_names=plain_names)
        )
        complete = len(rows) <= limit
        scanned_to = head if complete else rows[limit - 1][3]
        return FeedPage(
            rows=page,
            watermark=scanned_to,
            generation=generation,
            as_of=as_of_ms // 1000,
            complete=complete,
            scanned_to=scanned_to,
        )

    async def _may_know_names(self, audiences: frozenset[str]) -> bool:
        # Of no audience: what is withheld would be a revocation that does not arrive.
        if not audiences:
            return True
        return not audiences <= {row[0] for row in await self._engine.read(SETTLED, {})}

    async def read_watermark(self) -> Watermark:
        """See the port."""
        ((generation, position),) = await self._engine.read(_HEAD, {})
        return Watermark(generation, position)

    def wakeups(self) -> AsyncIterator[None]:
        """See the port."""
        return self._engine.wakeups()

    async def remove_left(self, now: int) -> int:
        """See the port. The watermark is a column of `heads` and stays."""
        removed = 0
        while True:
            just_removed = await self._engine.write(lambda: _remove(now))
            removed += just_removed
            if just_removed < REMOVED_AT_ONCE:
                return removed


def _remove(now: int) -> Script[int]:
    return len((yield Step(_REMOVE, {"now": now, "limit": REMOVED_AT_ONCE})))


def _is_for(audiences: frozenset[str] | None, row: Row, *, plain_names: bool) -> bool:
    audience = row[-1]
    if audience is None:
        return plain_names or not names_person(Handle(FeedKind(row[4]), row[5]))
    return audiences is None or audience in audiences


def _row(row: Row) -> FeedRow:
    _head, _generation, _as_of, position, kind, handle_id, committed_at, leave_at, changed_version, audience = row
    return FeedRow(
        position=position,
        handle=Handle(FeedKind(kind), handle_id),
        committed_at=committed_at,
        leave_at=leave_at,
        changed_version=changed_version,
        audience=audience,
    )
