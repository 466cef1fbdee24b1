"""Claims between processes: one of them wins, and one that is killed gives back what it held, not before its end."""

import asyncio
from collections.abc import AsyncIterator
from time import time

import pytest
from tests.adapters.sql.test_processes import read_lines, start_program

from doorward.adapters.sql.open import SqlPorts, open_sql
from doorward.methods.claims import InFlight, Outcome, Reserved

pytestmark = pytest.mark.slow

LEASE_S = 2


@pytest.fixture
async def ports(sql_url: str) -> AsyncIterator[SqlPorts]:
    opened = open_sql(sql_url, chain_key=None, clock=time)
    await opened.start()
    yield opened
    await opened.aclose()


async def reserve(ports: SqlPorts) -> Outcome:
    return await ports.claims.reserve("acme", "d1", lease_s=LEASE_S, keep_until=4_000_000_000)


@pytest.mark.usefixtures("ports")
async def test_of_four_processes_one_has_each_nonce(sql_url: str) -> None:
    programs = await asyncio.gather(*(start_program("claim-many", sql_url, "100") for _ in range(4)))
    claimed = [key for lines in await asyncio.gather(*map(read_lines, programs)) for key in lines]
    assert sorted(claimed) == sorted(f"n{number}" for number in range(100))
    assert [await program.wait() for program in programs] == [0, 0, 0, 0]


async def test_a_killed_process_gives_back_what_it_held_when_its_lease_ends(sql_url: str, ports: SqlPorts) -> None:
    program = await start_program("hold-claim", sql_url, str(LEASE_S))
    try:
        assert await read_lines(program, 1) == ["held"]
        ends = time() + LEASE_S * 1.5
        while time() < ends:
            # For longer than one lease: it is renewed while the process lives.
            assert isinstance(await reserve(ports), InFlight)
    finally:
        program.kill()
    await program.wait()
    assert isinstance(await reserve(ports), InFlight)
    deadline = time() + LEASE_S + 5
    while not isinstance(await reserve(ports), Reserved):
        assert time() < deadline
