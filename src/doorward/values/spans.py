"""Spans of time as people read them."""

from typing import Final

__all__ = ["beside_a_limit", "in_words"]

_UNITS: Final = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
_SEEN_S_MAX: Final = 7_200


def in_words(seconds: int) -> str:
    """A span in its largest unit, to the nearest one: `90 days`, `1 hour`. Under two of a unit the smaller one."""
    for length, name in _UNITS:
        if seconds >= 2 * length or length in {1, seconds}:
            count = (seconds + length // 2) // length
            return f"{count:,} {name}{'' if count == 1 else 's'}"
    raise AssertionError(seconds)


def beside_a_limit(seconds: int) -> str:
    """A span that is told beside a limit in seconds: `310 s`, and from two hours on `7200 s (2 hours)`."""
    return f"{seconds} s" if seconds < _SEEN_S_MAX else f"{seconds} s ({in_words(seconds)})"
