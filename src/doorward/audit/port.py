"""Where events go and how they are read back."""

from typing import Protocol, final

import msgspec

from doorward.values import AppId, CredentialId, Event, MethodName, OrganizationId

__all__ = ["AuditFilter", "AuditPort", "StoredEvent", "VerificationLog"]


@final
class StoredEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the change chain as it was stored: its number, the head before it, and its own link."""

    sequence: int
    event: Event
    previous_link: bytes
    link: bytes
    key_id: str
    """Which master key the chain key was derived from."""


@final
class AuditFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which events are asked for; None means any. Times are epoch seconds, `until` exclusive."""

    app_id: str | None = None
    organization_id: str | None = None
    credential_id: str | None = None
    code: str | None = None
    action: str | None = None
    since: int | None = None
    until: int | None = None


class AuditPort(Protocol):
    """Reads the chain of changes. (It is written by `ChangePort.commit`.)"""

    async def list_events(
        self, wanted: AuditFilter, *, after_sequence: int = 0, limit: int = 100
    ) -> tuple[StoredEvent, ...]:
        """Events in order, at most `limit` (≤ 1,000)."""
        ...

    async def read_head(self) -> tuple[int, bytes]:
        """The sequence number and the link of the newest event; (0, 32 zero bytes) when there is none."""
        ...


class VerificationLog(Protocol):
    """Takes what the pipeline decided. Never waits, never raises, never sees a secret."""

    def record(
        self,
        at: int,
        method: MethodName | None,
        credential_id: CredentialId | None,
        app_id: AppId | str | None,
        organization_id: OrganizationId | None,
        source: str | None,
        code: str | None,
        request_line: str,
    ) -> None:
        """One decision; `code` None means admitted, otherwise the inner refusal code.

        `request_line` is method and path without the query (which may hold anything), cut to 200 characters.
        Positional on purpose: this is called once per request.
        """
        ...
