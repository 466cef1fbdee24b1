"""What a revocation changes besides the feed, and what it must know for it: declared here, executed by `adapters/sql`.

A record of the store is voided in the store, in the same transaction as the row of the feed: the row has it loaded
again, and it is found revoked.
"""

from typing import Final, Protocol, final

import msgspec

from doorward.values import CredentialId, FeedKind, OrganizationId

__all__ = [
    "OPAQUE_KINDS",
    "HeldCredentials",
    "HoldingsPort",
    "OpaqueHolding",
    "OpaqueTokensRevoked",
    "OrganizationCredentialsRevoked",
    "SectorInserted",
    "SectorPort",
    "SectorsExpected",
]

OPAQUE_KINDS: Final = frozenset(
    {
        FeedKind.TOKEN,
        FeedKind.GRANT,
        FeedKind.SESSION,
        FeedKind.SUBJECT,
        FeedKind.CLIENT,
        FeedKind.ORGANIZATION,
    }
)
"""By what opaque tokens can be revoked."""


@final
class OrganizationCredentialsRevoked(msgspec.Struct, frozen=True):
    """Write: every API key, app password, signature key and secret of a webhook sender of the organization that is not
    revoked (or retired) becomes so.

    Secrets are erased with it.
    """

    organization_id: OrganizationId


@final
class OpaqueTokensRevoked(msgspec.Struct, frozen=True):
    """Write: every opaque token that rests on this is revoked. `kind` is one of `OPAQUE_KINDS`."""

    kind: FeedKind
    id: str


@final
class SectorInserted(msgspec.Struct, frozen=True):
    """Write: a sector, unless it is there, and the key names are derived with, unless there is one.

    Executed while the head is locked, so that it is in order with every revocation. Refused as `input_invalid` when
    there are `SECTORS_MAX` others.
    """

    sector: str
    created_at: int
    sealed_key: bytes


@final
class SectorsExpected(msgspec.Struct, frozen=True):
    """Condition: there are so many sectors. Sectors are never removed, so their number says which they are.

    Looked at while the head is locked: without it, a sector registered between reading the list and committing the
    rows would get none, and tokens issued for it in that moment would outlive the revocation. Refused as
    `object_conflict`.
    """

    count: int


@final
class HeldCredentials(msgspec.Struct, frozen=True):
    """How many credentials of an organization are not revoked, and secrets of its webhook senders not retired."""

    keys: int
    passwords: int
    signature_keys: int = 0
    webhook_secrets: int = 0


@final
class OpaqueHolding(msgspec.Struct, frozen=True, kw_only=True):
    """What must be known of an opaque token to revoke it. `audience`: one or several, separated by spaces."""

    id: CredentialId
    client_id: str
    subject: str
    audience: str
    grant_id: str | None
    session_id: str | None
    organization_id: OrganizationId | None
    expires_at: int
    is_revoked: bool


class HoldingsPort(Protocol):
    """What the store holds that a revocation takes along."""

    async def count_credentials(self, organization_id: OrganizationId) -> HeldCredentials:
        """How many a revocation of the organization would revoke now.

        Raises:
            Unavailable: `store_unavailable`.
        """
        ...

    async def find_opaque(self, token_id: CredentialId) -> OpaqueHolding | None:
        """The opaque token of that id, in any state. Raises as `count_credentials`."""
        ...


class SectorPort(Protocol):
    """Keeps the sectors and the sealed key. Atomicity: the key is there before the first sector can be seen."""

    async def list_sectors(self) -> tuple[str, ...]:
        """All of them, in order.

        Raises:
            Unavailable: `store_unavailable`.
        """
        ...

    async def list_settled_sectors(self) -> tuple[str, ...]:
        """Those that were registered so long ago (`SECTOR_SETTLES_S`, by the store's clock) that no token for them can
        be alive that says a plain name. Raises as above.
        """
        ...

    async def read_sealed_key(self) -> bytes | None:
        """The key names are derived with, as it was sealed; None before the first registration. Raises as above."""
        ...
