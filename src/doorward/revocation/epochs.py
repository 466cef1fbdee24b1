"""What an epoch voids. DESIGN section 7, *Order without clocks*.

Rules of this file:

* Our own tokens carry the watermark of the feed that was read before the sign-in was checked, so a position is
  compared with a position and no clock is asked.
* Positions of two generations of the feed cannot be compared: a watermark of another one is older than every epoch.
* A foreign issuer knows nothing of our feed. Its token is void when it was issued up to a minute *after* the epoch as
  well: its clock may be fast, and to let a revoked person in is worse than to send a new one to sign in again. Whoever
  allows its clock more than a minute has the epoch reach as far: what may be dated ahead was issued before.

An epoch is held as one number, because there may be a million: position, time of the commit, and when it leaves.
"""

from typing import Final

from doorward.values import Since, Watermark

__all__ = ["FOREIGN_CLOCK_FAST_S", "LEAVES_NEVER", "later_epoch", "leaves_in", "pack_epoch", "voids"]

FOREIGN_CLOCK_FAST_S: Final = 60
"""How far another issuer's clock may be ahead of ours, at least."""

_LEAVE_BITS: Final = 24
_TIME_BITS: Final = 36
LEAVES_NEVER: Final = (1 << _LEAVE_BITS) - 1
"""The greatest step of ten minutes there is (in the year 2288): a row that leaves then never does."""
_TIME_MAX: Final = (1 << _TIME_BITS) - 1


def pack_epoch(position: int, committed_at: int, leaves_in: int) -> int:
    """One number of a feed position, epoch seconds, and the step of ten minutes it leaves in."""
    time = min(max(committed_at, 0), _TIME_MAX)
    return (position << _TIME_BITS | time) << _LEAVE_BITS | leaves_in


def leaves_in(epoch: int) -> int:
    """The step it leaves in."""
    return epoch & LEAVES_NEVER


def later_epoch(one: int, other: int) -> int:
    """The epoch that voids whatever one of the two voids: rows may come out of order, and none moves it back."""
    return pack_epoch(
        max(_position(one), _position(other)),
        max(_committed_at(one), _committed_at(other)),
        max(leaves_in(one), leaves_in(other)),
    )


def voids(epoch: int, since: Since | None, feed_generation: str | None) -> bool:
    """Whether it voids what was issued then.

    Args:
        epoch: from `pack_epoch`.
        since: None for a record of the store, which says by itself what is void.
        feed_generation: the one the epoch's position belongs to.
    """
    if since is None:
        return False
    if isinstance(since, Watermark):
        return since.generation != feed_generation or since.position < _position(epoch)
    return since.issued_at - max(since.clock_fast_s, FOREIGN_CLOCK_FAST_S) <= _committed_at(epoch)


def _position(epoch: int) -> int:
    return epoch >> (_TIME_BITS + _LEAVE_BITS)


def _committed_at(epoch: int) -> int:
    return epoch >> _LEAVE_BITS & _TIME_MAX
