"""One signing key from one state to the next, and the change it travels in: the vocabulary of a ring's life. Pure."""

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from msgspec.structs import replace

from doorward.crypto.jose.algorithms import Algorithm
from doorward.keys.config import RETIREMENT_S, RING_ROW_LIFETIME_S, RingPolicy
from doorward.keys.keyring_port import SigningKeyRecord, SigningKeyState
from doorward.keys.signer import NewSigningKey
from doorward.values import Actor, Change, Event, FeedKind, Handle, Revocation, Write

__all__ = [
    "Ring",
    "activated",
    "change_of_ring",
    "ends_at",
    "event_about",
    "find_key",
    "new_record",
    "retired",
    "ring_handle",
    "superseded",
]

Ring: TypeAlias = Sequence[SigningKeyRecord]
"""The keys of one issuer that are not retired."""

_CURRENT: Final = SigningKeyState.CURRENT
_PREVIOUS: Final = SigningKeyState.PREVIOUS
_RETIRED: Final = SigningKeyState.RETIRED


def ring_handle(issuer: str) -> Handle:
    """What a feed row names that says the ring was changed. No `kid` holds a space, so none can be mistaken for it."""
    return Handle(FeedKind.SIGNING_KEY, f"ring {issuer}")


def find_key(ring: Iterable[SigningKeyRecord], state: SigningKeyState) -> SigningKeyRecord | None:
    """The key in that state; of `previous` ones, any."""
    return next((key for key in ring if key.state is state), None)


def ends_at(key: SigningKeyRecord) -> int:
    """From when on nothing a previous key signed can be alive (epoch seconds)."""
    assert key.superseded_at is not None, "a previous key was superseded"
    return key.superseded_at + RETIREMENT_S


def new_record(policy: RingPolicy, new: NewSigningKey, state: SigningKeyState, now: int) -> SigningKeyRecord:
    """A key that was just made, published from now on."""
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


def activated(key: SigningKeyRecord, now: int) -> SigningKeyRecord:
    """The key, signing from now on."""
    return replace(key, state=_CURRENT, activated_at=now, version=key.version + 1)


def superseded(key: SigningKeyRecord, now: int) -> SigningKeyRecord:
    """The key, which signs no more: its private half is erased, unless it takes that to verify."""
    kept = key.sealed_private if key.algorithm is Algorithm.HS256 else None
    return replace(key, state=_PREVIOUS, superseded_at=now, sealed_private=kept, version=key.version + 1)


def retired(key: SigningKeyRecord, now: int) -> SigningKeyRecord:
    """The key, which verifies no more."""
    retired_at = now if key.retired_at is None else key.retired_at
    return replace(key, state=_RETIRED, retired_at=retired_at, sealed_private=None, version=key.version + 1)


def change_of_ring(
    issuer: str,
    now: int,
    writes: tuple[Write, ...],
    events: tuple[Event, ...],
    *,
    final: tuple[Revocation, ...] = (),
) -> Change:
    """The change, with the row that makes every process read the ring again, and rows that end what a key signed."""
    again = Revocation(handle=ring_handle(issuer), leave_at=now + RING_ROW_LIFETIME_S, changed_version=now)
    return Change(writes=writes, revocations=(*final, again), events=events)


def event_about(action: str, key: SigningKeyRecord, actor: Actor, now: int, reason: str | None) -> Event:
    """What happened to a key, by its id alone."""
    return Event(
        at=now,
        action=action,
        actor=actor,
        object_kind="signing_key",
        object_id=key.kid,
        reason=reason,
        details={"issuer": key.issuer, "algorithm": key.algorithm.value, "state": key.state.value},
    )
