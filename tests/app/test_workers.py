"""A user's own application under `uvicorn --workers 2`: the processes share one limit, one count and one feed."""

import asyncio
import os
import re
import secrets
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx2
import pytest
from tests.app.conftest import ROOT, Eventually
from tests.simulators.store import OPERATOR

from doorward.app.master_key import create_master_key_file, load_master_keys
from doorward.app.store import Store, open_store
from doorward.apps.operations import create_app
from doorward.apps.port import AppRecord
from doorward.audit.chain import ChainName, derive_chain_keys
from doorward.audit.log_files import list_log_files, read_verifications
from doorward.audit.port import AuditFilter
from doorward.audit.verify_log import verify_logs
from doorward.crypto.sealing import MasterKeys
from doorward.methods.apikey.operations import create_key, revoke_key
from doorward.methods.apikey.order import IssuedKey, KeyOrder
from doorward.values import RateLimit

pytestmark = pytest.mark.slow

LIMIT = 40
SHOP = """
import os
from pathlib import Path
from typing import Annotated
from fastapi import Depends, FastAPI
from doorward import ApiKeys, Principal, open_store
from doorward.frameworks.fastapi import Door, guard

door = Door(ApiKeys(open_store(os.environ["SHOP_DATABASE"], audit_log=Path("log"))))
app = guard(FastAPI())

@app.get("/worker")
async def worker(principal: Annotated[Principal, Depends(door)]) -> int:
    return os.getpid()
"""


@pytest.fixture
def master_keys(tmp_path: Path) -> MasterKeys:
    create_master_key_file(tmp_path / "master.key", entropy=secrets.token_bytes)
    keys = load_master_keys(tmp_path / "master.key", None, entropy=secrets.token_bytes)
    assert keys is not None
    return keys


@pytest.fixture
async def store(sql_url: str, master_keys: MasterKeys) -> AsyncIterator[Store]:
    async with open_store(sql_url, master_keys=master_keys) as opened:
        yield opened


@pytest.fixture
async def owner(store: Store) -> AppRecord:
    return await create_app(store, name="shop", actor=OPERATOR)


@pytest.fixture
async def shop(tmp_path: Path, sql_url: str, master_keys: MasterKeys) -> AsyncIterator[tuple[Process, str]]:
    """The process that minds the workers, and where they are served."""
    (tmp_path / "shop.py").write_text(SHOP)
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "src"),
        "DOORWARD_MASTER_KEY_FILE": str(tmp_path / "master.key"),
        "SHOP_DATABASE": sql_url,
    }
    command = (sys.executable, "-m", "uvicorn", "shop:app", "--port", "0", "--workers", "2", "--no-proxy-headers")
    process = await asyncio.create_subprocess_exec(
        *command, "--timeout-keep-alive", "60", "--no-access-log", cwd=tmp_path, env=environment, stderr=PIPE
    )
    assert process.stderr is not None
    url, ready, said = "", 0, ""
    try:
        async with asyncio.timeout(30):
            while ready < 2:
                line = (await process.stderr.readline()).decode()
                assert line, said
                said += line
                if found := re.search(r"running on (http://127\.0\.0\.1:\d+)", line):
                    url = found[1]
                ready += "startup complete" in line
        yield process, url
    finally:
        if process.returncode is None:
            process.terminate()
            await asyncio.wait_for(process.communicate(), 20)


async def make_key(store: Store, owner: AppRecord, *, rate: RateLimit | None = None) -> IssuedKey:
    return await create_key(store, KeyOrder(app_id=owner.id, name="till", rate=rate), actor=OPERATOR)


async def ask(client: httpx2.AsyncClient, key: IssuedKey) -> httpx2.Response:
    return await client.get("/worker", headers={"x-api-key": key.text})


async def both_workers(stack: AsyncExitStack, url: str, key: IssuedKey) -> tuple[dict[int, httpx2.AsyncClient], int]:
    """For each worker a client whose one connection ends there; and how often was asked to find them."""
    clients: dict[int, httpx2.AsyncClient] = {}
    for asked in range(1, 200):
        one_connection = httpx2.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=60)
        client = httpx2.AsyncClient(base_url=url, limits=one_connection, trust_env=False)
        await stack.enter_async_context(client)
        clients.setdefault((await ask(client, key)).json(), client)
        if len(clients) == 2:
            return clients, asked
    raise AssertionError("one worker takes every connection")


async def test_two_workers_keep_one_limit(shop: tuple[Process, str], store: Store, owner: AppRecord) -> None:
    free = await make_key(store, owner)
    limited = await make_key(store, owner, rate=RateLimit(requests=LIMIT, window_s=600))
    async with AsyncExitStack() as stack:
        clients, _ = await both_workers(stack, shop[1], free)
        admitted: Counter[int] = Counter()
        refused = 0
        for _ in range(LIMIT):
            for pid, answer in zip(
                clients, await asyncio.gather(*(ask(client, limited) for client in clients.values())), strict=True
            ):
                assert answer.headers["ratelimit-policy"] == f'"credential";q={LIMIT};w=600'
                if answer.status_code == 200:
                    assert answer.json() == pid
                    admitted[pid] += 1
                    continue
                assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
                assert answer.headers["ratelimit"].startswith('"credential";r=0;t=')
                assert int(answer.headers["retry-after"]) > 0
                refused += 1
    assert len(admitted) == 2
    # What one worker held when the other ran out is lacking until the window has passed: a tenth at most.
    assert LIMIT - LIMIT // 10 <= admitted.total() <= LIMIT
    assert refused == 2 * LIMIT - admitted.total()


async def test_two_workers_share_the_feed_the_count_and_the_record(
    shop: tuple[Process, str],
    store: Store,
    owner: AppRecord,
    eventually: Eventually,
    tmp_path: Path,
    master_keys: MasterKeys,
) -> None:
    process, url = shop
    key = await make_key(store, owner)
    async with AsyncExitStack() as stack:
        clients, asked = await both_workers(stack, url, key)
        for client in clients.values():
            for _ in range(5):
                assert (await ask(client, key)).status_code == 200
        admitted = asked + 10
        await revoke_key(store, key.record.id, reason="test", actor=OPERATOR)
        for client in clients.values():
            answers: list[httpx2.Response] = []

            async def is_refused(client: httpx2.AsyncClient = client, answers: list[httpx2.Response] = answers) -> bool:
                answers.append(await ask(client, key))
                return answers[-1].status_code == 401

            await eventually(is_refused)
            assert answers[-1].json()["code"] == "credential_revoked"
            admitted += len(answers) - 1
    process.terminate()
    await asyncio.wait_for(process.communicate(), 20)
    found = await store.keys.find_key(key.record.id)
    assert found is not None
    assert (found.use_count, found.last_source) == (admitted, "127.0.0.1")
    # In library mode as well: each worker's log is whole, and says who was let in and who was not.
    log = tmp_path / "log"
    report = verify_logs(log, derive_chain_keys(master_keys, ChainName.VERIFICATIONS))
    assert report.intact, report
    assert len(list_log_files(log)) == 2
    records = list(read_verifications(log, AuditFilter(credential_id=key.record.id)))
    codes = Counter(record.code for record in records)
    assert codes == {None: admitted, "credential_revoked": 2}
    assert {(record.app_id, record.source, record.request) for record in records} == {
        (owner.id, "127.0.0.1", "GET /worker")
    }
