"""What is done to a ring: read, decide, commit; once more when somebody else was faster.

`keep_ring` is what any process may call at any time: it does what is due and nothing else, and of many that call it at
the same moment exactly one changes anything.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from msgspec.structs import replace

from doorward.crypto.jose.signing import SigningKey
from doorward.crypto.sealing import MasterKeys
from doorward.errors import Misconfigured, Rejected, Unavailable
from doorward.keys.config import SIGNING_ALGORITHMS, RingPolicy
from doorward.keys.jwks import material_of
from doorward.keys.keyring_port import SigningKeyPort, SigningKeyRecord, SigningKeyState
from doorward.keys.lifecycle import (
    Step,
    adopt_next,
    find_due,
    found_ring,
    publish_next,
    retire_expired,
    retire_key,
    rotate_ring,
)
from doorward.keys.signer import NewSigningKey, SealedSigner, Signer, seal_signing_key
from doorward.values import Actor, Change, ChangePort, Clock

__all__ = ["RingStore", "compromise_signing_key", "import_signing_key_next", "keep_ring", "retire_signing_key"]
__all__ += ["rotate_signing_key"]

KEEPER: Final = Actor(kind="system", id="keyring")
"""Who does what is due."""
STEPS_MAX: Final = 4
"""How many things may be due one after another."""
KID_CHARACTERS_MAX: Final = 200
"""How long the id of an imported key may be."""
_PAGE: Final = 1_000
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

    return await _apply(store, policy, decide)


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


async def import_signing_key_next(
    store: RingStore, policy: RingPolicy, master_keys: MasterKeys, key: SigningKey, *, reason: str, actor: Actor
) -> SigningKeyRecord:
    """A key made elsewhere becomes the next one.

    Raises:
        Rejected: `input_invalid` for an algorithm or an id that cannot be; `object_exists` when the id is taken;
            `object_conflict`, `object_unknown` without a ring.
        Unavailable: `store_unavailable`.
    """
    if key.algorithm not in SIGNING_ALGORITHMS:
        raise Rejected("input_invalid", f"tokens are not signed with {key.algorithm.value}")
    if not (key.kid.isascii() and key.kid.isprintable()) or " " in key.kid or not key.kid:
        raise Rejected("input_invalid", "a kid is visible ASCII without spaces")
    if len(key.kid) > KID_CHARACTERS_MAX:
        raise Rejected("input_invalid", f"a kid has at most {KID_CHARACTERS_MAX} characters")
    imported = seal_signing_key(key, master_keys)
    if await _was_here(store, imported):
        # What was retired or compromised must not come back, and not under another name either.
        raise Rejected("object_exists", "this key, or one of its id, is or was in a ring")

    async def decide(ring: tuple[SigningKeyRecord, ...], now: int) -> Change:
        return adopt_next(ring, policy, imported, reason=reason, actor=actor, now=now)

    await _apply(store, policy, decide)
    return await _find(store, key.kid)


async def _was_here(store: RingStore, imported: NewSigningKey) -> bool:
    material = material_of(imported.public_jwk)
    after = ""
    while page := await store.signing_keys.list_signing_keys(after=after, limit=_PAGE):
        if any(known.kid == imported.kid or (material and material_of(known.public_jwk) == material) for known in page):
            return True
        after = page[-1].kid
    return False


async def _retire(
    store: RingStore, policy: RingPolicy, signer: Signer, kid: str, *, compromised: bool, reason: str, actor: Actor
) -> SigningKeyRecord:
    of_its_issuer = replace(policy, issuer=(await _find(store, kid)).issuer)

    async def decide(ring: tuple[SigningKeyRecord, ...], now: int) -> Change:
        record = await _find(store, kid)
        _require_holder(ring, signer)
        new = await _new_if_needed(record, of_its_issuer, signer)
        return retire_key(
            ring, record, of_its_issuer, new, compromised=compromised, reason=reason, actor=actor, now=now
        )

    await _apply(store, of_its_issuer, decide, ring_needed=False)
    return await _find(store, kid)


def _require_holder(ring: Sequence[SigningKeyRecord], signer: Signer) -> None:
    leading = (key for key in ring if key.state in {SigningKeyState.CURRENT, SigningKeyState.NEXT})
    if isinstance(signer, SealedSigner) and any(key.sealed_private is None for key in leading):
        # A key of ours among those of a KMS would bring private halves where none were to be.
        raise Misconfigured(
            "The private halves of this ring are kept elsewhere, and this process does not know the signer.",
            cure="Do it in a program that opens the store with that signer.",
        )


async def _new_if_needed(record: SigningKeyRecord, policy: RingPolicy, signer: Signer) -> NewSigningKey | None:
    leading = record.state in {SigningKeyState.CURRENT, SigningKeyState.NEXT}
    return await signer.create_key(policy.algorithm) if leading else None


async def _find(store: RingStore, kid: str) -> SigningKeyRecord:
    record = await store.signing_keys.find_signing_key(kid)
    if record is None:
        raise Rejected("object_unknown", "no such signing key")
    return record


async def _apply(
    store: RingStore,
    policy: RingPolicy,
    decide: Callable[[tuple[SigningKeyRecord, ...], int], Awaitable[Change]],
    *,
    ring_needed: bool = True,
) -> tuple[SigningKeyRecord, ...]:
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
