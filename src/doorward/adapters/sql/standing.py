"""`StandingPort` in SQL: one statement, one snapshot, at most one index look-up a handle."""

from typing import Final, final

from sqlalchemy import bindparam, select, true, union_all

from doorward.adapters.sql import schema
from doorward.adapters.sql.script import Engine
from doorward.adapters.sql.statements import Statement, Value
from doorward.methods.standing import HANDLES_ASKED_MAX, Standing
from doorward.values import EPOCH_KINDS, FeedKind, Handle, Watermark

__all__ = ["SqlStanding"]

_feed: Final = schema.feed.c
_heads: Final = schema.heads.c
# A branch each: `OR` over pairs is a scan to one of the two planners.
_named: Final = union_all(
    *(
        select(_feed.kind, _feed.id, _feed.position).where(
            _feed.kind == bindparam(f"kind_{place}"),
            _feed.id == bindparam(f"id_{place}"),
            _feed.changed_version.is_(None),
        )
        for place in range(HANDLES_ASKED_MAX)
    )
).subquery("page")
_READ: Final = Statement(
    select(_heads.feed_generation, _heads.feed_position, _named.c.kind, _named.c.id, _named.c.position).select_from(
        schema.heads.outerjoin(_named, true())
    )
)


@final
class SqlStanding:
    """`StandingPort`."""

    def __init__(self, engine: Engine) -> None:
        self._engine: Final = engine

    async def read_standing(self, handles: tuple[Handle, ...], inherited: Watermark | None) -> Standing:
        """See the port."""
        assert len(handles) <= HANDLES_ASKED_MAX, "more handles than the statement has places for"
        asked: dict[str, Value] = {}
        for place in range(HANDLES_ASKED_MAX):
            handle = handles[place] if place < len(handles) else None
            # No row is of kind "": a place that is not used finds nothing.
            asked[f"kind_{place}"] = "" if handle is None else handle.kind.value
            asked[f"id_{place}"] = "" if handle is None else handle.id
        rows = await self._engine.read(_READ, asked)
        watermark = Watermark(rows[0][0], rows[0][1])
        revoked = None
        for _generation, _position, kind, handle_id, position in rows:
            if kind is not None and _revokes(FeedKind(kind), position, watermark, inherited):
                revoked = Handle(FeedKind(kind), handle_id)
                break
        return Standing(watermark, revoked)


def _revokes(kind: FeedKind, position: int, head: Watermark, inherited: Watermark | None) -> bool:
    if kind not in EPOCH_KINDS:
        return True
    if inherited is None:
        return False
    return inherited.generation != head.generation or position > inherited.position
