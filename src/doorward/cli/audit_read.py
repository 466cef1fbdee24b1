"""Going through the chain of changes, and through the logs of verifications."""

import heapq
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from doorward.audit.log_files import read_verifications
from doorward.audit.log_lines import VerificationRecord
from doorward.audit.port import AuditFilter, AuditPort, StoredEvent
from doorward.cli.find import require_limit

__all__ = ["newest_events", "newest_verifications", "pages_of_events"]

_PAGE: Final = 1_000


async def pages_of_events(
    port: AuditPort, wanted: AuditFilter, *, after: int = 0
) -> AsyncIterator[tuple[StoredEvent, ...]]:
    """All events asked for, in order, page by page: a log of any length passes through little memory."""
    while True:
        events = await port.list_events(wanted, after_sequence=after, limit=_PAGE)
        if not events:
            return
        yield events
        after = events[-1].sequence


async def newest_events(port: AuditPort, wanted: AuditFilter, *, limit: int) -> list[StoredEvent]:
    """The last `limit` events asked for, in order."""
    require_limit(limit)
    newest: deque[StoredEvent] = deque(maxlen=limit)
    head, _ = await port.read_head()
    # Without a filter the sequence says where the last ones begin; with one, only reading does.
    after = max(0, head - limit) if wanted == AuditFilter() else 0
    async for events in pages_of_events(port, wanted, after=after):
        newest.extend(events)
    return list(newest)


def newest_verifications(folder: Path, wanted: AuditFilter, *, limit: int) -> list[VerificationRecord]:
    """The last `limit` decisions asked for, in order of time: several processes write logs of their own."""
    require_limit(limit)
    numbered = enumerate(read_verifications(folder, wanted))
    newest = heapq.nlargest(limit, numbered, key=lambda entry: (entry[1].at, entry[0]))
    return [record for _, record in reversed(newest)]
