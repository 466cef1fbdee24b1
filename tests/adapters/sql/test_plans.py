"""A point read walks an index, however many rows there are."""

import sqlite3

import asyncpg
import pytest

from doorward.adapters.sql import (
    apikey,
    appending,
    apps,
    audit,
    basic,
    claims,
    feed,
    holdings,
    leases,
    meta,
    opaque,
    signature_keys,
    standing,
)
from doorward.adapters.sql.statements import Statement

POINT_READS = {
    "key": apikey._ROWS.finding,
    "keys of an app": apikey._ROWS.listing(("app_id",)),
    "keys of an organization": apikey._ROWS.listing(("organization_id",)),
    "password": basic._ROWS.finding,
    "passwords of an app": basic._ROWS.listing(("app_id",)),
    "passwords of an organization": basic._ROWS.listing(("organization_id",)),
    "signature key": signature_keys._ROWS.finding,
    "signature keys of an app": signature_keys._ROWS.listing(("app_id",)),
    "signature keys of an organization": signature_keys._ROWS.listing(("organization_id",)),
    "app": apps._FIND,
    "app by name": apps._FIND_BY_NAME,
    "apps of an organization": apps._LIST_OF_ORGANIZATION,
    "opaque token to be proven": opaque._FIND,
    "what still stands": standing._reading(6, 8),
    "lease": leases._LOCK,
    "claim": claims._LOCK,
    "claim, completed": claims._COMPLETE,
    "claims of an owner": claims._COUNT,
    "claims that have ended": claims._SWEEP,
    "meta": meta._READ,
    "feed": feed._READ,
    "rows of an owner": appending._OF_OWNER,
    "rows of an owner, removed": appending._REMOVE_OF_OWNER,
    "a sector": appending._SECTOR,
    "keys of an organization, revoked": holdings._REVOKE_CREDENTIALS[0],
    "passwords of an organization, revoked": holdings._REVOKE_CREDENTIALS[1],
    "signature keys of an organization, revoked": holdings._REVOKE_CREDENTIALS[2],
    "secrets of an app, erased": holdings._ERASE_OF_APP,
    "opaque token to revoke": holdings._FIND_OPAQUE,
    "events of an app": audit._filtered(("app_id",)),
    "events of an organization": audit._filtered(("organization_id",)),
    "events of a credential": audit._filtered(("credential_id",)),
}


# `heads` has one row, `page` and `some` are the rows just found, and the clock is read once.
FEW = {"SCAN heads", "SCAN page", "SCAN page LEFT-JOIN", "SCAN some", "SCAN CONSTANT ROW"}


def arguments(statement: Statement, dialect: str) -> list[object]:
    prepared = statement.prepared("sqlite" if dialect == "sqlite" else "postgresql")
    numbers = {"limit", "after_sequence", "held_fence", "kept_s"} | ({"after"} if statement is feed._READ else set())
    return [prepared.constants.get(name, 1 if name in numbers else "x") for name in prepared.order]


@pytest.mark.parametrize("name", POINT_READS)
def test_sqlite_scans_nothing(sqlite_url: str, name: str) -> None:
    statement = POINT_READS[name]
    connection = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))
    connection.create_function("doorward_clock_ms", 0, lambda: 0)
    plan = connection.execute(
        f"EXPLAIN QUERY PLAN {statement.prepared('sqlite').sql}", arguments(statement, "sqlite")
    ).fetchall()
    connection.close()
    steps = [row[3] for row in plan if row[3] not in FEW]
    assert any(step.startswith("SEARCH") for step in steps)
    assert not [step for step in steps if step.startswith("SCAN")]


@pytest.mark.parametrize("name", POINT_READS)
async def test_postgresql_can_use_an_index(postgres: asyncpg.Connection, name: str) -> None:
    statement = POINT_READS[name]
    # With a handful of rows a sequential scan is right; what is asked is whether an index fits at all.
    await postgres.execute("SET enable_seqscan = off")
    rows = await postgres.fetch(f"EXPLAIN {statement.prepared('postgresql').sql}", *arguments(statement, "postgresql"))
    plan = [row[0] for row in rows if "heads" not in row[0]]
    assert any("Index" in line for line in plan)
    assert not [line for line in plan if "Seq Scan" in line]
