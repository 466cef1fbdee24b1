"""When a credential that carries its own proof was issued, in a form that can be compared with an epoch of the feed.

A token is void when an epoch about anything it rests on is *later* than the token. Later is never asked of two clocks
where it can be avoided: our own tokens carry the watermark of the feed that was read before the sign-in was checked, so
a position is compared with a position (DESIGN section 7).
"""

from typing import NamedTuple, TypeAlias, final

__all__ = ["IssuedAbroad", "Since", "Watermark"]


@final
class Watermark(NamedTuple):
    """How far the feed had come when the sign-in began that a token comes from.

    Positions of two generations cannot be compared (a restored database counts from the past again): a watermark of
    another generation than the feed's own is older than every epoch.
    """

    generation: str
    position: int


@final
class IssuedAbroad(NamedTuple):
    """The `iat` (epoch seconds) of a token whose issuer knows nothing of our feed.

    `clock_fast_s` is how far that issuer's clock is allowed to be ahead: an epoch voids what was issued that much after
    it as well, and never less than a minute.
    """

    issued_at: int
    clock_fast_s: int = 0


Since: TypeAlias = Watermark | IssuedAbroad
