"""Spends a credential's rate limit from shares this process holds, so that the warm path asks nobody.

Rules of this file:

* What the store granted is all there is: a unit is spent once, before the lease ends, or given back once. When it is
  unclear whether something reached the store, the units are forgotten, never counted twice.
* Without the store nothing is granted (fail closed): a limit that ends when the database does is no limit.
* A flood beyond the limit costs no reads: that a limit is used up is remembered until the store's next bucket.
* A share is as large as recent demand, at most a tenth of the limit: what an idle process holds, a busy one lacks
  until the window has passed.
"""

import asyncio
import contextlib
from collections.abc import Callable
from math import ceil
from typing import Final, NamedTuple, final

from doorward.errors import Rejected, Unavailable
from doorward.methods.plane import RateLeasePort
from doorward.values import CredentialId, RateLimit
from doorward.wire.ratelimit import rate_headers

__all__ = ["RateSpender", "Spent"]

SHARES_PER_LIMIT: Final = 10
ROUNDS_MAX: Final = 8
"""How many leases one request waits for before it is told that the server is at its limit."""
EXHAUSTED_S_MIN: Final = 0.01
CLOSE_TIMEOUT_S: Final = 2.0

_NO_LIMIT: Final = RateLimit(requests=0, window_s=0)


class Spent(NamedTuple):
    """One unit was spent. The figures are for the `RateLimit` header: of the whole limit, as far as known here."""

    limit: RateLimit
    remaining: int
    reset_s: float


@final
class _Share:
    """What this process holds of one credential's limit. Times are by the monotonic clock."""

    __slots__ = (
        "asking", "bucket", "exhausted_until", "limit", "remaining", "resets_at", "spent", "spent_before",
        "units", "usable_until", "waiting",
    )  # fmt: skip

    def __init__(self) -> None:
        self.limit = _NO_LIMIT
        self.units = 0
        self.usable_until = 0.0
        self.bucket = -1
        self.remaining = 0
        self.resets_at = 0.0
        self.exhausted_until = 0.0
        self.spent = 0
        """Units spent in this bucket, and in the one before it: the demand the next share is measured by."""
        self.spent_before = 0
        self.waiting = 0
        self.asking: asyncio.Task[None] | None = None


@final
class RateSpender:
    """Belongs to the event loop it is used in. Several spenders may share a port, here and in other processes.

    Args:
        port: hands out the shares.
        monotonic: seconds; the clock leases are measured with.
        entries_max: how many credentials are held; the one that asked longest ago gives way, its units unspent.
    """

    def __init__(self, port: RateLeasePort, monotonic: Callable[[], float], *, entries_max: int = 100_000) -> None:
        self._port: Final = port
        self._monotonic: Final = monotonic
        self._entries_max: Final = entries_max
        # Ordered by when each asked last.
        self._shares: Final[dict[CredentialId, _Share]] = {}

    def spend(self, credential_id: CredentialId, limit: RateLimit) -> Spent | None:
        """Spend one unit of what is in hand; None when nothing is: then `refill`. Never waits.

        Raises:
            Rejected: `rate_limited`, with `retry_after_s` and the headers that say why.
        """
        share = self._shares.get(credential_id)
        if share is None or (share.limit is not limit and share.limit != limit):
            return None
        now = self._monotonic()
        if share.units > 0 and now < share.usable_until:
            share.units -= 1
            share.spent += 1
            return Spent(limit, share.remaining + share.units, share.resets_at - now)
        if now < share.exhausted_until:
            reset_s = max(share.resets_at, share.exhausted_until) - now
            raise Rejected(
                "rate_limited",
                f"{limit.requests} in {limit.window_s} s",
                retry_after_s=max(1, ceil(reset_s)),
                answer_headers=rate_headers(limit, 0, reset_s),
            )
        return None

    async def refill(self, credential_id: CredentialId, limit: RateLimit) -> Spent:
        """Ask the store for a share and spend one unit of it. All who wait for one credential share one question.

        Raises:
            Rejected: `rate_limited`.
            Unavailable: `store_unavailable`, or `overloaded` when other requests are always quicker.
        """
        for _ in range(ROUNDS_MAX):
            spent = self.spend(credential_id, limit)
            if spent is not None:
                return spent
            share = self._shares.get(credential_id) or self._begin(credential_id)
            share.waiting += 1
            try:
                # A caller who hangs up must not take the answer from the others who wait for it.
                await asyncio.shield(self._asking(credential_id, share, limit))
            finally:
                share.waiting -= 1
        raise Unavailable("overloaded", "rate leases are used up or end before they can be spent")

    async def aclose(self) -> None:
        """Give back what is unspent, as far as that succeeds in two seconds."""
        with contextlib.suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                while self._shares:
                    credential_id, share = self._shares.popitem()
                    if share.asking is not None:
                        await asyncio.wait({share.asking})
                    if share.units > 0:
                        await self._port.lease(
                            credential_id, share.limit, want=0, give_back=share.units, give_back_bucket=share.bucket
                        )

    def _begin(self, credential_id: CredentialId) -> _Share:
        if len(self._shares) >= self._entries_max:
            idle = next((id_ for id_, share in self._shares.items() if share.asking is None), None)
            if idle is None:
                raise Unavailable("overloaded", "too many rate leases are being asked for")
            del self._shares[idle]
        share = self._shares[credential_id] = _Share()
        return share

    def _asking(self, credential_id: CredentialId, share: _Share, limit: RateLimit) -> asyncio.Task[None]:
        # A question of a loop that is gone is never answered.
        if share.asking is None or share.asking.get_loop() is not asyncio.get_running_loop():
            self._shares[credential_id] = self._shares.pop(credential_id, share)
            share.asking = asyncio.create_task(self._ask(credential_id, share, limit))
            share.asking.add_done_callback(lambda asked: _answered(share, asked))
        return share.asking

    async def _ask(self, credential_id: CredentialId, share: _Share, limit: RateLimit) -> None:
        # Out of hand before the question leaves: if the answer is lost, the units must be neither spent nor given back
        # again. Buckets of another window length have other numbers; those units are forgotten.
        give_back = share.units if share.limit.window_s == limit.window_s else 0
        share.units = 0
        share.exhausted_until = 0.0
        want = _want(share, limit, bucket_ended=self._monotonic() >= share.usable_until)
        lease, bucket = await self._port.lease(
            credential_id, limit, want=want, give_back=give_back, give_back_bucket=share.bucket
        )
        now = self._monotonic()
        if bucket != share.bucket:
            share.spent_before = share.spent if share.limit == limit else 0
            share.spent = 0
        share.limit = limit
        share.bucket = bucket
        share.units = lease.granted
        share.usable_until = now + lease.usable_s
        share.remaining = lease.remaining
        share.resets_at = now + lease.reset_s
        if lease.granted == 0:
            share.exhausted_until = now + max(lease.usable_s, EXHAUSTED_S_MIN)


def _want(share: _Share, limit: RateLimit, *, bucket_ended: bool) -> int:
    demand = share.spent if bucket_ended else max(share.spent, share.spent_before)
    return min(max(1, min(demand, limit.requests // SHARES_PER_LIMIT), share.waiting), limit.requests)


def _answered(share: _Share, asked: asyncio.Task[None]) -> None:
    share.asking = None
    if not asked.cancelled():
        # Looked at here, because everyone who waited may have hung up.
        asked.exception()
