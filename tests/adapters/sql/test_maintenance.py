"""Upgrade, look, back up, restore; and what a server says to a schema it does not know."""

import asyncio
import sqlite3
import zipfile
from pathlib import Path

import asyncpg
import pytest
from msgspec.structs import replace
from tests.simulators.clock import ManualClock
from tests.simulators.records import creation, key_of

from doorward.adapters.sql.maintenance import SchemaState, backup, begin_generation, restore, schema_state, upgrade
from doorward.adapters.sql.open import SqlPorts, open_sql
from doorward.audit.chain import ChainKey
from doorward.audit.port import AuditFilter, StoredEvent
from doorward.errors import Misconfigured
from doorward.methods.apikey.port import KeyRecord
from doorward.revocation.port import FeedPage, FeedRow
from doorward.revocation.view import View
from doorward.values import Change, FeedKind, Handle, Revocation

KEY = ChainKey(key_id="m1", key=bytes(range(32)))


def ports_at(url: str) -> SqlPorts:
    return open_sql(url, chain_key=KEY, clock=ManualClock())


def execute(url: str, sql: str) -> None:
    if url.startswith("sqlite"):
        with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
            connection.execute(sql)
        connection.close()
        return

    async def execute_there() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(sql)
        await connection.close()

    asyncio.run(execute_there())


def create_keys(url: str, *key_ids: str, with_app: bool = False) -> None:
    async def create() -> None:
        ports = ports_at(url)
        await ports.start()
        for number, key_id in enumerate(key_ids):
            await ports.changes.commit(creation(key_id, with_app=with_app and number == 0))
        await ports.meta.write_meta("probe", b"\0\xffsealed")
        await ports.aclose()

    asyncio.run(create())


def everything(url: str) -> tuple[tuple[KeyRecord, ...], FeedPage, tuple[StoredEvent, ...], bytes | None]:
    async def read() -> tuple[tuple[KeyRecord, ...], FeedPage, tuple[StoredEvent, ...], bytes | None]:
        ports = ports_at(url)
        await ports.start()
        try:
            return (
                await ports.keys.list_keys(limit=1_000),
                await ports.feed.read_feed(0),
                await ports.audit.list_events(AuditFilter(), limit=1_000),
                await ports.meta.read_meta("probe"),
            )
        finally:
            await ports.aclose()

    return asyncio.run(read())


def start(url: str) -> None:
    async def try_to_start() -> None:
        ports = ports_at(url)
        try:
            await ports.start()
        finally:
            await ports.aclose()

    asyncio.run(try_to_start())


def test_an_empty_database_is_missing_and_becomes_current(empty_sql_url: str) -> None:
    assert schema_state(empty_sql_url) is SchemaState.MISSING
    with pytest.raises(Misconfigured, match="doorward db upgrade"):
        start(empty_sql_url)
    upgrade(empty_sql_url)
    assert schema_state(empty_sql_url) is SchemaState.CURRENT
    start(empty_sql_url)


def test_an_upgrade_twice_changes_nothing(sql_url: str) -> None:
    create_keys(sql_url, "1", with_app=True)
    before = everything(sql_url)
    upgrade(sql_url)
    keys, page, events, probe = everything(sql_url)
    assert (keys, page.generation, page.rows, events, probe) == (
        before[0],
        before[1].generation,
        before[1].rows,
        *before[2:],
    )


def test_a_newer_schema_is_refused(sql_url: str) -> None:
    execute(sql_url, "UPDATE alembic_version SET version_num = '9999'")
    assert schema_state(sql_url) is SchemaState.NEWER
    with pytest.raises(Misconfigured, match="doorward db upgrade"):
        start(sql_url)
    with pytest.raises(Misconfigured, match="newer"):
        upgrade(sql_url)


def test_a_new_file_is_nobody_elses_business(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    upgrade(f"sqlite:///{path}")
    create_keys(f"sqlite:///{path}", "1", with_app=True)
    assert path.stat().st_mode & 0o777 == 0o600
    connection = sqlite3.connect(path)
    connection.execute("UPDATE meta SET value = value")
    assert {file.stat().st_mode & 0o777 for file in tmp_path.glob("new.db*")} == {0o600}
    connection.close()


def test_a_database_that_holds_no_unicode_is_refused(postgres_server: str) -> None:
    execute(postgres_server, "CREATE DATABASE ascii ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    url = postgres_server.replace("/postgres?", "/ascii?")
    upgrade(url)
    with pytest.raises(Misconfigured, match="UTF8"):
        start(url)
    execute(postgres_server, "DROP DATABASE ascii WITH (FORCE)")


def test_each_database_has_its_own_generation(tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path}/{name}.db" for name in ("one", "two")]
    for url in urls:
        upgrade(url)
    assert everything(urls[0])[1].generation != everything(urls[1])[1].generation


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("a shopping list\n" * 1_000)
    for attempt in (schema_state, upgrade, start):
        with pytest.raises(Misconfigured):
            attempt(f"sqlite:///{path}")
    assert path.read_text().startswith("a shopping list")


def test_a_backup_comes_back_under_another_generation(sql_url: str, tmp_path: Path) -> None:
    create_keys(sql_url, "000000000001", "000000000002", with_app=True)
    keys, page, events, probe = everything(sql_url)
    target = tmp_path / "backup"
    backup(sql_url, target)
    assert target.stat().st_mode & 0o777 == 0o600
    create_keys(sql_url, "000000000003")
    with pytest.raises(Misconfigured, match="not empty"):
        restore(sql_url, target)
    restore(sql_url, target, danger_overwrite=True)
    restored_keys, restored_page, restored_events, restored_probe = everything(sql_url)
    assert (restored_keys, restored_events, restored_probe) == (keys, events, probe)
    assert (restored_page.rows, restored_page.watermark) == (page.rows, page.watermark)
    assert restored_page.generation != page.generation


def test_a_backup_comes_back_into_an_empty_database(sql_url: str, empty_postgres_url: str, tmp_path: Path) -> None:
    create_keys(sql_url, "1", with_app=True)
    backup(sql_url, tmp_path / "backup")
    other = f"sqlite:///{tmp_path}/other.db" if sql_url.startswith("sqlite") else empty_postgres_url
    restore(other, tmp_path / "backup")
    assert schema_state(other) is SchemaState.CURRENT
    assert everything(other)[0] == everything(sql_url)[0]
    create_keys(other, "2")
    assert everything(other)[1].watermark == 2


def test_a_restore_twice_gives_two_generations(sql_url: str, tmp_path: Path) -> None:
    create_keys(sql_url, "1", with_app=True)
    backup(sql_url, tmp_path / "backup")
    generations = {everything(sql_url)[1].generation}
    for _ in range(2):
        restore(sql_url, tmp_path / "backup", danger_overwrite=True)
        generations.add(everything(sql_url)[1].generation)
    assert len(generations) == 3


def test_a_running_reader_sees_the_restored_generation(sqlite_url: str, tmp_path: Path) -> None:
    create_keys(sqlite_url, "1", with_app=True)
    backup(sqlite_url, tmp_path / "backup")

    async def watch() -> tuple[str, str]:
        ports = ports_at(sqlite_url)
        await ports.start()
        before = await ports.feed.read_feed(0)
        await asyncio.to_thread(restore, sqlite_url, tmp_path / "backup", danger_overwrite=True)
        after = await ports.feed.read_feed(0)
        await ports.changes.commit(creation("2"))
        await ports.aclose()
        return before.generation, after.generation

    before, after = asyncio.run(watch())
    assert before != after


def test_a_database_put_back_past_us_is_another_feed_once_it_is_said(sql_url: str) -> None:
    """A copy has the generation of the lost one, and soon its positions: a verifier passes over what stands there."""

    async def read_on() -> tuple[bool, bool]:
        ports, view = ports_at(sql_url), View()
        await ports.start()
        revoked = Handle(FeedKind.SESSION, "new")
        lost = FeedRow(position=1, handle=Handle(FeedKind.SESSION, "lost"), committed_at=1, leave_at=None)
        empty = await ports.feed.read_feed(0)
        view.apply(replace(empty, rows=(lost,), watermark=1, scanned_to=1), 0.0)
        await ports.changes.commit(Change(revocations=(Revocation(handle=revoked, leave_at=None),)))
        view.apply(await ports.feed.read_feed(view.read_after), 1.0)
        before = view.is_revoked((revoked,))
        await asyncio.to_thread(begin_generation, sql_url)
        while not view.apply(await ports.feed.read_feed(view.read_after), 2.0):
            pass
        await ports.aclose()
        return before, view.is_revoked((revoked,))

    assert asyncio.run(read_on()) == (False, True)


def test_nothing_is_overwritten_by_a_backup(sql_url: str, tmp_path: Path) -> None:
    target = tmp_path / "backup"
    target.write_text("precious")
    with pytest.raises(Misconfigured, match="exists"):
        backup(sql_url, target)
    assert target.read_text() == "precious"


def test_what_is_no_backup_changes_nothing(sql_url: str, tmp_path: Path) -> None:
    create_keys(sql_url, "1", with_app=True)
    text = tmp_path / "notes.txt"
    text.write_text("a shopping list\n" * 1_000)
    archive = tmp_path / "other.zip"
    with zipfile.ZipFile(archive, "w") as members:
        members.writestr("manifest.json", '{"format":2,"revision":"0001","tables":{}}')
    empty = tmp_path / "empty.db"
    sqlite3.connect(empty).close()
    for wrong in (text, archive, empty, tmp_path / "nowhere"):
        with pytest.raises(Misconfigured):
            restore(sql_url, wrong, danger_overwrite=True)
    assert [key.id for key in everything(sql_url)[0]] == [key_of("1").id]


def test_a_backup_cut_short_changes_nothing(postgres_url: str, tmp_path: Path) -> None:
    create_keys(postgres_url, "1", with_app=True)
    backup(postgres_url, tmp_path / "backup")
    with zipfile.ZipFile(tmp_path / "backup") as whole, zipfile.ZipFile(tmp_path / "cut", "w") as cut:
        for name in whole.namelist():
            if name != "api_keys.jsonl":
                cut.writestr(name, whole.read(name))
    with pytest.raises(Misconfigured):
        restore(postgres_url, tmp_path / "cut", danger_overwrite=True)
    assert len(everything(postgres_url)[0]) == 1


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///file::memory:?cache=shared",
        "sqlite:///x.db?mode=memory",
        "sqlite:x.db",
        "mysql://localhost/doorward",
        "",
    ],
)
def test_urls_that_name_no_file_and_no_server_are_refused(url: str) -> None:
    with pytest.raises(Misconfigured):
        open_sql(url, chain_key=None, clock=ManualClock())
    with pytest.raises(Misconfigured):
        upgrade(url)


def test_a_url_is_not_shown_when_it_cannot_be_read() -> None:
    url = "postgresql://doorward:obviously-fake@localhost:not-a-port/doorward"
    for attempt in (schema_state, start):
        with pytest.raises(Misconfigured) as refused:
            attempt(url)
        assert "obviously-fake" not in str(refused.value)


def test_a_database_that_is_not_there_is_the_operators(postgres_server: str) -> None:
    for attempt in (schema_state, start):
        with pytest.raises(Misconfigured):
            attempt(postgres_server.replace("/postgres?", "/nowhere?"))
