"""What a door answers when it lets a request through."""

from typing import Final, final

import msgspec

from doorward.access import Decision
from doorward.methods.claims import Claim, ClaimPort
from doorward.values import Principal
from doorward.wire.request import Header

__all__ = ["NOTHING_CLAIMED", "Admitted", "Settlement"]


class Settlement:
    """What happens after the handler to what was claimed for it; this one claims nothing (`claims.py` has the other).

    Whoever calls `Door.admit` himself calls one of these: `complete` when the handler has ended and done its work,
    `release` when it has ended and not, `lapse` when it was cut off and a part of it may go on. The frameworks do.
    """

    __slots__ = ("__weakref__",)

    @property
    def is_settled(self) -> bool:
        """Whether one of the three has been called; of what claims nothing never."""
        return False

    async def complete(self) -> None:
        """The handler has done its work: what was claimed is used up."""

    async def release(self) -> None:
        """The handler has not done its work: what was claimed may be presented again."""

    def lapse(self) -> None:
        """Nobody can say whether the handler still works: what was claimed may be presented again when its lease
        ends.
        """


NOTHING_CLAIMED: Final = Settlement()
"""Of every request that uses nothing up: nearly all. Compared by identity, so that those cost nothing."""


@final
class Admitted(msgspec.Struct, frozen=True):
    """Who may pass, why, what every answer to this request must carry, and what is settled afterwards.

    `claimed` is what this very request has used up or holds, and where: a further door on its way takes it for granted.
    """

    principal: Principal
    decision: Decision
    answer_headers: tuple[Header, ...]
    settlement: Settlement
    claimed: tuple[ClaimPort, Claim] | None = None
