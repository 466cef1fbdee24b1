"""What can be done to keys, from the management API and the command line alike.

Each operation reads, decides in `issue.py`, and commits one `Change` (`deciding.py`).
"""

from functools import partial
from typing import Final, Protocol

from doorward.errors import Rejected
from doorward.methods.apikey.config import OVERLAP_S
from doorward.methods.apikey.issue import change_key_of, issue_key, move_key, succeed_key
from doorward.methods.apikey.order import IssuedKey, KeyChanges, KeyOrder
from doorward.methods.apikey.port import KeyPort, KeyRecord, KeyState
from doorward.methods.deciding import OwnersStore, decide
from doorward.values import Actor, Change, CredentialId

__all__ = ["KeyStore", "change_key", "create_key", "disable_key", "enable_key", "revoke_key", "rotate_key"]

_UNKNOWN: Final = "no such key"


class KeyStore(OwnersStore, Protocol):
    """What is needed of a store to manage keys."""

    @property
    def keys(self) -> KeyPort:
        """Finds keys."""
        ...


async def create_key(store: KeyStore, order: KeyOrder, *, actor: Actor) -> IssuedKey:
    """A new key of an app.

    Raises:
        Rejected: `input_invalid`; `object_unknown` without the app, `state_final` when it is revoked.
        Unavailable: `store_unavailable`.
    """
    owner = await store.apps.find_app(order.app_id)
    if owner is None:
        raise Rejected("object_unknown", "no such app")
    issued, change = issue_key(order, owner, actor=actor, now=int(store.clock()), entropy=store.entropy)
    await store.changes.commit(change)
    return issued


async def rotate_key(
    store: KeyStore, key_id: CredentialId, *, overlap_s: int = OVERLAP_S, reason: str, actor: Actor
) -> IssuedKey:
    """A successor with the same grants; the old key works for `overlap_s` more (0 revokes it at once).

    Raises:
        Rejected: `input_invalid`, `object_unknown`, `state_final`, `state_expired`, `object_conflict`.
        Unavailable: `store_unavailable`.
    """

    def decision(record: KeyRecord, now: int) -> tuple[IssuedKey, Change]:
        return succeed_key(record, overlap_s=overlap_s, reason=reason, actor=actor, now=now, entropy=store.entropy)

    return await decide(store, partial(store.keys.find_key, key_id), decision, unknown=_UNKNOWN)


async def disable_key(store: KeyStore, key_id: CredentialId, *, reason: str, actor: Actor) -> KeyRecord:
    """The key admits nobody until it is enabled. Raises as `revoke_key`."""
    return await _move(store, key_id, KeyState.DISABLED, reason=reason, actor=actor)


async def enable_key(store: KeyStore, key_id: CredentialId, *, reason: str, actor: Actor) -> KeyRecord:
    """Undo disabling. Raises as `revoke_key`."""
    return await _move(store, key_id, KeyState.ACTIVE, reason=reason, actor=actor)


async def revoke_key(store: KeyStore, key_id: CredentialId, *, reason: str, actor: Actor) -> KeyRecord:
    """The key admits nobody ever again.

    Raises:
        Rejected: `input_invalid`, `object_unknown`, `state_final` when it is revoked, `object_conflict`.
        Unavailable: `store_unavailable`.
    """
    return await _move(store, key_id, KeyState.REVOKED, reason=reason, actor=actor)


async def change_key(
    store: KeyStore, key_id: CredentialId, changes: KeyChanges, *, reason: str, actor: Actor
) -> KeyRecord:
    """Other grants, effective wherever the key is cached within the feed's bound. Raises as `revoke_key`."""

    def decision(record: KeyRecord, now: int) -> tuple[KeyRecord, Change]:
        return change_key_of(record, changes, reason=reason, actor=actor, now=now)

    return await decide(store, partial(store.keys.find_key, key_id), decision, unknown=_UNKNOWN)


async def _move(store: KeyStore, key_id: CredentialId, state: KeyState, *, reason: str, actor: Actor) -> KeyRecord:
    def decision(record: KeyRecord, now: int) -> tuple[KeyRecord, Change]:
        return move_key(record, state, reason=reason, actor=actor, now=now)

    return await decide(store, partial(store.keys.find_key, key_id), decision, unknown=_UNKNOWN)
