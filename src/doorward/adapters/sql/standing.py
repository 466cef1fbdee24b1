"""`StandingPort` in SQL: one statement, one snapshot, at most one index look-up a handle."""

from functools import cache
from typing import Final, final

from sqlalchemy import BindParameter, bindparam, literal_column, select, true, union_all

from doorward.adapters.sql import schema
from doorward.adapters.sql.script import Engine
from doorward.adapters.sql.statements import Statement, Value
from doorward.methods.standing import AUDIENCES_ASKED_MAX, HANDLES_ASKED_MAX, Standing
from doorward.values import EPOCH_KINDS, FeedKind, Handle, Watermark

__all__ = ["SqlStanding"]

_feed: Final = schema.feed.c
_heads: Final = schema.heads.c
_sectors: Final = schema.pairwise_sectors.c


@cache
def _reading(handles: int, audiences: int) -> Statement:
    """The statement for so many of each: what is not asked for is not bound and not looked up."""
    # A branch each: `OR` over pairs is a scan to one of the two planners.
    branches = [
        select(_feed.kind, _feed.id, _feed.position).where(
            _feed.kind == bindparam(f"kind_{place}"),
            _feed.id == bindparam(f"id_{place}"),
            _feed.changed_version.is_(None),
        )
        for place in range(handles)
    ]
    # A sector has no position.
    names: list[BindParameter[str]] = [bindparam(f"audience_{place}") for place in range(audiences)]
    sectors = select(
        literal_column("''").label("kind"), _sectors.sector.label("id"), literal_column("0").label("position")
    ).where(_sectors.sector.in_(names))
    found = union_all(*branches, sectors).subquery("page")
    return Statement(
        select(_heads.feed_generation, _heads.feed_position, found.c.kind, found.c.id, found.c.position).select_from(
            schema.heads.outerjoin(found, true())
        )
    )


@final
class SqlStanding:
    """`StandingPort`."""

    def __init__(self, engine: Engine) -> None:
        self._engine: Final = engine

    async def read_standing(
        self, handles: tuple[Handle, ...], inherited: Watermark | None, audiences: tuple[str, ...] = ()
    ) -> Standing:
        """See the port."""
        assert len(handles) <= HANDLES_ASKED_MAX, "more handles than the statement has places for"
        assert len(audiences) <= AUDIENCES_ASKED_MAX, "more audiences than the statement has places for"
        asked: dict[str, Value] = {}
        for place, handle in enumerate(handles):
            asked[f"kind_{place}"] = handle.kind.value
            asked[f"id_{place}"] = handle.id
        # No sector is called "": an empty list of names is no SQL.
        for place, audience in enumerate(audiences or ("",)):
            asked[f"audience_{place}"] = audience
        rows = await self._engine.read(_reading(len(handles), len(audiences) or 1), asked)
        watermark = Watermark(rows[0][0], rows[0][1])
        revoked = None
        for _generation, _position, kind, handle_id, position in rows:
            if kind and revoked is None and _revokes(FeedKind(kind), position, watermark, inherited):
                revoked = Handle(FeedKind(kind), handle_id)
        return Standing(watermark, revoked, frozenset(row[3] for row in rows if row[2] == ""))


def _revokes(kind: FeedKind, position: int, head: Watermark, inherited: Watermark | None) -> bool:
    if kind not in EPOCH_KINDS:
        return True
    if inherited is None:
        return False
    return inherited.generation != head.generation or position > inherited.position
