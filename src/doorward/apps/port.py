"""Apps as they are stored."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol, final

import msgspec

from doorward.values import AppId, OrganizationId

__all__ = ["AppInserted", "AppPort", "AppRecord", "AppState", "AppUpdated"]


class AppState(StrEnum):
    """Suspension can be lifted; revocation is final. Both reach every credential of the app."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


@final
class AppRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An app. `version` grows by one with every update."""

    id: AppId
    name: str
    organization_id: OrganizationId | None
    state: AppState
    created_at: int
    version: int = 1
    metadata: Mapping[str, str] = msgspec.field(default_factory=dict)


@final
class AppInserted(msgspec.Struct, frozen=True):
    """Write: a new app. Refused as `object_exists` when the id or the name is taken."""

    record: AppRecord


@final
class AppUpdated(msgspec.Struct, frozen=True):
    """Write: the whole new record; holds only while the stored version is `record.version - 1`."""

    record: AppRecord


class AppPort(Protocol):
    """Finds apps."""

    async def find_app(self, app_id: AppId) -> AppRecord | None:
        """The app, in any state."""
        ...

    async def find_app_by_name(self, name: str) -> AppRecord | None:
        """The app of exactly that name."""
        ...

    async def list_apps(
        self, *, organization_id: OrganizationId | None = None, after: str = "", limit: int = 100
    ) -> tuple[AppRecord, ...]:
        """Apps by id, at most `limit` (≤ 1,000); with an organization, only its own."""
        ...
