import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.simulators.leases import LeaseSimulator
from tests.simulators.virtual_time import run_virtual

from doorward.door.leases import RateSpender
from doorward.errors import Rejected, Unavailable
from doorward.values import CredentialId, RateLimit

KEY = CredentialId("aaaaaaaaaaaa")


def now() -> float:
    return asyncio.get_running_loop().time()


async def use(spender: RateSpender, limit: RateLimit, credential_id: CredentialId = KEY) -> None:
    _ = spender.spend(credential_id, limit) or await spender.refill(credential_id, limit)


def assert_within(limit: RateLimit, spent_at: list[float]) -> None:
    """No window of the limit's length, wherever it begins, holds more than the limit."""
    spent_at.sort()
    for first, last in zip(spent_at, spent_at[limit.requests :], strict=False):
        # A hair's breadth: sums of floats.
        assert last - first >= limit.window_s - 1e-6


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    spenders=st.integers(1, 4),
    tasks=st.integers(1, 30),
    requests=st.integers(1, 60),
    window_s=st.sampled_from([1, 7, 60]),
)
def test_no_sliding_window_ever_holds_more_than_the_limit(
    seed: int, spenders: int, tasks: int, requests: int, window_s: int
) -> None:
    limit = RateLimit(requests=requests, window_s=window_s)
    spent_at: list[float] = []
    codes: set[str] = set()

    async def story() -> None:
        chance = random.Random(seed)  # noqa: S311  # a simulation
        port = LeaseSimulator(now, delay_s=window_s / 50, seed=seed)
        doors = [RateSpender(port, now) for _ in range(spenders)]
        ends = now() + window_s * 4

        async def caller() -> None:
            while now() < ends:
                spender = chance.choice(doors)
                try:
                    await use(spender, limit)
                    spent_at.append(now())
                except (Rejected, Unavailable) as error:
                    codes.add(error.code)
                await asyncio.sleep(chance.expovariate(3 * requests / (tasks * window_s)))

        async with asyncio.TaskGroup() as group:
            for _ in range(tasks):
                group.create_task(caller())

    run_virtual(story())
    assert spent_at
    assert codes <= {"rate_limited", "overloaded"}
    assert_within(limit, spent_at)


def test_the_whole_limit_can_be_spent_and_the_next_one_is_refused() -> None:
    async def story() -> None:
        limit = RateLimit(requests=25, window_s=60)
        spender = RateSpender(LeaseSimulator(now), now)
        for _ in range(25):
            await use(spender, limit)
        with pytest.raises(Rejected) as refused:
            await use(spender, limit)
        assert refused.value.code == "rate_limited"
        assert refused.value.retry_after_s is not None
        assert 1 <= refused.value.retry_after_s <= 66
        assert dict(refused.value.answer_headers)[b"ratelimit"].startswith(b'"credential";r=0;t=')
        await asyncio.sleep(refused.value.retry_after_s)
        await use(spender, limit)

    run_virtual(story())


def test_a_flood_beyond_the_limit_does_not_reach_the_store() -> None:
    async def story() -> None:
        limit = RateLimit(requests=5, window_s=60)
        port = LeaseSimulator(now)
        spender = RateSpender(port, now)
        refused = 0
        for _ in range(1_000):
            try:
                await use(spender, limit)
            except Rejected:
                refused += 1
        assert refused == 995
        assert len(port.calls) <= 6

    run_virtual(story())


def test_a_hundred_at_once_share_one_question() -> None:
    async def story() -> None:
        limit = RateLimit(requests=1_000, window_s=60)
        port = LeaseSimulator(now, delay_s=0.01)
        spender = RateSpender(port, now)
        await asyncio.gather(*(use(spender, limit) for _ in range(100)))
        assert port.in_flight_max == 1
        assert [want for _, want, _ in port.calls] == [100]

    run_virtual(story())


def test_shares_grow_with_demand_up_to_a_tenth_of_the_limit() -> None:
    async def story() -> None:
        limit = RateLimit(requests=1_000, window_s=10)
        port = LeaseSimulator(now)
        spender = RateSpender(port, now)
        for _ in range(300):
            await use(spender, limit)
        wanted = [want for _, want, _ in port.calls]
        assert wanted[:6] == [1, 1, 2, 4, 8, 16]
        assert max(wanted) == 100
        await asyncio.sleep(1)
        await use(spender, limit)
        assert port.calls[-1][1] == 100
        await asyncio.sleep(1)
        await use(spender, limit)
        assert port.calls[-1] == (KEY, 1, 99)

    run_virtual(story())


def test_units_are_not_spent_after_their_lease_has_ended() -> None:
    async def story() -> None:
        limit = RateLimit(requests=100, window_s=10)
        port = LeaseSimulator(now)
        spender = RateSpender(port, now)
        await asyncio.gather(*(use(spender, limit) for _ in range(8)))
        await asyncio.gather(*(use(spender, limit) for _ in range(3)))
        await use(spender, limit)
        in_hand = 0
        while spender.spend(KEY, limit):
            in_hand += 1
        await use(spender, limit)
        share = spender._shares[KEY]
        assert share.units > 0
        await asyncio.sleep(share.usable_until - now())
        assert spender.spend(KEY, limit) is None

    run_virtual(story())


def test_unspent_units_are_given_back_once_even_when_the_answer_is_lost() -> None:
    async def story() -> None:
        limit = RateLimit(requests=100, window_s=10)
        port = LeaseSimulator(now)
        spender = RateSpender(port, now)
        for _ in range(9):
            await use(spender, limit)
        unspent = spender._shares[KEY].units
        assert unspent
        await asyncio.sleep(1)
        port.loses_answers = True
        with pytest.raises(Unavailable):
            await use(spender, limit)
        assert port.calls[-1][2] == unspent
        port.loses_answers = False
        await use(spender, limit)
        assert port.calls[-1][2] == 0

    run_virtual(story())


def test_without_the_store_nothing_is_granted() -> None:
    async def story() -> None:
        limit = RateLimit(requests=100, window_s=10)
        port = LeaseSimulator(now)
        spender = RateSpender(port, now)
        port.away = True
        results = await asyncio.gather(*(use(spender, limit) for _ in range(10)), return_exceptions=True)
        assert [type(result) for result in results] == [Unavailable] * 10
        assert len(port.calls) == 1
        port.away = False
        await use(spender, limit)

    run_virtual(story())


def test_a_caller_who_hangs_up_does_not_take_the_answer_from_the_others() -> None:
    async def story() -> None:
        limit = RateLimit(requests=100, window_s=10)
        port = LeaseSimulator(now, delay_s=0.5)
        spender = RateSpender(port, now)
        first = asyncio.create_task(use(spender, limit))
        second = asyncio.create_task(use(spender, limit))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        first.cancel()
        await second
        assert len(port.calls) == 1

    run_virtual(story())


def test_a_failure_nobody_waits_for_any_more_makes_no_noise() -> None:
    async def story() -> None:
        limit = RateLimit(requests=100, window_s=10)
        port = LeaseSimulator(now, delay_s=0.5)
        port.loses_answers = True
        spender = RateSpender(port, now)
        caller = asyncio.create_task(use(spender, limit))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        caller.cancel()
        await asyncio.sleep(1)
        assert spender._shares[KEY].asking is None

    run_virtual(story())


def test_another_limit_asks_again_and_gives_back() -> None:
    async def story() -> None:
        wide = RateLimit(requests=100, window_s=10)
        narrow = RateLimit(requests=10, window_s=10)
        other_window = RateLimit(requests=50, window_s=20)
        port = LeaseSimulator(now)
        spender = RateSpender(port, now)
        for _ in range(9):
            await use(spender, wide)
        unspent = spender._shares[KEY].units
        await use(spender, narrow)
        assert port.calls[-1][2] == unspent
        with pytest.raises(Rejected):
            await use(spender, narrow)
        # A limit that was raised is not refused for what the old one remembered.
        await use(spender, wide)
        spender._shares[KEY].units = 3
        await use(spender, other_window)
        assert port.calls[-1][2] == 0

    run_virtual(story())


def test_leases_that_end_before_they_arrive_end_in_overloaded() -> None:
    async def story() -> None:
        class Slow(LeaseSimulator):
            async def lease(self, *args: object, **kwargs: object):  # type: ignore[no-untyped-def]  # noqa: ANN202  # passes on
                lease, bucket = await super().lease(*args, **kwargs)  # type: ignore[arg-type]  # as above
                await asyncio.sleep(1)
                return type(lease)(granted=lease.granted, usable_s=0, remaining=lease.remaining, reset_s=1), bucket

        spender = RateSpender(Slow(now), now)
        with pytest.raises(Unavailable) as refused:
            await use(spender, RateLimit(requests=100, window_s=1))
        assert refused.value.code == "overloaded"

    run_virtual(story())


def test_the_table_is_bounded() -> None:
    async def story() -> None:
        limit = RateLimit(requests=100, window_s=10)
        port = LeaseSimulator(now, delay_s=0.01)
        spender = RateSpender(port, now, entries_max=3)
        for n in range(10):
            await use(spender, limit, CredentialId(str(n)))
        assert list(spender._shares) == ["7", "8", "9"]
        results = await asyncio.gather(
            *(use(spender, limit, CredentialId(f"x{n}")) for n in range(4)), return_exceptions=True
        )
        assert [getattr(result, "code", None) for result in results] == [None, None, None, "overloaded"]

    run_virtual(story())


def test_closing_gives_back_what_is_unspent() -> None:
    async def story() -> None:
        limit = RateLimit(requests=100, window_s=10)
        port = LeaseSimulator(now)
        spender = RateSpender(port, now)
        for _ in range(9):
            await use(spender, limit)
        assert port.counted(KEY) > 9
        await spender.aclose()
        assert port.counted(KEY) == 9
        port.away = True
        spender = RateSpender(port, now)
        await spender.aclose()

    run_virtual(story())
