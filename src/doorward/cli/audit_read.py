"""Going through the chain of changes."""

from collections import deque
from collections.abc import AsyncIterator
from typing import Final

from doorward.audit.port import AuditFilter, AuditPort, StoredEvent
from doorward.cli.find import LIMIT_MAX
from doorward.cli.problems import UsageProblem

__all__ = ["newest_events", "pages_of_events"]

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
    if not 1 <= limit <= LIMIT_MAX:
        raise UsageProblem(f"--limit goes from 1 to {LIMIT_MAX:,}.")
    newest: deque[StoredEvent] = deque(maxlen=limit)
    head, _ = await port.read_head()
    # Without a filter the sequence says where the last ones begin; with one, only reading does.
    after = max(0, head - limit) if wanted == AuditFilter() else 0
    async for events in pages_of_events(port, wanted, after=after):
        newest.extend(events)
    return list(newest)
