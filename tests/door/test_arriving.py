"""Bodies of signed requests while they arrive: one of each nonce, and what was found before is asked again after it."""

import asyncio
import time
from typing import Any

import pytest
from msgspec.structs import replace
from tests.simulators.signature_keys import SimulatedKeys
from tests.simulators.signed_door import Arriving, signed_view
from tests.simulators.store import GENERATION, SimulatedStore

from doorward import Door, Scopes, SignedRequests
from doorward.errors import Rejected
from doorward.methods.signature.method import RequestSignatures
from doorward.revocation.port import FeedPage
from doorward.values import FeedKind, Handle
from doorward.wire.request import RequestView

KEY = "shop"
SECRET = bytes((7 + place * 37) % 256 for place in range(32))
BODY = b'{"amount":100}'
SCOPES = Scopes("orders:write")


@pytest.fixture
def keys() -> SimulatedKeys:
    found = SimulatedKeys()
    found.add(KEY, SECRET, scopes=SCOPES)
    return found


@pytest.fixture
def method(store: SimulatedStore, keys: SimulatedKeys) -> RequestSignatures:
    return SignedRequests(store, keys=keys)


def signed(**changes: Any) -> RequestView:
    return signed_view(KEY, SECRET, body=BODY, **changes)


async def code_of(door: Door, view: RequestView) -> tuple[str, int]:
    """What is told, and how often the body was asked for."""
    arriving = Arriving(view)
    try:
        await door.admit(arriving.view)
    except Rejected as refused:
        return refused.code, arriving.asked
    return "", arriving.asked


class Slow:
    """A copy of a request whose body has begun, and comes when it is told to."""

    def __init__(self, door: Door, view: RequestView) -> None:
        self.begun, self.may_end = asyncio.Event(), asyncio.Event()
        self.task = asyncio.create_task(door.admit(Arriving(view, self._wait).view))

    async def _wait(self) -> None:
        self.begun.set()
        await self.may_end.wait()

    async def end(self) -> None:
        self.may_end.set()
        await self.task


async def test_one_copy_of_a_request_is_taken_in_at_a_time(method: RequestSignatures) -> None:
    door, view = Door(method), signed()
    first = Slow(door, view)
    await first.begun.wait()
    assert [await code_of(door, view) for _ in range(3)] == [("request_arriving", 0)] * 3
    # Another request of the same key is another one.
    assert await code_of(door, signed()) == ("", 1)
    await first.end()
    assert await code_of(door, view) == ("replayed", 0)


async def test_another_door_over_the_same_store_takes_in_no_other_copy(
    store: SimulatedStore, keys: SimulatedKeys, method: RequestSignatures
) -> None:
    view = signed()
    first = Slow(Door(method), view)
    await first.begun.wait()
    assert await code_of(Door(SignedRequests(store, keys=keys)), view) == ("request_arriving", 0)
    # What is claimed elsewhere is another nonce.
    elsewhere = SimulatedStore()
    assert await code_of(Door(SignedRequests(elsewhere, keys=keys)), view) == ("", 1)
    await first.end()


@pytest.mark.parametrize("ends", ["broken off", "another body", "hung up"])
async def test_an_upload_that_breaks_off_burns_nothing(
    store: SimulatedStore, method: RequestSignatures, ends: str
) -> None:
    door, view = Door(method), signed()

    def break_off() -> None:
        raise Rejected("request_malformed")

    if ends == "broken off":
        with pytest.raises(Rejected, match="request_malformed"):
            await door.admit(Arriving(view, break_off).view)
    elif ends == "another body":
        with pytest.raises(Rejected, match="signature_digest"):
            await door.admit(signed(nonce=b"n" * 16, sent=b'{"amount":999}'))
        view = signed(nonce=b"n" * 16)
    else:
        hung_up = Slow(door, view)
        await hung_up.begun.wait()
        hung_up.task.cancel()
        await asyncio.gather(hung_up.task, return_exceptions=True)
    assert not store.plane.claims.rows
    assert await code_of(door, view) == ("", 1)


async def test_what_another_process_has_used_costs_one_body(store: SimulatedStore, method: RequestSignatures) -> None:
    door, view = Door(method), signed()
    presented = method.extract(view)
    assert presented is not None
    wanted = method.verify(presented, await method.load(presented), view, int(store.now)).claim
    assert wanted is not None
    await store.plane.claims.claim_once(wanted.owner, wanted.key, keep_until=wanted.keep_until)
    assert [await code_of(door, view) for _ in range(3)] == [("replayed", 1), ("replayed", 0), ("replayed", 0)]


async def test_a_request_that_comes_to_a_second_door_is_no_copy_of_itself(
    store: SimulatedStore, keys: SimulatedKeys, method: RequestSignatures
) -> None:
    first, second = Door(method), Door(SignedRequests(store, keys=keys))
    view = signed()
    before = {first: await first.admit(view)}
    for door in (second, Door(method)):
        await door.admit(view, before)
        assert (await code_of(door, view))[0] == "replayed"
    assert len(store.plane.claims.rows) == 1


async def test_without_a_nonce_copies_are_requests_of_their_own(store: SimulatedStore, keys: SimulatedKeys) -> None:
    door = Door(SignedRequests(store, keys=keys, profile="danger-replayable"))
    view = signed()
    first = Slow(door, view)
    await first.begun.wait()
    assert await code_of(door, view) == ("", 1)
    await first.end()


@pytest.mark.parametrize("took_s", [59.0, 61.0])
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"barred": "credential_disabled"}, "credential_disabled"),
        ({"barred": "credential_revoked"}, "credential_revoked"),
        ({"scopes": Scopes("orders:read")}, "scope_insufficient"),
    ],
)
async def test_a_body_may_take_longer_than_the_view_remembers(
    store: SimulatedStore, keys: SimulatedKeys, method: RequestSignatures, took_s: float, change: Any, code: str
) -> None:
    clock = [0.0]
    await store.plane.start()
    door = Door(method, require=SCOPES, monotonic=lambda: time.monotonic() + clock[0])
    view = signed()

    def much_later() -> None:
        # The mark of it has come and gone: nothing in the view tells of it, and the view is fresh.
        keys.keys[KEY] = replace(keys.keys[KEY], **change)
        clock[0] = took_s
        page = FeedPage(rows=(), watermark=0, generation=GENERATION, as_of=int(store.now), complete=True)
        assert store.plane.view.apply(page, time.monotonic() + took_s)

    arriving = Arriving(view, much_later)
    if took_s < 60:
        # So short a time the view remembers.
        await door.admit(arriving.view)
        return
    with pytest.raises(Rejected, match=code):
        await door.admit(arriving.view)
    assert not store.plane.claims.rows


@pytest.mark.parametrize("looked_up_again", [False, True])
async def test_a_key_that_expires_while_its_body_arrives_no_longer_opens(
    store: SimulatedStore, keys: SimulatedKeys, method: RequestSignatures, *, looked_up_again: bool
) -> None:
    now = int(store.now)
    keys.keys[KEY] = replace(keys.keys[KEY], expires_at=None if looked_up_again else now + 20)
    door = Door(method)

    def later() -> None:
        if looked_up_again:
            # Rotated meanwhile: it goes on for as long as the two overlap.
            keys.keys[KEY] = replace(keys.keys[KEY], expires_at=now + 20)
            store.plane.change(Handle(FeedKind.CREDENTIAL, KEY))
        store.now = now + 20.0

    with pytest.raises(Rejected, match="credential_expired"):
        await door.admit(Arriving(signed(), later).view)
    assert not store.plane.claims.rows


async def test_a_request_is_as_old_as_its_headers(store: SimulatedStore, method: RequestSignatures) -> None:
    now = int(store.now)

    def later() -> None:
        store.now = now + 29.0

    await Door(method).admit(Arriving(signed(at=now - 299, lifetime_s=310), later).view)
