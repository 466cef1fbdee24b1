"""The key that derived names rest on, through the life of the master key it is sealed under.

A rotation seals it again, and names stay. When the master key is lost, so is this key: a new one is made, every
resource with derived names sees strangers from then on, and tokens from before can be revoked at those resources by
session, grant and client, but no longer by subject. To go on without any key would be worse: no subject could be
revoked anywhere.
"""

from typing import Final

from doorward.app.keyed_store import KeyedStore
from doorward.crypto.sealing import MasterKeys, UnsealError
from doorward.revocation.pairwise import PAIRWISE_KEY_NAME, make_sealed_key, reseal_key

__all__ = ["replace_lost_pairwise_key", "seal_pairwise_key_again"]

_NAME: Final = PAIRWISE_KEY_NAME


async def seal_pairwise_key_again(store: KeyedStore, keys: MasterKeys) -> None:
    """Seal it under the current master key, when there is one and it is not.

    Raises:
        UnsealError: it was sealed under a master key that is not here.
        Unavailable: `store_unavailable`.
    """
    sealed = await store.meta.read_meta(_NAME)
    if sealed is None:
        return
    again = reseal_key(keys, sealed)
    if again is not None:
        await store.meta.write_meta(_NAME, again)


async def replace_lost_pairwise_key(store: KeyedStore, keys: MasterKeys) -> None:
    """Make another, when there is one that no longer opens. Doing it again is safe."""
    try:
        await seal_pairwise_key_again(store, keys)
    except UnsealError:
        await store.meta.write_meta(_NAME, make_sealed_key(keys, store.entropy))
