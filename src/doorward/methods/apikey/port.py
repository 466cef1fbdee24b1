"""API keys as they are stored. The secret is not among the columns: only its SHA-256 is."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol, final

import msgspec

from doorward.values import AppId, CredentialId, Environment, OrganizationId, RateLimit, Scopes

__all__ = ["KeyInserted", "KeyPort", "KeyRecord", "KeyState", "KeyUpdated"]


class KeyState(StrEnum):
    """Disabling can be undone; revocation is final."""

    ACTIVE = "active"
    DISABLED = "disabled"
    REVOKED = "revoked"


@final
class KeyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An API key, with what is needed of its app to verify it (`app_…`, joined by the store, never written).

    `secret_digest` is the SHA-256 of the whole key text. Times are epoch seconds; `expires_at` is exclusive, None
    means never. `version` grows by one with every update.
    """

    id: CredentialId
    app_id: AppId
    organization_id: OrganizationId | None
    name: str
    prefix: str
    environment: Environment
    secret_digest: bytes
    scopes: Scopes
    networks: tuple[str, ...]
    """CIDR networks the key may be used from; empty means any."""
    rate: RateLimit | None
    state: KeyState
    created_at: int
    expires_at: int | None
    rotated_from: CredentialId | None = None
    rotated_to: CredentialId | None = None
    version: int = 1
    metadata: Mapping[str, str] = msgspec.field(default_factory=dict)
    app_name: str = ""
    app_state: str = "active"
    last_used_at: int | None = None
    last_source: str | None = None
    use_count: int = 0

    def __repr__(self) -> str:
        return f"KeyRecord(id={self.id!r}, app_id={self.app_id!r}, state={self.state.value!r})"


@final
class KeyInserted(msgspec.Struct, frozen=True):
    """Write: a new key. Refused as `object_exists` when the id is taken, `object_unknown` when the app is not there."""

    record: KeyRecord


@final
class KeyUpdated(msgspec.Struct, frozen=True):
    """Write: the whole new record; holds only while the stored version is `record.version - 1`."""

    record: KeyRecord


class KeyPort(Protocol):
    """Finds keys."""

    async def find_key(self, key_id: CredentialId) -> KeyRecord | None:
        """The key in any state, joined with its app and its use."""
        ...

    async def list_keys(
        self,
        *,
        app_id: AppId | None = None,
        organization_id: OrganizationId | None = None,
        after: str = "",
        limit: int = 100,
    ) -> tuple[KeyRecord, ...]:
        """Keys by id, at most `limit` (≤ 1,000), of one app or of one organization's apps."""
        ...
