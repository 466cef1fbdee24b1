"""What all methods over one store share: the view of revocations, the audit log, usage, rate leases, the clock.

The methods carry it, the pipeline uses it; `app` builds it. A method that needs no store has none.
"""

from typing import Protocol, final

import msgspec

from doorward.audit.port import VerificationLog
from doorward.errors import Misconfigured
from doorward.methods.claims import ClaimPort
from doorward.revocation.port import RevocationView
from doorward.values import Clock, CredentialId, MethodName, RateLimit

__all__ = ["Lease", "Plane", "RateLeasePort", "UsageDelta", "UsagePort", "UsageRecorder", "plane_of"]


@final
class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """A share of one credential's rate limit that this process may spend.

    Units may be spent only before `usable_s` have passed since the answer came (measured by the process's own monotonic
    clock; the store's clock decided the bucket). `remaining` and `reset_s` describe the whole limit, for headers.
    """

    granted: int
    usable_s: float
    remaining: int
    reset_s: float


class RateLeasePort(Protocol):
    """Hands out shares of a rate limit to all processes.

    Atomicity: concurrent calls for one credential are serialised; what is granted inside any sliding window of
    `limit.window_s` never sums to more than `limit.requests`. The store's clock counts, not the caller's.
    """

    async def lease(
        self,
        credential_id: CredentialId,
        limit: RateLimit,
        *,
        want: int,
        give_back: int,
        give_back_bucket: int,
    ) -> tuple[Lease, int]:
        """Ask for up to `want` units, returning `give_back` unspent ones of an earlier bucket.

        Answers the lease and the bucket it belongs to. `granted` is 0 when the limit is used up.
        """
        ...


@final
class UsageDelta(msgspec.Struct, frozen=True, kw_only=True):
    """What one credential was used for since the last flush."""

    method: MethodName
    credential_id: CredentialId
    count: int
    last_used_at: int
    last_source: str | None


class UsagePort(Protocol):
    """Adds up use. Atomicity: each delta is added once; `last_used_at` never moves back."""

    async def add_usage(self, deltas: tuple[UsageDelta, ...]) -> None:
        """Add to the stored counts, in one transaction."""
        ...


class UsageRecorder(Protocol):
    """Counts use in memory; flushed at most once a minute per credential and on shutdown. Never waits."""

    def count(self, method: MethodName, credential_id: CredentialId, now: int, source: str | None) -> None:
        """One successful verification."""
        ...


class _HasPlane(Protocol):
    @property
    def plane(self) -> "Plane": ...


def plane_of(store: _HasPlane) -> "Plane":
    """What a store's methods share.

    Raises:
        Misconfigured: it is no store; usually the URL of one.
    """
    if not hasattr(store, "plane"):
        raise Misconfigured(
            f"A method was given a {type(store).__name__} where it needs a store.",
            cure='Open one: ApiKeys(open_store("sqlite:///doorward.db")).',
        )
    return store.plane


class Plane(Protocol):
    """See the module. `started` is read before every load and when the view is stale;
    `start` is awaited when it is false.
    """

    @property
    def started(self) -> bool:
        """Whether the view is loaded and the background tasks run in this loop."""
        ...

    @property
    def clock(self) -> Clock:
        """Epoch seconds."""
        ...

    @property
    def view(self) -> RevocationView:
        """What is revoked, in memory."""
        ...

    @property
    def usage(self) -> UsageRecorder:
        """Last use and counts."""
        ...

    @property
    def verifications(self) -> VerificationLog:
        """The log of verifications."""
        ...

    @property
    def rate_leases(self) -> RateLeasePort:
        """Shares of rate limits."""
        ...

    @property
    def claims(self) -> ClaimPort:
        """What may be used once."""
        ...

    async def start(self) -> None:
        """Open the store, load the view, start following the feed. Idempotent; concurrent calls wait for one."""
        ...

    async def aclose(self) -> None:
        """Flush what was counted and logged, stop the background tasks, close. Idempotent."""
        ...
