"""App passwords as they are stored. The secret is not among the columns: only its SHA-256 is."""

from enum import StrEnum
from typing import Protocol, final

import msgspec

from doorward.values import AppId, CredentialId, OrganizationId, Scopes

__all__ = ["PasswordInserted", "PasswordPort", "PasswordRecord", "PasswordState", "PasswordUpdated"]


class PasswordState(StrEnum):
    """Revocation is final."""

    ACTIVE = "active"
    DISABLED = "disabled"
    REVOKED = "revoked"


@final
class PasswordRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An app password, with what is needed of its app to verify it (`app_…`, joined by the store, never written).

    `secret_digest` is the SHA-256 of the whole password text. `expires_at` is exclusive and always set: a password
    that cannot expire is the failing this method is rid of.
    """

    id: CredentialId
    app_id: AppId
    organization_id: OrganizationId | None
    name: str
    secret_digest: bytes
    scopes: Scopes
    state: PasswordState
    created_at: int
    expires_at: int
    version: int = 1
    app_name: str = ""
    app_state: str = "active"
    last_used_at: int | None = None
    last_source: str | None = None
    use_count: int = 0

    def __repr__(self) -> str:
        return f"PasswordRecord(id={self.id!r}, app_id={self.app_id!r}, state={self.state.value!r})"


@final
class PasswordInserted(msgspec.Struct, frozen=True):
    """Write: a new app password. Refused as `object_exists` when the id is taken, `object_unknown` without its app."""

    record: PasswordRecord


@final
class PasswordUpdated(msgspec.Struct, frozen=True):
    """Write: the whole new record; holds only while the stored version is `record.version - 1`."""

    record: PasswordRecord


class PasswordPort(Protocol):
    """Finds app passwords."""

    async def find_password(self, password_id: CredentialId) -> PasswordRecord | None:
        """The password in any state, joined with its app and its use."""
        ...

    async def list_passwords(
        self,
        *,
        app_id: AppId | None = None,
        organization_id: OrganizationId | None = None,
        after: str = "",
        limit: int = 100,
    ) -> tuple[PasswordRecord, ...]:
        """Passwords by id, at most `limit` (≤ 1,000), of one app or of one organization's apps."""
        ...
