"""Signed requests whose bodies are arriving: one of each nonce at a time (phase 10a).

Rules of this file:

* A nonce is used up last, when its body has been found right, so until then any number of copies of one captured
  request would be taken in side by side. The second of them is told to come again: whether it is a replay shows when
  the first has come. It may be the signer's own, whose first connection broke without our knowing it yet.
* Nothing is used up here: when a body breaks off, or is another one, the signer may send his request again.
* A nonce that this process knows to be used is told so before its body is asked for. Other processes may know more; the
  store has the last word, after the body.
* Of one process, and of all methods in it that claim in the same place: another door makes no other nonce.
"""

from typing import Final

from doorward.door.handled import Handled
from doorward.errors import Rejected
from doorward.methods.claims import Claim, ClaimPort

__all__ = ["Arriving", "enter_arriving", "leave_arriving"]

RETRY_AFTER_S: Final = 2
"""When a copy is told to come again: by then a connection that broke is known to be."""

Arriving = tuple[int, str, str]
"""Where it is to be claimed, whose nonce it is, and the nonce."""

# Bounded by the requests the server takes at a time.
_ARRIVING: Final[set[Arriving]] = set()


def enter_arriving(claims: ClaimPort, claim: Claim, handled: Handled) -> Arriving:
    """Begin to take in the body of a request that will make this claim: what is to be left when it was made, or not.

    Args:
        claims: where it will be claimed; is held by the caller until it leaves.
        claim: what the request uses up.
        handled: what is known to be used already.

    Raises:
        Rejected: `replayed`: it was used; `request_arriving`: another copy of it is.
    """
    arriving = id(claims), claim.owner, claim.key
    if handled.has(claim):
        raise Rejected("replayed", claim.key)
    if arriving in _ARRIVING:
        raise Rejected("request_arriving", claim.key, retry_after_s=RETRY_AFTER_S)
    _ARRIVING.add(arriving)
    return arriving


def leave_arriving(arriving: Arriving) -> None:
    """The request has made its claim, or was refused."""
    _ARRIVING.discard(arriving)
