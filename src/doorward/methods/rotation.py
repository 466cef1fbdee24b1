"""Credentials that are rotated: how long they live, what they may be used for, and how one follows another.

Rules of this file:

* A successor has the grants, the metadata and the *lifetime* of its predecessor, counted from now: rotation is how a
  credential's life goes on, so it starts afresh. One that never expires has a successor that never expires.
* The old one works until the overlap is over, never past its own expiry. An overlap of 0 (a leak) revokes it.
* There is no way to prolong a credential: its expiry is set once. One whose end can be moved has none.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Final, TypeVar, final

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from doorward.errors import Rejected
from doorward.methods.owned_credential import CredentialKind, CredentialState, Details, OwnedCredential
from doorward.methods.owner import APP_REVOKED
from doorward.values import Actor, Change, CredentialId, RateLimit, Scopes, Write
from doorward.values.bounds import parse_duration, parse_metadata, parse_name, parse_networks, parse_rate
from doorward.wire.reason import parse_reason

__all__ = [
    "EXPIRES_IN_S",
    "EXPIRES_IN_S_MAX",
    "NEVER",
    "OVERLAP_S",
    "OVERLAP_S_MAX",
    "GrantChanges",
    "Never",
    "RotatableCredential",
    "change_grants",
    "expiry_of",
    "grants_of",
    "require_rotatable",
    "rotation_of",
    "successor_of",
]

EXPIRES_IN_S: Final = 90 * 86_400
"""How long a key lives when nothing is said."""
EXPIRES_IN_S_MAX: Final = 10 * 365 * 86_400
"""How long a key may live, unless it never expires."""
OVERLAP_S: Final = 86_400
"""How long a rotated key keeps working when nothing is said."""
OVERLAP_S_MAX: Final = 30 * 86_400
"""How long a rotated key may keep working."""


@final
class Never(Enum):
    """The one value of `NEVER`."""

    NEVER = "never"


NEVER: Final = Never.NEVER
"""An expiry that must be said out loud: a key without an end is the failing this house is rid of by default."""


class RotatableCredential(OwnedCredential, frozen=True, kw_only=True):
    """A credential with grants, and with a place in a line of successors."""

    networks: tuple[str, ...]
    """CIDR networks it may be used from; empty means any."""
    rate: RateLimit | None
    rotated_from: CredentialId | None = None
    rotated_to: CredentialId | None = None
    metadata: Mapping[str, str] = msgspec.field(default_factory=dict)


@final
class GrantChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What shall be different about a credential; what is unset stays. Unverified, like an order."""

    name: str | UnsetType = UNSET
    scopes: Scopes | UnsetType = UNSET
    networks: tuple[str, ...] | UnsetType = UNSET
    rate: RateLimit | UnsetType | None = UNSET
    metadata: Mapping[str, str] | UnsetType = UNSET


RecordT = TypeVar("RecordT", bound=RotatableCredential)


def expiry_of(expires_in_s: int | Never, now: int) -> int | None:
    """When a credential of that lifetime ends. Raises `Rejected("input_invalid")`."""
    if isinstance(expires_in_s, Never):
        return None
    return now + parse_duration(expires_in_s, "a lifetime", least_s=1, most_s=EXPIRES_IN_S_MAX)


def require_rotatable(kind: CredentialKind[RecordT], record: RecordT, *, overlap_s: int, reason: str, now: int) -> str:
    """The reason, parsed, for a credential that may have a successor; the old one works for `overlap_s` more.

    Raises:
        Rejected: `input_invalid`, also for a disabled one; `state_final` for a revoked one or a revoked app,
            `object_conflict` for one that was rotated before, `state_expired`.
    """
    said = parse_reason(reason)
    parse_duration(overlap_s, "an overlap", least_s=0, most_s=OVERLAP_S_MAX)
    kind.require_not_final(record)
    if record.app_state == APP_REVOKED:
        raise Rejected("state_final", "the app is revoked")
    if record.rotated_to is not None:
        raise Rejected("object_conflict", f"{kind.noun} was rotated before, to {record.rotated_to}")
    if record.expires_at is not None and record.expires_at <= now:
        raise Rejected("state_expired", f"{kind.noun} has expired")
    if record.state is CredentialState.DISABLED:
        # Its successor would be active: rotation must not be a way around disabling.
        raise Rejected("input_invalid", f"{kind.noun} is disabled; enable it before it is rotated")
    return said


def successor_of(record: RecordT, now: int) -> RecordT:
    """The record that follows: its grants and its lifetime from now on, never used. What proves it is the room's."""
    lifetime_s = NEVER if record.expires_at is None else record.expires_at - record.created_at
    return replace(
        record,
        created_at=now,
        expires_at=expiry_of(lifetime_s, now),
        rotated_from=record.id,
        rotated_to=None,
        version=1,
        last_used_at=None,
        last_source=None,
        use_count=0,
    )


def rotation_of(
    kind: CredentialKind[RecordT],
    record: RecordT,
    successor: RecordT,
    *,
    inserted: Write,
    created: Details,
    done: str = "created",
    overlap_s: int,
    reason: str,
    actor: Actor,
    now: int,
) -> Change:
    """What a rotation consists of.

    Args:
        kind: of both.
        record: the old one, which `require_rotatable` let pass.
        successor: from `successor_of`, with its own id and what proves it.
        inserted: the write that stores it.
        created: what its event says.
        done: what its event calls that.
        overlap_s: how long the old one goes on working; 0 revokes it. Checked there.
        reason: as it came from there.
        actor: who rotates.
        now: epoch seconds.
    """
    end = now + overlap_s
    old = kind.rest(
        replace(
            record,
            state=record.state if overlap_s else CredentialState.REVOKED,
            expires_at=end if record.expires_at is None else min(end, record.expires_at),
            rotated_to=successor.id,
            version=record.version + 1,
        )
    )
    details: Details = {"rotated_to": successor.id, "overlap_s": overlap_s, "until": old.expires_at}
    update = kind.update("rotated", old, details, reason=reason, actor=actor, now=now)
    event = kind.event(done, successor, created, reason=reason, actor=actor, now=now)
    return replace(update, writes=(inserted, *update.writes), events=(*update.events, event))


def change_grants(
    kind: CredentialKind[RecordT],
    record: RecordT,
    changes: GrantChanges,
    *,
    details_of: Callable[[RecordT], dict[str, str | int | None]],
    reason: str,
    actor: Actor,
    now: int,
) -> tuple[RecordT, Change]:
    """The credential with other grants.

    Raises:
        Rejected: `input_invalid` (also when nothing is to change), or `state_final` when it is revoked.
    """
    said = parse_reason(reason)
    kind.require_not_final(record)
    wanted = _checked(changes)
    if not wanted:
        raise Rejected("input_invalid", "nothing is to change")
    changed = replace(record, **wanted, version=record.version + 1)
    details = details_of(changed)
    before = {f"{name}_before": value for name, value in details_of(record).items() if details[name] != value}
    return changed, kind.update("changed", changed, {**details, **before}, reason=said, actor=actor, now=now)


def _checked(changes: GrantChanges) -> dict[str, object]:
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
    return wanted


def grants_of(record: RotatableCredential) -> dict[str, str | int | None]:
    """What a credential may be used for, as an event says it."""
    rate = record.rate
    return {
        "name": record.name,
        "scopes": str(record.scopes),
        "networks": " ".join(record.networks),
        "rate": None if rate is None else f"{rate.requests}/{rate.window_s}s",
        "expires_at": record.expires_at,
    }
