"""Things that may be used once: a delivery that is handled, a nonce that is seen. The port, and what a method asks.

Rules of this file (DESIGN section 3 phases 11 and 13, invariant 5):

* A claim is made after the proof and after every other question, by one atomic operation in a store that all
  processes share. A store that is full or cannot be reached refuses.
* A *lease* is for what has a handler: it is completed or released when the handler has ended, and lapses when the
  process that holds it has died. A *once* claim is used up when it is made.
* Keys belong to an owner, so nobody can use up what is another's.
* One key may come with other signed bytes each time (a sender signs every attempt anew), and every one of them is fresh
  for its own time. So each time it comes, and when its handler has ended, it is kept for longer: what was handled is
  remembered for as long as any of them could be replayed.
"""

from typing import Final, Protocol, TypeAlias, final

import msgspec

__all__ = [
    "CLAIMS_PER_OWNER_LIMIT",
    "CLAIMS_PER_OWNER_MAX",
    "CLAIM_KEY_CHARACTERS_MAX",
    "CLOCK_SLACK_S",
    "LEASE_S",
    "LEASE_S_MAX",
    "Claim",
    "ClaimPort",
    "Done",
    "InFlight",
    "Outcome",
    "Reserved",
]

LEASE_S: Final = 300
"""How long a delivery stays reserved after its process was last heard of."""
LEASE_S_MAX: Final = 3_600
"""How long a lease may be: after a crash a sender waits as long."""
CLOCK_SLACK_S: Final = 60
"""How much longer a claim is kept than its proof is fresh: the clock of the store may differ from the verifier's."""
CLAIM_KEY_CHARACTERS_MAX: Final = 512
"""How long the owner, and the key, of a claim may be."""
CLAIMS_PER_OWNER_MAX: Final = 1_000_000
"""How many claims of one owner are kept when the store is told nothing else; beyond that the next is refused until
older ones end. Counted now and then, so each process may pass it by a hundredth."""
CLAIMS_PER_OWNER_LIMIT: Final = 1_000_000_000
"""How many claims of one owner a store may be told to keep."""


@final
class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What one request uses up.

    Args:
        owner: whose it is: the sender, or the key that signed; with the method's name before it.
        key: what is used, made of signed bytes only.
        keep_until: epoch seconds up to which the store is to remember it, the slack for clocks included.
        lease_s: how long it is reserved while a handler works on it; None: it is used up at once.
        kept_s: how long it is to be remembered from when its handler has ended, however long that took.
        needed_until: up to when it must be remembered at least for these very bytes, never before now. Where it was
            done and is kept until then, the store need not be asked again. None: it is asked each time.
    """

    owner: str
    key: str
    keep_until: int
    lease_s: int | None = None
    kept_s: int = 0
    needed_until: int | None = None


@final
class Reserved(msgspec.Struct, frozen=True):
    """It is ours. `fence` says so to the store: no other holder, before or after, has the same."""

    fence: int


@final
class InFlight(msgspec.Struct, frozen=True):
    """Somebody is working on it; their lease ends in so many seconds, unless they renew it."""

    retry_after_s: int


@final
class Done(msgspec.Struct, frozen=True):
    """It was used before."""


Outcome: TypeAlias = Reserved | InFlight | Done


class ClaimPort(Protocol):
    """Claims of all processes.

    Atomicity: of any number of concurrent calls for one owner and key, in any processes, at most one is told
    `Reserved` (or True) until it is released, lapses or is no longer kept. What was answered is durable. Leases are
    measured by the store's clock. A row is never removed while a lease on it runs.

    Every method raises `Unavailable` (`store_unavailable`, `overloaded`) when nothing can be said: refuse then.
    """

    async def reserve(self, owner: str, key: str, *, lease_s: int, keep_until: int) -> Outcome:
        """Reserve it for `lease_s` seconds. What is in flight or done is kept until `keep_until` from now on, if that
        is later than it was kept until.

        Raises:
            Unavailable: also `claims_full`.
        """
        ...

    async def renew(self, owner: str, key: str, fence: int, *, lease_s: int) -> bool:
        """Reserve it for `lease_s` seconds from now. False: it is no longer this holder's."""
        ...

    async def complete(self, owner: str, key: str, fence: int, *, kept_s: int) -> bool:
        """Use it up, and keep it for `kept_s` seconds from now at least. False: it is no longer this holder's, and
        nothing was changed.
        """
        ...

    async def release(self, owner: str, key: str, fence: int) -> bool:
        """Let it be claimed again. False: it is no longer this holder's, and nothing was changed."""
        ...

    async def claim_once(self, owner: str, key: str, *, keep_until: int) -> bool:
        """Use it up now. False: it was used before.

        Raises:
            Unavailable: also `claims_full`.
        """
        ...
