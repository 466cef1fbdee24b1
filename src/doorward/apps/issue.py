"""Make, suspend, resume and revoke apps: pure functions from what is stored to a `Change`.

One row in the feed reaches every credential of the app, since each of them rests on the app's handle: nothing has to
be written per key. Suspending and resuming say *load again* (the fresh load reads the app's state with the key);
revoking says *revoked*, which holds even where nothing can be loaded.
"""

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from doorward.apps.port import AppInserted, AppRecord, AppState, AppUpdated
from doorward.errors import Rejected
from doorward.methods.signature.port import AppSecretsErased
from doorward.values import (
    Actor,
    AppId,
    Change,
    Entropy,
    Event,
    FeedKind,
    Handle,
    OrganizationId,
    Revocation,
    Write,
)
from doorward.values.bounds import parse_metadata, parse_name, parse_organization_id
from doorward.wire.credential import random_base62
from doorward.wire.reason import parse_reason

__all__ = ["FEED_ROW_LIFETIME_S", "issue_app", "move_app"]

FEED_ROW_LIFETIME_S: Final = 2 * 3_600
"""How long a feed row about an app is kept. It matters only to credentials that were loaded before it: processes keep
them for an hour at most, and every fresh load reads the app's state from the store, revoked ones included. Twice that
hour leaves room for clocks and slow readers."""

_ID_CHARACTERS: Final = 12


def issue_app(
    *,
    name: str,
    organization_id: OrganizationId | None,
    metadata: Mapping[str, str],
    actor: Actor,
    now: int,
    entropy: Entropy,
) -> tuple[AppRecord, Change]:
    """A new app. All texts are unverified; limits in `values/bounds.py`.

    Raises:
        Rejected: `input_invalid`.
    """
    record = AppRecord(
        id=AppId("app_" + random_base62(_ID_CHARACTERS, entropy)),
        name=parse_name(name),
        organization_id=None if organization_id is None else parse_organization_id(organization_id),
        state=AppState.ACTIVE,
        created_at=now,
        metadata=parse_metadata(metadata),
    )
    event = _event("app.created", record, actor, now, None, {"name": record.name})
    return record, Change(writes=(AppInserted(record),), events=(event,))


def move_app(record: AppRecord, state: AppState, *, reason: str, actor: Actor, now: int) -> tuple[AppRecord, Change]:
    """The app in another state. Moving to the state it has is no change at all.

    Raises:
        Rejected: `input_invalid`, or `state_final` when it is revoked.
    """
    said = parse_reason(reason)
    if record.state is AppState.REVOKED:
        raise Rejected("state_final", "the app is revoked")
    if record.state is state:
        return record, Change()
    moved = replace(record, state=state, version=record.version + 1)
    row = Revocation(
        handle=Handle(FeedKind.APP, record.id),
        leave_at=now + FEED_ROW_LIFETIME_S,
        changed_version=None if state is AppState.REVOKED else moved.version,
    )
    event = _event(_ACTION[state], moved, actor, now, said, {"state_before": record.state.value})
    # What is over must not lie about sealed, for whoever finds the database and the master key to sign with.
    erased: tuple[Write, ...] = (AppSecretsErased(record.id),) if state is AppState.REVOKED else ()
    return moved, Change(writes=(AppUpdated(moved), *erased), revocations=(row,), events=(event,))


_ACTION: Final = {
    AppState.ACTIVE: "app.resumed",
    AppState.SUSPENDED: "app.suspended",
    AppState.REVOKED: "app.revoked",
}


def _event(
    action: str,
    record: AppRecord,
    actor: Actor,
    now: int,
    reason: str | None,
    details: Mapping[str, str | int | None],
) -> Event:
    return Event(
        at=now,
        action=action,
        actor=actor,
        object_kind="app",
        object_id=record.id,
        app_id=record.id,
        organization_id=record.organization_id,
        reason=reason,
        details=details,
    )
