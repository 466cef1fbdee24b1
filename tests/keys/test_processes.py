"""One ring for many processes: real ones, on both engines."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from typing import Final

import pytest
from tests.fixtures_cli import SOURCE, child_environment
from tests.simulators.clock import NOON
from tests.simulators.ring import ISSUER

from doorward.app.store import open_store

pytestmark = pytest.mark.slow

PROCESSES: Final = 4


async def begin(url: str, now: int) -> Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.keys.issuing_process", url, str(now),
        stdin=PIPE, stdout=PIPE, env=child_environment(), cwd=SOURCE.parent,
    )  # fmt: skip
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), 40) == b"open\n"
    return process


async def sign_in_all(url: str, now: int) -> set[bytes]:
    """The ids of the keys that as many processes sign with that are let go at the same moment."""
    processes = await asyncio.gather(*(begin(url, now) for _ in range(PROCESSES)))
    done = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
    assert all(process.returncode == 0 for process in processes)
    return {out for out, _ in done}


async def test_processes_that_issue_at_once_found_and_rotate_one_ring(sql_url: str) -> None:
    (first,) = await sign_in_all(sql_url, NOON)
    (second,) = await sign_in_all(sql_url, NOON + 30 * 86_400)
    assert first != second
    async with open_store(sql_url) as store:
        states = sorted(key.state.value for key in await store.signing_keys.list_ring(ISSUER))
    assert states == ["current", "next", "previous"]
