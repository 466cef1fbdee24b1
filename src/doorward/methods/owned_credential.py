"""What every credential of an app shares: what is stored of it, its states, and what a change of it consists of.

Rules of this file:

* Revocation is final, whatever moves the credential: nothing leads out of it.
* Every change names a reason and puts a row into the feed in the same unit of work, so no cache outlives it. A row says
  *load again*, or *revoked*, which holds even where nothing can be loaded.
* What may rest only while a credential may still be used is erased by the change that ends it.

What a room adds is its own: what proves the credential, and what it may be used for.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, Generic, TypeAlias, TypeVar, final

import msgspec
from msgspec.structs import replace

from doorward.errors import Rejected
from doorward.methods.owner import barred_by_owner
from doorward.values import (
    Actor,
    AppId,
    Change,
    CredentialId,
    Event,
    FeedKind,
    Handle,
    OrganizationId,
    Revocation,
    Scopes,
    Write,
)
from doorward.wire.reason import parse_reason

__all__ = [
    "CACHE_LIFETIME_S_MAX",
    "FEED_ROW_LIFETIME_S",
    "CredentialKind",
    "CredentialState",
    "Details",
    "OwnedCredential",
    "barred_by_state",
]

CACHE_LIFETIME_S_MAX: Final = 3_600
"""How long a process may keep the loaded record of a credential."""
FEED_ROW_LIFETIME_S: Final = 2 * CACHE_LIFETIME_S_MAX
"""How long a feed row about a credential of an app is kept: it matters only to records loaded before it, since a fresh
load reads the state itself; twice the life of such a record leaves room for clocks and slow readers."""

Details: TypeAlias = Mapping[str, str | int | None]
"""What an event says beside its columns."""


class CredentialState(StrEnum):
    """Disabling can be undone; revocation is final."""

    ACTIVE = "active"
    DISABLED = "disabled"
    REVOKED = "revoked"


_DONE: Final = {
    CredentialState.ACTIVE: "enabled",
    CredentialState.DISABLED: "disabled",
    CredentialState.REVOKED: "revoked",
}


class OwnedCredential(msgspec.Struct, frozen=True, kw_only=True):
    """A credential of an app, with what is needed of the app to verify it.

    `app_…`, `last_…` and `use_count` are joined by the store and never written. Times are epoch seconds; `expires_at`
    is exclusive, None means never. `version` grows by one with every update.
    """

    id: CredentialId
    app_id: AppId
    organization_id: OrganizationId | None
    name: str
    scopes: Scopes
    state: CredentialState
    created_at: int
    expires_at: int | None
    version: int = 1
    app_name: str = ""
    app_state: str = "active"
    last_used_at: int | None = None
    last_source: str | None = None
    use_count: int = 0

    def __repr__(self) -> str:
        return f"{type(self).__name__}(id={self.id!r}, app_id={self.app_id!r}, state={self.state.value!r})"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        # msgspec gives every struct one that shows all fields; rich prefers it to `__repr__`, in tracebacks too.
        return [("id", self.id), ("app_id", self.app_id), ("state", self.state.value)]


def barred_by_state(record: OwnedCredential) -> str | None:
    """The refusal code whoever proves it is told: its state's, or its app's; None when both let it pass."""
    if record.state is CredentialState.ACTIVE:
        return barred_by_owner(record.app_state)
    return "credential_disabled" if record.state is CredentialState.DISABLED else "credential_revoked"


RecordT = TypeVar("RecordT", bound=OwnedCredential)


@final
class CredentialKind(Generic[RecordT]):
    """One kind of credential: what it is called, and what a change of it consists of.

    Args:
        noun: what refusals call it: `the key`.
        object_kind: what events call it: `key` makes `key.revoked`.
        updated: the write that stores a record one version on.
        ended: the record as it rests when it is revoked; None: as it is.
    """

    __slots__ = ("_ended", "_noun", "_object_kind", "_updated")

    def __init__(
        self,
        noun: str,
        object_kind: str,
        updated: Callable[[RecordT], Write],
        *,
        ended: Callable[[RecordT], RecordT] | None = None,
    ) -> None:
        self._noun: Final = noun
        self._object_kind: Final = object_kind
        self._updated: Final = updated
        self._ended: Final = ended

    @property
    def noun(self) -> str:
        """What refusals call it."""
        return self._noun

    def require_not_final(self, record: RecordT) -> None:
        """Raise `Rejected("state_final")` for a revoked one."""
        if record.state is CredentialState.REVOKED:
            raise Rejected("state_final", f"{self._noun} is revoked")

    def move(
        self, record: RecordT, state: CredentialState, *, reason: str, actor: Actor, now: int
    ) -> tuple[RecordT, Change]:
        """The credential in another state. Moving to the state it has is no change at all.

        Raises:
            Rejected: `input_invalid`, or `state_final` when it is revoked.
        """
        said = parse_reason(reason)
        self.require_not_final(record)
        if record.state is state:
            return record, Change()
        moved = self.rest(replace(record, state=state, version=record.version + 1))
        details = {"state_before": record.state.value}
        return moved, self.update(_DONE[state], moved, details, reason=said, actor=actor, now=now)

    def rest(self, record: RecordT) -> RecordT:
        """The record as it may rest in its state: whole, or without what its end erases."""
        is_over = record.state is CredentialState.REVOKED
        return self._ended(record) if is_over and self._ended is not None else record

    def update(self, done: str, record: RecordT, details: Details, *, reason: str, actor: Actor, now: int) -> Change:
        """A record one version on, its row in the feed, and the event of what was `done`. `reason` is parsed."""
        return Change(
            writes=(self._updated(record),),
            revocations=(self.feed_row(record, now),),
            events=(self.event(done, record, details, reason=reason, actor=actor, now=now),),
        )

    def feed_row(self, record: RecordT, now: int) -> Revocation:
        """Load it again; or, when it is revoked, that."""
        return Revocation(
            handle=Handle(FeedKind.CREDENTIAL, record.id),
            leave_at=now + FEED_ROW_LIFETIME_S,
            changed_version=None if record.state is CredentialState.REVOKED else record.version,
        )

    def event(
        self, done: str, record: RecordT, details: Details, *, reason: str | None, actor: Actor, now: int
    ) -> Event:
        """What was done to it, for the audit log."""
        return Event(
            at=now,
            action=f"{self._object_kind}.{done}",
            actor=actor,
            object_kind=self._object_kind,
            object_id=record.id,
            app_id=record.app_id,
            organization_id=record.organization_id,
            reason=reason,
            details=details,
        )
