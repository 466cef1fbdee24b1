"""Somebody has been at the table: an event that no longer is what was linked is found by its link."""

import sqlite3
from collections.abc import AsyncIterator

import pytest
from tests.simulators.clock import ManualClock
from tests.simulators.records import event_of

from doorward.adapters.sql.open import SqlPorts, open_sql
from doorward.audit.chain import ChainKey, link_event
from doorward.audit.port import AuditFilter
from doorward.values import Change


@pytest.fixture
async def ports(sqlite_url: str, chain_key: ChainKey) -> AsyncIterator[SqlPorts]:
    ports = open_sql(sqlite_url, chain_key=chain_key, clock=ManualClock())
    await ports.start()
    await ports.changes.commit(Change(events=(event_of("1"), event_of("2"), event_of("3"))))
    yield ports
    await ports.aclose()


@pytest.mark.parametrize(
    "tampering",
    [
        "record = replace(record, 'root', 'toor')",
        "record = CAST('{}' AS BLOB)",
        "record = x'ff00'",
        "record = CAST(record || ' ' AS BLOB)",
        # The record is left alone, and the filter that would have found it misses.
        "app_id = 'app_other'",
        "action = 'key.read'",
        "credential_id = 'x'",
        "object_id = 'x'",
        "organization_id = 'x'",
        "code = 'x'",
        "at = at + 1",
        "previous_link = zeroblob(32)",
        "link = zeroblob(32)",
    ],
)
async def test_an_altered_event_does_not_fit_its_link(
    ports: SqlPorts, sqlite_url: str, chain_key: ChainKey, tampering: str
) -> None:
    intruder = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    column, _, expression = tampering.partition(" = ")
    if column == "record":
        expression = f"CAST({expression} AS BLOB)"
    intruder.execute(f"UPDATE events SET {column} = {expression} WHERE sequence = 2")  # noqa: S608  # the table above
    intruder.close()
    events = await ports.audit.list_events(AuditFilter())
    fits = [
        stored.link == link_event(chain_key, stored.previous_link, stored.sequence, stored.event)
        and (number == 0 or stored.previous_link == events[number - 1].link)
        for number, stored in enumerate(events)
    ]
    if tampering == "link = zeroblob(32)":
        assert fits == [True, False, False]
    else:
        assert fits == [True, False, True]
