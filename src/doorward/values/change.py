"""One unit of work: a state change with everything that must not part from it.

A `Change` is committed whole or not at all, so a revocation, its audit event and its outgoing notice can never
part from the write that caused them. What a write *is* belongs to the room that owns the table (its `port.py`);
here it is only something `adapters/sql` has a statement for.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple, Protocol, TypeAlias, final

import msgspec

from doorward.values.identifiers import CredentialId, OrganizationId

__all__ = [
    "EPOCH_KINDS",
    "Actor",
    "Change",
    "ChangePort",
    "Delivery",
    "Event",
    "FeedKind",
    "Handle",
    "RestsOn",
    "Revocation",
    "Write",
]


class FeedKind(StrEnum):
    """What a row of the feed names."""

    TOKEN = "token"  # noqa: S105  # a kind of row, not a secret
    CREDENTIAL = "credential"
    APP = "app"
    GRANT = "grant"
    SESSION = "session"
    SUBJECT = "subject"
    CLIENT = "client"
    CLIENT_SUBJECT = "client_subject"
    """What one client holds of one subject (of itself, for its own tokens); the id is both, with a space between."""
    ORGANIZATION = "organization"
    SIGNING_KEY = "signing_key"
    CERTIFICATE = "certificate"


EPOCH_KINDS: Final = frozenset({FeedKind.SUBJECT, FeedKind.CLIENT, FeedKind.CLIENT_SUBJECT, FeedKind.ORGANIZATION})
"""Kinds whose rows are epochs: they void what was issued before them and spare what came after (a person may sign in
again, an app may ask for another token). Rows of every other kind are final."""


class Handle(NamedTuple):
    """Something a proof rests on, and that a row of the feed can name."""

    kind: FeedKind
    id: str


RestsOn: TypeAlias = tuple[FeedKind, str]
"""A handle as a proof holds it: a `Handle`, or a bare pair, which is equal to one and costs an eighth to make."""


@final
class Revocation(msgspec.Struct, frozen=True, kw_only=True):
    """A row for the feed: `handle` is revoked, or (with `changed_version`) must be loaded again.

    `leave_at` is the epoch second from which nothing this row names can still be alive; None means never. `audience`
    is the only resource that has to know (a token's own audience, the sector of a derived subject); None: all of them.
    `owner` is what a row of kind `token` becomes an epoch of when its owner has too many (DESIGN section 7).
    """

    handle: Handle
    leave_at: int | None
    changed_version: int | None = None
    audience: str | None = None
    owner: Handle | None = None


@final
class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who caused a change. `kind`: `app`, `person`, `operator` (at the command line) or `system`."""

    kind: str
    id: str
    credential_id: CredentialId | None = None
    source: str | None = None
    """The client address as text, when there is one."""


@final
class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what to which object. Holds no secret; every text may come from outside and is bounded by its port."""

    at: int
    action: str
    """`key.created`, `app.suspended`, …"""
    actor: Actor
    object_kind: str
    object_id: str
    app_id: str | None = None
    organization_id: OrganizationId | None = None
    outcome: str = "done"
    code: str | None = None
    """A refusal code when the outcome is `refused`."""
    reason: str | None = None
    details: Mapping[str, str | int | None] = msgspec.field(default_factory=dict)


class Write(Protocol):
    """A change to one row, declared by the room that owns the table and executed by `adapters/sql`.

    Inserts refuse an id that exists (`object_exists`); updates carry the version they expect (`object_conflict`).
    """


class Delivery(Protocol):
    """An outgoing notice that leaves only when its change has been committed."""


@final
class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What one operation does, committed whole."""

    writes: tuple[Write, ...] = ()
    revocations: tuple[Revocation, ...] = ()
    events: tuple[Event, ...] = ()
    deliveries: tuple[Delivery, ...] = ()


class ChangePort(Protocol):
    """Takes a `Change` whole.

    Atomicity: all writes, feed rows and audit events become visible together or not at all, and are durable when
    the call returns. Feed positions and audit sequence numbers are given in commit order.
    """

    async def commit(self, change: Change) -> int:
        """Commit, and answer the feed position reached.

        Raises:
            Rejected: `object_exists`, `object_conflict` or `object_unknown` when a conditional write did not hold.
            Unavailable: `store_unavailable`; whether it was committed is then unknown to the caller.
        """
        ...
