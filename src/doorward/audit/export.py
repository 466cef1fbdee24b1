"""Stored events on their way out: JSON Lines for programs, rows of harmless text for tables and CSV.

JSON Lines keep every character, escaped to ASCII; rows are for people and for spreadsheets.
"""

import csv
import io
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final, final

import msgspec

from doorward.audit.log_lines import VerificationRecord
from doorward.audit.port import StoredEvent
from doorward.audit.text import escape_json, neutralise_cell, neutralise_text
from doorward.values import Event

__all__ = ["EVENT_COLUMNS", "event_row", "export_csv", "export_event", "export_verification"]

EVENT_COLUMNS: Final = (
    "sequence", "at", "actor", "credential", "source", "action", "object", "app", "outcome", "code", "reason"
)  # fmt: skip


@final
class _ExportedEvent(msgspec.Struct, frozen=True):
    sequence: int
    key_id: str
    previous_link: str
    link: str
    event: Event


_ENCODE: Final[Callable[[object], bytes]] = msgspec.json.Encoder(order="sorted").encode


def export_event(stored: StoredEvent) -> bytes:
    """One line of JSON, with its end, printable ASCII. With its links, so that it can be verified elsewhere."""
    line = _ExportedEvent(stored.sequence, stored.key_id, stored.previous_link.hex(), stored.link.hex(), stored.event)
    return escape_json(_ENCODE(line)) + b"\n"


def export_verification(record: VerificationRecord) -> bytes:
    """One line of JSON, with its end, printable ASCII."""
    return escape_json(_ENCODE(record)) + b"\n"


def event_row(stored: StoredEvent) -> tuple[str, ...]:
    """One event in `EVENT_COLUMNS`, for a table on a terminal."""
    return tuple(neutralise_text(cell) for cell in _cells(stored))


def export_csv(events: Iterable[StoredEvent], *, header: bool = True) -> str:
    """A table for spreadsheets (RFC 4180), its first page with the names of the columns; no cell is a formula."""
    written = io.StringIO()
    writer = csv.writer(written)
    if header:
        writer.writerow(EVENT_COLUMNS)
    for stored in events:
        writer.writerow([neutralise_cell(cell) for cell in _cells(stored)])
    return written.getvalue()


def _cells(stored: StoredEvent) -> tuple[str, ...]:
    event = stored.event
    return (
        str(stored.sequence),
        _time(event.at),
        f"{event.actor.kind} {event.actor.id}",
        event.actor.credential_id or "",
        event.actor.source or "",
        event.action,
        f"{event.object_kind} {event.object_id}",
        event.app_id or "",
        event.outcome,
        event.code or "",
        event.reason or "",
    )


def _time(at: int) -> str:
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        # Beyond the calendar: a table must show a forged event rather than fail at it.
        return str(at)
