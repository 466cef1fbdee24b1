"""The whole pipeline, with a method and a plane in memory."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.simulators.method import SimulatedMethod, SimulatedRecord
from tests.simulators.plane import SimulatedPlane
from tests.simulators.request import view_of

from doorward.door import Door, FailureBudget
from doorward.errors import Misconfigured, Rejected, Unavailable
from doorward.methods.apikey import ApiKeys
from doorward.methods.basic import Basic
from doorward.revocation.view import View
from doorward.values import FeedKind, Handle, PrincipalKind, RateLimit, Scopes
from doorward.wire.request import Header

pytestmark = pytest.mark.usefixtures("way")

APP = Handle(FeedKind.APP, "app_simulated000")


@pytest.fixture
def plane() -> SimulatedPlane:
    return SimulatedPlane()


@pytest.fixture
def method(plane: SimulatedPlane) -> SimulatedMethod:
    return SimulatedMethod(plane, bearer_carried=True)


async def refusal(door: Door, *headers: Header, client: str | None = "192.0.2.1") -> Rejected:
    with pytest.raises(Rejected) as caught:
        await door.admit(view_of(*headers, client=client))
    return caught.value


async def test_admits_and_records(plane: SimulatedPlane, method: SimulatedMethod) -> None:
    secret = method.add("k1", scopes=Scopes("orders:read"))
    door = Door(method, require=Scopes("orders:read"))
    admitted = await door.admit(view_of((b"x-secret", secret), target=b"/orders?token=x"))
    assert admitted.principal.credential_id == "k1"
    assert admitted.decision.reasons == ("proven", "scope:orders:read")
    assert [counted[1:] for counted in plane.usage.counted] == [("k1", plane.usage.counted[0][2], "192.0.2.1")]
    assert plane.verifications.recorded == [("simulated", "k1", "app_simulated000", "192.0.2.1", None, "GET /orders")]


def test_the_warm_path_never_suspends(plane: SimulatedPlane, method: SimulatedMethod) -> None:
    secret = method.add("k1")
    door = Door(method)
    asyncio.run(_admit(door, secret))
    step = door.admit(view_of((b"x-secret", secret)))
    with pytest.raises(StopIteration):
        step.send(None)
    assert method.loads == 1


async def _admit(door: Door, secret: bytes) -> None:
    await door.admit(view_of((b"x-secret", secret)))


async def test_nothing_presented(plane: SimulatedPlane, method: SimulatedMethod) -> None:
    door = Door(method)
    refused = await refusal(door)
    assert refused.code == "credential_missing"
    assert (b"www-authenticate", b'Bearer realm="simulated"') in door.refuse(refused).headers
    assert plane.verifications.recorded[-1][4] == "credential_missing"


async def test_two_primaries_conflict(plane: SimulatedPlane, method: SimulatedMethod) -> None:
    other = SimulatedMethod(plane, name="other", header=b"x-other")
    headers = ((b"x-secret", method.add("k1")), (b"x-other", other.add("k2")))
    assert (await refusal(Door(method, other), *headers)).code == "credential_conflict"
    assert (await Door(method).admit(view_of(*headers))).principal.credential_id == "k1"


async def test_a_bearer_value_nobody_recognises(plane: SimulatedPlane, method: SimulatedMethod) -> None:
    stray = (b"authorization", b"Bearer eyJ.x.y")
    secret = method.add("k1")
    other = SimulatedMethod(plane, name="other", header=b"x-other")
    assert (await refusal(Door(method), stray)).code == "credential_unrecognised"
    # Beside a good key in another header it would be a second identity for the next hop.
    assert (await refusal(Door(method), stray, (b"x-secret", secret))).code == "credential_unrecognised"
    # A door without bearer-carried methods ignores it.
    assert (await refusal(Door(other), stray)).code == "credential_missing"
    await Door(method).admit(
        view_of((b"authorization", b"bEaRer nothing".replace(b"bEaRer nothing", b"Bearer sim." + secret)))
    )


async def test_unknown_and_mismatch_answer_alike(plane: SimulatedPlane, method: SimulatedMethod) -> None:
    door = Door(method)
    method.add("k1")
    unknown = await refusal(door, (b"x-secret", b"k9.right"))
    mismatch = await refusal(door, (b"x-secret", b"k1.wrong"))
    assert (unknown.code, mismatch.code) == ("credential_unknown", "credential_secret_mismatch")
    assert door.refuse(unknown) == door.refuse(mismatch)


async def test_only_a_proof_fills_the_cache(plane: SimulatedPlane, method: SimulatedMethod) -> None:
    door = Door(method)
    secret = method.add("k1")
    await refusal(door, (b"x-secret", b"k1.wrong"))
    assert method.loads == 1
    await door.admit(view_of((b"x-secret", secret)))
    assert method.loads == 2
    await refusal(door, (b"x-secret", b"k1.wrong"))
    await door.admit(view_of((b"x-secret", secret)))
    assert method.loads == 2


async def test_a_revoked_warm_credential_is_refused_at_once(plane: SimulatedPlane, method: SimulatedMethod) -> None:
    door = Door(method)
    secret = method.add("k1", answer_headers=((b"deprecation", b"@1"),))
    await door.admit(view_of((b"x-secret", secret)))
    plane.revoke(Handle(FeedKind.CREDENTIAL, "k1"))
    for _ in range(2):
        refused = await refusal(door, (b"x-secret", secret))
        assert refused.code == "credential_revoked"
        assert refused.answer_headers == ((b"deprecation", b"@1"),)
    assert method.loads == 1


async def test_a_changed_record_is_loaded_again(plane: SimulatedPlane, method: SimulatedMethod) -> None:
    door = Door(method, require=Scopes("orders:write"))
    secret = method.add("k1", scopes=Scopes("orders:write"))
    await door.admit(view_of((b"x-secret", secret)))
    method.add("k1", scopes=Scopes("orders:read"))
    plane.change(Handle(FeedKind.CREDENTIAL, "k1"))
    refused = await refusal(door, (b"x-secret", secret))
    assert (refused.code, refused.missing_scopes) == ("scope_insufficient", ("orders:write",))
    method.add("k1", scopes=Scopes("orders:write"))
    plane.change(APP)
    await door.admit(view_of((b"x-secret", secret)))
    assert method.loads == 3


async def test_an_unrelated_revocation_loads_nothing(plane: SimulatedPlane, method: SimulatedMethod) -> None:
    door = Door(method)
    secret = method.add("k1")
    await door.admit(view_of((b"x-secret", secret)))
    plane.revoke(Handle(FeedKind.CREDENTIAL, "k2"))
    await door.admit(view_of((b"x-secret", secret)))
    assert method.loads == 1


async def test_a_change_during_the_load_is_not_missed(plane: SimulatedPlane, method: SimulatedMethod) -> None:
    door = Door(method)
    secret = method.add("k1")
    method.hold = asyncio.Event()
    admission = asyncio.create_task(door.admit(view_of((b"x-secret", secret))))
    await method.loading.wait()
    # The old record has been read; now it is disabled, and the row arrives before the answer of the store.
    record = method.records["k1"]
    method.records["k1"] = SimulatedRecord(record.digest, record.verified, "disabled")
    plane.change(Handle(FeedKind.CREDENTIAL, "k1"))
    method.hold.set()
    with pytest.raises(Rejected) as caught:
        await admission
    assert caught.value.code == "credential_disabled"
    assert method.loads == 2


async def test_a_restored_database_is_asked_again(plane: SimulatedPlane, method: SimulatedMethod) -> None:
    door = Door(method)
    secret = method.add("k1")
    await door.admit(view_of((b"x-secret", secret)))
    plane.read(generation="g2")
    del method.records["k1"]
    assert (await refusal(door, (b"x-secret", secret))).code == "credential_unknown"


async def test_concurrent_cold_loads_share_one(plane: SimulatedPlane, method: SimulatedMethod) -> None:
    door = Door(method)
    secret = method.add("k1")
    method.hold = asyncio.Event()
    admissions = [asyncio.create_task(door.admit(view_of((b"x-secret", secret)))) for _ in range(10)]
    await method.loading.wait()
    method.hold.set()
    await asyncio.gather(*admissions)
    assert method.loads == 1


async def test_a_caller_who_hangs_up_does_not_take_the_load_along(
    plane: SimulatedPlane, method: SimulatedMethod
) -> None:
    door = Door(method)
    secret = method.add("k1")
    method.hold = asyncio.Event()
    first = asyncio.create_task(door.admit(view_of((b"x-secret", secret))))
    await method.loading.wait()
    second = asyncio.create_task(door.admit(view_of((b"x-secret", secret))))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    method.hold.set()
    assert (await second).principal.credential_id == "k1"


async def test_a_bad_copy_does_not_shut_out_the_holder(method: SimulatedMethod) -> None:
    door = Door(method)
    secret = method.add("k1")
    bad = asyncio.create_task(door.admit(view_of((b"x-secret", b"k1.not-genuine"))))
    good = asyncio.create_task(door.admit(view_of((b"x-secret", secret))))
    with pytest.raises(Rejected):
        await bad
    assert (await good).principal.credential_id == "k1"


async def test_a_stale_view_refuses(plane: SimulatedPlane, method: SimulatedMethod) -> None:
    now = [0.0]
    door = Door(method, monotonic=_clock(now))
    secret = method.add("k1")
    await plane.start()
    now[0] = 1e12
    with pytest.raises(Unavailable) as caught:
        await door.admit(view_of((b"x-secret", secret)))
    assert caught.value.code == "revocation_stale"
    assert plane.verifications.recorded[-1][4] == "revocation_stale"


async def test_a_stale_view_refuses_warm_credentials_too(plane: SimulatedPlane, method: SimulatedMethod) -> None:
    now = [time.monotonic()]
    door = Door(method, monotonic=_clock(now))
    secret = method.add("k1")
    await door.admit(view_of((b"x-secret", secret)))
    # Within the life of a record, so that only the view can refuse.
    now[0] += 120
    with pytest.raises(Unavailable) as caught:
        await door.admit(view_of((b"x-secret", secret)))
    assert caught.value.code == "revocation_stale"


async def test_a_plane_that_was_closed_is_started_again(plane: SimulatedPlane, method: SimulatedMethod) -> None:
    now = [time.monotonic()]
    door = Door(method, monotonic=_clock(now))
    secret = method.add("k1")
    await door.admit(view_of((b"x-secret", secret)))
    await plane.aclose()
    plane.view = View()
    await door.admit(view_of((b"x-secret", secret)))
    assert plane.starts == 2
    assert method.loads == 2


def _clock(now: list[float]) -> Callable[[], float]:
    return lambda: now[0]


async def test_a_store_that_is_away_is_not_the_callers_fault(plane: SimulatedPlane, method: SimulatedMethod) -> None:
    door = Door(method, failure_budget=FailureBudget(1))
    secret = method.add("k1")
    method.store_is_away = True
    for _ in range(3):
        with pytest.raises(Unavailable):
            await door.admit(view_of((b"x-secret", secret)))
    method.store_is_away = False
    await door.admit(view_of((b"x-secret", secret)))


async def test_budget_stops_cold_loads_only(plane: SimulatedPlane, method: SimulatedMethod) -> None:
    now = [0.0]
    door = Door(method, failure_budget=FailureBudget(2), monotonic=_clock(now))
    warm = method.add("k1")
    cold = method.add("k2")
    await door.admit(view_of((b"x-secret", warm)))
    for _ in range(2):
        assert (await refusal(door, (b"x-secret", b"k9.x"))).code == "credential_unknown"
    loads = method.loads
    throttled = await refusal(door, (b"x-secret", b"k9.x"))
    assert (throttled.code, throttled.retry_after_s) == ("source_throttled", 30)
    assert (await refusal(door, (b"x-secret", cold))).code == "source_throttled"
    assert method.loads == loads
    await door.admit(view_of((b"x-secret", warm)))
    await door.admit(view_of((b"x-secret", cold), client="192.0.2.2"))
    now[0] = 31.0
    await door.admit(view_of((b"x-secret", method.add("k3"))))


async def test_parallel_failures_cannot_outrun_the_budget(method: SimulatedMethod) -> None:
    door = Door(method, failure_budget=FailureBudget(5), monotonic=lambda: 0.0)
    attempts = [door.admit(view_of((b"x-secret", f"k{n}.x".encode()))) for n in range(100)]
    results = await asyncio.gather(*attempts, return_exceptions=True)
    codes = [result.code for result in results if isinstance(result, Rejected)]
    assert (codes.count("credential_unknown"), codes.count("source_throttled")) == (5, 95)
    assert method.loads == 5


async def test_many_good_cold_callers_behind_one_address_are_let_in(method: SimulatedMethod) -> None:
    door = Door(method, failure_budget=FailureBudget(3), monotonic=lambda: 0.0)
    secrets = [method.add(f"k{n}") for n in range(50)]
    admitted = await asyncio.gather(*(door.admit(view_of((b"x-secret", secret))) for secret in secrets))
    assert len(admitted) == 50


async def test_a_rate_limit_refuses_with_its_headers(plane: SimulatedPlane, method: SimulatedMethod) -> None:
    door = Door(method)
    secret = method.add("k1", rate=RateLimit(2, 60), answer_headers=((b"deprecation", b"@1"),))
    names = []
    for _ in range(2):
        admitted = await door.admit(view_of((b"x-secret", secret)))
        names.append([name for name, _ in admitted.answer_headers])
    assert names == [[b"deprecation", b"ratelimit-policy", b"ratelimit"]] * 2
    refused = await refusal(door, (b"x-secret", secret))
    assert refused.code == "rate_limited"
    assert refused.retry_after_s is not None
    assert [name for name, _ in refused.answer_headers] == [b"deprecation", b"ratelimit-policy", b"ratelimit"]


async def test_a_missing_scope_tells_the_rate_limit_too(method: SimulatedMethod) -> None:
    door = Door(method, require=Scopes("orders:write"))
    refused = await refusal(door, (b"x-secret", method.add("k1", rate=RateLimit(9, 60))))
    assert refused.code == "scope_insufficient"
    assert [name for name, _ in refused.answer_headers] == [b"ratelimit-policy", b"ratelimit"]


async def test_the_kind_of_principal_can_be_demanded(method: SimulatedMethod) -> None:
    door = Door(method, principal_kind=PrincipalKind.PERSON)
    assert (await refusal(door, (b"x-secret", method.add("k1")))).code == "principal_kind"
    await door.admit(view_of((b"x-secret", method.add("k2", kind=PrincipalKind.PERSON))))


async def test_doors_of_one_method_share_records_and_failures(method: SimulatedMethod) -> None:
    read, write = Door(method), Door(method)
    secret = method.add("k1")
    await read.admit(view_of((b"x-secret", secret)))
    await write.admit(view_of((b"x-secret", secret)))
    assert method.loads == 1


async def test_starts_and_closes_the_plane(plane: SimulatedPlane, method: SimulatedMethod) -> None:
    door = Door(method, SimulatedMethod(plane, name="other", header=b"x-other"))
    assert door.planes == (plane,)
    await door.start()
    await door.aclose()
    assert (plane.starts, plane.closes) == (1, 1)


def test_a_door_needs_methods(method: SimulatedMethod) -> None:
    with pytest.raises(Misconfigured):
        Door()
    with pytest.raises(Misconfigured):
        Door(method, method)


def test_what_is_no_method_and_no_scopes_is_told_with_the_cure(method: SimulatedMethod) -> None:
    not_a_method: Any = "sqlite:///doorward.db"
    with pytest.raises(Misconfigured, match="Door\\(ApiKeys"):
        Door(not_a_method)
    not_scopes: Any = "orders:read"
    with pytest.raises(Misconfigured, match="Scopes\\("):
        Door(method, require=not_scopes)
    with pytest.raises(Misconfigured, match="open_store"):
        ApiKeys(not_a_method)
    with pytest.raises(Misconfigured, match="open_store"):
        Basic(not_a_method)


async def test_a_method_without_a_store(plane: SimulatedPlane) -> None:
    method = SimulatedMethod(None)
    door = Door(method)
    secret = method.add("k1")
    await door.admit(view_of((b"x-secret", secret)))
    await door.admit(view_of((b"x-secret", secret)))
    assert method.loads == 1
    assert (await refusal(door)).code == "credential_missing"


async def test_a_token_that_stands_alone_is_told_what_it_lacks(plane: SimulatedPlane, method: SimulatedMethod) -> None:
    jwt = b"eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9." + b"A" * 86
    door = Door(method)
    refused = await refusal(door, (b"authorization", jwt))
    assert refused.code == "credential_without_scheme"
    answer = door.refuse(refused)
    assert answer.status == 401
    assert jwt not in answer.body
    # Another scheme, or nothing of ours: nobody has shown anything.
    for value in (b"Negotiate", b"DPoP " + jwt, b"a.b.c"):
        assert (await refusal(door, (b"authorization", value))).code == "credential_missing"
    other = SimulatedMethod(plane, name="other", header=b"x-other")
    assert (await refusal(Door(other), (b"authorization", jwt))).code == "credential_missing"
