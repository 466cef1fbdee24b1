"""Shares of a rate limit in SQL: one row per credential, locked while it is counted."""

from time import monotonic
from typing import Final, final

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from doorward.adapters.sql import schema
from doorward.adapters.sql.lease_window import Granted, Window, grant
from doorward.adapters.sql.script import Engine, Script, Step
from doorward.adapters.sql.statements import Statement, Value, store_clock_ms
from doorward.errors import Rejected
from doorward.methods.plane import Lease
from doorward.values import CredentialId, RateLimit

__all__ = ["SqlRateLeases"]

COUNT_MAX: Final = 2**53
"""The largest limit, window or share that is counted."""

_leases: Final = schema.rate_leases.c
_CLOCK: Final = Statement(select(store_clock_ms()))
_LOCK: Final = Statement(
    select(_leases.window_s, _leases.bucket, _leases.counts, store_clock_ms())
    .where(_leases.credential_id == bindparam("credential_id"))
    .with_for_update()
)
_FIRST: Final = Statement(
    insert(schema.rate_leases)
    .values({column.name: bindparam(column.name) for column in _leases})
    .on_conflict_do_nothing()
    .returning(_leases.bucket)
)
_SAVE: Final = Statement(
    update(schema.rate_leases)
    .where(_leases.credential_id == bindparam("key"))
    .values(window_s=bindparam("window_s"), bucket=bindparam("bucket"), counts=bindparam("counts"))
)


@final
class SqlRateLeases:
    """`RateLeasePort`."""

    def __init__(self, engine: Engine) -> None:
        self._engine: Final = engine

    async def lease(
        self, credential_id: CredentialId, limit: RateLimit, *, want: int, give_back: int, give_back_bucket: int
    ) -> tuple[Lease, int]:
        """See the port."""
        if not (1 <= limit.requests <= COUNT_MAX and 1 <= limit.window_s <= COUNT_MAX // 1_000):
            raise Rejected("input_invalid", "a rate limit out of range")

        def script() -> Script[tuple[Window, Granted]]:
            return _lease(credential_id, limit, want, give_back, give_back_bucket)

        asked = monotonic()
        window, granted = await self._engine.write(script)
        # The store read its clock after we asked. Whatever has passed since (the lock, the commit, the way back) is
        # taken off: a unit spent after its bucket has ended would be one too many for some window.
        usable_s = granted.usable_ms / 1_000 - (monotonic() - asked)
        lease = Lease(
            granted=granted.units,
            usable_s=max(0.0, usable_s),
            remaining=granted.remaining,
            reset_s=granted.reset_ms / 1_000,
        )
        return lease, window.bucket


def _lease(
    credential_id: CredentialId, limit: RateLimit, want: int, give_back: int, give_back_bucket: int
) -> Script[tuple[Window, Granted]]:
    key: dict[str, Value] = {"credential_id": credential_id}
    rows = yield Step(_LOCK, key)
    if not rows:
        ((now_ms,),) = yield Step(_CLOCK, {})
        empty, _ = grant(None, limit, now_ms, want=0, give_back=0, give_back_bucket=0)
        yield Step(_FIRST, key | _row(empty))
        rows = yield Step(_LOCK, key)
    window_s, bucket, counts, now_ms = rows[0]
    window, granted = grant(
        Window.unpack(window_s, bucket, counts),
        limit,
        now_ms,
        want=want,
        give_back=give_back,
        give_back_bucket=give_back_bucket,
    )
    yield Step(_SAVE, _row(window) | {"key": credential_id})
    return window, granted


def _row(window: Window) -> dict[str, Value]:
    return {"window_s": window.window_s, "bucket": window.bucket, "counts": window.pack_counts()}
