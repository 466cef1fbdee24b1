"""Mint, rotate and change keys: pure functions from what is stored to a `Change`.

Decisions:

* A successor has the grants, the metadata and the *lifetime* of its predecessor, counted from now: rotation is how a
  key's life goes on, so it starts afresh. A key that never expires has a successor that never expires.
* The old key works until the overlap is over, never past its own expiry. An overlap of 0 (a leak) revokes it.
* There is no way to prolong a key: its expiry is set once. A key whose end can be moved has none.
* Every change names a reason and puts a row into the feed in the same unit of work, so no cache outlives it.
"""

import re
from collections.abc import Mapping
from typing import Final

from msgspec import UNSET
from msgspec.structs import replace

from doorward.crypto.hashing import sha256_digest
from doorward.errors import Rejected
from doorward.methods.apikey.config import (
    EXPIRES_IN_S_MAX,
    FEED_ROW_LIFETIME_S,
    NEVER,
    OVERLAP_S_MAX,
    Never,
)
from doorward.methods.apikey.order import IssuedKey, KeyChanges, KeyOrder
from doorward.methods.apikey.port import KeyInserted, KeyRecord, KeyState, KeyUpdated
from doorward.methods.owner import APP_REVOKED, Owner
from doorward.values import (
    Actor,
    Change,
    CredentialId,
    Entropy,
    Event,
    FeedKind,
    Handle,
    Revocation,
)
from doorward.values.bounds import (
    parse_duration,
    parse_metadata,
    parse_name,
    parse_networks,
    parse_rate,
)
from doorward.wire.credential import PREFIX_PATTERN, mint_credential_text
from doorward.wire.reason import parse_reason

__all__ = [
    "change_key_of",
    "issue_key",
    "move_key",
    "succeed_key",
]


def issue_key(order: KeyOrder, owner: Owner, *, actor: Actor, now: int, entropy: Entropy) -> tuple[IssuedKey, Change]:
    """A new key of `owner`.

    Raises:
        Rejected: `input_invalid`, or `state_final` when the app is revoked.
    """
    if owner.state == APP_REVOKED:
        raise Rejected("state_final", "the app is revoked")
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
        expires_at=_expiry(order.expires_in_s, now),
        metadata=parse_metadata(order.metadata),
        app_name=owner.name,
        app_state=owner.state,
    )
    issued = _mint(record, entropy)
    event = _event("key.created", issued.record, actor, now, None, _grants(issued.record))
    return issued, Change(writes=(KeyInserted(issued.record),), events=(event,))


def succeed_key(
    record: KeyRecord, *, overlap_s: int, reason: str, actor: Actor, now: int, entropy: Entropy
) -> tuple[IssuedKey, Change]:
    """A successor of `record`, which goes on working for `overlap_s` (0 to 30 days; 0 revokes it).

    Raises:
        Rejected: `input_invalid`; `state_final` for a revoked key or app, `state_expired` for an expired key,
            `object_conflict` for one that was rotated before.
    """
    said = parse_reason(reason)
    parse_duration(overlap_s, "an overlap", least_s=0, most_s=OVERLAP_S_MAX)
    _require_rotatable(record, now)
    lifetime_s = NEVER if record.expires_at is None else record.expires_at - record.created_at
    issued = _mint(
        replace(
            record,
            created_at=now,
            expires_at=_expiry(lifetime_s, now),
            rotated_from=record.id,
            rotated_to=None,
            version=1,
            last_used_at=None,
            last_source=None,
            use_count=0,
        ),
        entropy,
    )
    end = now + overlap_s
    old = replace(
        record,
        state=record.state if overlap_s else KeyState.REVOKED,
        expires_at=end if record.expires_at is None else min(end, record.expires_at),
        rotated_to=issued.record.id,
        version=record.version + 1,
    )
    details: dict[str, str | int | None] = {
        "rotated_to": issued.record.id,
        "overlap_s": overlap_s,
        "until": old.expires_at,
    }
    change = Change(
        writes=(KeyInserted(issued.record), KeyUpdated(old)),
        revocations=(_row(old, now),),
        events=(
            _event("key.rotated", old, actor, now, said, details),
            _event("key.created", issued.record, actor, now, said, _grants(issued.record)),
        ),
    )
    return issued, change


def move_key(record: KeyRecord, state: KeyState, *, reason: str, actor: Actor, now: int) -> tuple[KeyRecord, Change]:
    """The key in another state. Moving to the state it has is no change at all.

    Raises:
        Rejected: `input_invalid`, or `state_final` when it is revoked.
    """
    said = parse_reason(reason)
    _require_not_final(record)
    if record.state is state:
        return record, Change()
    moved = replace(record, state=state, version=record.version + 1)
    return moved, _update(f"key.{_DONE[state]}", moved, actor, now, said, {"state_before": record.state.value})


def change_key_of(
    record: KeyRecord, changes: KeyChanges, *, reason: str, actor: Actor, now: int
) -> tuple[KeyRecord, Change]:
    """The key with other grants.

    Raises:
        Rejected: `input_invalid` (also when nothing is to change), or `state_final` when it is revoked.
    """
    said = parse_reason(reason)
    _require_not_final(record)
    wanted: dict[str, object] = {}
    if changes.name is not UNSET:
        wanted["name"] = parse_name(changes.name)
    if changes.scopes is not UNSET:
        wanted["scopes"] = changes.scopes
    if changes.networks is not UNSET:
        wanted["networks"] = parse_networks(changes.networks)
    if changes.rate is not UNSET:
        wanted["rate"] = None if changes.rate is None else parse_rate(changes.rate)
    if changes.metadata is not UNSET:
        wanted["metadata"] = parse_metadata(changes.metadata)
    if not wanted:
        raise Rejected("input_invalid", "nothing is to change")
    changed = replace(record, **wanted, version=record.version + 1)
    before = {f"{name}_before": value for name, value in _grants(record).items() if _grants(changed)[name] != value}
    return changed, _update("key.changed", changed, actor, now, said, {**_grants(changed), **before})


_NO_ID: Final = CredentialId("")
_DONE: Final = {KeyState.ACTIVE: "enabled", KeyState.DISABLED: "disabled", KeyState.REVOKED: "revoked"}


def _mint(record: KeyRecord, entropy: Entropy) -> IssuedKey:
    minted = mint_credential_text(prefix=record.prefix, label=record.environment.value, entropy=entropy)
    digest = sha256_digest(minted.text.encode("ascii"))
    return IssuedKey(replace(record, id=CredentialId(minted.id), secret_digest=digest), minted.text)


def _expiry(expires_in_s: int | Never, now: int) -> int | None:
    if isinstance(expires_in_s, Never):
        return None
    return now + parse_duration(expires_in_s, "a lifetime", least_s=1, most_s=EXPIRES_IN_S_MAX)


def _require_not_final(record: KeyRecord) -> None:
    if record.state is KeyState.REVOKED:
        raise Rejected("state_final", "the key is revoked")


def _require_rotatable(record: KeyRecord, now: int) -> None:
    _require_not_final(record)
    if record.app_state == APP_REVOKED:
        raise Rejected("state_final", "the app is revoked")
    if record.rotated_to is not None:
        raise Rejected("object_conflict", f"the key was rotated before, to {record.rotated_to}")
    if record.expires_at is not None and record.expires_at <= now:
        raise Rejected("state_expired", "the key has expired")
    if record.state is KeyState.DISABLED:
        # Its successor would be active: rotation must not be a way around disabling.
        raise Rejected("input_invalid", "the key is disabled; enable it before it is rotated")


def _update(
    action: str, record: KeyRecord, actor: Actor, now: int, reason: str, details: Mapping[str, str | int | None]
) -> Change:
    return Change(
        writes=(KeyUpdated(record),),
        revocations=(_row(record, now),),
        events=(_event(action, record, actor, now, reason, details),),
    )


def _row(record: KeyRecord, now: int) -> Revocation:
    return Revocation(
        handle=Handle(FeedKind.CREDENTIAL, record.id),
        leave_at=now + FEED_ROW_LIFETIME_S,
        changed_version=None if record.state is KeyState.REVOKED else record.version,
    )


def _event(
    action: str,
    record: KeyRecord,
    actor: Actor,
    now: int,
    reason: str | None,
    details: Mapping[str, str | int | None],
) -> Event:
    return Event(
        at=now,
        action=action,
        actor=actor,
        object_kind="key",
        object_id=record.id,
        app_id=record.app_id,
        organization_id=record.organization_id,
        reason=reason,
        details=details,
    )


def _grants(record: KeyRecord) -> dict[str, str | int | None]:
    rate = record.rate
    return {
        "name": record.name,
        "environment": record.environment.value,
        "scopes": str(record.scopes),
        "networks": " ".join(record.networks),
        "rate": None if rate is None else f"{rate.requests}/{rate.window_s}s",
        "expires_at": record.expires_at,
    }
