"""The plane over real stores: the view follows the feed, the chain verifies, limits hold over several spenders."""

import asyncio
import time

import pytest

from doorward.adapters.sql.open import SqlPorts, open_sql
from doorward.audit.chain import ChainKey, ChainName
from doorward.audit.verify import export_change_head, verify_changes
from doorward.door.leases import RateSpender
from doorward.errors import Rejected
from doorward.revocation.follower import Follower
from doorward.revocation.view import View
from doorward.values import Actor, Change, CredentialId, Event, FeedKind, Handle, RateLimit, Revocation

KEY = Handle(FeedKind.CREDENTIAL, "aaaaaaaaaaaa")
OTHER = Handle(FeedKind.CREDENTIAL, "bbbbbbbbbbbb")


def a_revocation(handle: Handle, *, version: int | None = None) -> Change:
    event = Event(
        at=1, action="key.revoked", actor=Actor(kind="system", id="x"), object_kind="key", object_id=handle.id
    )
    return Change(revocations=(Revocation(handle=handle, leave_at=None, changed_version=version),), events=(event,))


@pytest.mark.parametrize("pull_interval_s", [0.05, 3_600])
async def test_what_is_committed_reaches_the_view(ports: SqlPorts, pull_interval_s: float) -> None:
    """With the pull an hour away, only the push can bring it."""
    await ports.changes.commit(a_revocation(OTHER))
    view = View()
    follower = Follower(ports.feed, view, pull_interval_s=pull_interval_s)
    await follower.start()
    try:
        assert view.is_revoked((OTHER,))
        at = view.position
        async with asyncio.timeout(10):
            # Until the channel is open, a commit is heard by nobody; so there is another.
            while not view.changed_since((KEY,), at):
                await ports.changes.commit(a_revocation(KEY, version=2))
                await asyncio.sleep(0.02)
        view.require_fresh(time.monotonic())
    finally:
        await follower.aclose()


async def test_a_stored_chain_verifies_and_its_head_goes_on_fitting(ports: SqlPorts, chain_key: ChainKey) -> None:
    keys = {chain_key.key_id: chain_key}
    for _ in range(3):
        await ports.changes.commit(a_revocation(KEY))
    head = await export_change_head(ports.audit, chain_key, now=1)
    await asyncio.gather(*(ports.changes.commit(a_revocation(OTHER)) for _ in range(20)))
    report = await verify_changes(ports.audit, keys, (head,))
    assert report.findings == ()
    assert report.checked == 23
    assert head.chain == ChainName.CHANGES


async def test_spenders_of_several_processes_stay_within_one_limit(ports: SqlPorts) -> None:
    limit = RateLimit(requests=40, window_s=3_600)
    credential_id = CredentialId(KEY.id)
    spenders = [RateSpender(ports.rate_leases, time.monotonic) for _ in range(3)]

    async def use(number: int) -> bool:
        spender = spenders[number % 3]
        try:
            _ = spender.spend(credential_id, limit) or await spender.refill(credential_id, limit)
        except Rejected:
            return False
        return True

    spent = sum(await asyncio.gather(*(use(number) for number in range(90))))
    # What one holds when it is over, the others lack.
    assert 30 <= spent <= 40
    for spender in spenders:
        await spender.aclose()
    again = [await use(number) for number in range(60)]
    assert spent + sum(again) <= 40


async def test_a_long_reading_lets_others_run(sqlite_url: str, chain_key: ChainKey) -> None:
    """SQLite answers without ever waiting; the loop must get its turns nevertheless."""
    ports = open_sql(sqlite_url, chain_key=chain_key, clock=time.time)
    await ports.start()
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    try:
        for batch in range(4):
            rows = tuple(
                Revocation(handle=Handle(FeedKind.TOKEN, f"{batch}-{number}"), leave_at=None) for number in range(1_000)
            )
            await ports.changes.commit(Change(revocations=rows))
        counting = asyncio.create_task(count())
        view = View()
        follower = Follower(ports.feed, view)
        await follower.start()
        counting.cancel()
        await follower.aclose()
        assert view.rows_held == 4_000
        assert turns >= 3
    finally:
        await ports.aclose()
