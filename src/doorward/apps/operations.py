"""What can be done to apps, from the management API and the command line alike.

Each operation reads, decides in `issue.py`, and commits one `Change` (`methods/deciding.py`).
"""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Final, Protocol

from doorward.apps.issue import issue_app, move_app
from doorward.apps.port import AppPort, AppRecord, AppState
from doorward.methods.deciding import decide
from doorward.values import Actor, AppId, Change, ChangePort, Clock, Entropy, OrganizationId

__all__ = ["AppStore", "create_app", "resume_app", "revoke_app", "suspend_app"]

_NO_METADATA: Final[Mapping[str, str]] = MappingProxyType({})


class AppStore(Protocol):
    """What is needed of a store to manage apps."""

    @property
    def apps(self) -> AppPort:
        """Finds apps."""
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
        """Where ids come from."""
        ...


async def create_app(
    store: AppStore,
    *,
    name: str,
    organization_id: OrganizationId | None = None,
    metadata: Mapping[str, str] = _NO_METADATA,
    actor: Actor,
) -> AppRecord:
    """A new app.

    Raises:
        Rejected: `input_invalid`, or `object_exists` when the name is taken.
        Unavailable: `store_unavailable`.
    """
    record, change = issue_app(
        name=name,
        organization_id=organization_id,
        metadata=metadata,
        actor=actor,
        now=int(store.clock()),
        entropy=store.entropy,
    )
    await store.changes.commit(change)
    return record


async def suspend_app(store: AppStore, app_id: AppId, *, reason: str, actor: Actor) -> AppRecord:
    """None of its credentials admit until it is resumed. Raises as `revoke_app`."""
    return await _move(store, app_id, AppState.SUSPENDED, reason=reason, actor=actor)


async def resume_app(store: AppStore, app_id: AppId, *, reason: str, actor: Actor) -> AppRecord:
    """Undo suspending. Raises as `revoke_app`."""
    return await _move(store, app_id, AppState.ACTIVE, reason=reason, actor=actor)


async def revoke_app(store: AppStore, app_id: AppId, *, reason: str, actor: Actor) -> AppRecord:
    """None of its credentials admit ever again; its signature keys with a secret are revoked, and the secrets erased.

    Raises:
        Rejected: `input_invalid`, `object_unknown`, `state_final` when it is revoked, `object_conflict`.
        Unavailable: `store_unavailable`.
    """
    return await _move(store, app_id, AppState.REVOKED, reason=reason, actor=actor)


async def _move(store: AppStore, app_id: AppId, state: AppState, *, reason: str, actor: Actor) -> AppRecord:
    def decision(record: AppRecord, now: int) -> tuple[AppRecord, Change]:
        return move_app(record, state, reason=reason, actor=actor, now=now)

    return await decide(store, partial(store.apps.find_app, app_id), decision, unknown="no such app")
