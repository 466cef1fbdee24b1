"""Mint app passwords and move them between states: pure functions from what is stored to a `Change`.

There is no rotation: a new password beside the old one, then revoking the old one, is the whole of it, and every
occasion to touch such a client is one to move it to something better.
"""

import re
from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from doorward.crypto.hashing import sha256_digest
from doorward.errors import Rejected
from doorward.methods.basic.config import EXPIRES_IN_S_MAX, FEED_ROW_LIFETIME_S
from doorward.methods.basic.order import IssuedPassword, PasswordOrder
from doorward.methods.basic.port import PasswordInserted, PasswordRecord, PasswordState, PasswordUpdated
from doorward.methods.basic.wire import LABEL
from doorward.methods.owner import APP_REVOKED, Owner
from doorward.values import Actor, Change, CredentialId, Entropy, Event, FeedKind, Handle, Revocation
from doorward.values.bounds import parse_duration, parse_name
from doorward.wire.credential import PREFIX_PATTERN, mint_credential_text
from doorward.wire.reason import parse_reason

__all__ = ["issue_password", "move_password"]


def issue_password(
    order: PasswordOrder, owner: Owner, *, actor: Actor, now: int, entropy: Entropy
) -> tuple[IssuedPassword, Change]:
    """A new app password of `owner`.

    Raises:
        Rejected: `input_invalid`, or `state_final` when the app is revoked.
    """
    if owner.state == APP_REVOKED:
        raise Rejected("state_final", "the app is revoked")
    if re.fullmatch(PREFIX_PATTERN, order.prefix) is None:
        raise Rejected("input_invalid", "a prefix is 2 to 12 lower-case letters and digits, a letter first")
    lifetime_s = parse_duration(order.expires_in_s, "a lifetime", least_s=1, most_s=EXPIRES_IN_S_MAX)
    name = parse_name(order.name)
    minted = mint_credential_text(prefix=order.prefix, label=LABEL, entropy=entropy)
    record = PasswordRecord(
        id=CredentialId(minted.id),
        app_id=owner.id,
        organization_id=owner.organization_id,
        name=name,
        secret_digest=sha256_digest(minted.text.encode("ascii")),
        scopes=order.scopes,
        state=PasswordState.ACTIVE,
        created_at=now,
        expires_at=now + lifetime_s,
        app_name=owner.name,
        app_state=owner.state,
    )
    details: dict[str, str | int | None] = {
        "name": name,
        "scopes": str(record.scopes),
        "expires_at": record.expires_at,
    }
    event = _event("password.created", record, actor, now, None, details)
    return IssuedPassword(record, minted.text), Change(writes=(PasswordInserted(record),), events=(event,))


def move_password(
    record: PasswordRecord, state: PasswordState, *, reason: str, actor: Actor, now: int
) -> tuple[PasswordRecord, Change]:
    """The password in another state. Moving to the state it has is no change at all.

    Raises:
        Rejected: `input_invalid`, or `state_final` when it is revoked.
    """
    said = parse_reason(reason)
    if record.state is PasswordState.REVOKED:
        raise Rejected("state_final", "the password is revoked")
    if record.state is state:
        return record, Change()
    moved = replace(record, state=state, version=record.version + 1)
    row = Revocation(
        handle=Handle(FeedKind.CREDENTIAL, record.id),
        leave_at=now + FEED_ROW_LIFETIME_S,
        changed_version=None if state is PasswordState.REVOKED else moved.version,
    )
    event = _event(f"password.{_DONE[state]}", moved, actor, now, said, {"state_before": record.state.value})
    return moved, Change(writes=(PasswordUpdated(moved),), revocations=(row,), events=(event,))


_DONE: Final = {
    PasswordState.ACTIVE: "enabled",
    PasswordState.DISABLED: "disabled",
    PasswordState.REVOKED: "revoked",
}


def _event(
    action: str,
    record: PasswordRecord,
    actor: Actor,
    now: int,
    reason: str | None,
    details: Mapping[str, str | int | None],
) -> Event:
    return Event(
        at=now,
        action=action,
        actor=actor,
        object_kind="password",
        object_id=record.id,
        app_id=record.app_id,
        organization_id=record.organization_id,
        reason=reason,
        details=details,
    )
