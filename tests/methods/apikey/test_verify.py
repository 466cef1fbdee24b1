"""What a key proves, in which order, and who is told why not."""

from ipaddress import ip_address

import pytest
from msgspec.structs import replace
from tests.simulators.request import view_of
from tests.simulators.store import NOW, OPERATOR, SimulatedStore

from doorward.apps.operations import revoke_app, suspend_app
from doorward.apps.port import AppRecord
from doorward.errors import REFUSALS, Rejected
from doorward.methods.apikey import NEVER, ApiKeys
from doorward.methods.apikey.operations import create_key, disable_key, revoke_key
from doorward.methods.apikey.order import IssuedKey, KeyOrder
from doorward.methods.apikey.verify import verify_key
from doorward.methods.contract import Verified
from doorward.values import Environment, FeedKind, Handle, OrganizationId, PrincipalKind, RateLimit, Scopes
from doorward.wire.credential import checksum_of
from doorward.wire.render import render_refusal


async def _present(store: SimulatedStore, text: str, *, client: str | None = "192.0.2.1", at: int = NOW) -> Verified:
    method = ApiKeys(store)
    request = view_of((b"authorization", b"Bearer " + text.encode()), client=client)
    presented = method.extract(request)
    assert presented is not None
    return method.verify(presented, await method.load(presented), request, at)


async def _code(store: SimulatedStore, text: str, *, client: str | None = "192.0.2.1", at: int = NOW) -> str:
    with pytest.raises(Rejected) as caught:
        await _present(store, text, client=client, at=at)
    return caught.value.code


def _with_other_secret(issued: IssuedKey) -> str:
    body = issued.text[: -6 - 32] + "0" * 32
    return body + checksum_of(body)


async def _issue(store: SimulatedStore, owner: AppRecord, order: KeyOrder | None = None) -> IssuedKey:
    return await create_key(store, order or KeyOrder(app_id=owner.id, name="k"), actor=OPERATOR)


async def test_a_key_proves_its_app(store: SimulatedStore, owner: AppRecord) -> None:
    rate = RateLimit(requests=5, window_s=60)
    order = KeyOrder(app_id=owner.id, name="k", scopes=Scopes("orders:read"), rate=rate, metadata={"team": "retail"})
    issued = await _issue(store, owner, order)
    verified = await _present(store, issued.text)
    principal = verified.principal
    assert (principal.kind, principal.id, principal.name) == (PrincipalKind.APP, owner.id, "orders-sync")
    assert (principal.method, principal.credential_id) == ("apikey", issued.record.id)
    assert principal.scopes == Scopes("orders:read")
    assert principal.environment is Environment.LIVE
    assert principal.not_after == NOW + 90 * 86_400
    assert principal.metadata == {"team": "retail"}
    assert verified.rate == rate
    assert verified.handles == (Handle(FeedKind.CREDENTIAL, issued.record.id), Handle(FeedKind.APP, owner.id))


async def test_a_key_of_an_organizations_app_rests_on_the_organization_too(
    store: SimulatedStore, owner: AppRecord
) -> None:
    store.app_rows[owner.id] = replace(owner, organization_id=OrganizationId("acme"))
    issued = await _issue(store, owner)
    verified = await _present(store, issued.text)
    assert Handle(FeedKind.ORGANIZATION, "acme") in verified.handles
    assert verified.principal.organization_id == "acme"


async def test_unknown_id_and_wrong_secret_answer_alike(
    store: SimulatedStore, owner: AppRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued = await _issue(store, owner)
    wrong = _with_other_secret(issued)
    compared: list[tuple[bytes, bytes]] = []

    def watch(left: bytes, right: bytes) -> bool:
        compared.append((left, right))
        return left == right

    monkeypatch.setattr("doorward.methods.apikey.verify.constant_time_equal", watch)
    outcomes = []
    for rows in (dict(store.key_rows), {}):
        store.key_rows = rows
        with pytest.raises(Rejected) as caught:
            await _present(store, wrong)
        outcomes.append(caught.value)
    mismatch, unknown = outcomes
    assert (mismatch.code, unknown.code) == ("credential_secret_mismatch", "credential_unknown")
    assert render_refusal(mismatch, challenges=(b"Bearer",)) == render_refusal(unknown, challenges=(b"Bearer",))
    assert len(compared) == 2, "the unknown id did less work"
    assert compared[0][0] == compared[1][0]
    assert {len(side) for pair in compared for side in pair} == {32}


async def test_the_secret_decides_not_the_id(store: SimulatedStore, owner: AppRecord) -> None:
    issued = await _issue(store, owner)
    assert await _code(store, _with_other_secret(issued)) == "credential_secret_mismatch"


async def test_a_checksum_that_does_not_fit_reads_nothing_and_is_unknown(
    store: SimulatedStore, owner: AppRecord
) -> None:
    issued = await _issue(store, owner)
    reads = store.reads
    text = issued.text[:-1] + ("0" if issued.text[-1] != "0" else "1")
    assert await _code(store, text) == "credential_unknown"
    assert store.reads == reads


async def test_the_checksum_is_not_authentication(store: SimulatedStore, owner: AppRecord) -> None:
    """A warm record is verified by its digest, whatever the checksum says."""
    issued = await _issue(store, owner)
    method = ApiKeys(store)
    request = view_of((b"x-api-key", _with_other_secret(issued).encode()))
    genuine = method.extract(view_of((b"x-api-key", issued.text.encode())))
    forged = method.extract(request)
    assert genuine is not None
    assert forged is not None
    warm = await method.load(genuine)
    with pytest.raises(Rejected) as caught:
        method.verify(forged, warm, request, NOW)
    assert caught.value.code == "credential_secret_mismatch"
    assert warm is not None
    assert warm.proof is None, "a wrong secret did more work than an unknown id"


async def test_expiry_is_exact(store: SimulatedStore, owner: AppRecord) -> None:
    issued = await _issue(store, owner, KeyOrder(app_id=owner.id, name="k", expires_in_s=10))
    await _present(store, issued.text, at=NOW + 9)
    assert await _code(store, issued.text, at=NOW + 10) == "credential_expired"


async def test_a_key_that_never_expires_has_no_end(store: SimulatedStore, owner: AppRecord) -> None:
    issued = await _issue(store, owner, KeyOrder(app_id=owner.id, name="k", expires_in_s=NEVER))
    verified = await _present(store, issued.text, at=2**40)
    assert verified.principal.not_after is None


async def test_a_test_key_opens_no_live_door_nor_the_reverse(store: SimulatedStore, owner: AppRecord) -> None:
    test_key = await _issue(store, owner, KeyOrder(app_id=owner.id, name="k", environment=Environment.TEST))
    assert test_key.text.startswith("dw_test_")
    assert await _code(store, test_key.text) == "credential_environment"
    live_key = await _issue(store, owner)
    method = ApiKeys(store, environment=Environment.TEST)
    request = view_of((b"x-api-key", live_key.text.encode()))
    presented = method.extract(request)
    assert presented is not None
    with pytest.raises(Rejected) as caught:
        method.verify(presented, await method.load(presented), request, NOW)
    assert caught.value.code == "credential_environment"


async def test_relabelling_a_test_key_does_not_help(store: SimulatedStore, owner: AppRecord) -> None:
    test_key = await _issue(store, owner, KeyOrder(app_id=owner.id, name="k", environment=Environment.TEST))
    body = test_key.text[:-6].replace("_test_", "_live_")
    assert await _code(store, body + checksum_of(body)) == "credential_secret_mismatch"


@pytest.mark.parametrize(
    ("networks", "client", "admitted"),
    [
        (("192.0.2.0/24",), "192.0.2.255", True),
        (("192.0.2.0/24",), "192.0.3.0", False),
        (("192.0.2.0/24", "2001:db8::/32"), "2001:db8::1", True),
        (("2001:db8::/32",), "192.0.2.1", False),
        (("0.0.0.0/0",), None, False),
        ((), None, True),
    ],
)
async def test_networks(
    store: SimulatedStore, owner: AppRecord, networks: tuple[str, ...], client: str | None, *, admitted: bool
) -> None:
    issued = await _issue(store, owner, KeyOrder(app_id=owner.id, name="k", networks=networks))
    if admitted:
        await _present(store, issued.text, client=client)
    else:
        assert await _code(store, issued.text, client=client) == "credential_network"


async def test_only_the_holder_learns_the_state(store: SimulatedStore, owner: AppRecord) -> None:
    for act, code in ((disable_key, "credential_disabled"), (revoke_key, "credential_revoked")):
        issued = await _issue(store, owner)
        await act(store, issued.record.id, reason="r", actor=OPERATOR)
        assert await _code(store, issued.text) == code
        assert await _code(store, _with_other_secret(issued)) == "credential_secret_mismatch"


async def test_the_apps_state_bars_its_keys(store: SimulatedStore, owner: AppRecord) -> None:
    issued = await _issue(store, owner)
    await suspend_app(store, owner.id, reason="r", actor=OPERATOR)
    assert await _code(store, issued.text) == "app_suspended"
    await revoke_app(store, owner.id, reason="r", actor=OPERATOR)
    assert await _code(store, issued.text) == "credential_revoked"


async def test_a_state_of_the_app_that_is_not_known_bars(store: SimulatedStore, owner: AppRecord) -> None:
    issued = await _issue(store, owner)
    method = ApiKeys(store)
    request = view_of((b"x-api-key", issued.text.encode()))
    presented = method.extract(request)
    assert presented is not None

    async def find_key(key_id: str) -> object:
        del key_id
        return replace(issued.record, app_state="archived")

    store.find_key = find_key  # type: ignore[method-assign, assignment]  # a row from a newer release
    with pytest.raises(Rejected) as caught:
        method.verify(presented, await method.load(presented), request, NOW)
    assert caught.value.code == "app_suspended"


async def test_the_order_of_refusals(store: SimulatedStore, owner: AppRecord) -> None:
    """Revoked before disabled before the app before expired before environment before network."""
    order = KeyOrder(app_id=owner.id, name="k", environment=Environment.TEST, networks=("10.0.0.0/8",), expires_in_s=1)
    issued = await _issue(store, owner, order)
    assert await _code(store, issued.text) == "credential_environment"
    assert await _code(store, issued.text, at=NOW + 1) == "credential_expired"
    await suspend_app(store, owner.id, reason="r", actor=OPERATOR)
    assert await _code(store, issued.text, at=NOW + 1) == "app_suspended"
    await disable_key(store, issued.record.id, reason="r", actor=OPERATOR)
    assert await _code(store, issued.text, at=NOW + 1) == "credential_disabled"
    await revoke_key(store, issued.record.id, reason="r", actor=OPERATOR)
    assert await _code(store, issued.text, at=NOW + 1) == "credential_revoked"


async def test_what_is_proven_is_built_once(store: SimulatedStore, owner: AppRecord) -> None:
    issued = await _issue(store, owner)
    method = ApiKeys(store)
    presented = method.extract(view_of((b"x-api-key", issued.text.encode())))
    assert presented is not None
    warm = await method.load(presented)
    client = ip_address("192.0.2.1")
    first = verify_key(presented, warm, environment=Environment.LIVE, client=client, now=NOW)
    assert verify_key(presented, warm, environment=Environment.LIVE, client=client, now=NOW) is first


def test_the_codes_are_in_the_table() -> None:
    assert {"credential_unknown", "credential_secret_mismatch", "credential_network"} <= REFUSALS.keys()
