"""How `make bench` measures, and how it judges.

The machine has slow periods of seconds at a time, so absolute figures do not travel and two runs one after the other
cannot be compared. Both sides of a comparison therefore take turns, round by round, and every figure is made from the
rounds: the median, with a 95 % interval that assumes nothing about how the noise is spread (order statistics of the
sign test). What is compared is the difference or the ratio *within* a round, where the noise is shared.
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple, final

__all__ = [
    "TIE",
    "Interval",
    "Line",
    "Verdict",
    "at_least",
    "at_most",
    "interleave",
    "median_interval",
    "paired_differences",
    "paired_ratios",
    "quantile",
    "quantile_interval",
    "within_tie",
]

TIE: Final = 0.15
"""Against a peer, smaller differences than this are ties (DESIGN section 9)."""
_CONFIDENCE: Final = 0.95


class Verdict(StrEnum):
    """How a figure stands to its gate. Only MISSED fails the run: an interval across the gate proves nothing."""

    MET = "met"
    OPEN = "open: the interval crosses the gate"
    MISSED = "missed"
    NO_GATE = "—"


@final
class Interval(NamedTuple):
    """A median and the 95 % interval around it."""

    median: float
    low: float
    high: float

    def show(self, unit: str = "", digits: int = 2) -> str:
        """`4.10 µs [4.02, 4.31]`."""
        space = " " if unit else ""
        return f"{self.median:,.{digits}f}{space}{unit} [{self.low:,.{digits}f}, {self.high:,.{digits}f}]"


@final
class Line(NamedTuple):
    """One line of the table."""

    work: str
    figure: str
    gate: str = "—"
    verdict: Verdict = Verdict.NO_GATE


def quantile(samples: Iterable[float], share: float) -> float:
    """The smallest sample that at least `share` (0 to 1) of all samples do not exceed."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _ranks(count: int, share: float) -> tuple[int, int]:
    """Which of `count` ordered samples (from 0) enclose a quantile 95 times in 100, whatever the distribution."""
    # How many samples lie below the quantile is binomial(count, share): cut off at most 2.5 % on either side.
    tail = (1 - _CONFIDENCE) / 2
    low, high = 0, count - 1
    below = 0.0
    for number in range(count):
        below += math.comb(count, number) * share**number * (1 - share) ** (count - number)
        if below <= tail:
            low = number
        if below >= 1 - tail:
            high = number
            break
    return low, max(high, low)


def quantile_interval(samples: Iterable[float], share: float) -> Interval:
    """A quantile and its distribution-free 95 % interval; with too few samples that reaches to their end."""
    ordered = sorted(samples)
    low, high = _ranks(len(ordered), share)
    return Interval(quantile(ordered, share), ordered[low], ordered[high])


def median_interval(samples: Iterable[float]) -> Interval:
    """The median and its distribution-free 95 % interval; with fewer than six samples that is their whole range."""
    ordered = sorted(samples)
    count = len(ordered)
    _, low, high = quantile_interval(ordered, 0.5)
    return Interval((ordered[(count - 1) // 2] + ordered[count // 2]) / 2, low, high)


def paired_differences(sides: Mapping[str, Sequence[float]], work: str, floor: str) -> Interval:
    """By how much `work` exceeds `floor`, round by round."""
    return median_interval(ours - base for ours, base in zip(sides[work], sides[floor], strict=True))


def paired_ratios(sides: Mapping[str, Sequence[float]], work: str, base: str) -> Interval:
    """`work` divided by `base`, round by round."""
    return median_interval(ours / other for ours, other in zip(sides[work], sides[base], strict=True))


def at_most(interval: Interval, gate: float) -> Verdict:
    """Judge a figure that must not exceed `gate`."""
    if interval.high <= gate:
        return Verdict.MET
    return Verdict.MISSED if interval.low > gate else Verdict.OPEN


def at_least(interval: Interval, gate: float) -> Verdict:
    """Judge a figure that must reach `gate`."""
    if interval.low >= gate:
        return Verdict.MET
    return Verdict.MISSED if interval.high < gate else Verdict.OPEN


def within_tie(interval: Interval) -> Verdict:
    """Judge a ratio that must be a tie: its median within 15 % of 1 and not shown to be outside."""
    low, high = 1 - TIE, 1 / (1 - TIE)
    if low <= interval.median <= high:
        return Verdict.MET
    return Verdict.MISSED if interval.low > high or interval.high < low else Verdict.OPEN


def interleave(
    sides: Mapping[str, Callable[[int], object]],
    *,
    rounds: int,
    calls: int,
    clock: Callable[[], int] = time.process_time_ns,
) -> dict[str, list[float]]:
    """Microseconds per call, one figure a round and side. The sides take turns and every other round goes backwards.

    Args:
        sides: what to measure by name; each is given how many calls to make.
        rounds: how many times each side gets its turn.
        calls: how many calls a turn makes: enough for some milliseconds.
        clock: nanoseconds; CPU time of this process unless said otherwise.
    """
    found: dict[str, list[float]] = {name: [] for name in sides}
    for side in sides.values():
        side(max(calls // 10, 1))
    names = list(sides)
    for number in range(rounds):
        for name in names if number % 2 == 0 else reversed(names):
            began = clock()
            sides[name](calls)
            found[name].append((clock() - began) / calls / 1_000)
    return found
