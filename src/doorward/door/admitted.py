"""What a door answers when it lets a request through."""

from typing import Final, final

import msgspec

from doorward.access import Decision
from doorward.values import Principal
from doorward.wire.request import Header

__all__ = ["NOTHING_CLAIMED", "Admitted", "Settlement"]


@final
class Settlement:
    """What happens after the handler to things that may be used once. Nothing is claimed by the methods there are."""

    __slots__ = ()

    async def complete(self) -> None:
        """The handler has done its work: what was claimed is used up."""

    async def release(self) -> None:
        """The handler has not done its work: what was claimed may be presented again."""


NOTHING_CLAIMED: Final = Settlement()


@final
class Admitted(msgspec.Struct, frozen=True):
    """Who may pass, why, what every answer to this request must carry, and what is settled afterwards."""

    principal: Principal
    decision: Decision
    answer_headers: tuple[Header, ...]
    settlement: Settlement
