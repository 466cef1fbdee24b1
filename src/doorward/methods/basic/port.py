"""App passwords as they are stored. The secret is not among the columns: only its SHA-256 is."""

from typing import Protocol, TypeAlias, final

import msgspec

from doorward.methods.owned_credential import CredentialState, OwnedCredential
from doorward.values import AppId, CredentialId, OrganizationId

__all__ = ["PasswordInserted", "PasswordPort", "PasswordRecord", "PasswordState", "PasswordUpdated"]


PasswordState: TypeAlias = CredentialState
"""The states of an app password."""


@final
class PasswordRecord(OwnedCredential, frozen=True, kw_only=True):
    """An app password. `secret_digest` is the SHA-256 of the whole password text.

    `expires_at` is always set: a password that cannot expire is the failing this method is rid of.
    """

    expires_at: int
    secret_digest: bytes


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
