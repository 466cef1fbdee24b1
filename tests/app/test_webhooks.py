"""Secrets of senders in a database two processes share: what one changes is in force at the other's door."""

import asyncio
import secrets
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
from tests.app.conftest import ROOT, Eventually
from tests.fixtures_cli import child_environment
from tests.simulators.request import view_of
from tests.simulators.webhook import JSON_BODY, lower

from doorward import Door, Webhooks
from doorward.app.store import Store, open_store
from doorward.audit.port import AuditFilter
from doorward.crypto.sealing import MasterKeys
from doorward.errors import Rejected
from doorward.methods.webhook import SCHEMES, parse_secret, sign_delivery
from doorward.methods.webhook.operations import add_secret, add_sender, retire_secret, rotate_secret
from doorward.methods.webhook.order import IssuedSecret, SecretOrder, SenderOrder
from doorward.values import Actor
from doorward.wire.request import RequestView

ADA: Final = Actor(kind="operator", id="ada")
STANDARD: Final = SCHEMES["standard"]
KEYS: Final = MasterKeys({"k1": bytes(range(32))}, current="k1", entropy=secrets.token_bytes)


@pytest.fixture
async def stores(sql_url: str) -> AsyncIterator[tuple[Store, Store]]:
    """Where the secrets are administered, and where the door is."""
    async with open_store(sql_url, master_keys=KEYS) as desk, open_store(sql_url, master_keys=KEYS) as served:
        await add_sender(desk, SenderOrder(name="acme", scheme="standard"), actor=ADA)
        yield desk, served


def signed(issued: IssuedSecret) -> RequestView:
    assert issued.text is not None
    secret = parse_secret(STANDARD, issued.text, secret_id="s")
    delivery_id = secrets.token_hex(8)
    headers = sign_delivery(STANDARD, [secret], JSON_BODY, now=int(time.time()), delivery_id=delivery_id)
    return view_of(*lower(headers), method="POST", body=JSON_BODY)


async def admit(door: Door, issued: IssuedSecret) -> str:
    admitted = await door.admit(signed(issued))
    await admitted.settlement.complete()
    return admitted.principal.credential_id


async def test_a_change_in_one_process_is_in_force_in_the_other(
    stores: tuple[Store, Store], eventually: Eventually
) -> None:
    desk, served = stores
    door = Door(Webhooks(served, scheme="standard", sender="acme"))
    order = SecretOrder(sender="acme")
    old = await add_secret(desk, order, actor=ADA)
    assert await admit(door, old) == old.record.id

    async def heard(position: int) -> None:
        async def is_known() -> bool:
            return served.plane.view.watermark >= position

        await eventually(is_known)

    new = await rotate_secret(desk, order, reason="yearly", actor=ADA)
    await heard(2)
    # No delivery had to fail for the new one to be looked for, and the minute a process goes by has not passed.
    assert await admit(door, new) == new.record.id
    assert await admit(door, old) == old.record.id
    await retire_secret(desk, old.record.id, anyway=True, reason="leaked", actor=ADA)
    await heard(4)
    assert await admit(door, new) == new.record.id
    with pytest.raises(Rejected, match="webhook_signature"):
        await admit(door, old)
    await door.aclose()
    used = {record.id: record.use_count for record in await desk.senders.list_secrets("acme")}
    assert used == {old.record.id: 2, new.record.id: 2}


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("doorward.db*"))


async def test_a_stolen_database_shows_no_secret(sqlite_url: str, tmp_path: Path) -> None:
    texts: list[str] = []
    given = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    async with open_store(sqlite_url, master_keys=KEYS) as store:
        for name, scheme in (("acme", "standard"), ("hub", "github")):
            await add_sender(store, SenderOrder(name=name, scheme=scheme), actor=ADA)
            made = await add_secret(store, SecretOrder(sender=name), actor=ADA)
            rotated = await rotate_secret(store, SecretOrder(sender=name), overlap_s=0, reason="leaked", actor=ADA)
            texts += [str(made.text), str(rotated.text)]
        await add_secret(store, SecretOrder(sender="acme", text=given), actor=ADA)
        content = everything_in(tmp_path)
    for text in (*texts, given):
        # Neither the text nor any part of it long enough to be told from chance.
        assert not any(text[start : start + 12].encode() in content for start in range(10, len(text) - 12))
    assert content.count(b"whs_") >= 5


_ROTATE_FOR_EVER: Final = """
import asyncio, sys
from doorward.methods.webhook.operations import rotate_secret
from doorward.methods.webhook.order import SecretOrder
from tests.app.test_webhooks import ADA, KEYS, open_store

async def rotate():
    async with open_store(sys.argv[1], master_keys=KEYS) as store:
        while True:
            await rotate_secret(store, SecretOrder(sender="acme"), overlap_s=0, reason="drill", actor=ADA)
            print(flush=True)

asyncio.run(rotate())
"""


@pytest.mark.slow
async def test_a_process_that_is_killed_leaves_whole_changes(sqlite_url: str) -> None:
    async with open_store(sqlite_url, master_keys=KEYS) as store:
        await add_sender(store, SenderOrder(name="acme", scheme="standard"), actor=ADA)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _ROTATE_FOR_EVER, sqlite_url, cwd=ROOT, env=child_environment(), stdout=PIPE
    )
    assert process.stdout is not None
    for _ in range(25):
        assert await asyncio.wait_for(process.stdout.readline(), 20)
    process.kill()
    await process.wait()
    async with open_store(sqlite_url, master_keys=KEYS) as store:
        made = await store.senders.list_secrets("acme")
        assert len(made) >= 25
        sender = await store.senders.find_sender("acme")
        assert sender is not None
        assert sender.version == 1 + len(made)
        assert len(await store.senders.list_held_secrets("acme")) == 1
        told = await store.audit.list_events(AuditFilter(action="webhook_secret.added"), limit=1_000)
        assert {stored.event.object_id for stored in told} == {secret.id for secret in made}
        # One row about the sender for each change, one about each secret that was retired.
        assert len((await store.feed.read_feed(0)).rows) == 2 * len(made) - 1
