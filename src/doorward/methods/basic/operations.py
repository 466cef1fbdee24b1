"""What can be done to app passwords, from the management API and the command line alike.

Each operation reads, decides in `issue.py`, and commits one `Change`. When somebody else changed the password in
between, it is read and decided once more; then the conflict is reported.
"""

from typing import Protocol

from doorward.errors import Rejected
from doorward.methods.basic.issue import issue_password, move_password
from doorward.methods.basic.order import IssuedPassword, PasswordOrder
from doorward.methods.basic.port import PasswordPort, PasswordRecord, PasswordState
from doorward.methods.owner import OwnerPort
from doorward.values import Actor, ChangePort, Clock, CredentialId, Entropy

__all__ = ["PasswordStore", "create_password", "disable_password", "enable_password", "revoke_password"]


class PasswordStore(Protocol):
    """What is needed of a store to manage app passwords."""

    @property
    def passwords(self) -> PasswordPort:
        """Finds app passwords."""
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


async def create_password(store: PasswordStore, order: PasswordOrder, *, actor: Actor) -> IssuedPassword:
    """A new app password.

    Raises:
        Rejected: `input_invalid`; `object_unknown` without the app, `state_final` when it is revoked.
        Unavailable: `store_unavailable`.
    """
    owner = await store.apps.find_app(order.app_id)
    if owner is None:
        raise Rejected("object_unknown", "no such app")
    issued, change = issue_password(order, owner, actor=actor, now=int(store.clock()), entropy=store.entropy)
    await store.changes.commit(change)
    return issued


async def disable_password(
    store: PasswordStore, password_id: CredentialId, *, reason: str, actor: Actor
) -> PasswordRecord:
    """The password admits nobody until it is enabled. Raises as `revoke_password`."""
    return await _move(store, password_id, PasswordState.DISABLED, reason=reason, actor=actor)


async def enable_password(
    store: PasswordStore, password_id: CredentialId, *, reason: str, actor: Actor
) -> PasswordRecord:
    """Undo disabling. Raises as `revoke_password`."""
    return await _move(store, password_id, PasswordState.ACTIVE, reason=reason, actor=actor)


async def revoke_password(
    store: PasswordStore, password_id: CredentialId, *, reason: str, actor: Actor
) -> PasswordRecord:
    """The password admits nobody ever again.

    Raises:
        Rejected: `input_invalid`, `object_unknown`, `state_final` when it is revoked, `object_conflict`.
        Unavailable: `store_unavailable`.
    """
    return await _move(store, password_id, PasswordState.REVOKED, reason=reason, actor=actor)


async def _move(
    store: PasswordStore, password_id: CredentialId, state: PasswordState, *, reason: str, actor: Actor
) -> PasswordRecord:
    try:
        return await _move_once(store, password_id, state, reason=reason, actor=actor)
    except Rejected as error:
        if error.code != "object_conflict":
            raise
    return await _move_once(store, password_id, state, reason=reason, actor=actor)


async def _move_once(
    store: PasswordStore, password_id: CredentialId, state: PasswordState, *, reason: str, actor: Actor
) -> PasswordRecord:
    record = await store.passwords.find_password(password_id)
    if record is None:
        raise Rejected("object_unknown", "no such app password")
    moved, change = move_password(record, state, reason=reason, actor=actor, now=int(store.clock()))
    if change.writes:
        await store.changes.commit(change)
    return moved
