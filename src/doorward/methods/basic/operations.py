"""What can be done to app passwords, from the management API and the command line alike.

Each operation reads, decides in `issue.py`, and commits one `Change` (`deciding.py`).
"""

from functools import partial
from typing import Protocol

from doorward.errors import Rejected
from doorward.methods.basic.issue import issue_password, move_password
from doorward.methods.basic.order import IssuedPassword, PasswordOrder
from doorward.methods.basic.port import PasswordPort, PasswordRecord, PasswordState
from doorward.methods.deciding import OwnersStore, decide
from doorward.values import Actor, Change, CredentialId

__all__ = ["PasswordStore", "create_password", "disable_password", "enable_password", "revoke_password"]


class PasswordStore(OwnersStore, Protocol):
    """What is needed of a store to manage app passwords."""

    @property
    def passwords(self) -> PasswordPort:
        """Finds app passwords."""
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
    def decision(record: PasswordRecord, now: int) -> tuple[PasswordRecord, Change]:
        return move_password(record, state, reason=reason, actor=actor, now=now)

    find = partial(store.passwords.find_password, password_id)
    return await decide(store, find, decision, unknown="no such app password")
