"""How much one explanation may do: one budget that every one of its steps is paid from.

Rules:

* Whatever a search does with what a stranger sent (a body made, a form written, a field parsed, octets hashed) is paid
  for before it is done, by the octets it touches. So nothing a stranger writes decides how long a search takes.
* A step whose time grows faster than its octets is not made at all on what makes it grow: it has a bound of its own.
* Work is counted and not timed: the same request gets the same answer everywhere.
"""

from typing import Final, final

__all__ = ["STEP_UNITS", "WORK_UNITS_MAX", "Work", "tell_tried"]

WORK_UNITS_MAX: Final = 1_000_000_000
"""How much one explanation does. A unit is what it takes to hash one octet: a nanosecond, or two."""
STEP_UNITS: Final = 1_000
"""What a step costs besides the octets it touches."""


@final
class Work:
    """What is left of the budget of one explanation.

    Args:
        units_max: all of it.
    """

    __slots__ = ("_units_max", "left")

    def __init__(self, units_max: int = WORK_UNITS_MAX) -> None:
        self._units_max: Final = units_max
        self.left = units_max

    def __repr__(self) -> str:
        return f"Work({self.spent} of {self._units_max})"

    @property
    def spent(self) -> int:
        """What was paid so far."""
        return self._units_max - self.left

    @property
    def ended(self) -> bool:
        """Whether a step was left out because nothing was left to pay it with."""
        return self.left < 0

    def take(self, units: int) -> bool:
        """Pay for a step. False: it is not to be made, and neither is any after it."""
        if self.left < 0:
            return False
        self.left -= units
        return self.left >= 0


def tell_tried(tried: int, *, complete: bool) -> str:
    """`1,204 combinations were tried.`, and whether that was all there is to try."""
    limit = "" if complete else "; the search ended at its limit"
    return f"{'1 combination was' if tried == 1 else f'{tried:,} combinations were'} tried{limit}."
