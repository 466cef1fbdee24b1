"""Opaque tokens as they are stored. The secret is not among the columns: only its SHA-256 is."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol, final

import msgspec

from doorward.values import CredentialId, OrganizationId, Scopes, Watermark

__all__ = ["OpaqueInserted", "OpaquePort", "OpaqueRecord", "OpaqueState"]


class OpaqueState(StrEnum):
    """Revocation is final. Rows are marked revoked by what they rest on: see `revocation/writes.py`."""

    ACTIVE = "active"
    REVOKED = "revoked"


@final
class OpaqueRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a token stands for. `secret_digest` is the SHA-256 of its whole text.

    Times are epoch seconds; `expires_at` is exclusive. `watermark` is the one its sign-in inherited. `claims` are those
    that have no column: how the subject signed in, and the caller's own.
    """

    id: CredentialId
    secret_digest: bytes
    issuer: str
    subject: str
    client_id: str
    audience: tuple[str, ...]
    scopes: Scopes
    claims: Mapping[str, object]
    grant_id: str | None
    session_id: str | None
    organization_id: OrganizationId | None
    issued_at: int
    expires_at: int
    watermark: Watermark
    state: OpaqueState = OpaqueState.ACTIVE
    version: int = 1

    def __repr__(self) -> str:
        return f"OpaqueRecord(id={self.id!r}, client_id={self.client_id!r}, state={self.state.value!r})"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("id", self.id), ("client_id", self.client_id), ("state", self.state.value)]


@final
class OpaqueInserted(msgspec.Struct, frozen=True):
    """Write: a new token. Refused as `object_exists` when the id is taken.

    The same statement takes away a few rows that have expired for a while, more than it adds: so the table holds what
    is alive and little else, whoever runs it.
    """

    record: OpaqueRecord


class OpaquePort(Protocol):
    """Finds opaque tokens."""

    async def find_opaque_token(self, token_id: CredentialId) -> OpaqueRecord | None:
        """The token in any state, as long as it is kept.

        Raises:
            Unavailable: `store_unavailable`.
        """
        ...
