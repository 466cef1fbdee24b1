"""What every change of a sender's secrets consists of: the writes, the rows of the feed, the events.

* The sender's version moves on with each, so two at the same time meet there and the second is decided again.
* Every change puts a row about the *sender* into the feed. What a door keeps is loaded by the sender's name and rests
  on whichever secret matched first; by that secret alone it would not hear of a new one, nor of another one's end.
"""

from collections.abc import Mapping
from typing import TypeAlias

from msgspec.structs import replace

from doorward.methods.webhook.config import FEED_ROW_LIFETIME_S
from doorward.methods.webhook.order import IssuedSecret
from doorward.methods.webhook.port import SecretRecord, SecretState, SenderRecord, SenderUpdated
from doorward.methods.webhook.senders import sender_handle
from doorward.values import Actor, Change, CredentialId, Event, FeedKind, Handle, Revocation, Write

__all__ = ["added_event", "change_secrets", "end_secret", "erase_secret", "secret_event"]

Details: TypeAlias = Mapping[str, str | int | None]


def end_secret(record: SecretRecord, end: int) -> SecretRecord:
    """The secret with an end, which never moves it back into life."""
    ends = end if record.not_after is None else min(end, record.not_after)
    return replace(record, not_after=ends, version=record.version + 1)


def erase_secret(record: SecretRecord, now: int) -> SecretRecord:
    """The secret retired, its text gone. Its end is now, so that the lists say when; an earlier one stays."""
    return replace(end_secret(record, now), state=SecretState.RETIRED, sealed_text=None)


def change_secrets(
    sender: SenderRecord,
    writes: tuple[Write, ...],
    events: tuple[Event, ...],
    now: int,
    *,
    gone: tuple[CredentialId, ...] = (),
) -> Change:
    """One unit of work on the secrets of a sender; `gone` are those that were retired by it."""
    moved = replace(sender, version=sender.version + 1)
    leave_at = now + FEED_ROW_LIFETIME_S
    rows = [Revocation(handle=Handle(FeedKind.CREDENTIAL, secret_id), leave_at=leave_at) for secret_id in gone]
    changed = Revocation(handle=sender_handle(sender.name), leave_at=leave_at, changed_version=moved.version)
    return Change(writes=(SenderUpdated(moved), *writes), revocations=(*rows, changed), events=events)


def added_event(sender: SenderRecord, issued: IssuedSecret, actor: Actor, now: int, reason: str | None = None) -> Event:
    """That a secret was added, and whether it was made here."""
    record = issued.record
    details: Details = {
        "made": "given" if issued.text is None else "here",
        "not_before": record.not_before,
        "not_after": record.not_after,
    }
    return secret_event("webhook_secret.added", sender, record.id, actor, now, reason, details)


def secret_event(
    action: str,
    sender: SenderRecord,
    secret_id: CredentialId,
    actor: Actor,
    now: int,
    reason: str | None,
    details: Details,
) -> Event:
    """Something that was done to a secret."""
    return Event(
        at=now,
        action=action,
        actor=actor,
        object_kind="webhook_secret",
        object_id=secret_id,
        organization_id=sender.organization_id,
        reason=reason,
        details={"sender": sender.name, **details},
    )
