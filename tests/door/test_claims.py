"""What may be used once: claimed last, held while the handler runs, and settled once."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from contextlib import suppress

import msgspec
import pytest
from tests.simulators.claims import SimulatedClaims
from tests.simulators.method import SimulatedMethod
from tests.simulators.plane import SimulatedPlane
from tests.simulators.request import view_of
from tests.simulators.virtual_time import run_virtual

from doorward.door import NOTHING_CLAIMED, Door, Settlement
from doorward.door.claims import RETRY_AFTER_S_MAX, claim_for
from doorward.door.handled import HANDLED_MAX, Handled
from doorward.errors import Rejected, Unavailable
from doorward.methods.claims import Claim
from doorward.values import RateLimit, Scopes
from doorward.wire.render import render_refusal

pytestmark = pytest.mark.usefixtures("way")

LEASE = Claim(owner="webhook acme", key="d1", keep_until=4_000_000_000, lease_s=300)
ONCE = Claim(owner="signature k1", key="n1", keep_until=4_000_000_000)


@pytest.fixture
def plane() -> SimulatedPlane:
    return SimulatedPlane()


@pytest.fixture
def method(plane: SimulatedPlane) -> SimulatedMethod:
    return SimulatedMethod(plane)


async def refusal(door: Door, secret: bytes) -> Rejected:
    with pytest.raises(Rejected) as caught:
        await door.admit(view_of((b"x-secret", secret)))
    return caught.value


async def test_a_nonce_passes_once(plane: SimulatedPlane, method: SimulatedMethod) -> None:
    secret = method.add("k1", claim=ONCE)
    door = Door(method)
    admitted = await door.admit(view_of((b"x-secret", secret)))
    assert admitted.settlement is NOTHING_CLAIMED
    assert (await refusal(door, secret)).code == "replayed"
    assert [code for *_, code, _ in plane.verifications.recorded] == [None, "replayed"]


async def test_a_delivery_in_flight_is_told_to_wait(method: SimulatedMethod) -> None:
    secret = method.add("k1", claim=LEASE)
    door = Door(method)
    admitted = await door.admit(view_of((b"x-secret", secret)))
    waiting = await refusal(door, secret)
    answer = render_refusal(waiting)
    assert (waiting.code, answer.status) == ("delivery_in_progress", 409)
    # The lease is what a crash costs; a handler is done long before.
    assert int(dict(answer.headers)[b"retry-after"]) == RETRY_AFTER_S_MAX
    await admitted.settlement.release()
    again = await door.admit(view_of((b"x-secret", secret)))
    await again.settlement.complete()
    # Settled is settled: a late release changes nothing.
    await again.settlement.release()
    await admitted.settlement.release()
    done = await refusal(door, secret)
    answer = render_refusal(done)
    assert (done.code, answer.status, answer.body) == ("delivery_repeated", 200, b"")
    assert b"www-authenticate" not in dict(answer.headers)


async def test_what_is_refused_for_another_reason_burns_nothing(plane: SimulatedPlane, method: SimulatedMethod) -> None:
    secret = method.add("k1", scopes=Scopes("orders:read"), rate=RateLimit(1, 60), claim=LEASE)
    assert (await refusal(Door(method, require=Scopes("orders:write")), secret)).code == "scope_insufficient"
    assert (await refusal(Door(method), secret)).code == "rate_limited"
    assert not plane.claims.rows


async def test_without_the_store_nobody_passes(plane: SimulatedPlane, method: SimulatedMethod) -> None:
    plane.claims.away = True
    for key, claim in (("k1", LEASE), ("k2", ONCE)):
        secret = method.add(key, claim=claim)
        with pytest.raises(Unavailable, match="store_unavailable"):
            await Door(method).admit(view_of((b"x-secret", secret)))


async def test_a_hundred_at_once_are_one(plane: SimulatedPlane, method: SimulatedMethod) -> None:
    secret = method.add("k1", claim=LEASE)
    door = Door(method)
    await door.start()

    async def ask() -> str:
        try:
            await door.admit(view_of((b"x-secret", secret)))
        except Rejected as refused:
            return refused.code
        return "admitted"

    outcomes = await asyncio.gather(*(ask() for _ in range(100)))
    assert sorted(set(outcomes)) == ["admitted", "delivery_in_progress"]
    assert outcomes.count("admitted") == 1
    assert len(plane.claims.rows) == 1


@pytest.mark.parametrize("claim", [LEASE, ONCE])
async def test_a_second_door_knows_what_this_request_holds(
    plane: SimulatedPlane, method: SimulatedMethod, claim: Claim
) -> None:
    secret = method.add("k1", claim=claim)
    first, second, third = Door(method), Door(method), Door(method)
    request = view_of((b"x-secret", secret))
    said = {first: await first.admit(request)}
    said[second] = await second.admit(request, said)
    said[third] = await third.admit(request, said)
    assert said[second].settlement is said[third].settlement is NOTHING_CLAIMED
    # Another request has said nothing of it to any door.
    assert (await refusal(second, secret)).code in ("delivery_in_progress", "replayed")
    if claim is LEASE:
        await said[first].settlement.release()
        # What it has given back it holds no longer, whatever a door in between has taken for granted.
        again = await third.admit(request, said)
        assert again.settlement is not NOTHING_CLAIMED
        with pytest.raises(Rejected, match="delivery_in_progress"):
            await second.admit(request, said)
        await again.settlement.complete()
    assert len(plane.claims.rows) == 1


@pytest.mark.parametrize(
    "other",
    [
        msgspec.structs.replace(LEASE, key="d2"),
        msgspec.structs.replace(LEASE, owner="webhook another"),
        msgspec.structs.replace(LEASE, keep_until=LEASE.keep_until + 61),
    ],
)
async def test_a_second_door_takes_nothing_else_for_it(
    plane: SimulatedPlane, method: SimulatedMethod, other: Claim
) -> None:
    first = Door(method)
    said = {first: await first.admit(view_of((b"x-secret", method.add("k1", claim=LEASE))))}
    request = view_of((b"x-secret", method.add("k2", claim=other)))
    if (other.owner, other.key) == (LEASE.owner, LEASE.key):
        with pytest.raises(Rejected, match="delivery_in_progress"):
            await Door(method).admit(request, said)
        return
    assert (await Door(method).admit(request, said)).settlement is not NOTHING_CLAIMED
    assert len(plane.claims.rows) == 2


async def test_a_claim_in_one_store_is_none_in_another(method: SimulatedMethod) -> None:
    elsewhere = SimulatedPlane()
    other = SimulatedMethod(elsewhere)
    first, second = Door(method), Door(other)
    said = {first: await first.admit(view_of((b"x-secret", method.add("k1", claim=LEASE))))}
    await second.admit(view_of((b"x-secret", other.add("k1", claim=LEASE))), said)
    assert len(elsewhere.claims.rows) == 1


def _in_virtual_time(story: Callable[[SimulatedClaims], Awaitable[None]]) -> None:
    async def run() -> None:
        await story(SimulatedClaims(asyncio.get_running_loop().time))

    run_virtual(run())


async def _code_of(claims: SimulatedClaims, claim: Claim = LEASE, handled: Handled | None = None) -> str:
    with pytest.raises(Rejected) as caught:
        await claim_for(claims, claim, Handled() if handled is None else handled)
    return caught.value.code


LATER = 660
"""Seconds a delivery is kept, as the default has it."""


def _attempt(claims: SimulatedClaims, kept_s: int) -> Claim:
    """The delivery as it is signed now: fresh, and to be kept, from now on."""
    until = int(claims.clock()) + kept_s
    return msgspec.structs.replace(LEASE, keep_until=until, kept_s=kept_s, needed_until=until - kept_s // 2)


def test_a_slow_handler_keeps_what_it_works_on() -> None:
    async def story(claims: SimulatedClaims) -> None:
        held = await claim_for(claims, LEASE, Handled())
        await asyncio.sleep(7_200)
        assert await _code_of(claims) == "delivery_in_progress"
        await held.complete()
        renewals = claims.renewals
        assert renewals >= 70
        await asyncio.sleep(7_200)
        assert claims.renewals == renewals
        assert await _code_of(claims) == "delivery_repeated"

    _in_virtual_time(story)


def test_a_handler_that_was_forgotten_gives_it_back_when_the_lease_ends() -> None:
    async def story(claims: SimulatedClaims) -> None:
        held: Settlement | None = await claim_for(claims, LEASE, Handled())
        await asyncio.sleep(150)
        del held
        gc.collect()
        await asyncio.sleep(400)
        assert await claim_for(claims, LEASE, Handled()) is not NOTHING_CLAIMED

    _in_virtual_time(story)


def test_a_store_that_is_away_for_a_while_costs_no_lease() -> None:
    async def story(claims: SimulatedClaims) -> None:
        held = await claim_for(claims, LEASE, Handled())
        claims.away = True
        await asyncio.sleep(150)
        claims.away = False
        await asyncio.sleep(1_000)
        assert await _code_of(claims) == "delivery_in_progress"
        await held.release()

    _in_virtual_time(story)


def test_a_release_after_a_completion_asks_nothing_of_the_store(caplog: pytest.LogCaptureFixture) -> None:
    async def story(claims: SimulatedClaims) -> None:
        held = await claim_for(claims, LEASE, Handled())
        await held.complete()
        claims.away = True
        await held.release()
        await held.complete()
        assert claims.completed == 1

    _in_virtual_time(story)
    assert not caplog.records


def test_a_completion_is_written_when_the_store_is_back() -> None:
    async def story(claims: SimulatedClaims) -> None:
        held = await claim_for(claims, LEASE, Handled())
        claims.away = True
        await held.complete()
        assert claims.completed == 0
        claims.away = False
        await asyncio.sleep(150)
        assert claims.completed == 1

    _in_virtual_time(story)


def test_a_completion_that_can_never_be_written_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    async def story(claims: SimulatedClaims) -> None:
        held = await claim_for(claims, LEASE, Handled())
        claims.away = True
        await held.complete()
        await asyncio.sleep(10_000)

    _in_virtual_time(story)
    assert "could not be marked" in caplog.text


def test_a_release_without_the_store_ends_with_the_lease() -> None:
    async def story(claims: SimulatedClaims) -> None:
        held = await claim_for(claims, LEASE, Handled())
        claims.away = True
        await held.release()
        claims.away = False
        assert await _code_of(claims) == "delivery_in_progress"
        await asyncio.sleep(301)
        await claim_for(claims, LEASE, Handled())

    _in_virtual_time(story)


def test_who_is_cut_off_while_the_store_is_asked_gives_it_back() -> None:
    async def story(claims: SimulatedClaims) -> None:
        claims.hold = asyncio.Event()
        asking = asyncio.create_task(claim_for(claims, LEASE, Handled()))
        await claims.asked.wait()
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
        assert claims.rows
        claims.hold.set()
        await asyncio.sleep(1)
        assert not claims.rows

    _in_virtual_time(story)


def test_what_lapses_is_given_back_when_its_lease_ends_and_not_before() -> None:
    async def story(claims: SimulatedClaims) -> None:
        held = await claim_for(claims, LEASE, Handled())
        held.lapse()
        # What is settled is settled: whoever cleans up afterwards gives nothing back either.
        await held.release()
        await asyncio.sleep(290)
        assert await _code_of(claims) == "delivery_in_progress"
        await asyncio.sleep(11)
        assert claims.renewals == 0
        await claim_for(claims, LEASE, Handled())

    _in_virtual_time(story)


def test_what_took_longer_than_it_had_to_be_kept_is_kept_from_its_end() -> None:
    async def story(claims: SimulatedClaims) -> None:
        claim = _attempt(claims, LATER)
        held = await claim_for(claims, claim, Handled())
        await asyncio.sleep(2 * LATER)
        await held.complete()
        for _ in range(3):
            await asyncio.sleep(LATER - 1)
            # The sender's next attempt, signed anew.
            assert await _code_of(claims, _attempt(claims, LATER)) == "delivery_repeated"

    _in_virtual_time(story)


def test_an_attempt_while_the_handler_runs_is_remembered_after_it() -> None:
    async def story(claims: SimulatedClaims) -> None:
        held = await claim_for(claims, msgspec.structs.replace(_attempt(claims, LATER), kept_s=0), Handled())
        await asyncio.sleep(LATER - 1)
        second = _attempt(claims, LATER)
        assert await _code_of(claims, second) == "delivery_in_progress"
        await held.complete()
        await asyncio.sleep(LATER - 1)
        assert await _code_of(claims, second) == "delivery_repeated"

    _in_virtual_time(story)


def test_a_delivery_that_is_sent_again_and_again_asks_the_store_once() -> None:
    async def story(claims: SimulatedClaims) -> None:
        await (await claim_for(claims, _attempt(claims, LATER), Handled())).complete()
        handled = Handled()
        recorded = _attempt(claims, LATER)
        before = claims.reservations
        for _ in range(300):
            await asyncio.sleep(1)
            same = msgspec.structs.replace(_attempt(claims, LATER), needed_until=recorded.needed_until)
            assert await _code_of(claims, same, handled) == "delivery_repeated"
        assert claims.reservations == before + 1
        assert len(handled) == 1

    _in_virtual_time(story)


def test_what_must_be_kept_for_longer_is_told_to_the_store() -> None:
    async def story(claims: SimulatedClaims) -> None:
        await (await claim_for(claims, _attempt(claims, LATER), Handled())).complete()
        handled = Handled()
        for _ in range(4):
            await asyncio.sleep(LATER - 1)
            assert await _code_of(claims, _attempt(claims, LATER), handled) == "delivery_repeated"
            assert claims.rows["webhook acme", "d1"].keep_until >= claims.clock() + LATER - 1

    _in_virtual_time(story)


def test_what_nobody_says_is_needed_is_asked_of_the_store_each_time() -> None:
    async def story(claims: SimulatedClaims) -> None:
        await (await claim_for(claims, LEASE, Handled())).complete()
        handled = Handled()
        for _ in range(3):
            assert await _code_of(claims, LEASE, handled) == "delivery_repeated"
        assert claims.reservations == 4

    _in_virtual_time(story)


def test_what_is_remembered_as_handled_is_bounded_and_told_apart() -> None:
    handled = Handled()
    first = msgspec.structs.replace(LEASE, needed_until=LEASE.keep_until)
    handled.note(first)
    assert handled.has(first)
    for other in (
        msgspec.structs.replace(first, key="d2"),
        msgspec.structs.replace(first, owner="webhook other"),
        msgspec.structs.replace(first, needed_until=first.keep_until + 1),
    ):
        assert not handled.has(other)
    for number in range(HANDLED_MAX):
        handled.note(msgspec.structs.replace(first, key=f"other {number}"))
    assert len(handled) == HANDLED_MAX
    assert not handled.has(first)


def test_a_cancelled_handler_still_releases() -> None:
    async def story(claims: SimulatedClaims) -> None:
        held = await claim_for(claims, LEASE, Handled())

        async def handler() -> None:
            try:
                await asyncio.sleep(1_000)
            finally:
                await held.release()

        running = asyncio.create_task(handler())
        await asyncio.sleep(1)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        assert not claims.rows

    _in_virtual_time(story)
