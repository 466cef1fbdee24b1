"""`ClaimPort` over real stores: of any number at once one wins, and only its holder can settle it."""

import asyncio
from pathlib import Path
from time import time

import pytest
from tests.simulators.clock import ManualClock

from doorward.adapters.sql.claims import SqlClaims
from doorward.adapters.sql.open import SqlPorts, open_sql
from doorward.adapters.sql.sqlite import SqliteEngine
from doorward.errors import Rejected, Unavailable
from doorward.methods.claims import Done, InFlight, Outcome, Reserved

FAR = 4_000_000_000
PAST = 1


async def reserve(ports: SqlPorts, key: str = "d1", *, owner: str = "acme", keep_until: int = FAR) -> Outcome:
    return await ports.claims.reserve(owner, key, lease_s=300, keep_until=keep_until)


async def held(ports: SqlPorts, key: str = "d1", *, keep_until: int = FAR) -> int:
    outcome = await reserve(ports, key, keep_until=keep_until)
    assert isinstance(outcome, Reserved)
    return outcome.fence


async def lapse(ports: SqlPorts, fence: int, key: str = "d1") -> None:
    """Let a lease end now: as if it had been granted for no time at all."""
    assert await ports.claims.renew("acme", key, fence, lease_s=-1)


async def test_of_a_hundred_at_once_one_is_reserved(ports: SqlPorts) -> None:
    outcomes = await asyncio.gather(*(reserve(ports) for _ in range(100)))
    assert sum(isinstance(outcome, Reserved) for outcome in outcomes) == 1
    waiting = [outcome for outcome in outcomes if isinstance(outcome, InFlight)]
    assert len(waiting) == 99
    assert all(290 <= outcome.retry_after_s <= 300 for outcome in waiting)


async def test_of_a_hundred_at_once_one_uses_a_nonce(ports: SqlPorts) -> None:
    claimed = await asyncio.gather(*(ports.claims.claim_once("k1", "n1", keep_until=FAR) for _ in range(100)))
    assert sum(claimed) == 1
    assert not await ports.claims.claim_once("k1", "n1", keep_until=FAR)
    assert await ports.claims.claim_once("k1", "n2", keep_until=FAR)


async def test_what_is_completed_stays_done(ports: SqlPorts) -> None:
    fence = await held(ports)
    assert await ports.claims.complete("acme", "d1", fence, kept_s=0)
    assert isinstance(await reserve(ports), Done)
    # Settled once: a late release does not bring it back.
    assert not await ports.claims.release("acme", "d1", fence)
    assert not await ports.claims.renew("acme", "d1", fence, lease_s=300)
    assert isinstance(await reserve(ports), Done)


async def test_what_is_released_can_be_reserved_again(ports: SqlPorts) -> None:
    fence = await held(ports)
    assert await ports.claims.release("acme", "d1", fence)
    assert await held(ports) != fence


async def test_an_owner_uses_up_nothing_of_anothers(ports: SqlPorts) -> None:
    await held(ports)
    assert isinstance(await reserve(ports, owner="other"), Reserved)
    # The two together are one row's name only with the border between them.
    assert isinstance(await reserve(ports, "1 x", owner="a"), Reserved)
    assert isinstance(await reserve(ports, "x", owner="a 1"), Reserved)


async def test_a_lease_that_ended_is_taken_over_and_its_old_holder_settles_nothing(ports: SqlPorts) -> None:
    old = await held(ports)
    await lapse(ports, old)
    new = await held(ports)
    assert new != old
    assert not await ports.claims.release("acme", "d1", old)
    assert not await ports.claims.complete("acme", "d1", old, kept_s=0)
    assert not await ports.claims.renew("acme", "d1", old, lease_s=300)
    assert isinstance(await reserve(ports), InFlight)
    assert await ports.claims.complete("acme", "d1", new, kept_s=0)


async def test_a_holder_from_before_a_release_settles_nothing_after_it(ports: SqlPorts) -> None:
    first = await held(ports)
    await lapse(ports, first)
    second = await held(ports)
    assert await ports.claims.release("acme", "d1", second)
    third = await held(ports)
    assert not await ports.claims.release("acme", "d1", first)
    assert isinstance(await reserve(ports), InFlight)
    assert await ports.claims.release("acme", "d1", third)


async def test_a_lease_is_renewed_past_its_first_end(ports: SqlPorts, clock: ManualClock) -> None:
    fence = await held(ports)
    assert await ports.claims.renew("acme", "d1", fence, lease_s=3_000)
    clock.forward(1_000)
    assert isinstance(await reserve(ports), InFlight)


async def test_what_need_not_be_kept_any_longer_can_be_claimed_again(ports: SqlPorts) -> None:
    fence = await held(ports, keep_until=PAST)
    # Never while somebody works on it, however long that takes.
    assert isinstance(await reserve(ports, keep_until=PAST), InFlight)
    assert await ports.claims.complete("acme", "d1", fence, kept_s=-10)
    assert isinstance(await reserve(ports), Reserved)


async def test_what_comes_again_is_kept_for_longer_and_never_for_shorter(ports: SqlPorts, clock: ManualClock) -> None:
    ends = max(int(clock()), int(time())) + 3_600
    fence = await held(ports, keep_until=PAST)
    # While the handler runs, and after it: each time with other signed bytes, that are fresh for longer.
    assert isinstance(await reserve(ports, keep_until=ends), InFlight)
    assert isinstance(await reserve(ports, keep_until=PAST), InFlight)
    assert await ports.claims.complete("acme", "d1", fence, kept_s=0)
    assert isinstance(await reserve(ports, keep_until=PAST), Done)
    assert isinstance(await reserve(ports, keep_until=ends + 3_600), Done)
    assert isinstance(await reserve(ports, keep_until=PAST), Done)
    clock.now = ends + 3_600
    assert isinstance(await reserve(ports, keep_until=PAST), Done)
    # A nonce too: with another time it is another request, refused for as long as that one is fresh.
    assert await ports.claims.claim_once("k1", "n1", keep_until=int(clock()) + 1)
    assert not await ports.claims.claim_once("k1", "n1", keep_until=ends + 7_200)
    clock.now = ends + 7_200
    assert not await ports.claims.claim_once("k1", "n1", keep_until=PAST)


async def test_what_took_longer_than_it_had_to_be_kept_is_kept_from_its_end(
    ports: SqlPorts, clock: ManualClock
) -> None:
    clock.now = max(int(clock()), int(time()))
    fence = await held(ports, keep_until=PAST)
    assert await ports.claims.complete("acme", "d1", fence, kept_s=3_600)
    assert isinstance(await reserve(ports, keep_until=PAST), Done)
    clock.forward(3_600)
    assert isinstance(await reserve(ports, keep_until=PAST), Done)
    # What had to be kept for longer still is.
    other = await held(ports, "d2")
    assert await ports.claims.complete("acme", "d2", other, kept_s=1)
    clock.forward(1_000_000)
    assert isinstance(await reserve(ports, "d2", keep_until=PAST), Done)


async def test_it_is_kept_to_the_second_it_says(ports: SqlPorts, clock: ManualClock) -> None:
    # PostgreSQL goes by its own clock.
    ends = max(int(clock()), int(time())) + 3_600
    assert await ports.claims.claim_once("k1", "n1", keep_until=ends)
    assert not await ports.claims.claim_once("k1", "n1", keep_until=ends)
    clock.now = ends
    assert not await ports.claims.claim_once("k1", "n1", keep_until=ends)


async def test_what_has_ended_leaves_with_later_claims(ports: SqlPorts) -> None:
    for number in range(6):
        assert await ports.claims.claim_once("k1", f"old{number}", keep_until=PAST)
    running = await held(ports, "running", keep_until=PAST)
    for number in range(4):
        assert await ports.claims.claim_once("k1", f"new{number}", keep_until=FAR)
    assert await ports.claims.complete("acme", "running", running, kept_s=0)
    assert isinstance(await reserve(ports, "new0", owner="k1"), Done)


async def test_a_claim_survives_a_restart(sql_url: str, ports: SqlPorts) -> None:
    fence = await held(ports, "done")
    await ports.claims.complete("acme", "done", fence, kept_s=0)
    await held(ports, "running")
    await ports.aclose()
    again = open_sql(sql_url, chain_key=None, clock=ManualClock())
    await again.start()
    try:
        assert isinstance(await reserve(again, "done"), Done)
        assert isinstance(await reserve(again, "running"), InFlight)
    finally:
        await again.aclose()


async def test_an_owner_who_has_too_many_is_refused_and_nobody_else(
    sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    engine = SqliteEngine(Path(sqlite_url.removeprefix("sqlite:///")), clock=ManualClock())
    await engine.start()
    claims = SqlClaims(engine, per_owner_max=3)
    try:
        for number in range(3):
            assert await claims.claim_once("full", f"n{number}", keep_until=FAR)
        for _ in range(20):
            with pytest.raises(Unavailable, match="claims_full"):
                await claims.claim_once("full", "n3", keep_until=FAR)
        assert await claims.claim_once("other", "n3", keep_until=FAR)
        # In words, and not once for every refusal.
        (told,) = [record.getMessage() for record in caplog.records if record.name == "doorward.claims"]
        assert "everything of full is refused (claims_full): 3 of its" in told
    finally:
        await engine.aclose()


async def test_without_the_store_nothing_is_claimed(ports: SqlPorts) -> None:
    await ports.aclose()
    with pytest.raises(Unavailable, match="store_unavailable"):
        await reserve(ports)
    with pytest.raises(Unavailable, match="store_unavailable"):
        await ports.claims.claim_once("k1", "n1", keep_until=FAR)


@pytest.mark.parametrize(("owner", "key", "lease_s"), [("", "k", 1), ("o", "", 1), ("o" * 513, "k", 1), ("o", "k", 0)])
async def test_what_is_out_of_bounds_is_refused(ports: SqlPorts, owner: str, key: str, lease_s: int) -> None:
    with pytest.raises(Rejected, match="input_invalid"):
        await ports.claims.reserve(owner, key, lease_s=lease_s, keep_until=FAR)
