"""From the grants of a request to those of an order: what keys of every kind have alike."""

from msgspec import UNSET

from doorward.methods.rotation import NEVER, GrantChanges, Never
from doorward.server.management.models import KeyChangesIn
from doorward.server.management.shapes import Rate
from doorward.values import RateLimit, Scopes

__all__ = ["changes_of", "lifetime_of", "rate_of"]


def changes_of(changes: KeyChangesIn) -> GrantChanges:
    """What shall be different."""
    return GrantChanges(
        name=UNSET if changes.name is None else changes.name,
        scopes=UNSET if changes.scopes is None else Scopes(*changes.scopes),
        networks=UNSET if changes.networks is None else tuple(changes.networks),
        # Null and left out are two things here: one lifts the limit, the other leaves it.
        rate=rate_of(changes.rate) if "rate" in changes.model_fields_set else UNSET,
        metadata=UNSET if changes.metadata is None else changes.metadata,
    )


def rate_of(rate: Rate | None) -> RateLimit | None:
    """A rate limit."""
    return None if rate is None else RateLimit(rate.requests, rate.window_s)


def lifetime_of(expires_in_s: int | str) -> int | Never:
    """A lifetime in seconds, or the one that must be said."""
    return NEVER if isinstance(expires_in_s, str) else expires_in_s
