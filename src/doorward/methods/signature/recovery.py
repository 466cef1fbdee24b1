"""What a master key's rotation and loss mean for the secrets of signature keys.

A rotation seals every secret again. When the master key is lost, the secrets are lost with it: a key whose secret no
longer opens can never verify again, so it is revoked, and its app is to be given another. Public keys go on as before.
"""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Final, Protocol

from msgspec.structs import replace

from doorward.crypto.sealing import MasterKeys, UnsealError
from doorward.errors import Misconfigured
from doorward.methods.deciding import DecidingStore, decide
from doorward.methods.signature.issue import move_signature_key
from doorward.methods.signature.port import (
    SignatureKeyPort,
    SignatureKeyRecord,
    SignatureKeyState,
    SignatureKeyUpdated,
)
from doorward.methods.signature.sealed import PURPOSE, open_secret
from doorward.values import Actor, Change

__all__ = ["ResealingStore", "list_with_secrets", "reseal_signature_keys", "revoke_lost_signature_keys"]

_PAGE: Final = 1_000


class ResealingStore(DecidingStore, Protocol):
    """What is needed of a store to seal its secrets again."""

    @property
    def signature_keys(self) -> SignatureKeyPort:
        """Finds keys."""
        ...


async def reseal_signature_keys(store: ResealingStore, keys: MasterKeys) -> None:
    """Seal every secret under the current master key. Doing it again is safe.

    Raises:
        Misconfigured: one does not open; those before it are sealed again.
        Unavailable: `store_unavailable`.
    """
    async for record in list_with_secrets(store):
        find = partial(store.signature_keys.find_signature_key, record.id)
        await decide(store, find, partial(_reseal, keys), unknown="no such key")


def _reseal(keys: MasterKeys, record: SignatureKeyRecord, _now: int) -> tuple[None, Change]:
    if record.sealed_secret is None:
        return None, Change()
    try:
        sealed = keys.reseal(record.sealed_secret, purpose=PURPOSE, row=record.id)
    except UnsealError:
        raise Misconfigured(
            f"The secret of the signature key {record.id} does not open under these master keys.",
            cure="Put the key it was sealed under back into the file; or revoke it with `doorward signatures keys "
            "revoke`, and make its app another.",
        ) from None
    if sealed is None:
        return None, Change()
    resealed = replace(record, sealed_secret=sealed, version=record.version + 1)
    return None, Change(writes=(SignatureKeyUpdated(resealed),))


async def revoke_lost_signature_keys(store: ResealingStore, keys: MasterKeys, *, reason: str, actor: Actor) -> None:
    """Revoke every key whose secret does not open any more.

    Raises:
        Rejected: `input_invalid` for the reason, `object_conflict`.
        Unavailable: `store_unavailable`; doing it again is safe.
    """
    async for record in list_with_secrets(store):
        if not _is_lost(record, keys):
            continue
        _, change = move_signature_key(
            record, SignatureKeyState.REVOKED, reason=reason, actor=actor, now=int(store.clock())
        )
        await store.changes.commit(change)


def _is_lost(record: SignatureKeyRecord, keys: MasterKeys) -> bool:
    assert record.sealed_secret is not None, "only those with a secret are looked at"
    try:
        open_secret(keys, record.id, record.sealed_secret)
    except UnsealError:
        return True
    return False


async def list_with_secrets(store: ResealingStore) -> AsyncIterator[SignatureKeyRecord]:
    """Every key that has a sealed secret, by id, a page at a time. Raises `Unavailable`."""
    after = ""
    while page := await store.signature_keys.list_signature_keys(after=after, limit=_PAGE):
        for record in page:
            if record.sealed_secret is not None:
                yield record
        after = page[-1].id
        # An embedded database answers without ever waiting: all pages in one go would be a silence.
        await asyncio.sleep(0)
