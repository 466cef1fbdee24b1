"""Whether what a token would rest on still stands, asked in the one read that also gives the watermark.

DESIGN section 7: each redemption, refresh and exchange compares the watermark its sign-in inherited with every
committed epoch. A token that is dead when it is made helps nobody, and one that some verifier never asks about again
(an opaque token that is introspected once) must not be made at all.
"""

from typing import Protocol, final

import msgspec

from doorward.values import Handle, Watermark

__all__ = ["AUDIENCES_ASKED_MAX", "HANDLES_ASKED_MAX", "Standing", "StandingPort"]

HANDLES_ASKED_MAX = 6
"""How many handles one question may name."""
AUDIENCES_ASKED_MAX = 8
"""How many audiences."""


@final
class Standing(msgspec.Struct, frozen=True):
    """How far the feed is, the first of the handles asked for that is revoked (None when none is), and which of the
    audiences are sectors (docs/adr/0010).
    """

    watermark: Watermark
    revoked: Handle | None
    sectors: frozenset[str]


class StandingPort(Protocol):
    """Reads the feed for one issuance."""

    async def read_standing(
        self, handles: tuple[Handle, ...], inherited: Watermark | None, audiences: tuple[str, ...] = ()
    ) -> Standing:
        """Ask for at most 6 handles and 8 audiences.

        Of kinds whose rows are final any row revokes; of the others an epoch above `inherited`, or any at all when that
        is of another generation. Without `inherited` no epoch revokes: what is issued now is younger than each of them.

        Atomicity: watermark and rows come from one snapshot, so nothing can be revoked between the two.

        Raises:
            Unavailable: `store_unavailable`.
        """
        ...
