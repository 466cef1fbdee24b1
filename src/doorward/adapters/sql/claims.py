"""Claims in SQL: one row each, won by an insert or by a lock on the row that is there.

* The row's id is a digest of owner and key: what a sender writes does not lie in an index, and its length is fixed.
* `fence` is drawn at random. A counter in the row would begin again after the row was removed, and a holder who slept
  through all of it could then free what is a stranger's by now.
* Rows that have ended leave with the claims of others, a few at a time, as in `opaque.py`.
"""

import logging
import secrets
from collections import OrderedDict
from hashlib import sha256
from time import monotonic
from typing import Final, final

from sqlalchemy import ColumnElement, and_, bindparam, case, delete, func, null, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from doorward.adapters.sql import schema
from doorward.adapters.sql.script import Engine, Script, Step
from doorward.adapters.sql.statements import Statement, Value, limited, store_clock_ms
from doorward.errors import Rejected, Unavailable
from doorward.methods.claims import (
    CLAIM_KEY_CHARACTERS_MAX,
    CLAIMS_PER_OWNER_MAX,
    LEASE_S_MAX,
    Done,
    InFlight,
    Outcome,
    Reserved,
)
from doorward.values import Entropy

__all__ = ["SqlClaims"]

REMOVED_PER_CLAIM: Final = 4
"""How many claims that have ended leave with each new one: more than one, so that a burst is caught up."""
COUNTED_PARTS: Final = 100
"""An owner's rows are counted again after so many parts of what it may have: each process may pass it by one part."""
RECOUNT_S: Final = 5.0
"""How long an owner who was found full is refused without counting again."""
OWNERS_COUNTED_MAX: Final = 4_096
"""How many owners one process remembers the count of."""
_FENCE_OCTETS: Final = 7
_LOG: Final = logging.getLogger("doorward.claims")

_claims: Final = schema.claims.c
_INSERT: Final = Statement(
    insert(schema.claims)
    .values({column.name: bindparam(column.name) for column in _claims if column.name != "leased_until_ms"})
    .values(leased_until_ms=store_clock_ms() + bindparam("lease_ms", type_=_claims.leased_until_ms.type))
    .on_conflict_do_nothing()
    .returning(_claims.fence)
)
_LOCK: Final = Statement(
    select(_claims.leased_until_ms, _claims.keep_until, store_clock_ms())
    .where(_claims.id == bindparam("id"))
    .with_for_update()
)
_TAKE_OVER: Final = Statement(
    update(schema.claims)
    .where(_claims.id == bindparam("key"))
    .values(
        fence=bindparam("new_fence", type_=_claims.fence.type),
        keep_until=bindparam("keep", type_=_claims.keep_until.type),
        leased_until_ms=store_clock_ms() + bindparam("lease_ms", type_=_claims.leased_until_ms.type),
    )
)
_KEEP: Final = Statement(
    update(schema.claims)
    .where(_claims.id == bindparam("key"), _claims.keep_until < bindparam("keep", type_=_claims.keep_until.type))
    .values(keep_until=bindparam("keep", type_=_claims.keep_until.type))
)


def _held() -> ColumnElement[bool]:
    return and_(
        _claims.id == bindparam("key"),
        _claims.fence == bindparam("held_fence", type_=_claims.fence.type),
        _claims.leased_until_ms.is_not(None),
    )


# A handler may take longer than its delivery had to be kept: the sender has other attempts of it, signed later.
_ends: Final = store_clock_ms() // 1_000 + bindparam("kept_s", type_=_claims.keep_until.type)
_COMPLETE: Final = Statement(
    update(schema.claims)
    .where(_held())
    .values(leased_until_ms=null(), keep_until=case((_claims.keep_until < _ends, _ends), else_=_claims.keep_until))
    .returning(_claims.fence)
)
_RENEW: Final = Statement(
    update(schema.claims)
    .where(_held())
    .values(leased_until_ms=store_clock_ms() + bindparam("lease_ms", type_=_claims.leased_until_ms.type))
    .returning(_claims.fence)
)
_RELEASE: Final = Statement(delete(schema.claims).where(_held()).returning(_claims.fence))
_SWEEP: Final = Statement(
    delete(schema.claims)
    .where(
        _claims.id.in_(
            select(_claims.id)
            .where(
                # As a subquery it is asked once, so that the index can be walked up to there and no further.
                _claims.keep_until < select(store_clock_ms() // 1_000).scalar_subquery(),
                or_(_claims.leased_until_ms.is_(None), _claims.leased_until_ms < store_clock_ms()),
            )
            .order_by(_claims.keep_until)
            .limit(limited("limit"))
            # Two claims at once must not wait for each other's leavings.
            .with_for_update(skip_locked=True)
        )
    )
    .returning(_claims.id)
)
_some: Final = select(_claims.id).where(_claims.owner == bindparam("owner")).limit(limited("limit")).subquery("some")
_COUNT: Final = Statement(select(func.count()).select_from(_some))


class _Counted:
    """What this process knows of how many rows an owner has."""

    __slots__ = ("counted_at", "rows", "since")

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.since = 0
        self.counted_at = monotonic()


@final
class SqlClaims:
    """`ClaimPort`.

    Args:
        engine: of the database.
        entropy: where fences come from.
        per_owner_max: how many claims of one owner are kept.
    """

    def __init__(
        self, engine: Engine, *, entropy: Entropy = secrets.token_bytes, per_owner_max: int = CLAIMS_PER_OWNER_MAX
    ) -> None:
        self._engine: Final = engine
        self._entropy: Final = entropy
        self._per_owner_max: Final = per_owner_max
        self._counted: Final[OrderedDict[str, _Counted]] = OrderedDict()

    async def reserve(self, owner: str, key: str, *, lease_s: int, keep_until: int) -> Outcome:
        """See the port."""
        if not 1 <= lease_s <= LEASE_S_MAX:
            raise Rejected("input_invalid", f"a lease of {lease_s} s; 1 to {LEASE_S_MAX}")
        return await self._claim(owner, key, lease_s * 1_000, keep_until)

    async def claim_once(self, owner: str, key: str, *, keep_until: int) -> bool:
        """See the port."""
        return isinstance(await self._claim(owner, key, None, keep_until), Reserved)

    async def renew(self, owner: str, key: str, fence: int, *, lease_s: int) -> bool:
        """See the port."""
        return await self._settle(_RENEW, owner, key, fence, lease_ms=lease_s * 1_000)

    async def complete(self, owner: str, key: str, fence: int, *, kept_s: int) -> bool:
        """See the port."""
        return await self._settle(_COMPLETE, owner, key, fence, kept_s=kept_s)

    async def release(self, owner: str, key: str, fence: int) -> bool:
        """See the port."""
        return await self._settle(_RELEASE, owner, key, fence)

    async def _claim(self, owner: str, key: str, lease_ms: int | None, keep_until: int) -> Outcome:
        row: dict[str, Value] = {
            "id": _id(owner, key),
            "owner": owner,
            "fence": int.from_bytes(self._entropy(_FENCE_OCTETS), "big"),
            "keep_until": keep_until,
            "lease_ms": lease_ms,
        }
        await self._require_room(owner)
        return await self._engine.write(lambda: _claim(row))

    async def _settle(self, statement: Statement, owner: str, key: str, fence: int, **more: int) -> bool:
        params: dict[str, Value] = {"key": _id(owner, key), "held_fence": fence, **more}

        def script() -> Script[bool]:
            return bool((yield Step(statement, params)))

        return await self._engine.write(script)

    async def _require_room(self, owner: str) -> None:
        counted = self._counted.get(owner)
        if counted is None or self._is_old(counted):
            # By the writer: counting a million rows in the loop would keep every request waiting.
            rows = await self._engine.write(lambda: _count(owner, self._per_owner_max))
            counted = self._counted[owner] = _Counted(rows)
            if len(self._counted) > OWNERS_COUNTED_MAX:
                self._counted.popitem(last=False)
            if rows >= self._per_owner_max:
                # With each count and no oftener: every refusal in words would fill the log as well.
                _LOG.warning(
                    "everything of %s is refused (claims_full): %d of its deliveries or nonces are remembered, the "
                    "most that are kept of one sender or key; older ones leave as they end, and "
                    "open_store(claims_per_owner_max=…) keeps more",
                    owner,
                    rows,
                )
        if counted.rows + counted.since >= self._per_owner_max:
            raise Unavailable("claims_full", f"{self._per_owner_max} claims of {owner} are kept, the most there may be")
        counted.since += 1

    def _is_old(self, counted: _Counted) -> bool:
        if counted.rows + counted.since < self._per_owner_max:
            return counted.since * COUNTED_PARTS >= self._per_owner_max
        return counted.since > 0 or monotonic() - counted.counted_at > RECOUNT_S


def _id(owner: str, key: str) -> str:
    if not (0 < len(owner) <= CLAIM_KEY_CHARACTERS_MAX and 0 < len(key) <= CLAIM_KEY_CHARACTERS_MAX):
        raise Rejected("input_invalid", f"the owner or the key of a claim is not 1 to {CLAIM_KEY_CHARACTERS_MAX} long")
    # With its length before it, no owner and key can be read as another owner with another key.
    return sha256(f"{len(owner)} {owner} {key}".encode("utf-8", "surrogatepass")).hexdigest()


def _count(owner: str, rows_max: int) -> Script[int]:
    ((rows,),) = yield Step(_COUNT, {"owner": owner, "limit": rows_max})
    return int(rows)


def _claim(row: dict[str, Value]) -> Script[Outcome]:
    fence = row["fence"]
    assert isinstance(fence, int), "drawn by the caller"
    yield Step(_SWEEP, {"limit": REMOVED_PER_CLAIM})
    while not (yield Step(_INSERT, row)):
        rows = yield Step(_LOCK, {"id": row["id"]})
        if not rows:
            # Released or removed between the two statements: it can be inserted now.
            continue
        taken = _taken(*rows[0])
        if taken is not None:
            # It may have come with other signed bytes than before, which are fresh for longer.
            yield Step(_KEEP, {"key": row["id"], "keep": row["keep_until"]})
            return taken
        over: dict[str, Value] = {"key": row["id"], "new_fence": fence, "keep": row["keep_until"]}
        yield Step(_TAKE_OVER, over | {"lease_ms": row["lease_ms"]})
        break
    return Reserved(fence)


def _taken(leased_until_ms: int | None, kept_until: int, now_ms: int) -> InFlight | Done | None:
    if leased_until_ms is None:
        return Done() if kept_until >= now_ms // 1_000 else None
    return InFlight(max(1, -(-(leased_until_ms - now_ms) // 1_000))) if leased_until_ms > now_ms else None
