"""Rows of the feed, appended while the head is locked; rows they make needless are removed in the same moment.

Rules of this file:

* Each revocation takes exactly one position, folded or not, so positions stay without a gap.
* What belongs to one owner is counted, removed and written under the lock that every other change waits for: of any
  number of parallel revocations exactly one finds that it is one too many (`revocation/folding.py`).
* A removed row is always followed by one that says more, to everybody who was sent it, at a higher position: a reader
  who is behind misses nothing.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import ColumnElement, bindparam, delete, insert, select

from doorward.adapters.sql import schema
from doorward.adapters.sql.script import Batch, Script, Step
from doorward.adapters.sql.statements import Statement, Value, limited, store_clock_ms
from doorward.revocation.folding import (
    EPOCH_LIFETIME_S,
    OWNER_ROWS_MAX,
    folds_apart,
    must_fold,
    owner_of,
    owner_text,
)
from doorward.values import FeedKind, Handle, Revocation

__all__ = ["append_revocations"]

_feed: Final = schema.feed.c
# Asked of the clock after the head is locked, so that times grow with positions.
_clock_s: Final = store_clock_ms() // 1000


def _append(leave_at: ColumnElement[int]) -> Statement:
    return Statement(
        insert(schema.feed).values(
            position=bindparam("position"),
            kind=bindparam("kind"),
            id=bindparam("id"),
            changed_version=bindparam("changed_version"),
            leave_at=leave_at,
            audience=bindparam("audience"),
            owner=bindparam("owner"),
            committed_at=_clock_s,
        )
    )


_APPEND: Final = _append(bindparam("leave_at", type_=_feed.leave_at.type))
_APPEND_FOLD: Final = _append(_clock_s + EPOCH_LIFETIME_S)
_OF_OWNER: Final = Statement(
    select(_feed.kind).where(_feed.owner == bindparam("owner")).order_by(_feed.position.desc()).limit(limited("limit"))
)
_REMOVE_OF_OWNER: Final = Statement(delete(schema.feed).where(_feed.owner == bindparam("owner")))
_sectors: Final = schema.pairwise_sectors.c
_SECTOR: Final = Statement(select(_sectors.sector).where(_sectors.sector == bindparam("sector")))


def append_revocations(revocations: Sequence[Revocation], position: int) -> Script[int]:
    """One row each, after a position taken from the locked head; answers the position reached.

    Raises:
        Rejected: `input_invalid` for an owner that others have a part in.
    """
    plain: list[dict[str, Value]] = []
    tokens: list[tuple[dict[str, Value], Handle]] = []
    for number, revocation in enumerate(revocations, start=position + 1):
        owner, row = owner_of(revocation), _row(revocation, number)
        if owner is not None and revocation.handle.kind is FeedKind.TOKEN:
            tokens.append((row, owner))
            continue
        if owner is not None:
            row["owner"] = owner_text(owner, revocation.audience)
        plain.append(row)
    superseded: list[dict[str, Value]] = [{"owner": row["owner"]} for row in plain if row["owner"] is not None]
    if superseded:
        yield Batch(_REMOVE_OF_OWNER, superseded)
    if plain:
        yield Batch(_APPEND, plain)
    for row, owner in tokens:
        yield from _append_token(row, owner)
    return position + len(revocations)


def _append_token(row: dict[str, Value], owner: Handle) -> Script[None]:
    sector = (yield from _sector_or_none(row["audience"])) if folds_apart(owner) else None
    text = owner_text(owner, sector)
    found = yield Step(_OF_OWNER, {"owner": text, "limit": OWNER_ROWS_MAX})
    if not must_fold([kind for (kind,) in found]):
        yield Step(_APPEND, row | {"owner": text})
        return
    yield Step(_REMOVE_OF_OWNER, {"owner": text})
    fold = {"kind": owner.kind.value, "id": owner.id, "changed_version": None, "audience": sector, "owner": text}
    yield Step(_APPEND_FOLD, {"position": row["position"], **fold})


def _sector_or_none(audience: Value) -> Script[str | None]:
    # The owner of a token for a sector has the name the sector knows; and a sector is sent no name that is for all, so
    # a fold without its audience would be withheld from the one resource that needs it.
    if not isinstance(audience, str):
        return None
    return audience if (yield Step(_SECTOR, {"sector": audience})) else None


def _row(revocation: Revocation, position: int) -> dict[str, Value]:
    return {
        "position": position,
        "kind": revocation.handle.kind.value,
        "id": revocation.handle.id,
        "changed_version": revocation.changed_version,
        "leave_at": revocation.leave_at,
        "audience": revocation.audience,
        "owner": None,
    }
