"""The arithmetic of rate leases: pure, and the reason why the sum never exceeds the limit.

The window is cut into ten buckets. A unit granted in a bucket can be spent only before that bucket ends, so every
sliding window of the limit's length overlaps at most eleven buckets (ten whole, or nine whole and two parts). What
the last eleven buckets granted never sums to more than the limit; hence neither does what can be spent in any window.
The price is up to one bucket of patience: a unit is counted for at most 1.1 windows.

Time comes from the store's clock and never runs backwards here: a clock that was set back stays in its last bucket.
"""

from struct import Struct
from typing import Final, final

import msgspec

from doorward.values import RateLimit

__all__ = ["BUCKETS_KEPT", "Granted", "Window", "grant"]

BUCKETS_PER_WINDOW: Final = 10
BUCKETS_KEPT: Final = BUCKETS_PER_WINDOW + 1
_COUNTS: Final = Struct(f">{BUCKETS_KEPT}Q")


@final
class Window(msgspec.Struct, frozen=True):
    """What is counted of one credential. `counts[0]` belongs to `bucket`, `counts[i]` to `bucket - i`."""

    window_s: int
    bucket: int
    counts: tuple[int, ...]

    @classmethod
    def unpack(cls, window_s: int, bucket: int, packed: bytes) -> "Window":
        """From its row."""
        return cls(window_s, bucket, _COUNTS.unpack(packed))

    def pack_counts(self) -> bytes:
        """The counts as one column: eleven unsigned 64-bit integers."""
        return _COUNTS.pack(*self.counts)


@final
class Granted(msgspec.Struct, frozen=True):
    """What was granted, and what is left of the whole limit."""

    units: int
    usable_ms: int
    """Until the bucket ends, from the moment the clock was read."""
    remaining: int
    reset_ms: int
    """Until the oldest counted units stop counting; the length of a bucket when none are counted."""


def grant(
    stored: Window | None, limit: RateLimit, now_ms: int, *, want: int, give_back: int, give_back_bucket: int
) -> tuple[Window, Granted]:
    """Count `want` units, as far as the limit reaches, after taking back unspent ones of an earlier bucket."""
    bucket_ms = limit.window_s * 1_000 // BUCKETS_PER_WINDOW
    now_bucket = now_ms // bucket_ms
    if stored is None or stored.window_s != limit.window_s:
        window = _restarted(stored, limit.window_s, now_bucket)
    else:
        window = _moved(_returned(stored, give_back, give_back_bucket), now_bucket)
    left = max(0, limit.requests - sum(window.counts))
    units = min(max(want, 0), left)
    counts = (window.counts[0] + units, *window.counts[1:])
    bucket_ends_ms = (window.bucket + 1) * bucket_ms
    granted = Granted(
        units=units,
        usable_ms=min(bucket_ends_ms - now_ms, bucket_ms),
        remaining=left - units,
        reset_ms=max(0, (window.bucket - _oldest(counts) + BUCKETS_KEPT) * bucket_ms - now_ms),
    )
    return Window(limit.window_s, window.bucket, counts), granted


def _restarted(stored: Window | None, window_s: int, bucket: int) -> Window:
    # Another window has other buckets. What was counted in the old ones counts as granted just now: forgetting it would
    # hand out a fresh limit with every change of policy, or with every call while two nodes know different policies.
    carried = sum(stored.counts) if stored else 0
    return Window(window_s, bucket, (carried, *(0,) * (BUCKETS_KEPT - 1)))


def _returned(window: Window, units: int, bucket: int) -> Window:
    age = window.bucket - bucket
    if units <= 0 or not 0 <= age < BUCKETS_KEPT:
        return window
    counts = list(window.counts)
    counts[age] = max(0, counts[age] - units)
    return Window(window.window_s, window.bucket, tuple(counts))


def _moved(window: Window, bucket: int) -> Window:
    passed = bucket - window.bucket
    if passed <= 0:
        return window
    kept = window.counts[: max(0, BUCKETS_KEPT - passed)]
    return Window(window.window_s, bucket, (0,) * (BUCKETS_KEPT - len(kept)) + kept)


def _oldest(counts: tuple[int, ...]) -> int:
    return max((age for age, count in enumerate(counts) if count), default=0)
