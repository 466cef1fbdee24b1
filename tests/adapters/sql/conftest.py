"""The SQL engines from inside: what the ports' conformance suite cannot see."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from tests.simulators.clock import ManualClock

from doorward.adapters.sql.open import SqlPorts, open_sql
from doorward.audit.chain import ChainKey


@pytest.fixture
def chain_key() -> ChainKey:
    return ChainKey(key_id="m1", key=bytes(range(32)))


@pytest.fixture
async def ports(sql_url: str, chain_key: ChainKey) -> AsyncIterator[SqlPorts]:
    opened = open_sql(sql_url, chain_key=chain_key, clock=ManualClock())
    await opened.start()
    yield opened
    await opened.aclose()


@pytest.fixture
async def postgres_ports(postgres_url: str, chain_key: ChainKey) -> AsyncIterator[SqlPorts]:
    opened = open_sql(postgres_url, chain_key=chain_key, clock=ManualClock())
    await opened.start()
    yield opened
    await opened.aclose()


@pytest.fixture
async def postgres(postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of somebody else to the same database."""
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()
