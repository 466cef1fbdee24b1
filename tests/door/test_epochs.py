"""An epoch at the door: it voids what was issued before, spares what came after, and has records loaded again."""

import pytest
from msgspec.structs import replace
from tests.simulators.method import SimulatedMethod
from tests.simulators.plane import SimulatedPlane
from tests.simulators.request import view_of

from doorward.door import Door
from doorward.errors import Rejected
from doorward.values import EPOCH_KINDS, FeedKind, Handle, IssuedAbroad, Since, Watermark

pytestmark = pytest.mark.usefixtures("way")

ALICE = Handle(FeedKind.SUBJECT, "alice")


def token(method: SimulatedMethod, name: str, since: Since | None, handle: Handle = ALICE) -> bytes:
    """A credential that carries its own proof, as far as the pipeline can tell."""
    secret = method.add(name)
    record = method.records[name]
    verified = replace(record.verified, handles=(*record.verified.handles, handle), since=since)
    method.records[name] = replace(record, verified=verified)
    return secret


async def admits(door: Door, secret: bytes) -> bool:
    try:
        await door.admit(view_of((b"x-secret", secret)))
    except Rejected as refused:
        if refused.code != "credential_revoked":
            raise
        return False
    return True


@pytest.mark.parametrize("kind", sorted(EPOCH_KINDS))
async def test_what_was_issued_before_is_void_and_what_came_after_is_good(kind: FeedKind) -> None:
    plane = SimulatedPlane()
    method = SimulatedMethod(plane)
    door, handle = Door(method), Handle(kind, "alice")
    plane.read()
    old = token(method, "old", Watermark("g1", 0), handle)
    assert await admits(door, old)
    plane.revoke(handle)
    assert not await admits(door, old)
    new = token(method, "new", Watermark("g1", 1), handle)
    for _ in range(2):
        assert await admits(door, new)
        assert not await admits(door, old)
    plane.revoke(handle)
    assert not await admits(door, new)


async def test_a_token_never_seen_before_is_held_against_the_epoch_as_well() -> None:
    plane = SimulatedPlane()
    method = SimulatedMethod(plane)
    door = Door(method)
    plane.revoke(Handle(FeedKind.SUBJECT, "bob"))
    plane.revoke(ALICE)
    assert not await admits(door, token(method, "old", Watermark("g1", 1)))
    assert await admits(door, token(method, "new", Watermark("g1", 2)))
    assert not await admits(door, token(method, "restored", Watermark("g0", 99)))


async def test_a_foreign_token_is_void_up_to_a_minute_after_the_epoch() -> None:
    now = 1_800_000_000
    plane = SimulatedPlane(lambda: float(now))
    method = SimulatedMethod(plane)
    door = Door(method)
    plane.revoke(ALICE)
    assert not await admits(door, token(method, "within", IssuedAbroad(now + 60)))
    assert await admits(door, token(method, "after", IssuedAbroad(now + 61)))
    assert not await admits(door, token(method, "undated", IssuedAbroad(0)))


async def test_a_record_of_the_store_is_loaded_again_and_says_itself_what_is_void() -> None:
    plane = SimulatedPlane()
    method = SimulatedMethod(plane)
    door = Door(method)
    plane.read()
    spared, ended = token(method, "spared", None), token(method, "ended", None)
    for secret in (spared, ended):
        assert await admits(door, secret)
    loads = method.loads
    # The store marks what the epoch voids in the same transaction; the feed has it loaded again.
    method.records["ended"] = replace(method.records["ended"], state="revoked")
    plane.revoke(ALICE)
    assert await admits(door, spared)
    with pytest.raises(Rejected, match="credential_disabled"):
        await door.admit(view_of((b"x-secret", ended)))
    assert method.loads == loads + 2
    assert await admits(door, spared)
    assert method.loads == loads + 2


async def test_a_final_row_voids_new_tokens_too() -> None:
    plane = SimulatedPlane()
    method = SimulatedMethod(plane)
    session = Handle(FeedKind.SESSION, "s1")
    plane.revoke(session)
    assert not await admits(Door(method), token(method, "new", Watermark("g1", 99), session))
