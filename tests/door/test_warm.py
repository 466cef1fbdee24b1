"""The short way admits what was proven before, asks all there is to ask, and never refuses."""

import msgspec
import pytest
from tests.simulators.method import SimulatedMethod
from tests.simulators.plane import SimulatedPlane
from tests.simulators.request import view_of

from doorward.door import Door
from doorward.errors import Rejected
from doorward.values import RateLimit, Scopes


async def _phases_asked(door: Door, secret: bytes, *, indexed: bool = True) -> bool:
    """Whether a request gets as far as the phases, which are taken away for it."""
    runs = door._runs  # what is to be shown is that they are not needed
    view = view_of((b"x-secret", secret))
    view = view if indexed else msgspec.structs.replace(view, by_name=None)
    object.__setattr__(door, "_runs", (_asked,))
    try:
        await door.admit(view)
    except LookupError:
        return True
    finally:
        object.__setattr__(door, "_runs", runs)
    return False


def _asked(_: object) -> None:
    raise LookupError


async def test_a_warm_credential_needs_no_phases_and_a_cold_one_does() -> None:
    plane = SimulatedPlane()
    method = SimulatedMethod(plane)
    door = Door(method, require=Scopes("orders:read"))
    secret = method.add("k1", scopes=Scopes("orders:read"))
    assert await _phases_asked(door, secret)
    admitted = await door.admit(view_of((b"x-secret", secret)))
    before = len(plane.usage.counted), len(plane.verifications.recorded)
    assert not await _phases_asked(door, secret)
    assert (len(plane.usage.counted), len(plane.verifications.recorded)) == (before[0] + 1, before[1] + 1)
    assert plane.verifications.recorded[-1] == plane.verifications.recorded[-2]
    assert await door.admit(view_of((b"x-secret", secret))) == admitted
    assert await _phases_asked(door, secret, indexed=False)
    assert await _phases_asked(door, b"k1.wrong")
    assert await _phases_asked(Door(method, require=Scopes("orders:write")), secret)


async def test_what_the_phases_decide_changes_nothing_before() -> None:
    plane = SimulatedPlane()
    method = SimulatedMethod(plane)
    door = Door(method, require=Scopes("orders:read"))
    secret = method.add("k1", scopes=Scopes("orders:read"), rate=RateLimit(2, 60))
    first = await door.admit(view_of((b"x-secret", secret)))
    left = dict(first.answer_headers)[b"ratelimit"]
    assert await _phases_asked(Door(method, require=Scopes("orders:write")), secret)
    second = await door.admit(view_of((b"x-secret", secret)))
    assert b"r=1" in left
    assert b"r=0" in dict(second.answer_headers)[b"ratelimit"]


async def test_a_second_identity_beside_a_warm_credential_is_refused() -> None:
    plane = SimulatedPlane()
    one, other = SimulatedMethod(plane, bearer_carried=True), SimulatedMethod(plane, name="other", header=b"x-other")
    door = Door(one, other)
    secret, second = (b"x-secret", one.add("k1")), (b"x-other", other.add("k2"))
    for alone in secret, second:
        await door.admit(view_of(alone))
    with pytest.raises(Rejected, match="credential_unrecognised"):
        await door.admit(view_of(secret, (b"authorization", b"Bearer somebody-else")))
    with pytest.raises(Rejected, match="credential_conflict"):
        await door.admit(view_of(secret, second))


async def test_a_body_that_must_be_checked_goes_through_the_phases() -> None:
    class NeverFits:
        def update(self, presented_chunk: bytes) -> None:
            del presented_chunk

        def verify_end(self) -> None:
            raise Rejected("signature_digest")

    method = SimulatedMethod(SimulatedPlane())
    door = Door(method)
    secret = method.add("k1")
    record = method.records["k1"]
    await door.admit(view_of((b"x-secret", secret)))
    # Even if a method does not say beforehand that it may ask for one.
    verified = msgspec.structs.replace(record.verified, body_check=NeverFits())
    setattr(method, "verify", lambda *_: verified)  # noqa: B010  # a method, which mypy keeps from assignment
    assert await _phases_asked(door, secret)
