"""Add senders, and add, rotate and retire their secrets: pure functions from what is stored to a `Change`.

Decisions:

* Every change of a sender's secrets moves the sender's version on, so two at the same time meet there and the second
  is decided again: at most 8 secrets are active at any time to come, also when twenty are added at once.
* A rotation leaves what is planned for later alone and gives what is active an end. An overlap of 0 (a leak) retires.
* Retiring erases the text, is final, and needs a word when a delivery may be lost by it: the only active secret, one
  that matched within the last day, or the one that matched last. Which one matched is counted for that reason.
"""

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from doorward.errors import Misconfigured, Rejected
from doorward.methods.webhook.config import (
    OVERLAP_S_MAX,
    SECRETS_AHEAD_S_MAX,
    SECRETS_HELD_MAX,
    SECRETS_MAX,
    SENDER_NAME,
    SENDER_NAME_RULE,
    SENDER_PREFIXES_TAKEN,
)
from doorward.methods.webhook.minting import mint_secret, mint_secret_id
from doorward.methods.webhook.needed import needed_because
from doorward.methods.webhook.order import IssuedSecret, SecretOrder, SenderOrder
from doorward.methods.webhook.port import (
    SecretInserted,
    SecretRecord,
    SecretState,
    SecretUpdated,
    SenderInserted,
    SenderRecord,
)
from doorward.methods.webhook.schemes import SCHEMES, Scheme
from doorward.methods.webhook.secrets import most_active, parse_secret
from doorward.methods.webhook.sender_change import (
    added_event,
    change_secrets,
    end_secret,
    erase_secret,
    secret_event,
)
from doorward.values import Actor, Change, CredentialId, Entropy, Event
from doorward.values.bounds import parse_duration, parse_organization_id
from doorward.wire.reason import parse_reason

__all__ = ["Seal", "issue_secret", "issue_sender", "retire_secret_of", "succeed_secrets"]

Seal: TypeAlias = Callable[[CredentialId, str], bytes]
"""Seals a text for the row of that id."""

_GIVEN: Final = "that was given"


def issue_sender(order: SenderOrder, *, actor: Actor, now: int) -> tuple[SenderRecord, Change]:
    """A new sender, without a secret.

    Raises:
        Rejected: `input_invalid`.
    """
    if SENDER_NAME.fullmatch(order.name) is None:
        raise Rejected("input_invalid", f"a sender's name is {SENDER_NAME_RULE}")
    if order.name.startswith(SENDER_PREFIXES_TAKEN):
        # It is the id of a principal: a handler that goes by an app's would take it for that app.
        raise Rejected("input_invalid", f"a sender's name does not begin with {', '.join(SENDER_PREFIXES_TAKEN)}")
    if order.scheme not in SCHEMES:
        raise Rejected("input_invalid", f"a scheme is one of {', '.join(SCHEMES)}")
    organization_id = None if order.organization_id is None else parse_organization_id(order.organization_id)
    record = SenderRecord(name=order.name, scheme=order.scheme, organization_id=organization_id, created_at=now)
    event = Event(
        at=now,
        action="webhook_sender.created",
        actor=actor,
        object_kind="webhook_sender",
        object_id=record.name,
        organization_id=organization_id,
        details={"scheme": record.scheme},
    )
    return record, Change(writes=(SenderInserted(record),), events=(event,))


def issue_secret(
    sender: SenderRecord,
    held: Sequence[SecretRecord],
    order: SecretOrder,
    *,
    seal: Seal,
    actor: Actor,
    now: int,
    entropy: Entropy,
) -> tuple[IssuedSecret, Change]:
    """One more secret of a sender; the others stay as they are.

    Args:
        sender: whose.
        held: the sender's secrets that are not retired.
        order: what it shall be.
        seal: seals its text.
        actor: who adds it.
        now: epoch seconds.
        entropy: where a secret comes from that is made here.

    Raises:
        Rejected: `input_invalid`: a text the scheme does not have, times that cannot be, or a secret too many.
    """
    issued = _make(sender, order, seal=seal, now=now, entropy=entropy)
    _require_room([*held, issued.record], now)
    events = (added_event(sender, issued, actor, now),)
    return issued, change_secrets(sender, (SecretInserted(issued.record),), events, now)


def succeed_secrets(
    sender: SenderRecord,
    held: Sequence[SecretRecord],
    order: SecretOrder,
    *,
    overlap_s: int,
    reason: str,
    seal: Seal,
    actor: Actor,
    now: int,
    entropy: Entropy,
) -> tuple[IssuedSecret, Change]:
    """A new secret from now on; those that are active work for `overlap_s` more (0 to 30 days; 0 retires them).

    Raises:
        Rejected: as `issue_secret`.
    """
    said = parse_reason(reason)
    parse_duration(overlap_s, "an overlap", least_s=0, most_s=OVERLAP_S_MAX)
    issued = _make(sender, order, seal=seal, now=now, entropy=entropy)
    active = [record for record in held if record.is_active(now)]
    old = [end_secret(record, now + overlap_s) if overlap_s else erase_secret(record, now) for record in active]
    others = [record for record in held if not record.is_active(now)]
    _require_room([*others, *(record for record in old if overlap_s), issued.record], now)
    action = "webhook_secret.rotated" if overlap_s else "webhook_secret.retired"
    events = [
        secret_event(
            action,
            sender,
            record.id,
            actor,
            now,
            said,
            {"rotated_to": issued.record.id, "overlap_s": overlap_s, "until": record.not_after if overlap_s else now},
        )
        for record in old
    ]
    return issued, change_secrets(
        sender,
        (SecretInserted(issued.record), *map(SecretUpdated, old)),
        (*events, added_event(sender, issued, actor, now, said)),
        now,
        gone=() if overlap_s else tuple(record.id for record in old),
    )


def retire_secret_of(
    sender: SenderRecord,
    held: Sequence[SecretRecord],
    record: SecretRecord,
    *,
    anyway: bool,
    reason: str,
    actor: Actor,
    now: int,
) -> tuple[SecretRecord, Change]:
    """A secret that admits no delivery any more, nor ever again: its text is erased.

    Args:
        sender: whose.
        held: the sender's secrets that are not retired.
        record: the secret.
        anyway: also when a delivery may be lost by it; see `needed_because`.
        reason: 1 to 500 characters.
        actor: who retires it.
        now: epoch seconds.

    Raises:
        Rejected: `input_invalid`, also when deliveries would be lost by it; `state_final` when it is retired.
    """
    said = parse_reason(reason)
    if record.state is SecretState.RETIRED:
        raise Rejected("state_final", "the secret is retired")
    needed = None if anyway else needed_because(held, record, now)
    if needed is not None:
        raise Rejected("input_invalid", needed.value)
    gone = erase_secret(record, now)
    details = {"use_count": record.use_count, "last_used_at": record.last_used_at}
    event = secret_event("webhook_secret.retired", sender, record.id, actor, now, said, details)
    return gone, change_secrets(sender, (SecretUpdated(gone),), (event,), now, gone=(record.id,))


def _make(sender: SenderRecord, order: SecretOrder, *, seal: Seal, now: int, entropy: Entropy) -> IssuedSecret:
    scheme = SCHEMES.get(sender.scheme)
    if scheme is None:
        # Written by a newer release.
        raise Rejected("input_invalid", f"the scheme {sender.scheme} is not known here")
    _require_times(order, now)
    if order.text is None:
        secret_id, text = mint_secret(scheme, prefix=order.prefix, entropy=entropy)
    else:
        secret_id, text = mint_secret_id(entropy), order.text
    _require_readable(scheme, text)
    record = SecretRecord(
        id=secret_id,
        sender=sender.name,
        sealed_text=seal(secret_id, text),
        state=SecretState.ACTIVE,
        created_at=now,
        not_before=order.not_before,
        not_after=order.not_after,
    )
    return IssuedSecret(record, text if order.text is None else None)


def _require_times(order: SecretOrder, now: int) -> None:
    begins, ends, latest = order.not_before, order.not_after, now + SECRETS_AHEAD_S_MAX
    if begins is not None and not 0 <= begins <= latest:
        raise Rejected("input_invalid", "a secret begins within ten years")
    if ends is not None and not max(now, begins or 0) < ends <= latest:
        raise Rejected("input_invalid", "a secret ends after it begins, in the future and within ten years")


def _require_readable(scheme: Scheme, text: str) -> None:
    try:
        parse_secret(scheme, text, secret_id=_GIVEN)
    except Misconfigured as error:
        raise Rejected("input_invalid", str(error)) from None


def _require_room(held: Sequence[SecretRecord], now: int) -> None:
    if len(held) > SECRETS_HELD_MAX:
        raise Rejected("input_invalid", f"a sender has at most {SECRETS_HELD_MAX} secrets; retire some that have ended")
    if most_active(held, now) > SECRETS_MAX:
        raise Rejected("input_invalid", f"at most {SECRETS_MAX} secrets of a sender are active at a time; retire one")
