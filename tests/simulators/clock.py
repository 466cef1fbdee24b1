"""A clock that moves when it is told to."""

from typing import Final, final

__all__ = ["NOON", "ManualClock"]

NOON: Final = 1_795_521_600
"""Some noon in 2026."""


@final
class ManualClock:
    """A `Clock`."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += seconds
