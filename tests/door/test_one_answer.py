"""What the answers of a door give away, and what stands beside a good key."""

from secrets import token_bytes

import pytest
from tests.simulators.method import SimulatedMethod
from tests.simulators.plane import SimulatedPlane
from tests.simulators.request import view_of
from tests.simulators.store import OPERATOR, SimulatedStore

from doorward.apps.port import AppRecord
from doorward.door import Door, FailureBudget
from doorward.errors import Rejected
from doorward.methods.apikey import ApiKeys
from doorward.methods.apikey.operations import create_key
from doorward.methods.apikey.order import KeyOrder
from doorward.values import Environment, Scopes
from doorward.wire.credential import mint_credential_text
from doorward.wire.request import Header

pytestmark = pytest.mark.usefixtures("way")


async def refusal(door: Door, *headers: Header) -> Rejected:
    with pytest.raises(Rejected) as caught:
        await door.admit(view_of(*headers))
    return caught.value


async def test_a_source_without_failures_left_cannot_tell_a_warm_id_from_an_unknown_one() -> None:
    plane = SimulatedPlane()
    method = SimulatedMethod(plane)
    door = Door(method, failure_budget=FailureBudget(2), monotonic=lambda: 0.0)
    warm = method.add("k1")
    await door.admit(view_of((b"x-secret", warm)))
    assert (await refusal(door, (b"x-secret", b"k1.wrong"))).refusal.public_code == "credential_invalid"
    assert (await refusal(door, (b"x-secret", b"k9.wrong"))).refusal.public_code == "credential_invalid"
    unknown = await refusal(door, (b"x-secret", b"k9.wrong"))
    known = await refusal(door, (b"x-secret", b"k1.wrong"))
    assert (known.code, known.retry_after_s) == (unknown.code, unknown.retry_after_s) == ("source_throttled", 30)
    assert plane.verifications.recorded[-1][4] == "credential_secret_mismatch"
    await door.admit(view_of((b"x-secret", warm)))


async def test_a_bearer_value_that_only_holds_the_keys_id_is_not_that_key(
    store: SimulatedStore, owner: AppRecord
) -> None:
    order = KeyOrder(app_id=owner.id, name="k", environment=Environment.LIVE, scopes=Scopes("orders:read"))
    issued = await create_key(store, order, actor=OPERATOR)
    door = Door(ApiKeys(store))
    text = issued.text.encode()
    admitted = await door.admit(view_of((b"authorization", b"Bearer  " + text)))
    assert admitted.principal.credential_id == issued.record.id
    for other in (issued.record.id, f"admin.{issued.record.id}", f"x{issued.text}", f"{issued.text}x"):
        beside = (b"authorization", f"Bearer {other}".encode())
        code = (await refusal(door, (b"x-api-key", text), beside)).code
        assert code in {"credential_unrecognised", "credential_malformed"}


@pytest.mark.parametrize("before", [b"/", b"/orders/", b"/" + b"a/" * 80])
@pytest.mark.parametrize("encoded", [False, True])
async def test_a_key_in_the_path_is_not_logged(before: bytes, *, encoded: bool) -> None:
    plane = SimulatedPlane()
    door = Door(SimulatedMethod(plane))
    text = mint_credential_text(prefix="dw", label="live", entropy=token_bytes).text
    spelled = text.replace("_", "%5F") if encoded else text
    with pytest.raises(Rejected):
        await door.admit(view_of(target=before + spelled.encode() + b"/x?y"))
    logged = plane.verifications.recorded[-1][5]
    assert "[credential]" in logged
    assert text[8:20] not in logged
    assert logged.startswith("GET ")
