"""Ports over a database of the test's own, on both engines."""

import secrets
from collections.abc import AsyncIterator

import pytest
from tests.simulators.clock import ManualClock

from doorward.adapters.sql.open import SqlPorts, open_sql
from doorward.audit.chain import ChainKey
from doorward.crypto.sealing import MasterKeys
from doorward.revocation.pairwise import make_sealed_key
from doorward.revocation.writes import SectorInserted
from doorward.values import Change


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


@pytest.fixture
async def sector(ports: SqlPorts) -> str:
    """The audience of a resource that knows subjects by a derived name."""
    name = "https://photos.example"
    master_keys = MasterKeys({"k1": bytes(32)}, current="k1", entropy=secrets.token_bytes)
    sealed = make_sealed_key(master_keys, secrets.token_bytes)
    await ports.changes.commit(Change(writes=(SectorInserted(sector=name, created_at=1, sealed_key=sealed),)))
    return name
