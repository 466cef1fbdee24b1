"""The keys apps sign requests with, as they are stored: a public key as it is, an HMAC secret sealed."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol, final

import msgspec

from doorward.crypto.signatures import SignatureAlgorithm
from doorward.values import AppId, CredentialId, OrganizationId, RateLimit, Scopes

__all__ = [
    "SignatureKeyInserted",
    "SignatureKeyPort",
    "SignatureKeyRecord",
    "SignatureKeyState",
    "SignatureKeyUpdated",
]


class SignatureKeyState(StrEnum):
    """Disabling can be undone; revocation is final, and erases the secret."""

    ACTIVE = "active"
    DISABLED = "disabled"
    REVOKED = "revoked"


@final
class SignatureKeyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A key of an app, with what is needed of the app to verify with it (`app_…`, joined by the store, never written).

    One of `public_jwk` (public members only) and `sealed_secret` is there; neither when a secret's key is revoked.
    Times are epoch seconds; `expires_at` is exclusive, None means never. `version` grows by one with every update.
    """

    id: CredentialId
    """The `keyid` of its signatures."""
    app_id: AppId
    organization_id: OrganizationId | None
    name: str
    algorithm: SignatureAlgorithm
    public_jwk: Mapping[str, str] | None
    sealed_secret: bytes | None
    scopes: Scopes
    networks: tuple[str, ...]
    """CIDR networks the key may be used from; empty means any."""
    rate: RateLimit | None
    state: SignatureKeyState
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
        return f"SignatureKeyRecord(id={self.id!r}, app_id={self.app_id!r}, state={self.state.value!r})"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        # msgspec gives every struct one that shows all fields; rich prefers it to `__repr__`, in tracebacks too.
        return [("id", self.id), ("app_id", self.app_id)]


@final
class SignatureKeyInserted(msgspec.Struct, frozen=True):
    """Write: a new key. Refused as `object_exists` when the id is taken, `object_unknown` when the app is not there."""

    record: SignatureKeyRecord


@final
class SignatureKeyUpdated(msgspec.Struct, frozen=True):
    """Write: the whole new record; holds only while the stored version is `record.version - 1`."""

    record: SignatureKeyRecord


class SignatureKeyPort(Protocol):
    """Finds keys."""

    async def find_signature_key(self, key_id: CredentialId) -> SignatureKeyRecord | None:
        """The key in any state, joined with its app and its use."""
        ...

    async def list_signature_keys(
        self,
        *,
        app_id: AppId | None = None,
        organization_id: OrganizationId | None = None,
        after: str = "",
        limit: int = 100,
    ) -> tuple[SignatureKeyRecord, ...]:
        """Keys by id, at most `limit` (≤ 1,000), of one app or of one organization's apps."""
        ...
