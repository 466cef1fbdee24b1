"""The life of a ring of signing keys, pure: from its keys, the time and the policy to one `Change`.

next → current → previous → retired, and never back. How a key ends is in `retirement.py`. Rules of this room:

* A ring holds a published `next` at all times, so that a rotation, planned or in an emergency, promotes a key the
  verifiers have had for long.
* Every change of a ring puts a row into the feed that makes processes read the ring again.
* A private half that will not sign again is erased. An HMAC key needs it to verify, and keeps it until it retires.
* Writes are in the order that frees a place before it is taken: the store holds one `current` and one `next` a ring.
"""

from enum import Enum
from typing import Final, NamedTuple, final

from doorward.errors import Rejected
from doorward.keys.config import RING_KEYS_MAX, RingPolicy
from doorward.keys.keyring_port import SigningKeyInserted, SigningKeyRecord, SigningKeyState, SigningKeyUpdated
from doorward.keys.moves import (
    Ring,
    activated,
    change_of_ring,
    ends_at,
    event_about,
    find_key,
    new_record,
    retired,
    superseded,
)
from doorward.keys.signer import NewSigningKey
from doorward.values import Actor, Change, Write
from doorward.wire.reason import parse_reason

__all__ = [
    "Due",
    "Step",
    "adopt_next",
    "find_due",
    "found_ring",
    "publish_next",
    "rotate_at",
    "rotate_ring",
]

_NEXT: Final = SigningKeyState.NEXT
_CURRENT: Final = SigningKeyState.CURRENT
_PREVIOUS: Final = SigningKeyState.PREVIOUS


class Step(Enum):
    """What a ring needs now."""

    FOUND = "found"
    PUBLISH = "publish"
    ROTATE = "rotate"
    RETIRE = "retire"
    WAIT = "wait"


@final
class Due(NamedTuple):
    """The step, and from when on it is due (epoch seconds). For `WAIT`: when to look again."""

    step: Step
    at: int


def find_due(ring: Ring, policy: RingPolicy, now: int) -> Due:
    """What the ring needs now, the most urgent first."""
    current, following = find_key(ring, _CURRENT), find_key(ring, _NEXT)
    if following is None:
        return Due(Step.FOUND if current is None else Step.PUBLISH, now)
    rotation_at = rotate_at(current, following, policy)
    if rotation_at <= now and len(ring) < RING_KEYS_MAX:
        return Due(Step.ROTATE, rotation_at)
    retire_at = min((ends_at(key) for key in ring if key.state is _PREVIOUS), default=None)
    if retire_at is not None and retire_at <= now:
        return Due(Step.RETIRE, retire_at)
    later = [at for at in (rotation_at, retire_at) if at is not None and at > now]
    return Due(Step.WAIT, min(later, default=now + policy.rotation_s))


def rotate_at(current: SigningKeyRecord | None, following: SigningKeyRecord, policy: RingPolicy) -> int:
    """When `following` is due to sign: `current` has signed for its time, and every cache has seen its successor."""
    if current is None:
        return following.published_at
    assert current.activated_at is not None, "a current key was activated"
    return max(current.activated_at + policy.rotation_s, following.published_at + policy.published_ahead_s)


def found_ring(policy: RingPolicy, first: NewSigningKey, second: NewSigningKey, *, actor: Actor, now: int) -> Change:
    """A new ring. Its first key signs at once: nobody can have cached a JWKS that lacks it."""
    keys = (new_record(policy, first, _CURRENT, now), new_record(policy, second, _NEXT, now))
    return change_of_ring(
        policy.issuer,
        now,
        tuple(map(SigningKeyInserted, keys)),
        tuple(event_about("signing_key.created", key, actor, now, None) for key in keys),
    )


def publish_next(ring: Ring, policy: RingPolicy, new: NewSigningKey, *, actor: Actor, now: int) -> Change:
    """A successor for a ring that has none."""
    assert find_key(ring, _NEXT) is None, "the ring has a next key"
    key = new_record(policy, new, _NEXT, now)
    created = event_about("signing_key.created", key, actor, now, None)
    return change_of_ring(policy.issuer, now, (SigningKeyInserted(key),), (created,))


def rotate_ring(
    ring: Ring,
    policy: RingPolicy,
    new: NewSigningKey,
    *,
    reason: str,
    actor: Actor,
    now: int,
    danger_at_once: bool = False,
) -> Change:
    """The next key signs, the current one only verifies, and a new next one is published.

    Args:
        ring: as it is stored.
        policy: of its issuer.
        new: the key that follows.
        reason: why, 1 to 500 characters.
        actor: who asked.
        now: epoch seconds.
        danger_at_once: promote a key that some verifiers cannot know yet: they refuse its tokens until they fetch the
            JWKS again.

    Raises:
        Rejected: `input_invalid` when the next key was published too recently, or the ring is full.
    """
    said = parse_reason(reason)
    current, following = find_key(ring, _CURRENT), find_key(ring, _NEXT)
    if following is None:
        raise Rejected("object_conflict", "the ring has no next key")
    known_at = following.published_at + policy.published_ahead_s
    if current is not None and now < known_at and not danger_at_once:
        raise Rejected(
            "input_invalid",
            f"the next key was published {now - following.published_at} s ago; some verifiers may cache a JWKS without "
            f"it for another {known_at - now} s, and would refuse what it signs. Wait that long, or rotate at once "
            "(--danger-at-once): until they fetch the JWKS again, those verifiers refuse every new token",
        )
    _require_room(ring)
    promoted, added = activated(following, now), new_record(policy, new, _NEXT, now)
    old = None if current is None else superseded(current, now)
    writes: tuple[Write, ...] = (
        *(() if old is None else (SigningKeyUpdated(old),)),
        SigningKeyUpdated(promoted),
        SigningKeyInserted(added),
    )
    events = (
        *(() if old is None else (event_about("signing_key.superseded", old, actor, now, said),)),
        event_about("signing_key.activated", promoted, actor, now, said),
        event_about("signing_key.created", added, actor, now, said),
    )
    return change_of_ring(policy.issuer, now, writes, events)


def adopt_next(
    ring: Ring, policy: RingPolicy, imported: NewSigningKey, *, reason: str, actor: Actor, now: int
) -> Change:
    """A key that was made elsewhere becomes the next one; the next one there was has never signed, and retires.

    Raises:
        Rejected: `input_invalid`; `object_conflict` when the ring has no current key yet.
    """
    said = parse_reason(reason)
    if find_key(ring, _CURRENT) is None:
        raise Rejected("object_conflict", "the issuer has no ring yet")
    following = find_key(ring, _NEXT)
    added = new_record(policy, imported, _NEXT, now)
    events = (event_about("signing_key.imported", added, actor, now, said),)
    if following is None:
        return change_of_ring(policy.issuer, now, (SigningKeyInserted(added),), events)
    gone = retired(following, now)
    return change_of_ring(
        policy.issuer,
        now,
        (SigningKeyUpdated(gone), SigningKeyInserted(added)),
        (event_about("signing_key.retired", gone, actor, now, said), *events),
    )


def _require_room(ring: Ring) -> None:
    if len(ring) >= RING_KEYS_MAX:
        raise Rejected("input_invalid", f"the ring holds {len(ring)} keys; wait until one has retired, or retire one")
