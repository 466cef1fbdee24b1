"""Ports over a database of the test's own, on both engines."""

from collections.abc import AsyncIterator

import pytest
from tests.simulators.clock import ManualClock

from doorward.adapters.sql.open import SqlPorts, open_sql
from doorward.audit.chain import ChainKey


@pytest.fixture
def chain_key() -> ChainKey:
    return ChainKey(key_id="m1", key=bytes(range(32)))


@pytest.fixture
def clock() -> ManualClock:
    """SQLite's clock. (PostgreSQL counts by its own.)"""
    return ManualClock()


@pytest.fixture
async def ports(sql_url: str, chain_key: ChainKey, clock: ManualClock) -> AsyncIterator[SqlPorts]:
    opened = open_sql(sql_url, chain_key=chain_key, clock=clock)
    await opened.start()
    yield opened
    await opened.aclose()
