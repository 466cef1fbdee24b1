import math
import random

import pytest
from bench.measure import (
    Interval,
    Verdict,
    at_least,
    at_most,
    interleave,
    median_interval,
    paired_differences,
    paired_ratios,
    quantile,
    quantile_interval,
    within_tie,
)


def test_the_interval_of_twenty_rounds_is_the_sixth_and_fifteenth_value() -> None:
    # The textbook rank for n = 20: 1 - 2 * P(binomial(20, 1/2) <= 5) = 0.9586.
    assert median_interval(range(1, 21)) == Interval(10.5, 6, 15)


def test_few_samples_have_their_range_as_interval() -> None:
    assert median_interval([3.0, 1.0, 2.0]) == Interval(2.0, 1.0, 3.0)
    assert median_interval([7.0]) == Interval(7.0, 7.0, 7.0)


@pytest.mark.parametrize("count", [6, 20, 21, 40, 100])
def test_the_interval_holds_the_true_median_at_least_95_times_in_100(count: int) -> None:
    drawn = random.Random(count)  # noqa: S311  # a simulation, not a secret
    trials = 2_000
    held = 0
    for _ in range(trials):
        interval = median_interval(drawn.lognormvariate(0, 1) for _ in range(count))
        held += interval.low <= 1.0 <= interval.high
    # Three standard errors of a share of 0.95 below it.
    assert held / trials >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / trials)


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_the_interval_of_a_quantile_holds_it_at_least_95_times_in_100(share: float) -> None:
    drawn = random.Random(1)  # noqa: S311  # a simulation, not a secret
    trials = 1_000
    held = 0
    for _ in range(trials):
        interval = quantile_interval((drawn.random() for _ in range(400)), share)
        held += interval.low <= share <= interval.high
    assert held / trials >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / trials)


def test_one_slow_round_moves_neither_median_nor_interval() -> None:
    quiet = [1.0 + number / 1_000 for number in range(20)]
    noisy = [*quiet[:-1], 100.0]
    assert median_interval(noisy) == median_interval(quiet)


def test_noise_that_both_sides_share_cancels() -> None:
    noise = [1.0, 1.8, 1.2, 5.0, 1.0, 1.5, 1.1, 2.0]
    sides = {"ours": [4.0 * slow for slow in noise], "floor": [2.0 * slow for slow in noise]}
    assert paired_ratios(sides, "ours", "floor") == Interval(2.0, 2.0, 2.0)
    assert paired_differences(sides, "ours", "floor").low == 2.0


@pytest.mark.parametrize(
    ("interval", "most", "least"),
    [
        (Interval(5, 4, 6), Verdict.MET, Verdict.OPEN),
        (Interval(6, 5, 7), Verdict.OPEN, Verdict.MET),
        (Interval(8, 7, 9), Verdict.MISSED, Verdict.MET),
        (Interval(3, 2, 4), Verdict.MET, Verdict.MISSED),
    ],
)
def test_a_gate_is_judged_by_the_interval(interval: Interval, most: Verdict, least: Verdict) -> None:
    assert at_most(interval, 6) is most
    assert at_least(interval, 5) is least


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        (Interval(1.0, 0.7, 1.4), Verdict.MET),
        (Interval(1.2, 1.1, 1.3), Verdict.OPEN),
        (Interval(1.3, 1.25, 1.4), Verdict.MISSED),
        (Interval(0.8, 0.7, 0.84), Verdict.MISSED),
    ],
)
def test_a_tie_is_within_fifteen_percent(interval: Interval, verdict: Verdict) -> None:
    assert within_tie(interval) is verdict


def test_quantiles_are_samples() -> None:
    assert quantile(range(1, 101), 0.99) == 99
    assert quantile([5.0], 0.99) == 5.0
    assert quantile([1.0, 2.0], 0.0) == 1.0


def test_the_sides_take_turns_and_are_divided_by_their_calls() -> None:
    turns: list[str] = []
    now = 0

    def clock() -> int:
        return now

    def side(name: str, cost_ns: int, calls: int) -> None:
        nonlocal now
        turns.append(name)
        now += cost_ns * calls

    sides = {"a": lambda calls: side("a", 1_000, calls), "b": lambda calls: side("b", 3_000, calls)}
    found = interleave(sides, rounds=3, calls=10, clock=clock)
    assert found == {"a": [1.0] * 3, "b": [3.0] * 3}
    assert turns == ["a", "b", "a", "b", "b", "a", "a", "b"]  # warm-up first, then there and back
