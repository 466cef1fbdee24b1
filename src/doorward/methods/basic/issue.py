"""Mint app passwords and move them between states: pure functions from what is stored to a `Change`.

There is no rotation: a new password beside the old one, then revoking the old one, is the whole of it, and every
occasion to touch such a client is one to move it to something better.
"""

import re
from typing import Final

from doorward.crypto.hashing import sha256_digest
from doorward.errors import Rejected
from doorward.methods.basic.config import EXPIRES_IN_S_MAX
from doorward.methods.basic.order import IssuedPassword, PasswordOrder
from doorward.methods.basic.port import PasswordInserted, PasswordRecord, PasswordState, PasswordUpdated
from doorward.methods.basic.wire import LABEL
from doorward.methods.owned_credential import CredentialKind
from doorward.methods.owner import Owner, require_living_owner
from doorward.values import Actor, Change, CredentialId, Entropy
from doorward.values.bounds import parse_duration, parse_name
from doorward.wire.credential import PREFIX_PATTERN, mint_credential_text

__all__ = ["issue_password", "move_password"]

_PASSWORDS: Final = CredentialKind("the password", "password", PasswordUpdated)


def issue_password(
    order: PasswordOrder, owner: Owner, *, actor: Actor, now: int, entropy: Entropy
) -> tuple[IssuedPassword, Change]:
    """A new app password of `owner`.

    Raises:
        Rejected: `input_invalid`, or `state_final` when the app is revoked.
    """
    require_living_owner(owner)
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
    event = _PASSWORDS.event("created", record, details, reason=None, actor=actor, now=now)
    return IssuedPassword(record, minted.text), Change(writes=(PasswordInserted(record),), events=(event,))


def move_password(
    record: PasswordRecord, state: PasswordState, *, reason: str, actor: Actor, now: int
) -> tuple[PasswordRecord, Change]:
    """The password in another state. Moving to the state it has is no change at all.

    Raises:
        Rejected: `input_invalid`, or `state_final` when it is revoked.
    """
    return _PASSWORDS.move(record, state, reason=reason, actor=actor, now=now)
