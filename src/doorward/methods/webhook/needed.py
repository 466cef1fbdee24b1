"""Whether a secret of a sender is still needed: what its use, and that of the others, tells.

Which secret matched is counted so that an old one can be retired knowingly. What that cannot tell is never taken for
"no": counts are a minute late, the newest is what the sender is about to sign with, and where none has matched yet
nothing tells them apart. A count tells only of deliveries that were admitted: a sender that sends once a month may
still have the old one.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import final

from doorward.methods.webhook.config import COUNTED_AFTER_S, RECENTLY_USED_S
from doorward.methods.webhook.port import SecretRecord

__all__ = ["Needed", "needed_because"]


@final
class Needed(StrEnum):
    """Why a delivery may be lost when a secret is retired."""

    ONLY = "it is the only active secret: no delivery would be taken; add another first"
    RECENT = "it matched within the last day: the sender still signs with it"
    UNCOUNTED = "what it matched is not counted yet: it has been active for less than two minutes"
    LAST = "no other has matched since it did: the sender may sign with it again"
    NEWEST = "it is the newest: the sender may be about to sign with it"
    UNPROVEN = "none has matched yet: nothing tells which one the sender signs with"


def needed_because(held: Sequence[SecretRecord], record: SecretRecord, now: int) -> Needed | None:
    """Why a delivery may be lost if a secret were retired; None when it may go.

    Args:
        held: the sender's secrets that are not retired.
        record: one of them, joined with its use, which is a minute late.
        now: epoch seconds.
    """
    if not record.is_active(now):
        return None
    others = [other for other in held if other.id != record.id and other.is_active(now)]
    if not others:
        return Needed.ONLY
    used_at = record.last_used_at
    if used_at is not None and now - used_at < RECENTLY_USED_S:
        return Needed.RECENT
    if now - _began_at(record) < COUNTED_AFTER_S:
        return Needed.UNCOUNTED
    return _unused_because(others, record) if used_at is None else _used_last_because(others, used_at)


def _unused_because(others: Sequence[SecretRecord], record: SecretRecord) -> Needed | None:
    # Of two that began at once neither is known to be the older.
    if all(_began_at(other) <= _began_at(record) for other in others):
        return Needed.NEWEST
    return None if any(other.last_used_at is not None for other in others) else Needed.UNPROVEN


def _used_last_because(others: Sequence[SecretRecord], used_at: int) -> Needed | None:
    since = any(other.last_used_at is not None and other.last_used_at > used_at for other in others)
    return None if since else Needed.LAST


def _began_at(record: SecretRecord) -> int:
    return max(record.created_at, record.not_before or 0)
