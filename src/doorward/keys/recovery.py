"""What a master key's rotation and loss mean for signing keys.

A rotation seals every private half again. When the master key is lost, the private halves are lost with it: every ring
whose keys do not open gets two new ones, and what the old ones signed goes on being verified, for that takes the public
half alone.
"""

import secrets
from collections.abc import AsyncIterator
from typing import Final

from msgspec.structs import replace

from doorward.crypto.jose.algorithms import Algorithm
from doorward.crypto.sealing import MasterKeys, UnsealError
from doorward.errors import Misconfigured, Rejected
from doorward.keys.keyring_port import SigningKeyRecord, SigningKeyState, SigningKeyUpdated
from doorward.keys.moves import find_key
from doorward.keys.operations import RingStore
from doorward.keys.retirement import restart_ring
from doorward.keys.signer import PURPOSE, SealedSigner, open_private
from doorward.values import Actor, Change

__all__ = ["list_sealed_halves", "reseal_signing_keys", "restart_lost_rings"]

_PAGE: Final = 1_000


async def reseal_signing_keys(store: RingStore, keys: MasterKeys) -> None:
    """Seal every private half under the current master key. Doing it again is safe.

    Raises:
        Misconfigured: one does not open; those before it are sealed again.
        Unavailable: `store_unavailable`.
    """
    async for record in _all(store):
        try:
            await _reseal(store, record, keys)
        except Rejected as error:
            if error.code != "object_conflict":
                raise
            # Rotated at this moment: it is erased, or another state of it is to be sealed.
            again = await store.signing_keys.find_signing_key(record.kid)
            if again is not None:
                await _reseal(store, again, keys)


async def list_sealed_halves(store: RingStore) -> AsyncIterator[bytes]:
    """Every private half that rests sealed, a page at a time. Raises `Unavailable`."""
    async for record in _all(store):
        if record.sealed_private is not None:
            yield record.sealed_private


async def _reseal(store: RingStore, record: SigningKeyRecord, keys: MasterKeys) -> None:
    if record.sealed_private is None:
        return
    try:
        sealed = keys.reseal(record.sealed_private, purpose=PURPOSE, row=record.kid)
    except UnsealError:
        raise Misconfigured(
            f"The signing key {record.kid} does not open under these master keys.",
            cure="Put the key it was sealed under back into the file; if that is lost, see docs/master-key.md.",
        ) from None
    if sealed is not None:
        resealed = replace(record, sealed_private=sealed, version=record.version + 1)
        await store.changes.commit(Change(writes=(SigningKeyUpdated(resealed),)))


async def restart_lost_rings(store: RingStore, keys: MasterKeys, *, reason: str, actor: Actor) -> None:
    """Give every ring that cannot sign any more two new keys.

    Raises:
        Rejected: `input_invalid` for the reason.
        Unavailable: `store_unavailable`; doing it again is safe.
    """
    signer = SealedSigner(keys, entropy=secrets.token_bytes)
    issuers = {record.issuer: None async for record in _all(store) if record.state is not SigningKeyState.RETIRED}
    for issuer in issuers:
        ring = await store.signing_keys.list_ring(issuer)
        if not any(_is_lost(record, keys) for record in ring):
            continue
        current = find_key(ring, SigningKeyState.CURRENT)
        algorithm = Algorithm.ES256 if current is None else current.algorithm
        first, second = await signer.create_key(algorithm), await signer.create_key(algorithm)
        change = restart_ring(ring, issuer, first, second, reason=reason, actor=actor, now=int(store.clock()))
        await store.changes.commit(change)


def _is_lost(record: SigningKeyRecord, keys: MasterKeys) -> bool:
    if record.sealed_private is None:
        return False  # erased, or with a KMS
    try:
        open_private(record, keys)
    except Misconfigured:
        return True
    return False


async def _all(store: RingStore) -> AsyncIterator[SigningKeyRecord]:
    after = ""
    while page := await store.signing_keys.list_signing_keys(after=after, limit=_PAGE):
        for record in page:
            yield record
        after = page[-1].kid
