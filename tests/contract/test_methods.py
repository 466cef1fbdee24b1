"""What every method owes the pipeline, run on each of them."""

import logging
import traceback
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.contract.cases import LIFETIME_S, METHODS, MethodCase
from tests.simulators.request import view_of
from tests.simulators.store import NOW, SimulatedStore

from doorward.apps.port import AppRecord
from doorward.errors import REFUSALS, Rejected
from doorward.methods.contract import Method, Presented, ReadsBody, Verified
from doorward.wire.render import render_refusal
from doorward.wire.request import Header, RequestView

pytestmark = pytest.mark.parametrize("case", METHODS, ids=lambda case: case.name)

_BYTES = st.one_of(
    st.binary(max_size=120),
    st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.text(alphabet="dw_livetspaBr =:\u0661\uff11\u2010", max_size=90).map(str.encode),
)


def _view(method: Method[Any, Any], headers: tuple[Header, ...], target: bytes = b"/orders") -> RequestView:
    """The request as the pipeline hands it to a method; the body is empty."""
    request = view_of(*headers, target=target)
    return replace(request, body=b"") if isinstance(method, ReadsBody) else request


async def _admit(method: Method[Any, Any], headers: tuple[Header, ...], *, at: int = NOW) -> Verified:
    request = _view(method, headers)
    presented = method.extract(request)
    assert presented is not None, "the credential was not recognised"
    return method.verify(presented, await method.load(presented), request, at)


async def _refuse(method: Method[Any, Any], headers: tuple[Header, ...], *, at: int = NOW) -> Rejected:
    with pytest.raises(Rejected) as caught:
        await _admit(method, headers, at=at)
    return caught.value


async def test_a_good_credential_is_admitted(case: MethodCase, store: SimulatedStore, owner: AppRecord) -> None:
    method = case.build(store)
    issued = await case.issue(store, owner)
    verified = await _admit(method, issued.headers)
    assert verified.principal.method == method.name == case.name
    assert verified.principal.credential_id == issued.id
    assert verified.handles


def test_nothing_presented_is_none(case: MethodCase, store: SimulatedStore) -> None:
    assert case.build(store).extract(view_of()) is None
    assert case.build(store).extract(view_of((b"cookie", b"a=b"), (b"accept", b"*/*"))) is None


async def test_expiry_is_exact_at_the_second(case: MethodCase, store: SimulatedStore, owner: AppRecord) -> None:
    method = case.build(store)
    issued = await case.issue(store, owner)
    await _admit(method, issued.headers, at=NOW + LIFETIME_S - 1)
    assert (await _refuse(method, issued.headers, at=NOW + LIFETIME_S)).code == case.expired_code


async def test_unknown_and_wrong_are_one_answer(case: MethodCase, store: SimulatedStore, owner: AppRecord) -> None:
    method = case.build(store)
    issued = await case.issue(store, owner)
    wrong = await _refuse(method, issued.forged_headers)
    case.forget(store)
    unknown = await _refuse(method, issued.forged_headers)
    assert (wrong.code, unknown.code) == (case.wrong_code, case.unknown_code)
    challenges = method.challenges(view_of())
    assert render_refusal(wrong, challenges=challenges) == render_refusal(unknown, challenges=challenges)


async def test_only_the_holder_learns_the_state(case: MethodCase, store: SimulatedStore, owner: AppRecord) -> None:
    method = case.build(store)
    for take_back, code in ((case.disable, "credential_disabled"), (case.revoke, "credential_revoked")):
        if take_back is None:
            continue
        issued = await case.issue(store, owner)
        await take_back(store, issued.id)
        assert (await _refuse(method, issued.headers)).code == code
        assert (await _refuse(method, issued.forged_headers)).code == case.wrong_code


async def test_a_credential_twice_is_refused(case: MethodCase, store: SimulatedStore, owner: AppRecord) -> None:
    issued = await case.issue(store, owner)
    assert (await _refuse(case.build(store), issued.headers * 2)).code == case.twice_code


async def test_no_secret_is_shown(
    case: MethodCase, store: SimulatedStore, owner: AppRecord, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    method = case.build(store)
    issued = await case.issue(store, owner)
    request = _view(method, issued.headers)
    presented = method.extract(request)
    assert isinstance(presented, Presented)
    loaded = await method.load(presented)
    verified = method.verify(presented, loaded, request, NOW)
    shown = [repr(each) + str(each) for each in (presented, loaded, verified, method)]
    shown.append(repr(presented.__rich_repr__()))
    carried = issued.headers[0][1].split(b" ")[-1].decode()
    for headers, at in ((issued.headers, NOW + LIFETIME_S), (issued.headers * 2, NOW), (issued.forged_headers, NOW)):
        refusal = await _refuse(method, headers, at=at)
        shown += [*traceback.format_exception(refusal), refusal.detail, str(render_refusal(refusal))]
    shown += [record.getMessage() for record in caplog.records]
    everything = "\n".join(shown)
    assert issued.secret[-38:] not in everything
    assert carried not in everything


def _outcome(method: Method[Any, Any], headers: tuple[Header, ...], target: bytes = b"/") -> str | None:
    try:
        presented = method.extract(_view(method, headers, target))
    except Rejected as error:
        return error.code
    if presented is None:
        return None
    assert len(presented.lookup_id) <= 256
    assert presented.lookup_id.isascii()
    try:
        method.verify(presented, None, _view(method, headers), NOW)
    except Rejected as error:
        return error.code
    raise AssertionError("garbage was admitted")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(data=st.data())
def test_garbage_is_refused_or_ignored(case: MethodCase, store: SimulatedStore, data: st.DataObject) -> None:
    method = case.build(store)
    names = st.sampled_from([*case.header_names, b"cookie"])
    values = st.builds(lambda head, tail: head + tail, st.sampled_from([b"", *case.look_alikes]), _BYTES)
    headers = tuple(data.draw(st.lists(st.tuples(names, values), max_size=4)))
    target = b"/orders?" + data.draw(_BYTES)
    code = _outcome(method, headers, target)
    assert code is None or code in REFUSALS


@pytest.mark.parametrize("filling", [b"a", b"A", b"=", b" ", b"\x00", b"\xff", b"_", b"dw_live_"])
def test_a_megabyte_is_refused_or_ignored(case: MethodCase, store: SimulatedStore, filling: bytes) -> None:
    method = case.build(store)
    for name in case.header_names:
        for head in (b"", *case.look_alikes):
            code = _outcome(method, ((name, head + filling * 1_000_000),))
            assert code is None or REFUSALS[code].public_code == "credential_malformed"


def test_challenges_and_schemes_can_be_sent(case: MethodCase, store: SimulatedStore) -> None:
    method = case.build(store)
    assert method.challenges(view_of())
    assert all(line.isascii() and line.decode().isprintable() for line in method.challenges(view_of()))
    assert all(scheme.scheme["type"] in {"http", "apiKey"} for scheme in method.openapi_schemes())
    assert method.plane is store.plane
