"""Records, events and revocations as the rooms make them, for tests of what stores them."""

from hashlib import sha256
from typing import Any

from tests.simulators.clock import NOON

from doorward.apps.port import AppInserted, AppRecord, AppState
from doorward.methods.apikey.port import KeyInserted, KeyRecord, KeyState
from doorward.methods.basic.port import PasswordRecord, PasswordState
from doorward.values import (
    Actor,
    AppId,
    Change,
    CredentialId,
    Environment,
    Event,
    FeedKind,
    Handle,
    OrganizationId,
    RateLimit,
    Revocation,
    Scopes,
)

__all__ = ["APP", "app_of", "creation", "event_of", "key_of", "password_of", "revocation_of"]

APP = AppId("app_000000000001")


def app_of(app_id: str = APP, **changed: Any) -> AppRecord:  # Any: whatever the fields hold
    fields: dict[str, Any] = {
        "id": AppId(app_id),
        "name": f"name of {app_id}",
        "organization_id": OrganizationId("acme"),
        "state": AppState.ACTIVE,
        "created_at": NOON,
        "metadata": {"team": "órdenes"},
    }
    return AppRecord(**fields | changed)


def key_of(key_id: str = "000000000001", app_id: str = APP, **changed: Any) -> KeyRecord:  # Any: as above
    fields: dict[str, Any] = {
        "id": CredentialId(key_id),
        "app_id": AppId(app_id),
        "organization_id": OrganizationId("acme"),
        "name": "nightly import",
        "prefix": "dw",
        "environment": Environment.LIVE,
        "secret_digest": sha256(key_id.encode()).digest(),
        "scopes": Scopes("orders:read", "orders:write"),
        "networks": ("10.0.0.0/8", "2001:db8::/32"),
        "rate": RateLimit(requests=100, window_s=60),
        "state": KeyState.ACTIVE,
        "created_at": NOON,
        "expires_at": NOON + 90 * 86_400,
        "metadata": {"owner": "ops"},
    }
    return KeyRecord(**fields | changed)


def password_of(
    password_id: str = "00000000000p", app_id: str = APP, **changed: Any
) -> PasswordRecord:  # Any: as above
    fields: dict[str, Any] = {
        "id": CredentialId(password_id),
        "app_id": AppId(app_id),
        "organization_id": None,
        "name": "old printer",
        "secret_digest": sha256(password_id.encode()).digest(),
        "scopes": Scopes("orders:read"),
        "state": PasswordState.ACTIVE,
        "created_at": NOON,
        "expires_at": NOON + 90 * 86_400,
    }
    return PasswordRecord(**fields | changed)


def event_of(object_id: str = "000000000001", **changed: Any) -> Event:  # Any: as above
    fields: dict[str, Any] = {
        "at": NOON,
        "action": "key.created",
        "actor": Actor(kind="operator", id="root"),
        "object_kind": "apikey",
        "object_id": object_id,
        "app_id": APP,
    }
    return Event(**fields | changed)


def revocation_of(
    handle_id: str = "000000000001", *, leave_at: int | None = None, changed_version: int | None = None
) -> Revocation:
    handle = Handle(FeedKind.CREDENTIAL, handle_id)
    return Revocation(handle=handle, leave_at=leave_at, changed_version=changed_version)


def creation(key_id: str = "000000000001", app_id: str = APP, *, with_app: bool = False) -> Change:
    """What creating a key is: the row, its line in the feed, its event."""
    app = (AppInserted(app_of(app_id)),) if with_app else ()
    return Change(
        writes=(*app, KeyInserted(key_of(key_id, app_id))),
        revocations=(revocation_of(key_id, changed_version=1),),
        events=(event_of(key_id),),
    )
