"""Senders of webhooks and their secrets as they are stored. The text of a secret is sealed; a retired one is erased.

A change of a sender's secrets always moves the sender's version on in the same transaction, so two changes at the same
time meet there, and what is true of all secrets of a sender (how many may be active) stays true.
"""

from enum import StrEnum
from typing import Protocol, final

import msgspec

from doorward.values import CredentialId, OrganizationId

__all__ = [
    "SecretInserted",
    "SecretRecord",
    "SecretState",
    "SecretUpdated",
    "SenderInserted",
    "SenderPort",
    "SenderRecord",
    "SenderUpdated",
]


class SecretState(StrEnum):
    """Retirement is final, and erases the secret."""

    ACTIVE = "active"
    RETIRED = "retired"


@final
class SenderRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Whose webhooks are taken. `scheme` is a name of `schemes.SCHEMES`; times are epoch seconds."""

    name: str
    scheme: str
    organization_id: OrganizationId | None
    created_at: int
    version: int = 1


@final
class SecretRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One secret of a sender: active from `not_before` (None: always) up to `not_after`, itself excluded (None: for
    ever), while its state says so. `sealed_text` is the text as the scheme writes it, sealed; None when it is retired.
    """

    id: CredentialId
    sender: str
    sealed_text: bytes | None
    state: SecretState
    created_at: int
    not_before: int | None
    not_after: int | None
    version: int = 1
    last_used_at: int | None = None
    use_count: int = 0

    def is_active(self, now: int) -> bool:
        """Whether deliveries signed with it are taken at that second."""
        return (
            self.state is SecretState.ACTIVE
            and (self.not_before is None or self.not_before <= now)
            and (self.not_after is None or now < self.not_after)
        )

    def __repr__(self) -> str:
        return f"SecretRecord(id={self.id!r}, sender={self.sender!r}, state={self.state.value!r})"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        # msgspec gives every struct one that shows all fields; rich prefers it to `__repr__`, in tracebacks too.
        return [("id", self.id), ("sender", self.sender)]


@final
class SenderInserted(msgspec.Struct, frozen=True):
    """Write: a new sender. Refused as `object_exists` when the name is taken."""

    record: SenderRecord


@final
class SenderUpdated(msgspec.Struct, frozen=True):
    """Write: the whole new record; holds only while the stored version is `record.version - 1`."""

    record: SenderRecord


@final
class SecretInserted(msgspec.Struct, frozen=True):
    """Write: a new secret. Refused as `object_unknown` when the sender is not there."""

    record: SecretRecord


@final
class SecretUpdated(msgspec.Struct, frozen=True):
    """Write: the whole new record; holds only while the stored version is `record.version - 1`."""

    record: SecretRecord


class SenderPort(Protocol):
    """Finds senders and their secrets."""

    async def find_sender(self, name: str) -> SenderRecord | None:
        """The sender of that name."""
        ...

    async def list_senders(
        self, *, organization_id: OrganizationId | None = None, after: str = "", limit: int = 100
    ) -> tuple[SenderRecord, ...]:
        """Senders by name, at most `limit` (≤ 1,000), all or one organization's."""
        ...

    async def list_secrets(self, sender: str) -> tuple[SecretRecord, ...]:
        """The secrets of a sender, retired ones too, oldest first, joined with their use; one consistent read. When
        there are more than 1,000, the newest.
        """
        ...

    async def list_held_secrets(self, sender: str) -> tuple[SecretRecord, ...]:
        """As `list_secrets`, without the retired ones: all whose text is still there."""
        ...

    async def find_secret(self, secret_id: CredentialId) -> SecretRecord | None:
        """The secret in any state, joined with its use."""
        ...

    async def list_all_secrets(self, *, after: str = "", limit: int = 100) -> tuple[SecretRecord, ...]:
        """Secrets of all senders by id, at most `limit` (≤ 1,000), for sealing them again. Their use is not joined."""
        ...
