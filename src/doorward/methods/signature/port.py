"""The keys apps sign requests with, as they are stored: a public key as it is, an HMAC secret sealed."""

from collections.abc import Mapping
from typing import Protocol, TypeAlias, final

import msgspec

from doorward.crypto.signatures import SignatureAlgorithm
from doorward.methods.owned_credential import CredentialState
from doorward.methods.rotation import RotatableCredential
from doorward.values import AppId, CredentialId, OrganizationId

__all__ = [
    "AppSecretsErased",
    "SignatureKeyInserted",
    "SignatureKeyPort",
    "SignatureKeyRecord",
    "SignatureKeyState",
    "SignatureKeyUpdated",
]

SignatureKeyState: TypeAlias = CredentialState
"""The states of a key. Revocation is final, and erases the secret."""


@final
class SignatureKeyRecord(RotatableCredential, frozen=True, kw_only=True):
    """A key of an app. Its `id` is the `keyid` of its signatures.

    One of `public_jwk` (public members only) and `sealed_secret` is there; neither when a secret's key is revoked.
    """

    algorithm: SignatureAlgorithm
    public_jwk: Mapping[str, str] | None
    sealed_secret: bytes | None


@final
class SignatureKeyInserted(msgspec.Struct, frozen=True):
    """Write: a new key. Refused as `object_exists` when the id is taken, `object_unknown` when the app is not there."""

    record: SignatureKeyRecord


@final
class SignatureKeyUpdated(msgspec.Struct, frozen=True):
    """Write: the whole new record; holds only while the stored version is `record.version - 1`."""

    record: SignatureKeyRecord


@final
class AppSecretsErased(msgspec.Struct, frozen=True):
    """Write: every key of the app that has a secret is revoked, and the secret erased. Public keys stay as they are."""

    app_id: AppId


class SignatureKeyPort(Protocol):
    """Finds keys."""

    async def find_signature_key(self, key_id: CredentialId) -> SignatureKeyRecord | None:
        """The key in any state, joined with its app and its use."""
        ...

    async def find_holder_of_public_key(
        self, public_jwk: Mapping[str, str], *, organization_id: OrganizationId | None, now: int
    ) -> SignatureKeyRecord | None:
        """A key of that organization's apps (None: of the apps that have none) that stands for this public key: one
        that is revoked, or that has not expired by `now`. Under any algorithm: `alg` is not compared.
        """
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
