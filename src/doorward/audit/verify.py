"""Verifying the chain of changes: finds an event that was removed, altered, reordered, re-linked or cut off.

What it rests on: the chain key is not in the database. What it cannot show by itself: an end that was cut off before
any head was exported, and anything done by someone who holds the master key.
"""

from collections.abc import Mapping
from typing import Final

from doorward.audit.chain import ChainKey, ChainName, encode_event
from doorward.audit.findings import ChainCheck, ChainReport, FindingKind
from doorward.audit.heads import Head, seal_head
from doorward.audit.port import AuditFilter, AuditPort

__all__ = ["export_change_head", "verify_changes"]

PAGE_EVENTS: Final = 1_000


async def verify_changes(port: AuditPort, keys: Mapping[str, ChainKey], heads: tuple[Head, ...] = ()) -> ChainReport:
    """Examine every stored event from the first to the newest.

    Args:
        port: reads the chain.
        keys: `derive_chain_keys(master_keys, ChainName.CHANGES)`.
        heads: exported heads; those of other chains are passed over.

    Raises:
        Unavailable: `store_unavailable`.
    """
    check = ChainCheck(ChainName.CHANGES, keys, heads)
    # Read first: events that are committed meanwhile are beyond it, events it names must be there.
    head_sequence, head_link = await port.read_head()
    after = 0
    while True:
        events = await port.list_events(AuditFilter(), after_sequence=after, limit=PAGE_EVENTS)
        for stored in events:
            record = encode_event(stored.event)
            check.check(stored.sequence, stored.link, stored.key_id, record, stored.previous_link)
            if stored.sequence == head_sequence and stored.link != head_link:
                text = f"the store's own head does not fit record {stored.sequence}"
                check.note(FindingKind.RELINKED, stored.sequence, text)
        if not events or events[-1].sequence <= after:
            break
        after = events[-1].sequence
    if check.sequence < head_sequence:
        text = f"the chain ends at record {check.sequence}; the store's own head names record {head_sequence}"
        check.note(FindingKind.CUT_OFF, check.sequence + 1, text)
    return check.finish()


async def export_change_head(port: AuditPort, key: ChainKey, *, now: int) -> Head:
    """The head of the chain of changes as it is now, to be kept elsewhere.

    Raises:
        Unavailable: `store_unavailable`.
    """
    sequence, link = await port.read_head()
    return seal_head(key, chain=ChainName.CHANGES, sequence=sequence, link=link, at=now)
