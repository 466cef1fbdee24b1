"""A chain of changes in memory, linked as the store links it; tests rewrite it as an attacker would."""

from doorward.audit.chain import GENESIS, ChainKey, link_event
from doorward.audit.port import AuditFilter, StoredEvent
from doorward.values import Actor, Event

__all__ = ["AuditSimulator", "an_event"]


def an_event(number: int, **fields: object) -> Event:
    event = {
        "at": 1_700_000_000 + number,
        "action": "key.created",
        "actor": Actor(kind="operator", id="ada"),
        "object_kind": "key",
        "object_id": f"k{number}",
    }
    return Event(**(event | fields))  # type: ignore[arg-type]  # a test's own fields


class AuditSimulator:
    """`stored` is the table, `head` the store's own note of its end."""

    def __init__(self) -> None:
        self.stored: list[StoredEvent] = []
        self.head: tuple[int, bytes] = (0, GENESIS)

    def append(self, key: ChainKey, event: Event) -> None:
        sequence, previous = self.head[0] + 1, self.head[1]
        link = link_event(key, previous, sequence, event)
        self.stored.append(
            StoredEvent(sequence=sequence, event=event, previous_link=previous, link=link, key_id=key.key_id)
        )
        self.head = (sequence, link)

    async def list_events(
        self, wanted: AuditFilter, *, after_sequence: int = 0, limit: int = 100
    ) -> tuple[StoredEvent, ...]:
        assert wanted == AuditFilter(), "this simulator does not filter"
        return tuple(stored for stored in self.stored if stored.sequence > after_sequence)[:limit]

    async def read_head(self) -> tuple[int, bytes]:
        return self.head
