"""The failure budget: sources, refilling, bounds."""

import asyncio
from ipaddress import ip_address

import pytest

from doorward.door.budget import SMALL_BODIES_MAX, FailureBudget, source_of
from doorward.errors import Misconfigured, Rejected


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("0.0.0.5", "0:0:0:5::1", False),
    ],
)
def test_sources(one: str, other: str, same: bool) -> None:  # noqa: FBT001  # a column of the table
    assert (source_of(ip_address(one)) == source_of(ip_address(other))) is same


def test_sources_without_an_address_are_one() -> None:
    assert source_of(None) == source_of(None)
    assert source_of(None) != source_of(ip_address("0.0.0.0"))  # noqa: S104  # an address to compare, not to bind


def test_refills_over_time_and_not_beyond() -> None:
    budget = FailureBudget(2)
    for _ in range(50):
        budget.fail("s", 0.0)
    with pytest.raises(Rejected):
        budget.enter("s", 60.0)
    assert budget.enter("s", 120.0) is not None


def test_a_clock_that_went_back_gives_nothing() -> None:
    budget = FailureBudget(1)
    budget.fail("s", 100.0)
    for at in (0.0, 100.0, 0.0, 100.0):
        with pytest.raises(Rejected):
            budget.enter("s", at)


def test_the_table_is_bounded_and_forgets_the_quietest() -> None:
    budget = FailureBudget(1, sources_max=2)
    for source in ("a", "b", "a", "c"):
        budget.fail(source, 0.0)
    assert len(budget) == 2
    with pytest.raises(Rejected):
        budget.enter("a", 0.0)
    assert budget.enter("b", 0.0) is not None


def test_sources_that_owe_nothing_are_not_remembered() -> None:
    budget = FailureBudget()
    entered = budget.enter("s", 0.0)
    assert entered is not None
    budget.leave(entered, failed=False)
    assert len(budget) == 0


def test_who_is_asked_about_is_not_remembered_for_it() -> None:
    budget = FailureBudget(1, sources_max=2)
    budget.fail("owes", 0.0)
    for number in range(10):
        assert budget.has_failures_left(number, 0.0)
    assert len(budget) == 1
    assert not budget.has_failures_left("owes", 0.0)
    assert budget.has_failures_left("owes", 60.0)


def test_small_bodies_of_a_source_are_counted_until_they_are_read() -> None:
    budget = FailureBudget(1)
    budget.fail("s", 0.0)
    entered = [budget.enter_small("s", 0.0) for _ in range(SMALL_BODIES_MAX)]
    with pytest.raises(Rejected, match="source_throttled") as caught:
        budget.enter_small("s", 0.0)
    assert caught.value.retry_after_s == 60
    assert budget.enter_small("other", 0.0) is not None
    budget.leave_small(entered[0])
    assert budget.enter_small("s", 0.0) is entered[1]


async def test_a_waiting_caller_who_hangs_up_passes_his_turn_on() -> None:
    budget = FailureBudget(1)
    first = budget.enter("s", 0.0)
    assert first is not None
    gone = asyncio.create_task(budget.wait_to_enter("s", 0.0))
    waiting = asyncio.create_task(budget.wait_to_enter("s", 0.0))
    await asyncio.sleep(0)
    budget.leave(first, failed=False)
    gone.cancel()
    assert (await waiting).loading == 1


@pytest.mark.parametrize("failures", [0, 1_000_001])
def test_absurd_budgets_are_refused(failures: int) -> None:
    with pytest.raises(Misconfigured):
        FailureBudget(failures)
