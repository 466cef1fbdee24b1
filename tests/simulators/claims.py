"""Claims in memory that keep `ClaimPort`'s promises, and can be away or hold an answer back."""

import asyncio
from math import ceil
from typing import NamedTuple, final

from doorward.errors import Unavailable
from doorward.methods.claims import Done, InFlight, Outcome, Reserved
from doorward.values import Clock

__all__ = ["SimulatedClaims"]


class _Row(NamedTuple):
    fence: int
    leased_until: float | None
    keep_until: int


@final
class SimulatedClaims:
    """`renewals` counts those that held, `reservations` those that were asked for; `hold` keeps answers waiting after
    the row was written.
    """

    def __init__(self, clock: Clock) -> None:
        self.rows: dict[tuple[str, str], _Row] = {}
        self.away = False
        self.renewals = 0
        self.reservations = 0
        self.hold: asyncio.Event | None = None
        self.asked = asyncio.Event()
        self.clock = clock
        self._fence = 0

    @property
    def completed(self) -> int:
        return sum(row.leased_until is None for row in self.rows.values())

    async def reserve(self, owner: str, key: str, *, lease_s: int, keep_until: int) -> Outcome:
        self.reservations += 1
        outcome = self._claim(owner, key, lease_s, keep_until)
        self.asked.set()
        if self.hold is not None:
            await self.hold.wait()
        return outcome

    async def claim_once(self, owner: str, key: str, *, keep_until: int) -> bool:
        return isinstance(self._claim(owner, key, None, keep_until), Reserved)

    async def renew(self, owner: str, key: str, fence: int, *, lease_s: int) -> bool:
        row = self._held(owner, key, fence)
        if row is None:
            return False
        self.renewals += 1
        self.rows[owner, key] = row._replace(leased_until=self.clock() + lease_s)
        return True

    async def complete(self, owner: str, key: str, fence: int, *, kept_s: int) -> bool:
        row = self._held(owner, key, fence)
        if row is None:
            return False
        keep_until = max(row.keep_until, int(self.clock()) + kept_s)
        self.rows[owner, key] = row._replace(leased_until=None, keep_until=keep_until)
        return True

    async def release(self, owner: str, key: str, fence: int) -> bool:
        if self._held(owner, key, fence) is None:
            return False
        del self.rows[owner, key]
        return True

    def _claim(self, owner: str, key: str, lease_s: int | None, keep_until: int) -> Outcome:
        self._require_store()
        now = self.clock()
        row = self.rows.get((owner, key))
        taken = None if row is None else _taken(row, now)
        if row is not None and taken is not None:
            self.rows[owner, key] = row._replace(keep_until=max(row.keep_until, keep_until))
            return taken
        self._fence += 1
        leased_until = None if lease_s is None else now + lease_s
        self.rows[owner, key] = _Row(self._fence, leased_until, keep_until)
        return Reserved(self._fence)

    def _held(self, owner: str, key: str, fence: int) -> _Row | None:
        self._require_store()
        row = self.rows.get((owner, key))
        return row if row is not None and row.fence == fence and row.leased_until is not None else None

    def _require_store(self) -> None:
        if self.away:
            raise Unavailable("store_unavailable", "simulated")


def _taken(row: _Row, now: float) -> InFlight | Done | None:
    if row.leased_until is None:
        return Done() if row.keep_until >= now else None
    return InFlight(max(1, ceil(row.leased_until - now))) if row.leased_until > now else None
