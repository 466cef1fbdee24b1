"""A store in memory with one app, for whatever has to be issued, presented and taken back."""

import pytest
from tests.simulators.store import OPERATOR, SimulatedStore

from doorward.apps.operations import create_app
from doorward.apps.port import AppRecord


@pytest.fixture
def store() -> SimulatedStore:
    return SimulatedStore()


@pytest.fixture
async def owner(store: SimulatedStore) -> AppRecord:
    return await create_app(store, name="orders-sync", actor=OPERATOR)
