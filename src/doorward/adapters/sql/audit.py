"""The chain of changes in SQL: what is linked is what is stored, byte for byte.

The other columns are an index for filters, no more. When they no longer say what the record says, somebody has been at
the table: the event is then given as `unreadable`, whose link cannot fit, so that `doorward audit verify` names it.
"""

from functools import cache
from typing import Final, final

import msgspec
from sqlalchemy import ColumnElement, bindparam, insert, or_, select

from doorward.adapters.sql import schema
from doorward.adapters.sql.script import Engine, Row, Script, Step
from doorward.adapters.sql.statements import Statement, Value, limited, require_page
from doorward.audit.chain import ChainKey, encode_event, link_record
from doorward.audit.port import AuditFilter, StoredEvent
from doorward.errors import Rejected
from doorward.values import Actor, Event

__all__ = ["EVENT_OCTETS_MAX", "SqlAudit", "append_event"]

EVENT_OCTETS_MAX: Final = 16_384
"""How long one event may be in its canonical bytes."""

_events: Final = schema.events.c
_heads: Final = schema.heads.c
_DECODER: Final = msgspec.json.Decoder(Event)
_UNREADABLE: Final = Event(
    at=0, action="unreadable", actor=Actor(kind="system", id="unreadable"), object_kind="event", object_id=""
)


# Filters that were asked for, and no others, are in the statement: `:x IS NULL OR column = :x` uses no index.
_FILTERS: Final[dict[str, ColumnElement[bool]]] = {
    "app_id": _events.app_id == bindparam("app_id"),
    "organization_id": _events.organization_id == bindparam("organization_id"),
    # Done with the credential, or done to it.
    "credential_id": or_(
        _events.credential_id == bindparam("credential_id"), _events.object_id == bindparam("credential_id")
    ),
    "code": _events.code == bindparam("code"),
    "action": _events.action == bindparam("action"),
    "since": _events.at >= bindparam("since"),
    "until": _events.at < bindparam("until"),
}
_SELECT: Final = (
    select(
        _events.sequence,
        _events.record,
        _events.previous_link,
        _events.link,
        _events.key_id,
        _events.at,
        _events.action,
        _events.app_id,
        _events.organization_id,
        _events.credential_id,
        _events.code,
        _events.object_kind,
        _events.object_id,
    )
    .where(_events.sequence > bindparam("after_sequence"))
    .order_by(_events.sequence)
    .limit(limited("limit"))
)
_HEAD: Final = Statement(select(_heads.audit_sequence, _heads.audit_link))
_APPEND: Final = Statement(insert(schema.events).values({column.name: bindparam(column.name) for column in _events}))


@cache
def _filtered(names: tuple[str, ...]) -> Statement:
    return Statement(_SELECT.where(*(_FILTERS[name] for name in names)))


@final
class SqlAudit:
    """`AuditPort`."""

    def __init__(self, engine: Engine) -> None:
        self._engine: Final = engine

    async def list_events(
        self, wanted: AuditFilter, *, after_sequence: int = 0, limit: int = 100
    ) -> tuple[StoredEvent, ...]:
        """See the port."""
        require_page(limit)
        asked = {name: value for name in _FILTERS if (value := getattr(wanted, name)) is not None}
        page = {"after_sequence": after_sequence, "limit": limit}
        rows = await self._engine.read(_filtered(tuple(asked)), asked | page)
        return tuple(map(_stored, rows))

    async def read_head(self) -> tuple[int, bytes]:
        """See the port."""
        ((sequence, link),) = await self._engine.read(_HEAD, {})
        return sequence, link


def append_event(key: ChainKey, previous_link: bytes, sequence: int, event: Event) -> Script[bytes]:
    """One event, linked to the head it was given; answers the new head.

    Raises:
        Rejected: `input_invalid` for an event over `EVENT_OCTETS_MAX`, or one that is not Unicode text.
    """
    try:
        record = encode_event(event)
    except UnicodeEncodeError:
        raise Rejected("input_invalid", "an event that is not Unicode text") from None
    if len(record) > EVENT_OCTETS_MAX:
        raise Rejected("input_invalid", f"an event longer than {EVENT_OCTETS_MAX} octets")
    link = link_record(key, previous_link, sequence, record)
    chained: dict[str, Value] = {
        "sequence": sequence,
        "record": record,
        "previous_link": previous_link,
        "link": link,
        "key_id": key.key_id,
    }
    yield Step(_APPEND, _indexed(event) | chained)
    return link


def _indexed(event: Event) -> dict[str, Value]:
    return {
        "at": event.at,
        "action": event.action,
        "app_id": event.app_id,
        "organization_id": event.organization_id,
        "credential_id": event.actor.credential_id,
        "code": event.code,
        "object_kind": event.object_kind,
        "object_id": event.object_id,
    }


def _stored(row: Row) -> StoredEvent:
    sequence, record, previous_link, link, key_id, *indexed = row
    return StoredEvent(
        sequence=sequence, event=_read(record, indexed), previous_link=previous_link, link=link, key_id=key_id
    )


def _read(record: bytes, indexed: list[Value]) -> Event:
    try:
        event = _DECODER.decode(record)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _UNREADABLE
    untouched = encode_event(event) == record and list(_indexed(event).values()) == indexed
    return event if untouched else _UNREADABLE
