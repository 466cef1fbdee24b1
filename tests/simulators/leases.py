"""Rate leases in memory, exactly as `RateLeasePort` promises: ten buckets a window, eleven of them counted."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable

from doorward.errors import Unavailable
from doorward.methods.plane import Lease
from doorward.values import CredentialId, RateLimit

__all__ = ["LeaseSimulator"]


class LeaseSimulator:
    """`clock` is the store's; `delay_s` is how long the answer takes at most, on the way back."""

    def __init__(self, clock: Callable[[], float], *, delay_s: float = 0.0, seed: int = 1) -> None:
        self._clock = clock
        self._delay_s = delay_s
        self._random = random.Random(seed)  # noqa: S311  # delays, not secrets
        self._counts: dict[CredentialId, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        self.calls: list[tuple[CredentialId, int, int]] = []
        self.in_flight = 0
        self.in_flight_max = 0
        self.away = False
        self.loses_answers = False

    def counted(self, credential_id: CredentialId) -> int:
        return sum(self._counts[credential_id].values())

    async def lease(
        self, credential_id: CredentialId, limit: RateLimit, *, want: int, give_back: int, give_back_bucket: int
    ) -> tuple[Lease, int]:
        self.calls.append((credential_id, want, give_back))
        self.in_flight += 1
        self.in_flight_max = max(self.in_flight_max, self.in_flight)
        try:
            if self.away:
                raise Unavailable("store_unavailable", "simulated")
            asked = self._clock()
            lease, bucket = self._grant(credential_id, limit, want, give_back, give_back_bucket)
            await asyncio.sleep(self._random.uniform(0, self._delay_s))
            if self.loses_answers:
                raise Unavailable("store_unavailable", "simulated: committed, but the answer was lost")
        finally:
            self.in_flight -= 1
        taken_s = self._clock() - asked
        usable_s = max(0.0, lease.usable_s - taken_s)
        return Lease(granted=lease.granted, usable_s=usable_s, remaining=lease.remaining, reset_s=lease.reset_s), bucket

    def _grant(
        self, credential_id: CredentialId, limit: RateLimit, want: int, give_back: int, give_back_bucket: int
    ) -> tuple[Lease, int]:
        bucket_s = limit.window_s / 10
        bucket = int(self._clock() / bucket_s)
        counts = self._counts[credential_id]
        if give_back:
            assert counts[give_back_bucket] >= give_back, "given back what was never granted"
            counts[give_back_bucket] -= give_back
        for old in [old for old in counts if old <= bucket - 11]:
            del counts[old]
        left = limit.requests - sum(counts.values())
        granted = max(0, min(want, left))
        counts[bucket] += granted
        oldest = min((b for b, count in counts.items() if count), default=bucket)
        lease = Lease(
            granted=granted,
            usable_s=(bucket + 1) * bucket_s - self._clock(),
            remaining=max(0, left - granted),
            reset_s=(oldest + 11) * bucket_s - self._clock(),
        )
        return lease, bucket
