"""The life of a signing key, pure: from the keys of a ring, the time and the policy to one `Change`.

next → current → previous → retired, and never back. Rules of this file:

* A ring holds a published `next` at all times, so that a rotation, planned or in an emergency, promotes a key the
  verifiers have had for long.
* Every change of a ring puts a row into the feed that makes processes read the ring again. A key that is retired while
  tokens of it may live is named by a final row as well: verifiers refuse what it signed before they have read anything.
  The row of a compromised key never leaves, because a forger writes any `exp` he likes.
* A private half that will not sign again is erased. An HMAC key needs it to verify, and keeps it until it retires.
* Writes are in the order that frees a place before it is taken: the store holds one `current` and one `next` a ring.
"""

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Final, NamedTuple, final

from msgspec.structs import replace

from doorward.crypto.jose.algorithms import Algorithm
from doorward.errors import Rejected
from doorward.keys.config import RETIREMENT_S, RING_KEYS_MAX, RING_ROW_LIFETIME_S, RingPolicy
from doorward.keys.keyring_port import SigningKeyInserted, SigningKeyRecord, SigningKeyState, SigningKeyUpdated
from doorward.keys.signer import NewSigningKey
from doorward.values import Actor, Change, Event, FeedKind, Handle, Revocation, Write
from doorward.values.bounds import parse_reason

__all__ = [
    "Due",
    "Step",
    "adopt_next",
    "find_due",
    "find_key",
    "found_ring",
    "publish_next",
    "restart_ring",
    "retire_expired",
    "retire_key",
    "ring_handle",
    "rotate_at",
    "rotate_ring",
]

Ring = Sequence[SigningKeyRecord]
"""The keys of one issuer that are not retired."""

_NEXT: Final = SigningKeyState.NEXT
_CURRENT: Final = SigningKeyState.CURRENT
_PREVIOUS: Final = SigningKeyState.PREVIOUS
_RETIRED: Final = SigningKeyState.RETIRED


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


def ring_handle(issuer: str) -> Handle:
    """What a feed row names that says the ring was changed. No `kid` holds a space, so none can be mistaken for it."""
    return Handle(FeedKind.SIGNING_KEY, f"ring {issuer}")


def find_key(ring: Iterable[SigningKeyRecord], state: SigningKeyState) -> SigningKeyRecord | None:
    """The key in that state; of `previous` ones, any."""
    return next((key for key in ring if key.state is state), None)


def find_due(ring: Ring, policy: RingPolicy, now: int) -> Due:
    """What the ring needs now, the most urgent first."""
    current, following = find_key(ring, _CURRENT), find_key(ring, _NEXT)
    if following is None:
        return Due(Step.FOUND if current is None else Step.PUBLISH, now)
    rotation_at = rotate_at(current, following, policy)
    if rotation_at <= now and len(ring) < RING_KEYS_MAX:
        return Due(Step.ROTATE, rotation_at)
    retire_at = min((_ends_at(key) for key in ring if key.state is _PREVIOUS), default=None)
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
    keys = (_new(policy, first, _CURRENT, now), _new(policy, second, _NEXT, now))
    return _change(
        policy.issuer,
        now,
        tuple(map(SigningKeyInserted, keys)),
        tuple(_event("signing_key.created", key, actor, now, None) for key in keys),
    )


def restart_ring(
    ring: Ring, issuer: str, first: NewSigningKey, second: NewSigningKey, *, reason: str, actor: Actor, now: int
) -> Change:
    """A ring whose private halves are lost goes on with two new keys; what was signed is verified until it expires.

    An HMAC key cannot verify any more either, and retires.
    """
    said = parse_reason(reason)
    gone = tuple(_lost(key, now) for key in ring if key.state in {_CURRENT, _NEXT} or key.algorithm is Algorithm.HS256)
    policy = RingPolicy(issuer=issuer)
    new = (_new(policy, first, _CURRENT, now), _new(policy, second, _NEXT, now))
    return _change(
        issuer,
        now,
        (*map(SigningKeyUpdated, gone), *map(SigningKeyInserted, new)),
        (
            *(_event("signing_key.lost", key, actor, now, said) for key in gone),
            *(_event("signing_key.created", key, actor, now, said) for key in new),
        ),
    )


def publish_next(ring: Ring, policy: RingPolicy, new: NewSigningKey, *, actor: Actor, now: int) -> Change:
    """A successor for a ring that has none."""
    assert find_key(ring, _NEXT) is None, "the ring has a next key"
    key = _new(policy, new, _NEXT, now)
    created = _event("signing_key.created", key, actor, now, None)
    return _change(policy.issuer, now, (SigningKeyInserted(key),), (created,))


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
            f"it for another {known_at - now} s, and would refuse what it signs",
        )
    _require_room(ring)
    promoted, added = _activated(following, now), _new(policy, new, _NEXT, now)
    superseded = None if current is None else _superseded(current, now)
    writes: tuple[Write, ...] = (
        *(() if superseded is None else (SigningKeyUpdated(superseded),)),
        SigningKeyUpdated(promoted),
        SigningKeyInserted(added),
    )
    events = (
        *(() if superseded is None else (_event("signing_key.superseded", superseded, actor, now, said),)),
        _event("signing_key.activated", promoted, actor, now, said),
        _event("signing_key.created", added, actor, now, said),
    )
    return _change(policy.issuer, now, writes, events)


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
    added = _new(policy, imported, _NEXT, now)
    events = (_event("signing_key.imported", added, actor, now, said),)
    if following is None:
        return _change(policy.issuer, now, (SigningKeyInserted(added),), events)
    gone = _gone(following, now)
    return _change(
        policy.issuer,
        now,
        (SigningKeyUpdated(gone), SigningKeyInserted(added)),
        (_event("signing_key.retired", gone, actor, now, said), *events),
    )


def retire_expired(ring: Ring, policy: RingPolicy, *, actor: Actor, now: int) -> Change:
    """Retire what has signed nothing that can still be alive."""
    gone = tuple(_gone(key, now) for key in ring if key.state is _PREVIOUS and _ends_at(key) <= now)
    events = tuple(_event("signing_key.retired", key, actor, now, None) for key in gone)
    return _change(policy.issuer, now, tuple(map(SigningKeyUpdated, gone)), events) if gone else Change()


def retire_key(
    ring: Ring,
    key: SigningKeyRecord,
    policy: RingPolicy,
    new: NewSigningKey | None,
    *,
    compromised: bool,
    reason: str,
    actor: Actor,
    now: int,
) -> Change:
    """Refuse what a key has signed, from now on; a compromised one for good.

    Args:
        ring: the keys of its issuer.
        key: in any state when compromised; otherwise `previous` (its tokens are refused before they expire) or `next`.
        policy: of its issuer.
        new: the next key of a ring that loses its next or current one; None otherwise.
        compromised: somebody else may have the private half.
        reason: why, 1 to 500 characters.
        actor: who asked.
        now: epoch seconds.

    Raises:
        Rejected: `input_invalid` for a current key that is not compromised; `state_final` for one that has been
            retired, or that is compromised already.
    """
    said = parse_reason(reason)
    if key.compromised or (key.state is _RETIRED and not compromised):
        raise Rejected("state_final", "the key is retired")
    if key.state is _CURRENT and not compromised:
        raise Rejected("input_invalid", "the key signs; rotate first, so that another one does")
    gone = replace(_gone(key, now), compromised=compromised)
    action = "signing_key.compromised" if compromised else "signing_key.retired"
    writes: list[Write] = [SigningKeyUpdated(gone)]
    events = [_event(action, gone, actor, now, said)]
    following = find_key(ring, _NEXT)
    if key.state is _CURRENT and following is not None:
        promoted = _activated(following, now)
        writes.append(SigningKeyUpdated(promoted))
        events.append(_event("signing_key.activated", promoted, actor, now, said))
    if key.state in {_CURRENT, _NEXT}:
        assert new is not None, "the ring needs another next key"
        added = _new(policy, new, _NEXT, now)
        writes.append(SigningKeyInserted(added))
        events.append(_event("signing_key.created", added, actor, now, said))
    final = _final_rows(key, now, compromised=compromised)
    return _change(policy.issuer, now, tuple(writes), tuple(events), final=final)


def _final_rows(key: SigningKeyRecord, now: int, *, compromised: bool) -> tuple[Revocation, ...]:
    handle = Handle(FeedKind.SIGNING_KEY, key.kid)
    if compromised:
        return (Revocation(handle=handle, leave_at=None),)
    # A next key has signed nothing; what a previous one signed has expired by then.
    return (Revocation(handle=handle, leave_at=now + RETIREMENT_S),) if key.state is _PREVIOUS else ()


def _require_room(ring: Ring) -> None:
    if len(ring) >= RING_KEYS_MAX:
        raise Rejected("input_invalid", f"the ring holds {len(ring)} keys; wait until one has retired, or retire one")


def _ends_at(key: SigningKeyRecord) -> int:
    assert key.superseded_at is not None, "a previous key was superseded"
    return key.superseded_at + RETIREMENT_S


def _new(policy: RingPolicy, new: NewSigningKey, state: SigningKeyState, now: int) -> SigningKeyRecord:
    return SigningKeyRecord(
        kid=new.kid,
        issuer=policy.issuer,
        algorithm=new.algorithm,
        state=state,
        public_jwk=new.public_jwk,
        sealed_private=new.sealed_private,
        created_at=now,
        published_at=now,
        activated_at=now if state is _CURRENT else None,
    )


def _activated(key: SigningKeyRecord, now: int) -> SigningKeyRecord:
    return replace(key, state=_CURRENT, activated_at=now, version=key.version + 1)


def _superseded(key: SigningKeyRecord, now: int) -> SigningKeyRecord:
    kept = key.sealed_private if key.algorithm is Algorithm.HS256 else None
    return replace(key, state=_PREVIOUS, superseded_at=now, sealed_private=kept, version=key.version + 1)


def _lost(key: SigningKeyRecord, now: int) -> SigningKeyRecord:
    verifies = key.state is _CURRENT and key.algorithm is not Algorithm.HS256
    return _superseded(key, now) if verifies else _gone(key, now)


def _gone(key: SigningKeyRecord, now: int) -> SigningKeyRecord:
    retired_at = now if key.retired_at is None else key.retired_at
    return replace(key, state=_RETIRED, retired_at=retired_at, sealed_private=None, version=key.version + 1)


def _change(
    issuer: str,
    now: int,
    writes: tuple[Write, ...],
    events: tuple[Event, ...],
    *,
    final: tuple[Revocation, ...] = (),
) -> Change:
    again = Revocation(handle=ring_handle(issuer), leave_at=now + RING_ROW_LIFETIME_S, changed_version=now)
    return Change(writes=writes, revocations=(*final, again), events=events)


def _event(action: str, key: SigningKeyRecord, actor: Actor, now: int, reason: str | None) -> Event:
    return Event(
        at=now,
        action=action,
        actor=actor,
        object_kind="signing_key",
        object_id=key.kid,
        reason=reason,
        details={"issuer": key.issuer, "algorithm": key.algorithm.value, "state": key.state.value},
    )
