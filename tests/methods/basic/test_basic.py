"""Basic: never in the clear, never a person's password, always with the notice that it is going away."""

from base64 import b64encode
from ipaddress import ip_address

import pytest
from tests.simulators.store import NOW, OPERATOR, SimulatedStore

from doorward.apps.operations import suspend_app
from doorward.apps.port import AppRecord
from doorward.door import Door
from doorward.errors import Misconfigured, Rejected
from doorward.methods.apikey import ApiKeys
from doorward.methods.basic import Basic
from doorward.methods.basic.config import DEPRECATED_AT
from doorward.methods.basic.operations import create_password, disable_password, revoke_password
from doorward.methods.basic.order import IssuedPassword, PasswordOrder
from doorward.methods.basic.wire import NO_ID
from doorward.methods.contract import Verified
from doorward.values import FeedKind, Handle, PrincipalKind, Scopes
from doorward.wire.credential import checksum_of
from doorward.wire.render import render_refusal
from doorward.wire.request import Header, Peer, RequestView, index_headers


def _request(
    *headers: Header, scheme: str = "https", peer: str | None = "192.0.2.1", forwarded: bool = False
) -> RequestView:
    async def read_body(limit: int) -> bytes:
        del limit
        return b""

    async def pass_body(see: object, limit: int, sender: str) -> None:
        del see, limit, sender

    address = None if peer is None else ip_address(peer)
    return RequestView(
        method="GET",
        raw_target=b"/orders",
        headers=headers,
        scheme=scheme,
        peer=Peer(address),
        client=address,
        forwarded=forwarded,
        read_body=read_body,
        pass_body=pass_body,
        by_name=index_headers(headers),
    )


def _header(pair: str | bytes, scheme: str = "Basic ") -> Header:
    raw = pair.encode() if isinstance(pair, str) else pair
    return b"authorization", scheme.encode() + b64encode(raw)


async def _present(method: Basic, request: RequestView, *, at: int = NOW) -> Verified:
    presented = method.extract(request)
    assert presented is not None
    return method.verify(presented, await method.load(presented), request, at)


async def _refusal(method: Basic, request: RequestView, *, at: int = NOW) -> Rejected:
    with pytest.raises(Rejected) as caught:
        await _present(method, request, at=at)
    return caught.value


@pytest.fixture
async def issued(store: SimulatedStore, owner: AppRecord) -> IssuedPassword:
    order = PasswordOrder(app_id=owner.id, name="legacy", scopes=Scopes("orders:read"), expires_in_s=1_000)
    return await create_password(store, order, actor=OPERATOR)


@pytest.fixture
def method(store: SimulatedStore) -> Basic:
    return Basic(store, sunset=DEPRECATED_AT + 86_400, migration_link="/docs/moving-on")


def _pair(issued: IssuedPassword) -> str:
    return f"{issued.record.app_id}:{issued.text}"


def _other_secret(issued: IssuedPassword) -> str:
    body = issued.text[: -6 - 32] + "0" * 32
    return body + checksum_of(body)


async def test_an_app_password_proves_its_app(method: Basic, issued: IssuedPassword, owner: AppRecord) -> None:
    for scheme in ("Basic ", "basic  ", "BASIC "):
        verified = await _present(method, _request(_header(_pair(issued), scheme)))
        principal = verified.principal
        assert (principal.kind, principal.id, principal.method) == (PrincipalKind.APP, owner.id, "basic")
        assert (principal.credential_id, principal.not_after) == (issued.record.id, NOW + 1_000)
        assert principal.scopes == Scopes("orders:read")
        assert verified.handles == (Handle(FeedKind.CREDENTIAL, issued.record.id), Handle(FeedKind.APP, owner.id))


async def test_every_answer_says_that_basic_is_going_away(
    method: Basic, issued: IssuedPassword, store: SimulatedStore
) -> None:
    good = await _present(method, _request(_header(_pair(issued))))
    assert [name for name, _ in good.answer_headers] == [b"deprecation", b"sunset", b"link", b"link"]
    refusals = [
        await _refusal(method, _request(_header(_pair(issued)), scheme="http")),
        await _refusal(method, _request(_header("no colon"))),
        await _refusal(method, _request(_header("app_x:hunter2"))),
        await _refusal(method, _request(_header(f"{issued.record.app_id}:{_other_secret(issued)}"))),
        await _refusal(method, _request(_header(_pair(issued))), at=NOW + 1_000),
    ]
    assert len({refusal.code for refusal in refusals}) == len(refusals)
    assert {refusal.answer_headers for refusal in refusals} == {good.answer_headers}
    bare = Basic(store)
    assert (await _present(bare, _request(_header(_pair(issued))))).answer_headers == (
        (b"deprecation", b"@%d" % DEPRECATED_AT),
    )


@pytest.mark.parametrize("value", [b"Basic !!!", b"Basic", b"Basic \xff", b"basic x"])
def test_over_plain_http_nothing_is_read(method: Basic, value: bytes) -> None:
    with pytest.raises(Rejected) as caught:
        method.extract(_request((b"authorization", value), scheme="http"))
    assert caught.value.code == "credential_insecure_transport"


async def test_loopback_is_not_trust(method: Basic, issued: IssuedPassword) -> None:
    request = _request(_header(_pair(issued)), scheme="http", peer="127.0.0.1")
    assert (await _refusal(method, request)).code == "credential_insecure_transport"


@pytest.mark.parametrize(
    ("peer", "forwarded", "admitted"),
    [
        ("127.0.0.1", False, True),
        ("::1", False, True),
        ("::ffff:127.0.0.1", False, True),
        ("127.0.0.1", True, False),
        ("192.0.2.1", False, False),
        (None, False, False),
    ],
)
async def test_the_development_knob_opens_this_machine_only(
    store: SimulatedStore, issued: IssuedPassword, peer: str | None, *, forwarded: bool, admitted: bool
) -> None:
    method = Basic(store, danger_plain_http_on_loopback=True)
    request = _request(_header(_pair(issued)), scheme="http", peer=peer, forwarded=forwarded)
    if admitted:
        await _present(method, request)
    else:
        assert (await _refusal(method, request)).code == "credential_insecure_transport"


def test_what_is_not_basic_is_not_ours(method: Basic) -> None:
    assert method.extract(_request()) is None
    assert method.extract(_request((b"authorization", b"Bearer x"), scheme="http")) is None
    assert method.extract(_request((b"authorization", b"Basicx eDp5"), scheme="http")) is None


def test_two_authorization_headers_are_refused(method: Basic) -> None:
    with pytest.raises(Rejected) as caught:
        method.extract(_request(_header("a:b"), _header("a:b")))
    assert caught.value.code == "header_repeated"
    assert caught.value.answer_headers == ()


@pytest.mark.parametrize(
    "value",
    [
        b"Basic",
        b"Basic ",
        b"Basic !!!",
        b"Basic Zm9v\tOmJhcg==",
        b"Basic Zm9vOmJhcg",
        b"Basic Zm9vOmJhcg===",
        b"Basic Zm9vOmJhch==",
        b"Basic Zm9vOmJh\ncg==",
        b"Basic Zm9v OmJhcg==",
        b"Basic _-_-",
        b"Basic " + b64encode(b"\xff\xfe:x"),
        b"Basic " + b64encode(b"no colon"),
        b"Basic " + b64encode(b"a\x00b:c"),
        b"Basic " + b64encode(b"a:b\n"),
        b"Basic " + b64encode(b"a:b\x7f"),
        b"Basic " + b64encode("a:b\x85".encode()),
        b"Basic " + b64encode(b"a:" + b"b" * 6_144),
        b"Basic " + b"A" * 1_000_000,
    ],
)
def test_what_cannot_be_read_is_malformed(method: Basic, value: bytes) -> None:
    with pytest.raises(Rejected) as caught:
        method.extract(_request((b"authorization", value)))
    assert caught.value.code == "credential_malformed"


def test_the_first_colon_ends_the_user_id(method: Basic) -> None:
    presented = method.extract(_request(_header("user:pass:word:")))
    assert presented is not None
    assert (presented.user_id, presented.secret) == ("user", b"pass:word:")
    longest = method.extract(_request(_header("a:" + "b" * 6_142)))
    assert longest is not None


def test_the_example_of_rfc_7617(method: Basic) -> None:
    presented = method.extract(_request((b"authorization", b"Basic dGVzdDoxMjPCow==")))
    assert presented is not None
    assert (presented.user_id, presented.secret) == ("test", "123£".encode())


@pytest.mark.parametrize(
    "password", ["hunter2", "", "correct horse battery staple", "dw_pass_short", "dw_live_" + "0" * 50]
)
async def test_a_persons_password_never_fits(store: SimulatedStore, method: Basic, password: str) -> None:
    reads = store.reads
    request = _request(_header(f"ada:{password}"))
    presented = method.extract(request)
    assert presented is not None
    assert presented.lookup_id == NO_ID
    assert (await _refusal(method, request)).code == "credential_unknown"
    assert store.reads == reads


async def test_unknown_id_and_wrong_secret_answer_alike(
    store: SimulatedStore, method: Basic, issued: IssuedPassword, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[bytes] = []

    def watch(left: bytes, right: bytes) -> bool:
        compared.append(left)
        return left == right

    monkeypatch.setattr("doorward.methods.basic.verify.constant_time_equal", watch)
    request = _request(_header(f"{issued.record.app_id}:{_other_secret(issued)}"))
    mismatch = await _refusal(method, request)
    store.password_rows = {}
    unknown = await _refusal(method, request)
    assert (mismatch.code, unknown.code) == ("credential_secret_mismatch", "credential_unknown")
    assert render_refusal(mismatch) == render_refusal(unknown)
    assert len(compared) == 4, "the unknown id did less work"
    assert compared[:2] == compared[2:]


@pytest.mark.parametrize("user_id", ["", "app_000000000000", "APP_X", "é"])
async def test_the_user_id_must_be_the_apps(method: Basic, issued: IssuedPassword, user_id: str) -> None:
    request = _request(_header(f"{user_id}:{issued.text}"))
    assert (await _refusal(method, request)).code == "credential_secret_mismatch"


async def test_only_the_holder_learns_the_state(
    store: SimulatedStore, method: Basic, issued: IssuedPassword, owner: AppRecord
) -> None:
    good, wrong = (_request(_header(f"{owner.id}:{text}")) for text in (issued.text, _other_secret(issued)))
    assert (await _refusal(method, good, at=NOW + 1_000)).code == "credential_expired"
    await _present(method, good, at=NOW + 999)
    await suspend_app(store, owner.id, reason="r", actor=OPERATOR)
    assert (await _refusal(method, good)).code == "app_suspended"
    await disable_password(store, issued.record.id, reason="r", actor=OPERATOR)
    assert (await _refusal(method, good)).code == "credential_disabled"
    await revoke_password(store, issued.record.id, reason="r", actor=OPERATOR)
    assert (await _refusal(method, good)).code == "credential_revoked"
    assert (await _refusal(method, wrong)).code == "credential_secret_mismatch"


def test_the_challenge_names_the_charset(method: Basic) -> None:
    assert method.challenges(_request()) == (b'Basic realm="doorward", charset="UTF-8"',)


def test_no_password_is_asked_for_where_it_would_travel_in_the_clear(method: Basic, store: SimulatedStore) -> None:
    loopback = Basic(store, danger_plain_http_on_loopback=True)
    assert method.challenges(None) == loopback.challenges(None) == ()
    assert method.challenges(_request(scheme="http", peer="127.0.0.1")) == ()
    assert loopback.challenges(_request(scheme="http")) == ()
    assert loopback.challenges(_request(scheme="http", peer="127.0.0.1", forwarded=True)) == ()
    assert loopback.challenges(_request(scheme="http", peer="127.0.0.1"))


async def test_a_door_asks_for_nothing_it_would_not_take(store: SimulatedStore) -> None:
    basic, both = Door(Basic(store)), Door(ApiKeys(store), Basic(store))
    for request, only, best in (_request(), 401, b"Bearer"), (_request(scheme="http"), 403, b"Bearer"):
        for door, status in (basic, only), (both, 401):
            with pytest.raises(Rejected) as caught:
                await door.admit(request)
            answer = door.refuse(caught.value, request)
            asked = [value.partition(b" ")[0] for name, value in answer.headers if name == b"www-authenticate"]
            assert answer.status == status
            assert (b"Basic" in asked) is (request.scheme == "https")
            assert (best in asked) is (door is both)


def test_a_prefix_that_is_none_stops_the_start(store: SimulatedStore) -> None:
    with pytest.raises(Misconfigured):
        Basic(store, prefix="No")
    with pytest.raises(Misconfigured):
        Basic(store, sunset=1)
