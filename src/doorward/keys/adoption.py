"""Taking over a signing key that was made elsewhere: what may come in, and under which name.

What was in a ring before never comes in again, whatever it is called: a compromised key would be refused by no row.
An HMAC key is known again too, though its secret is erased with its last use: see `signer.seal_signing_key`.
"""

from typing import Final

from doorward.crypto.jose.signing import SigningKey
from doorward.crypto.sealing import MasterKeys
from doorward.errors import Rejected
from doorward.keys.config import SIGNING_ALGORITHMS, RingPolicy
from doorward.keys.jwks import material_of
from doorward.keys.keyring_port import SigningKeyRecord
from doorward.keys.lifecycle import adopt_next
from doorward.keys.operations import RingStore, apply_to_ring, require_signing_key
from doorward.keys.signer import NewSigningKey, seal_signing_key
from doorward.values import Actor, Change

__all__ = ["import_signing_key_next"]

KID_CHARACTERS_MAX: Final = 200
"""How long the id of an imported key may be."""
_PAGE: Final = 1_000


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
    imported = await seal_signing_key(key, master_keys)
    if await _was_here(store, imported):
        # What was retired or compromised must not come back, and not under another name either.
        raise Rejected("object_exists", "this key, or one of its id, is or was in a ring")

    async def decide(ring: tuple[SigningKeyRecord, ...], now: int) -> Change:
        return adopt_next(ring, policy, imported, reason=reason, actor=actor, now=now)

    await apply_to_ring(store, policy, decide)
    return await require_signing_key(store, key.kid)


async def _was_here(store: RingStore, imported: NewSigningKey) -> bool:
    material = material_of(imported.public_jwk)
    after = ""
    while page := await store.signing_keys.list_signing_keys(after=after, limit=_PAGE):
        if any(known.kid == imported.kid or (material and material_of(known.public_jwk) == material) for known in page):
            return True
        after = page[-1].kid
    return False
