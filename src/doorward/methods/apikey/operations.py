"""What can be done to keys, from the management API and the command line alike.

Each operation reads, decides in `issue.py`, and commits one `Change`. When somebody else changed the key in between,
it is read and decided once more; then the conflict is reported.
"""

from collections.abc import Callable
from typing import Protocol, TypeVar

from doorward.errors import Rejected
from doorward.methods.apikey.config import OVERLAP_S
from doorward.methods.apikey.issue import change_key_of, issue_key, move_key, succeed_key
from doorward.methods.apikey.order import IssuedKey, KeyChanges, KeyOrder
from doorward.methods.apikey.port import KeyPort, KeyRecord, KeyState
from doorward.methods.owner import OwnerPort
from doorward.values import Actor, Change, ChangePort, Clock, CredentialId, Entropy

__all__ = ["KeyStore", "change_key", "create_key", "disable_key", "enable_key", "revoke_key", "rotate_key"]

_ResultT = TypeVar("_ResultT")


class KeyStore(Protocol):
    """What is needed of a store to manage keys."""

    @property
    def keys(self) -> KeyPort:
        """Finds keys."""
        ...

    @property
    def apps(self) -> OwnerPort:
        """Finds the apps that own them."""
        ...

    @property
    def changes(self) -> ChangePort:
        """Commits."""
        ...

    @property
    def clock(self) -> Clock:
        """Epoch seconds."""
        ...

    @property
    def entropy(self) -> Entropy:
        """Where secrets come from."""
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

    def decide(record: KeyRecord, now: int) -> tuple[IssuedKey, Change]:
        return succeed_key(record, overlap_s=overlap_s, reason=reason, actor=actor, now=now, entropy=store.entropy)

    return await _apply(store, key_id, decide)


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

    def decide(record: KeyRecord, now: int) -> tuple[KeyRecord, Change]:
        return change_key_of(record, changes, reason=reason, actor=actor, now=now)

    return await _apply(store, key_id, decide)


async def _move(store: KeyStore, key_id: CredentialId, state: KeyState, *, reason: str, actor: Actor) -> KeyRecord:
    def decide(record: KeyRecord, now: int) -> tuple[KeyRecord, Change]:
        return move_key(record, state, reason=reason, actor=actor, now=now)

    return await _apply(store, key_id, decide)


async def _apply(
    store: KeyStore, key_id: CredentialId, decide: Callable[[KeyRecord, int], tuple[_ResultT, Change]]
) -> _ResultT:
    try:
        return await _apply_once(store, key_id, decide)
    except Rejected as error:
        if error.code != "object_conflict":
            raise
    return await _apply_once(store, key_id, decide)


async def _apply_once(
    store: KeyStore, key_id: CredentialId, decide: Callable[[KeyRecord, int], tuple[_ResultT, Change]]
) -> _ResultT:
    record = await store.keys.find_key(key_id)
    if record is None:
        raise Rejected("object_unknown", "no such key")
    result, change = decide(record, int(store.clock()))
    if change.writes:
        await store.changes.commit(change)
    return result
