"""Claims what a request uses up, and holds it while the handler runs (phases 11 and 13).

Rules of this file:

* A lease is renewed in the background for as long as its settlement is there: a slow handler keeps what it works on,
  and a process that is killed gives it back when the lease ends.
* A settlement nobody has settled and nobody holds any more is not renewed: a handler that was forgotten must not keep
  a delivery for ever.
* What is settled is settled once. A completion that could not be written is tried again in the background: the work
  is done, and a sender's retry would do it twice. A release that could not be written ends by itself.
* Who is cut off while the store is asked for a lease gives back what it may have got. What is used up at once stays
  used: whether it was cannot be known.
* Who is cut off while a handler runs gives back nothing: what runs in a thread is not cut off with it, and a second
  handler would run beside it. It can be claimed again when the lease ends.
* A request that comes to a second door (of a router, of a route) is not the duplicate of itself: what it has claimed
  counts there too. That is known of its own doors only, never asked of the store, so no other request can say so.
"""

import asyncio
import logging
import weakref
from collections.abc import Coroutine, Iterable
from typing import Any, Final, TypeVar, final

from doorward.door.admitted import NOTHING_CLAIMED, Admitted, Settlement
from doorward.door.handled import Handled
from doorward.errors import Rejected, Unavailable
from doorward.methods.claims import CLOCK_SLACK_S, Claim, ClaimPort, InFlight, Outcome, Reserved

__all__ = ["HeldClaim", "claim_for", "is_claimed_by"]

RENEWALS_PER_LEASE: Final = 3
"""How often a lease is renewed before it would end: twice may fail."""
RETRY_AFTER_S_MAX: Final = 10
"""When a sender is told to ask again at the latest while its delivery is being handled. Asking costs one read of the
store; whoever asks too early is told the same again."""
COMPLETIONS_TRIED_MAX: Final = 20
"""How often a completion is tried while the store is away, once in each such part of a lease."""

_LOG: Final = logging.getLogger("doorward.claims")
# The loop keeps weak references only, and what is under way must not be collected.
_RUNNING: Final[set["asyncio.Task[Any]"]] = set()

T = TypeVar("T")


def _spawn(work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":  # Any: what a coroutine yields to its loop
    task = asyncio.get_running_loop().create_task(work)
    _RUNNING.add(task)
    task.add_done_callback(_RUNNING.discard)
    return task


@final
class HeldClaim(Settlement):
    """A lease that is ours until it is settled."""

    __slots__ = ("_claim", "_claims", "_fence", "_is_settled", "_renewing")

    def __init__(self, claims: ClaimPort, claim: Claim, fence: int) -> None:
        self._claims: Final = claims
        self._claim: Final = claim
        self._fence: Final = fence
        self._is_settled = False
        self._renewing: Final = _spawn(_renew(weakref.ref(self), _interval_s(claim)))

    @property
    def is_settled(self) -> bool:
        """See `Settlement`."""
        return self._is_settled

    async def complete(self) -> None:
        """See `Settlement`. Idempotent, as is `release`: what was settled first counts."""
        if self._settle():
            # Shielded: whoever waits may be cancelled, and the handler has done its work all the same.
            await asyncio.shield(_spawn(self._complete()))

    async def release(self) -> None:
        """See `Settlement`."""
        if self._settle():
            await asyncio.shield(_spawn(self._release()))

    def lapse(self) -> None:
        """See `Settlement`."""
        _ = self._settle()

    async def renew(self) -> bool:
        """Hold it for another lease. False: it is settled, or somebody else's by now."""
        if self._is_settled:
            return False
        claim = self._claim
        try:
            return await self._claims.renew(claim.owner, claim.key, self._fence, lease_s=_lease_s(claim))
        except Unavailable as unavailable:
            _LOG.warning("a lease could not be renewed: %s (%s)", unavailable.code, unavailable.detail)
            return True

    def _settle(self) -> bool:
        if self._is_settled:
            return False
        self._is_settled = True
        self._renewing.cancel()
        return True

    async def _complete(self) -> None:
        if not await self._try_to_complete():
            _ = _spawn(self._complete_later())

    async def _complete_later(self) -> None:
        for _ in range(COMPLETIONS_TRIED_MAX):
            await asyncio.sleep(_interval_s(self._claim))
            if await self._try_to_complete():
                return
        _LOG.error("a delivery that was handled could not be marked so: its sender may send it again")

    async def _try_to_complete(self) -> bool:
        claim = self._claim
        try:
            if not await self._claims.complete(claim.owner, claim.key, self._fence, kept_s=claim.kept_s):
                _LOG.warning("a delivery was handled after its lease had ended: it may have been handled twice")
        except Unavailable as unavailable:
            _LOG.warning("a completion could not be written: %s (%s)", unavailable.code, unavailable.detail)
            return False
        return True

    async def _release(self) -> None:
        try:
            await self._claims.release(self._claim.owner, self._claim.key, self._fence)
        except Unavailable as unavailable:
            _LOG.warning("a release could not be written: %s (%s)", unavailable.code, unavailable.detail)


def is_claimed_by(before: Iterable[Admitted], claims: ClaimPort, claim: Claim) -> bool:
    """Whether the request that wants the claim has made it at an earlier door, and still holds it.

    Args:
        before: what the earlier doors have said to this very request.
        claims: where it would be claimed.
        claim: what it would claim.
    """
    for admitted in before:
        if admitted.claimed is None or admitted.settlement.is_settled:
            continue
        where, held = admitted.claimed
        # What is kept for a shorter time than this door wants could be replayed to it later: then it is a conflict. Two
        # doors that ask for the same ask a moment apart.
        is_kept = held.keep_until + CLOCK_SLACK_S >= claim.keep_until
        if where is claims and (held.owner, held.key) == (claim.owner, claim.key) and is_kept:
            return True
    return False


async def claim_for(claims: ClaimPort, claim: Claim, handled: Handled) -> Settlement:
    """Claim it, and answer what is to be settled when the handler has ended.

    Args:
        claims: where it is claimed.
        claim: what is.
        handled: what is known to be done already.

    Raises:
        Rejected: `replayed`, `delivery_repeated`, `delivery_in_progress` with when to ask again.
        Unavailable: `store_unavailable`, `overloaded`, `claims_full`: nothing is known, so nobody passes.
    """
    if claim.lease_s is None:
        is_ours = await claims.claim_once(claim.owner, claim.key, keep_until=claim.keep_until)
        handled.note(claim)
        if not is_ours:
            raise Rejected("replayed", claim.key)
        return NOTHING_CLAIMED
    if handled.has(claim):
        raise Rejected("delivery_repeated", claim.key)
    outcome = await _reserve(claims, claim, claim.lease_s)
    if isinstance(outcome, Reserved):
        return HeldClaim(claims, claim, outcome.fence)
    if isinstance(outcome, InFlight):
        # The lease is what a crash costs, not what the handler needs: it mostly ends long before.
        raise Rejected("delivery_in_progress", claim.key, retry_after_s=min(outcome.retry_after_s, RETRY_AFTER_S_MAX))
    handled.note(claim)
    raise Rejected("delivery_repeated", claim.key)


async def _reserve(claims: ClaimPort, claim: Claim, lease_s: int) -> Outcome:
    asked = _spawn(claims.reserve(claim.owner, claim.key, lease_s=lease_s, keep_until=claim.keep_until))
    try:
        return await asyncio.shield(asked)
    except asyncio.CancelledError:
        _ = _spawn(_give_back(claims, claim, asked))
        raise


async def _give_back(claims: ClaimPort, claim: Claim, asked: "asyncio.Task[Outcome]") -> None:
    try:
        outcome = await asked
        if isinstance(outcome, Reserved):
            await claims.release(claim.owner, claim.key, outcome.fence)
    except (Unavailable, Rejected) as error:
        _LOG.warning("a reservation nobody waits for could not be given back: %s (%s)", error.code, error.detail)


async def _renew(held: "weakref.ref[HeldClaim]", interval_s: float) -> None:
    while True:
        await asyncio.sleep(interval_s)
        claim = held()
        if claim is None or not await claim.renew():
            return
        del claim


def _lease_s(claim: Claim) -> int:
    assert claim.lease_s is not None, "what is used up at once is not held"
    return claim.lease_s


def _interval_s(claim: Claim) -> float:
    return _lease_s(claim) / RENEWALS_PER_LEASE
