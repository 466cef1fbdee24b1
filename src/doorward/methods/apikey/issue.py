"""Mint, rotate and change keys: pure functions from what is stored to a `Change`.

How a key is moved, rotated and changed is the same for every credential of an app (`owned_credential.py`,
`rotation.py`); what is here is what a key is made of.
"""

import re
from typing import Final

from msgspec.structs import replace

from doorward.crypto.hashing import sha256_digest
from doorward.errors import Rejected
from doorward.methods.apikey.order import IssuedKey, KeyChanges, KeyOrder
from doorward.methods.apikey.port import KeyInserted, KeyRecord, KeyState, KeyUpdated
from doorward.methods.owned_credential import CredentialKind
from doorward.methods.owner import Owner, require_living_owner
from doorward.methods.rotation import (
    change_grants,
    expiry_of,
    grants_of,
    require_rotatable,
    rotation_of,
    successor_of,
)
from doorward.values import Actor, Change, CredentialId, Entropy
from doorward.values.bounds import parse_metadata, parse_name, parse_networks, parse_rate
from doorward.wire.credential import PREFIX_PATTERN, mint_credential_text

__all__ = [
    "change_key_of",
    "issue_key",
    "move_key",
    "succeed_key",
]

_NO_ID: Final = CredentialId("")
_KEYS: Final = CredentialKind("the key", "key", KeyUpdated)


def issue_key(order: KeyOrder, owner: Owner, *, actor: Actor, now: int, entropy: Entropy) -> tuple[IssuedKey, Change]:
    """A new key of `owner`.

    Raises:
        Rejected: `input_invalid`, or `state_final` when the app is revoked.
    """
    require_living_owner(owner)
    if re.fullmatch(PREFIX_PATTERN, order.prefix) is None:
        raise Rejected("input_invalid", "a prefix is 2 to 12 lower-case letters and digits, a letter first")
    record = KeyRecord(
        id=_NO_ID,
        app_id=owner.id,
        organization_id=owner.organization_id,
        name=parse_name(order.name),
        prefix=order.prefix,
        environment=order.environment,
        secret_digest=b"",
        scopes=order.scopes,
        networks=parse_networks(order.networks),
        rate=None if order.rate is None else parse_rate(order.rate),
        state=KeyState.ACTIVE,
        created_at=now,
        expires_at=expiry_of(order.expires_in_s, now),
        metadata=parse_metadata(order.metadata),
        app_name=owner.name,
        app_state=owner.state,
    )
    issued = _mint(record, entropy)
    event = _KEYS.event("created", issued.record, _details(issued.record), reason=None, actor=actor, now=now)
    return issued, Change(writes=(KeyInserted(issued.record),), events=(event,))


def succeed_key(
    record: KeyRecord, *, overlap_s: int, reason: str, actor: Actor, now: int, entropy: Entropy
) -> tuple[IssuedKey, Change]:
    """A successor of `record`, which goes on working for `overlap_s` (0 to 30 days; 0 revokes it).

    Raises:
        Rejected: `input_invalid`; `state_final` for a revoked key or app, `state_expired` for an expired key,
            `object_conflict` for one that was rotated before.
    """
    said = require_rotatable(_KEYS, record, overlap_s=overlap_s, reason=reason, now=now)
    issued = _mint(successor_of(record, now), entropy)
    change = rotation_of(
        _KEYS,
        record,
        issued.record,
        inserted=KeyInserted(issued.record),
        created=_details(issued.record),
        overlap_s=overlap_s,
        reason=said,
        actor=actor,
        now=now,
    )
    return issued, change


def move_key(record: KeyRecord, state: KeyState, *, reason: str, actor: Actor, now: int) -> tuple[KeyRecord, Change]:
    """The key in another state. Moving to the state it has is no change at all.

    Raises:
        Rejected: `input_invalid`, or `state_final` when it is revoked.
    """
    return _KEYS.move(record, state, reason=reason, actor=actor, now=now)


def change_key_of(
    record: KeyRecord, changes: KeyChanges, *, reason: str, actor: Actor, now: int
) -> tuple[KeyRecord, Change]:
    """The key with other grants.

    Raises:
        Rejected: `input_invalid` (also when nothing is to change), or `state_final` when it is revoked.
    """
    return change_grants(_KEYS, record, changes, details_of=_details, reason=reason, actor=actor, now=now)


def _mint(record: KeyRecord, entropy: Entropy) -> IssuedKey:
    minted = mint_credential_text(prefix=record.prefix, label=record.environment.value, entropy=entropy)
    digest = sha256_digest(minted.text.encode("ascii"))
    return IssuedKey(replace(record, id=CredentialId(minted.id), secret_digest=digest), minted.text)


def _details(record: KeyRecord) -> dict[str, str | int | None]:
    return {"environment": record.environment.value, **grants_of(record)}
