"""Whether a secret of a sender is still needed: what its use, and that of the others, tells.

Which secret matched is counted so that an old one can be retired knowingly. A count is a minute late, and tells only of
deliveries that were admitted: a sender that sends once a month may still have the old one.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import final

from doorward.methods.webhook.config import RECENTLY_USED_S
from doorward.methods.webhook.port import SecretRecord

__all__ = ["Needed", "needed_because"]


@final
class Needed(StrEnum):
    """Why a delivery may be lost when a secret is retired."""

    ONLY = "it is the only active secret: no delivery would be taken; add another first"
    RECENT = "it matched within the last day: the sender still signs with it"
    LAST = "no other has matched since it did: the sender may sign with it again"


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
    if used_at is None:
        return None
    if now - used_at < RECENTLY_USED_S:
        return Needed.RECENT
    if not any(other.last_used_at is not None and other.last_used_at > used_at for other in others):
        return Needed.LAST
    return None
