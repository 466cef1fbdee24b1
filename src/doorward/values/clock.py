"""Time and randomness are arguments: no room below `app` asks the operating system for either."""

from collections.abc import Callable
from typing import TypeAlias

__all__ = ["Clock", "Entropy"]

Clock: TypeAlias = Callable[[], float]
"""Seconds since the epoch. Comparisons are made on `int(clock())`: exact at the second (invariant 13)."""

Entropy: TypeAlias = Callable[[int], bytes]
"""`entropy(n)` gives n bytes from the operating system's generator (`secrets.token_bytes`)."""
