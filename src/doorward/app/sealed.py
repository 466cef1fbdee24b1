"""Everything that rests sealed under the master key: proven, sealed again, and counted by the key it is under.

Rules of this file:

* Everything sealed is in `SEALED`, so that a rotation seals all of it again and nothing is overlooked when it is
  counted. A room that seals something adds its own here.
* An old key may go when nothing is under it any more, and only counting shows that: a server that still has the old
  file seals under the old key after a rotation has sealed everything again.
* The *probe* is a known value sealed under the current key. A start with another key stops there.
"""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Final, NamedTuple

from doorward.app.keyed_store import KeyedStore, MetaPort
from doorward.app.pairwise_key import seal_pairwise_key_again
from doorward.crypto.sealing import MasterKeys, UnsealError, key_id_of
from doorward.errors import Misconfigured
from doorward.keys.recovery import list_sealed_halves, reseal_signing_keys
from doorward.methods.signature.recovery import list_with_secrets, reseal_signature_keys
from doorward.methods.webhook.recovery import list_held, reseal_webhook_secrets
from doorward.revocation.pairwise import PAIRWISE_KEY_NAME

__all__ = [
    "PROBE_NAME",
    "SEALED",
    "SealedKind",
    "count_sealed",
    "prove_master_keys",
    "require_own_master_keys",
    "seal_again",
    "seal_probe",
]

PROBE_NAME: Final = "master_key_probe"
_PROBE_PURPOSE: Final = "probe"
_PROBE: Final = b"doorward master key probe"
_UNREADABLE: Final = "unreadable"


async def prove_master_keys(meta: MetaPort, keys: MasterKeys) -> None:
    """Make sure these keys open what this database holds; the first keys it ever sees become its own.

    Raises:
        Misconfigured: the probe does not open.
        Unavailable: `store_unavailable`.
    """
    if not await require_own_master_keys(meta, keys):
        await seal_probe(meta, keys)


async def require_own_master_keys(meta: MetaPort, keys: MasterKeys) -> bool:
    """Whether the database has seen master keys; if so, these are they. Nothing is written.

    Raises: as `prove_master_keys`.
    """
    sealed = await meta.read_meta(PROBE_NAME)
    if sealed is None:
        return False
    try:
        opened = keys.open(sealed, purpose=_PROBE_PURPOSE, row=PROBE_NAME)
    except UnsealError:
        opened = b""
    if opened != _PROBE:
        raise Misconfigured(
            "The master key is not the one this database was set up with.",
            cure="Restore the right key file, or follow 'When the key is lost' in docs/master-key.md.",
        )
    return True


async def seal_probe(meta: MetaPort, keys: MasterKeys) -> None:
    """Seal the probe under the current key."""
    await meta.write_meta(PROBE_NAME, keys.seal(_PROBE, purpose=_PROBE_PURPOSE, row=PROBE_NAME))


async def _seal_probe_again(store: KeyedStore, keys: MasterKeys) -> None:
    await seal_probe(store.meta, keys)


async def _probe(store: KeyedStore) -> AsyncIterator[bytes]:
    sealed = await store.meta.read_meta(PROBE_NAME)
    if sealed is not None:
        yield sealed


async def _pairwise_key(store: KeyedStore) -> AsyncIterator[bytes]:
    sealed = await store.meta.read_meta(PAIRWISE_KEY_NAME)
    if sealed is not None:
        yield sealed


async def _signature_keys(store: KeyedStore) -> AsyncIterator[bytes]:
    async for record in list_with_secrets(store):
        if record.sealed_secret is not None:
            yield record.sealed_secret


async def _webhook_secrets(store: KeyedStore) -> AsyncIterator[bytes]:
    async for record in list_held(store):
        if record.sealed_text is not None:
            yield record.sealed_text


class SealedKind(NamedTuple):
    """One kind of what rests sealed."""

    name: str
    """As people call one of it."""
    seal_again: Callable[[KeyedStore, MasterKeys], Awaitable[None]]
    """Seals every row again that is not under the current key."""
    read: Callable[[KeyedStore], AsyncIterator[bytes]]
    """What is sealed, row by row."""


SEALED: Final = (
    SealedKind("probe", _seal_probe_again, _probe),
    SealedKind("signing key", reseal_signing_keys, list_sealed_halves),
    SealedKind("key of derived names", seal_pairwise_key_again, _pairwise_key),
    SealedKind("signature key", reseal_signature_keys, _signature_keys),
    SealedKind("webhook secret", reseal_webhook_secrets, _webhook_secrets),
)
"""Every kind there is."""


async def seal_again(store: KeyedStore, keys: MasterKeys) -> None:
    """Seal everything under the current key; afterwards the older keys only verify old events.

    Raises:
        Misconfigured: these are not this database's keys, and nothing was changed; or something does not open under
            them, and what comes before it is sealed again.
        Unavailable: `store_unavailable`; doing it again is safe.
    """
    await prove_master_keys(store.meta, keys)
    for kind in SEALED:
        try:
            await kind.seal_again(store, keys)
        except UnsealError:
            raise Misconfigured(
                f"The {kind.name} does not open under these master keys.",
                cure="Put the key it was sealed under back into the file; if that is lost, see docs/master-key.md.",
            ) from None


async def count_sealed(store: KeyedStore) -> dict[str, Mapping[str, int]]:
    """How many rows of each kind are sealed under each master key, by its id; `unreadable` for what names none.

    Raises:
        Unavailable: `store_unavailable`.
    """
    counted: dict[str, Counter[str]] = {}
    for kind in SEALED:
        async for sealed in kind.read(store):
            try:
                key_id = key_id_of(sealed)
            except UnsealError:
                key_id = _UNREADABLE
            counted.setdefault(key_id, Counter())[kind.name] += 1
    return dict(counted)
