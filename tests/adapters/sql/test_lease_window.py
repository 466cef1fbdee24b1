"""The arithmetic of leases, against the promise: in any sliding window, no more is spent than the limit."""

from hypothesis import given
from hypothesis import strategies as st

from doorward.adapters.sql.lease_window import BUCKETS_KEPT, Window, grant
from doorward.values import RateLimit

LIMITS = st.builds(RateLimit, requests=st.integers(1, 50), window_s=st.integers(1, 3))
# How long after the one before it an asker comes, what it wants, what part of that it spends, and how late.
ASKS = st.lists(
    st.tuples(st.integers(0, 1_500), st.integers(0, 60), st.integers(0, 10), st.integers(0, 10)), max_size=60
)


def spends_of(limit: RateLimit, asks: list[tuple[int, int, int, int]]) -> list[tuple[int, int]]:
    """(when, units): each asker spends what it likes as late as it may, and gives the rest back when it asks again."""
    now_ms, window, unspent, unspent_bucket = 1_000_000, None, 0, 0
    spends: list[tuple[int, int]] = []
    for pause_ms, want, tenths, lateness in asks:
        now_ms += pause_ms
        window, granted = grant(window, limit, now_ms, want=want, give_back=unspent, give_back_bucket=unspent_bucket)
        spent = granted.units * tenths // 10
        last_moment = max(0, granted.usable_ms - 1)
        spends.append((now_ms + last_moment * lateness // 10, spent))
        # Only what is certainly never spent may be given back.
        unspent, unspent_bucket = granted.units - spent, window.bucket
    return spends


@given(limit=LIMITS, asks=ASKS)
def test_no_sliding_window_holds_more_than_the_limit(limit: RateLimit, asks: list[tuple[int, int, int, int]]) -> None:
    spends = spends_of(limit, asks)
    for start, _ in spends:
        inside = sum(units for when, units in spends if start <= when < start + limit.window_s * 1_000)
        assert inside <= limit.requests


@given(limit=LIMITS, asks=ASKS)
def test_a_quiet_window_gives_the_whole_limit_back(limit: RateLimit, asks: list[tuple[int, int, int, int]]) -> None:
    window, now_ms = None, 1_000_000
    for pause_ms, want, _, _ in asks:
        now_ms += pause_ms
        window, _ = grant(window, limit, now_ms, want=want, give_back=0, give_back_bucket=0)
    quiet_ms = limit.window_s * 1_000 * BUCKETS_KEPT // 10
    _, granted = grant(window, limit, now_ms + quiet_ms, want=limit.requests, give_back=0, give_back_bucket=0)
    assert granted.units == limit.requests


@given(limit=LIMITS, back_ms=st.integers(0, 10_000), want=st.integers(0, 60))
def test_a_clock_set_back_gives_nothing_away(limit: RateLimit, back_ms: int, want: int) -> None:
    window, first = grant(None, limit, 1_000_000, want=limit.requests, give_back=0, give_back_bucket=0)
    _, second = grant(window, limit, 1_000_000 - back_ms, want=want, give_back=0, give_back_bucket=0)
    assert (first.units, second.units) == (limit.requests, 0)
    assert second.usable_ms <= limit.window_s * 100


@given(first=LIMITS, second=LIMITS, want=st.integers(0, 60))
def test_going_to_and_fro_between_policies_forgets_nothing(first: RateLimit, second: RateLimit, want: int) -> None:
    window, granted = grant(None, first, 1_000_000, want=want, give_back=0, give_back_bucket=0)
    total = granted.units
    for limit in (second, first, second, first):
        window, granted = grant(window, limit, 1_000_000, want=want, give_back=0, give_back_bucket=0)
        total += granted.units
    assert total <= max(first.requests, second.requests)


def test_the_reset_says_when_the_oldest_units_stop_counting() -> None:
    limit = RateLimit(10, 10)
    window, first = grant(None, limit, 1_000_500, want=4, give_back=0, give_back_bucket=0)
    assert (first.units, first.usable_ms, first.remaining, first.reset_ms) == (4, 500, 6, 10_500)
    window, second = grant(window, limit, 1_005_000, want=9, give_back=0, give_back_bucket=0)
    assert (second.units, second.remaining, second.reset_ms) == (6, 0, 6_000)
    for now_ms, left in ((1_010_999, 0), (1_011_000, 4)):
        _, third = grant(window, limit, now_ms, want=0, give_back=0, give_back_bucket=0)
        assert third.remaining == left


def test_a_window_is_its_row() -> None:
    window = Window(60, 7, tuple(range(11)))
    assert Window.unpack(60, 7, window.pack_counts()) == window
