"""Senders of webhooks and their secrets in memory; keeps the promises of `SenderPort`.

Secrets are sealed with real master keys. Writes hold only on the version they expect.
"""

from typing import TypeVar, final

from msgspec.structs import replace

from doorward.errors import Rejected
from doorward.methods.webhook.port import (
    SecretInserted,
    SecretRecord,
    SecretState,
    SecretUpdated,
    SenderInserted,
    SenderRecord,
    SenderUpdated,
)
from doorward.values import CredentialId, OrganizationId, Write

__all__ = ["SimulatedSenders"]

_RecordT = TypeVar("_RecordT", SenderRecord, SecretRecord)


@final
class SimulatedSenders:
    """Implements `SenderPort`."""

    def __init__(self) -> None:
        self.rows: dict[str, SenderRecord] = {}
        self.secrets: dict[str, SecretRecord] = {}

    async def find_sender(self, name: str) -> SenderRecord | None:
        return self.rows.get(name)

    async def list_senders(
        self, *, organization_id: OrganizationId | None = None, after: str = "", limit: int = 100
    ) -> tuple[SenderRecord, ...]:
        wanted = [
            row
            for name, row in sorted(self.rows.items())
            if name > after and organization_id in {None, row.organization_id}
        ]
        return tuple(wanted[:limit])

    async def list_secrets(self, sender: str) -> tuple[SecretRecord, ...]:
        found = [secret for secret in self.secrets.values() if secret.sender == sender]
        return tuple(sorted(found, key=lambda secret: (secret.created_at, secret.id)))

    async def list_held_secrets(self, sender: str) -> tuple[SecretRecord, ...]:
        return tuple(secret for secret in await self.list_secrets(sender) if secret.state is SecretState.ACTIVE)

    async def find_secret(self, secret_id: CredentialId) -> SecretRecord | None:
        return self.secrets.get(secret_id)

    async def list_all_secrets(self, *, after: str = "", limit: int = 100) -> tuple[SecretRecord, ...]:
        return tuple(secret for secret_id, secret in sorted(self.secrets.items()) if secret_id > after)[:limit]

    def use(self, secret_id: CredentialId, at: int, count: int = 1) -> None:
        """What a door would have counted."""
        self.secrets[secret_id] = replace(self.secrets[secret_id], last_used_at=at, use_count=count)

    def kept(self) -> tuple[dict[str, SenderRecord], dict[str, SecretRecord]]:
        """For a change that does not hold."""
        return dict(self.rows), dict(self.secrets)

    def write(self, write: Write) -> None:
        match write:
            case SenderInserted(record=sender):
                _insert(self.rows, sender.name, sender)
            case SenderUpdated(record=sender):
                _update(self.rows, sender.name, sender)
            case SecretInserted(record=secret):
                _insert(self.secrets, secret.id, secret)
            case SecretUpdated(record=secret):
                _update(self.secrets, secret.id, secret)
            case _:
                raise AssertionError(f"no statement for {write!r}")


def _insert(rows: dict[str, _RecordT], key: str, record: _RecordT) -> None:
    if key in rows:
        raise Rejected("object_exists", "it is taken")
    rows[key] = record


def _update(rows: dict[str, _RecordT], key: str, record: _RecordT) -> None:
    stored = rows.get(key)
    if stored is None:
        raise Rejected("object_unknown", "no such row")
    if stored.version != record.version - 1:
        raise Rejected("object_conflict", "another version is stored")
    rows[key] = record
