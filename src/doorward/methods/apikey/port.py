"""API keys as they are stored. The secret is not among the columns: only its SHA-256 is."""

from typing import Protocol, TypeAlias, final

import msgspec

from doorward.methods.owned_credential import CredentialState
from doorward.methods.rotation import RotatableCredential
from doorward.values import AppId, CredentialId, Environment, OrganizationId

__all__ = ["KeyInserted", "KeyPort", "KeyRecord", "KeyState", "KeyUpdated"]


KeyState: TypeAlias = CredentialState
"""The states of a key."""


@final
class KeyRecord(RotatableCredential, frozen=True, kw_only=True):
    """An API key. `secret_digest` is the SHA-256 of the whole key text."""

    prefix: str
    environment: Environment
    secret_digest: bytes


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
