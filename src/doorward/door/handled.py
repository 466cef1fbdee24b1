"""What the store has called done, remembered here for as long as the store keeps it anyway.

Rules of this file:

* Whoever has recorded one delivery can send it as often as he likes while it is fresh. He is told from here that it was
  handled: each time costs its signature, and no transaction. Whoever has captured a signed request is told so before
  its body is taken in.
* Nothing is answered from here that the store would not answer: what is done stays done until it need not be kept any
  longer. A delivery that has to be kept for longer than the store was told goes to the store, which then keeps it.
* Bounded: what was asked for longest ago is forgotten, and the store is asked again.
"""

from collections import OrderedDict
from typing import Final, final

from doorward.methods.claims import Claim

__all__ = ["HANDLED_MAX", "Handled"]

HANDLED_MAX: Final = 4_096
"""How many deliveries that came again, or nonces that were used, one process remembers of a method."""


@final
class Handled:
    """Of one method, in one process."""

    __slots__ = ("_kept_until",)

    def __init__(self) -> None:
        self._kept_until: Final[OrderedDict[tuple[str, str], int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept_until)

    def has(self, claim: Claim) -> bool:
        """Whether the store has called it done, and keeps it for as long as this claim needs it."""
        key = claim.owner, claim.key
        kept_until = self._kept_until.get(key)
        if kept_until is None or claim.needed_until is None or kept_until < claim.needed_until:
            return False
        self._kept_until.move_to_end(key)
        return True

    def note(self, claim: Claim) -> None:
        """The store has called it done, and keeps it as long as the claim says."""
        key = claim.owner, claim.key
        self._kept_until[key] = claim.keep_until
        self._kept_until.move_to_end(key)
        if len(self._kept_until) > HANDLED_MAX:
            self._kept_until.popitem(last=False)
