"""What a method stands on beside a plane, and doors whose methods have no plane at all."""

import pytest
from tests.simulators.issuer import NOW, SimulatedIssuer
from tests.simulators.method import SimulatedMethod
from tests.simulators.plane import SimulatedPlane
from tests.simulators.request import view_of

from doorward.door import Door
from doorward.door.cache import ENTRIES_MAX
from doorward.errors import Rejected, Unavailable
from doorward.methods.bearer import BearerTokens
from doorward.values import RateLimit


async def test_every_resource_is_started_and_closed_once_a_door() -> None:
    one, two = SimulatedIssuer("https://one.example"), SimulatedIssuer("https://two.example", number=2)
    plane = SimulatedPlane()
    keys = SimulatedMethod(plane)
    door = Door(BearerTokens(one.policy(), two.policy(), plane=plane), keys)
    assert door.resources == (one.keys, two.keys)
    assert door.planes == (plane,)
    await door.start()
    assert (plane.starts, one.keys.starts, two.keys.starts) == (1, 1, 1)
    await door.aclose()
    assert (plane.closes, one.keys.closes, two.keys.closes) == (1, 1, 1)


def test_a_shared_source_of_keys_is_one() -> None:
    issuer = SimulatedIssuer()
    other = SimulatedIssuer("https://other.example")
    other.keys = issuer.keys  # type: ignore[misc]  # two names of one deployment
    assert Door(BearerTokens(issuer.policy(), other.policy())).resources == (issuer.keys,)


async def test_keys_that_cannot_be_had_stop_the_start() -> None:
    issuer = SimulatedIssuer()

    async def fail() -> None:
        raise Unavailable("keys_unavailable")

    issuer.keys.start = fail  # type: ignore[method-assign]  # the issuer is away
    with pytest.raises(Unavailable, match="keys_unavailable"):
        await Door(BearerTokens(issuer.policy())).start()


def test_a_method_of_records_keeps_as_many_as_before() -> None:
    lane = Door(SimulatedMethod(SimulatedPlane()))._demand.lanes[0]
    assert (lane.resources, lane.confirming, lane.cache.entries_max) == ((), None, ENTRIES_MAX)


async def test_without_a_plane_a_door_goes_by_its_own_clock_warm_and_cold(way: str) -> None:
    now = [float(NOW)]
    issuer = SimulatedIssuer()
    door = Door(BearerTokens(issuer.policy()), clock=lambda: now[0])
    view = view_of((b"authorization", b"Bearer " + issuer.issue()))
    assert await door.admit(view) == await door.admit(view)
    now[0] += 600
    with pytest.raises(Rejected, match="credential_expired"):
        await door.admit(view)


async def test_without_a_plane_there_is_nowhere_to_count_a_rate(way: str) -> None:
    method = SimulatedMethod()
    door = Door(method)
    view = view_of((b"x-secret", method.add("k1", rate=RateLimit(1, 60))))
    for _ in range(2):
        with pytest.raises(AssertionError, match="nowhere to count"):
            await door.admit(view)
