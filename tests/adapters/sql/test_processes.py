"""Several processes on one database; and what is left when one of them is killed."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from time import time

import asyncpg
import pytest
from tests.simulators.records import app_of, event_of, revocation_of

from doorward.adapters.sql.maintenance import SchemaState, backup, restore, schema_state, upgrade
from doorward.adapters.sql.open import SqlPorts, open_sql
from doorward.apps.port import AppInserted
from doorward.audit.chain import GENESIS, ChainKey, link_event
from doorward.audit.port import AuditFilter, StoredEvent
from doorward.values import Change

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.slow


async def start_program(what: str, url: str, *arguments: str) -> Process:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))}
    command = (sys.executable, "-m", "tests.adapters.sql.programs", what, url, *arguments)
    return await asyncio.create_subprocess_exec(*command, stdout=PIPE, cwd=ROOT, env=environment)


async def read_lines(process: Process, count: int | None = None) -> list[str]:
    """`count` lines, or all there are."""
    assert process.stdout is not None
    lines: list[str] = []
    while count is None or len(lines) < count:
        line = await process.stdout.readline()
        if not line:
            break
        lines.append(line.decode().strip())
    return lines


async def all_key_ids(ports: SqlPorts) -> list[str]:
    found: list[str] = []
    while page := await ports.keys.list_keys(after=found[-1] if found else "", limit=1_000):
        found += [key.id for key in page]
    return found


async def all_events(ports: SqlPorts) -> list[StoredEvent]:
    found: list[StoredEvent] = []
    while page := await ports.audit.list_events(AuditFilter(), after_sequence=len(found), limit=1_000):
        found += page
    return found


async def assert_whole(ports: SqlPorts, key: ChainKey) -> list[str]:
    """Keys, feed and record tell the same story; answers the ids of the keys."""
    key_ids = await all_key_ids(ports)
    page = await ports.feed.read_feed(0)
    events = await all_events(ports)
    assert [row.position for row in page.rows] == list(range(1, len(page.rows) + 1))
    assert page.watermark == len(page.rows)
    assert sorted(row.handle.id for row in page.rows) == key_ids
    assert [stored.event.object_id for stored in events] == [row.handle.id for row in page.rows]
    link = GENESIS
    for number, stored in enumerate(events, start=1):
        assert (stored.sequence, stored.previous_link) == (number, link)
        assert stored.link == link_event(key, link, number, stored.event)
        link = stored.link
    assert await ports.audit.read_head() == (len(events), link)
    return key_ids


async def until_nobody_else_is_connected(url: str) -> None:
    """A killed client's last transaction may still be running in its PostgreSQL backend."""
    if url.startswith("sqlite"):
        return
    connection = await asyncpg.connect(url)
    others = """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                AND backend_type = 'client backend' AND state <> 'idle' AND pid <> pg_backend_pid()"""
    async with asyncio.timeout(20):
        while await connection.fetchval(others):  # noqa: ASYNC110  # the event is in another process
            await asyncio.sleep(0.01)
    await connection.close()


@pytest.mark.parametrize("killed_after", [1, 250, 700])
async def test_a_killed_process_leaves_every_answer_and_no_half_rows(
    ports: SqlPorts, sql_url: str, chain_key: ChainKey, killed_after: int
) -> None:
    await ports.changes.commit(Change(writes=(AppInserted(app_of()),)))
    child = await start_program("create-keys", sql_url, "c", "1000")
    answered = await read_lines(child, killed_after)
    child.kill()
    answered += await read_lines(child)
    assert await child.wait() == -9
    assert killed_after <= len(answered) < 1_000
    await until_nobody_else_is_connected(sql_url)
    stored = await assert_whole(ports, chain_key)
    assert set(answered) <= set(stored)
    # And the survivors go on where it stopped.
    await ports.changes.commit(Change(revocations=(revocation_of("next"),), events=(event_of("next"),)))
    assert (await ports.feed.read_feed(0)).watermark == len(stored) + 1


async def test_three_processes_make_one_feed_and_one_chain(ports: SqlPorts, sql_url: str, chain_key: ChainKey) -> None:
    await ports.changes.commit(Change(writes=(AppInserted(app_of()),)))
    children = [await start_program("create-keys", sql_url, prefix, "100") for prefix in "abc"]
    # Read while they write: what is seen is always a whole beginning.
    seen = 0
    while seen < 300 and any(child.returncode is None for child in children):
        page = await ports.feed.read_feed(seen)
        assert [row.position for row in page.rows] == list(range(seen + 1, page.watermark + 1))
        seen = page.watermark
        await asyncio.sleep(0)
    answered = [line for child in children for line in await read_lines(child)]
    assert [await child.wait() for child in children] == [0, 0, 0]
    assert await assert_whole(ports, chain_key) == sorted(answered)
    assert len(answered) == 300


async def test_three_processes_share_one_limit(sql_url: str) -> None:
    children = [await start_program("take-leases", sql_url, "1000", "100") for _ in range(3)]
    granted = [int(line) for child in children for line in await read_lines(child)]
    assert [await child.wait() for child in children] == [0, 0, 0]
    assert len(granted) == 300
    assert sum(granted) == 1_000


async def test_a_backup_taken_while_others_write_is_whole(
    ports: SqlPorts, sql_url: str, chain_key: ChainKey, tmp_path: Path
) -> None:
    await ports.changes.commit(Change(writes=(AppInserted(app_of()),)))
    child = await start_program("create-keys", sql_url, "c", "400")
    before = await read_lines(child, 50)
    await asyncio.to_thread(backup, sql_url, tmp_path / "backup")
    after = await read_lines(child)
    assert await child.wait() == 0
    await asyncio.to_thread(restore, sql_url, tmp_path / "backup", danger_overwrite=True)
    restored = open_sql(sql_url, chain_key=chain_key, clock=time)
    await restored.start()
    stored = await assert_whole(restored, chain_key)
    await restored.aclose()
    assert set(before) <= set(stored) <= {*before, *after}


async def test_two_who_upgrade_at_once_upgrade_once(empty_sql_url: str) -> None:
    await asyncio.gather(*(asyncio.to_thread(upgrade, empty_sql_url) for _ in range(4)))
    assert await asyncio.to_thread(schema_state, empty_sql_url) is SchemaState.CURRENT
