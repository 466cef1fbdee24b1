"""What is done to a ring: read, decide, commit; once more when somebody else was faster.

`keep_ring` is what any process may call at any time: it does what is due and nothing else, and of many that call it at
the same moment exactly one changes anything.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from msgspec.structs import replace

from doorward.errors import Misconfigured, Rejected, Unavailable
from doorward.keys.config import RingPolicy
from doorward.keys.keyring_port import SigningKeyPort, SigningKeyRecord, SigningKeyState
from doorward.keys.lifecycle import (
    Step,
    find_due,
    found_ring,
    publish_next,
    rotate_ring,
)
from doorward.keys.retirement import retire_expired, retire_key
from doorward.keys.signer import NewSigningKey, SealedSigner, Signer
from doorward.values import Actor, Change, ChangePort, Clock

__all__ = ["RingStore", "apply_to_ring", "compromise_signing_key", "keep_ring", "require_signing_key"]
__all__ += ["retire_signing_key", "rotate_signing_key"]

KEEPER: Final = Actor(kind="system", id="keyring")
"""Who does what is due."""
STEPS_MAX: Final = 4
"""How many things may be due one after another."""
_ROUTINE: Final = "the rotation was due"
_ANOTHER_WAS_FIRST: Final = frozenset({"object_conflict", "object_exists"})

_LOG: Final = logging.getLogger("doorward.keys")


class RingStore(Protocol):
    """What keeping a ring needs of an open store."""

    @property
    def signing_keys(self) -> SigningKeyPort:
        """Finds keys."""
        ...

    @property
    def changes(self) -> ChangePort:
        """Commits."""
        ...

    @property
    def clock(self) -> Clock:
        """Epoch seconds."""
        ...


async def keep_ring(
    store: RingStore, policy: RingPolicy, signer: Signer, *, may_found: bool
) -> tuple[SigningKeyRecord, ...]:
    """Do what is due, and answer the ring as it is then.

    A rotation that cannot be made now (a KMS that is away) leaves the ring as it is: the key that signs goes on.

    Args:
        store: open, with a master key (changes are recorded).
        policy: of the ring's issuer.
        signer: makes the keys.
        may_found: make the ring when there is none.

    Raises:
        Unavailable: `store_unavailable`, or the signer's own while a ring is founded.
        Misconfigured: as `Signer.create_key`, while a ring is founded.
    """
    ring: tuple[SigningKeyRecord, ...] = ()
    for _ in range(STEPS_MAX):
        ring = await store.signing_keys.list_ring(policy.issuer)
        step = find_due(ring, policy, int(store.clock())).step
        if step is Step.WAIT or (step is Step.FOUND and not may_found):
            return ring
        try:
            change = await _decide(step, ring, store, policy, signer)
        except (Unavailable, Misconfigured) as error:
            if step is Step.FOUND:
                raise
            _LOG.warning("the ring of %s could not be kept: %s", policy.issuer, error)
            return ring
        try:
            await store.changes.commit(change)
        except Rejected as error:
            if error.code not in _ANOTHER_WAS_FIRST:
                raise
    return ring


async def _decide(
    step: Step, ring: Sequence[SigningKeyRecord], store: RingStore, policy: RingPolicy, signer: Signer
) -> Change:
    now = int(store.clock())
    if step is Step.RETIRE:
        return retire_expired(ring, policy, actor=KEEPER, now=now)
    _require_holder(ring, signer)
    new = await signer.create_key(policy.algorithm)
    if step is Step.FOUND:
        return found_ring(policy, new, await signer.create_key(policy.algorithm), actor=KEEPER, now=now)
    if step is Step.PUBLISH:
        return publish_next(ring, policy, new, actor=KEEPER, now=now)
    return rotate_ring(ring, policy, new, reason=_ROUTINE, actor=KEEPER, now=now)


async def rotate_signing_key(
    store: RingStore, policy: RingPolicy, signer: Signer, *, reason: str, actor: Actor, danger_at_once: bool = False
) -> tuple[SigningKeyRecord, ...]:
    """Promote the next key now; answers the ring.

    Raises:
        Rejected: `input_invalid` (too early, or the ring is full), `object_unknown` without a ring, `object_conflict`.
        Unavailable: `store_unavailable`.
        Misconfigured: no key can be made.
    """

    async def decide(ring: tuple[SigningKeyRecord, ...], now: int) -> Change:
        _require_holder(ring, signer)
        new = await signer.create_key(policy.algorithm)
        return rotate_ring(ring, policy, new, reason=reason, actor=actor, now=now, danger_at_once=danger_at_once)

    return await apply_to_ring(store, policy, decide)


async def retire_signing_key(
    store: RingStore, policy: RingPolicy, signer: Signer, kid: str, *, reason: str, actor: Actor
) -> SigningKeyRecord:
    """Refuse what a previous key signed, before it expires; or put another key in the place of the next one.

    Raises:
        Rejected: as `lifecycle.retire_key`; `object_unknown`, `object_conflict`.
        Unavailable: `store_unavailable`.
    """
    return await _retire(store, policy, signer, kid, compromised=False, reason=reason, actor=actor)


async def compromise_signing_key(
    store: RingStore, policy: RingPolicy, signer: Signer, kid: str, *, reason: str, actor: Actor
) -> SigningKeyRecord:
    """Somebody else may have the private half: refuse everything it signed and will ever sign. Raises as above."""
    return await _retire(store, policy, signer, kid, compromised=True, reason=reason, actor=actor)


async def _retire(
    store: RingStore, policy: RingPolicy, signer: Signer, kid: str, *, compromised: bool, reason: str, actor: Actor
) -> SigningKeyRecord:
    of_its_issuer = replace(policy, issuer=(await require_signing_key(store, kid)).issuer)

    async def decide(ring: tuple[SigningKeyRecord, ...], now: int) -> Change:
        record = await require_signing_key(store, kid)
        new = await _new_if_needed(record, ring, of_its_issuer, signer, compromised=compromised)
        return retire_key(
            ring, record, of_its_issuer, new, compromised=compromised, reason=reason, actor=actor, now=now
        )

    await apply_to_ring(store, of_its_issuer, decide, ring_needed=False)
    return await require_signing_key(store, kid)


def _require_holder(ring: Sequence[SigningKeyRecord], signer: Signer) -> None:
    leading = (key for key in ring if key.state in {SigningKeyState.CURRENT, SigningKeyState.NEXT})
    if isinstance(signer, SealedSigner) and any(key.sealed_private is None for key in leading):
        # A key of ours among those of a KMS would bring private halves where none were to be.
        raise Misconfigured(
            "The private halves of this ring are kept elsewhere, and this process does not know the signer.",
            cure="Do it in a program that opens the store with that signer.",
        )


async def _new_if_needed(
    record: SigningKeyRecord,
    ring: Sequence[SigningKeyRecord],
    policy: RingPolicy,
    signer: Signer,
    *,
    compromised: bool,
) -> NewSigningKey | None:
    if record.state not in {SigningKeyState.CURRENT, SigningKeyState.NEXT}:
        return None
    try:
        _require_holder(ring, signer)
        return await signer.create_key(policy.algorithm)
    except (Unavailable, Misconfigured) as error:
        if not compromised:
            raise
        # What was stolen is refused now; whoever can make a key makes the next one.
        _LOG.warning("the ring of %s has no next key for the time being: %s", policy.issuer, error)
        return None


async def require_signing_key(store: RingStore, kid: str) -> SigningKeyRecord:
    """The key in any state. Raises `Rejected`: `object_unknown`."""
    record = await store.signing_keys.find_signing_key(kid)
    if record is None:
        raise Rejected("object_unknown", "no such signing key")
    return record


async def apply_to_ring(
    store: RingStore,
    policy: RingPolicy,
    decide: Callable[[tuple[SigningKeyRecord, ...], int], Awaitable[Change]],
    *,
    ring_needed: bool = True,
) -> tuple[SigningKeyRecord, ...]:
    """Commit what `decide` makes of the ring, and answer the ring; once more when somebody else was faster.

    Raises:
        Rejected: what `decide` raised; `object_unknown` without a ring; `object_conflict` when it was overtaken twice.
        Unavailable: `store_unavailable`.
    """
    for last in (False, True):
        ring = await store.signing_keys.list_ring(policy.issuer)
        if ring_needed and not ring:
            raise Rejected("object_unknown", "the issuer has no ring yet")
        try:
            await store.changes.commit(await decide(ring, int(store.clock())))
        except Rejected as error:
            # A ring that is kept at the same moment: what is asked for is decided anew.
            if last or error.code not in _ANOTHER_WAS_FIRST:
                raise
        else:
            break
    return await store.signing_keys.list_ring(policy.issuer)
