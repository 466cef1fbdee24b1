"""The end of a signing key: in its time, before its time, in an emergency, and with a lost master key. Pure.

* A key that is retired while tokens of it may live is named by a final row of the feed: verifiers refuse what it signed
  before they have read anything. The row of a compromised key never leaves, because a forger writes any `exp` he likes.
* Nothing that is retired comes back, under its own name or another (`operations.py` refuses to import it).
"""

from typing import Final

from msgspec.structs import replace

from doorward.crypto.jose.algorithms import Algorithm
from doorward.errors import Rejected
from doorward.keys.config import RETIREMENT_S, RingPolicy
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
from doorward.values import Actor, Change, FeedKind, Handle, Revocation, Write
from doorward.wire.reason import parse_reason

__all__ = ["restart_ring", "retire_expired", "retire_key"]

_NEXT: Final = SigningKeyState.NEXT
_CURRENT: Final = SigningKeyState.CURRENT
_PREVIOUS: Final = SigningKeyState.PREVIOUS
_RETIRED: Final = SigningKeyState.RETIRED


def retire_expired(ring: Ring, policy: RingPolicy, *, actor: Actor, now: int) -> Change:
    """Retire what has signed nothing that can still be alive."""
    gone = tuple(retired(key, now) for key in ring if key.state is _PREVIOUS and ends_at(key) <= now)
    events = tuple(event_about("signing_key.retired", key, actor, now, None) for key in gone)
    return change_of_ring(policy.issuer, now, tuple(map(SigningKeyUpdated, gone)), events) if gone else Change()


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
        new: the next key of a ring that loses its next or current one. None: it is made later, for an emergency does
            not wait for a signer that is away.
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
    gone = replace(retired(key, now), compromised=compromised)
    action = "signing_key.compromised" if compromised else "signing_key.retired"
    writes: list[Write] = [SigningKeyUpdated(gone)]
    events = [event_about(action, gone, actor, now, said)]
    following = find_key(ring, _NEXT)
    if key.state is _CURRENT and following is not None:
        promoted = activated(following, now)
        writes.append(SigningKeyUpdated(promoted))
        events.append(event_about("signing_key.activated", promoted, actor, now, said))
    if key.state in {_CURRENT, _NEXT} and new is not None:
        added = new_record(policy, new, _NEXT, now)
        writes.append(SigningKeyInserted(added))
        events.append(event_about("signing_key.created", added, actor, now, said))
    final = _final_rows(key, now, compromised=compromised)
    return change_of_ring(policy.issuer, now, tuple(writes), tuple(events), final=final)


def _final_rows(key: SigningKeyRecord, now: int, *, compromised: bool) -> tuple[Revocation, ...]:
    handle = Handle(FeedKind.SIGNING_KEY, key.kid)
    if compromised:
        return (Revocation(handle=handle, leave_at=None),)
    # A next key has signed nothing; what a previous one signed has expired by then.
    return (Revocation(handle=handle, leave_at=now + RETIREMENT_S),) if key.state is _PREVIOUS else ()


def restart_ring(
    ring: Ring, issuer: str, first: NewSigningKey, second: NewSigningKey, *, reason: str, actor: Actor, now: int
) -> Change:
    """A ring whose private halves are lost goes on with two new keys; what was signed is verified until it expires.

    An HMAC key cannot verify any more either, and retires.
    """
    said = parse_reason(reason)
    gone = tuple(_lost(key, now) for key in ring if key.state in {_CURRENT, _NEXT} or key.algorithm is Algorithm.HS256)
    policy = RingPolicy(issuer=issuer)
    new = (new_record(policy, first, _CURRENT, now), new_record(policy, second, _NEXT, now))
    return change_of_ring(
        issuer,
        now,
        (*map(SigningKeyUpdated, gone), *map(SigningKeyInserted, new)),
        (
            *(event_about("signing_key.lost", key, actor, now, said) for key in gone),
            *(event_about("signing_key.created", key, actor, now, said) for key in new),
        ),
    )


def _lost(key: SigningKeyRecord, now: int) -> SigningKeyRecord:
    verifies = key.state is _CURRENT and key.algorithm is not Algorithm.HS256
    return superseded(key, now) if verifies else retired(key, now)
