"""`Bearer` makes one method of what it is told, and says what is missing."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from tests.simulators.issuer import API, ISSUER, NOW, SimulatedIssuer, SimulatedKeys
from tests.simulators.plane import SimulatedPlane
from tests.simulators.request import view_of
from tests.simulators.web import serving_web

import doorward
from doorward import Bearer, Introspection, Issuer, RemoteRevocations
from doorward.crypto.jose.algorithms import Algorithm
from doorward.door import Door
from doorward.errors import Misconfigured, Rejected, Unavailable
from doorward.methods.bearer.profiles import ANY, KEYCLOAK
from doorward.values import FeedKind, Handle, Principal


class _Ring(SimulatedKeys):
    issuer = ISSUER


class _Store:
    """What `Bearer` needs of a store."""

    def __init__(self) -> None:
        self.issuer = SimulatedIssuer()
        self.keyring = _Ring(self.issuer.key.verification)
        self.plane = SimulatedPlane(lambda: float(NOW))


async def _admit(method: Any, token: bytes, at: int = NOW) -> Principal:
    door = Door(method, clock=lambda: float(at))
    return (await door.admit(view_of((b"authorization", b"Bearer " + token)))).principal


async def _code(method: Any, token: bytes, at: int = NOW) -> str:
    with pytest.raises(Rejected) as caught:
        await _admit(method, token, at)
    return caught.value.code


async def test_a_store_verifies_the_tokens_it_issues() -> None:
    store = _Store()
    method = Bearer(store, audience=API)
    assert (await _admit(method, store.issuer.issue())).id == "alice"
    assert await _code(method, store.issuer.issue(dw_wm=...)) == "token_claims"
    assert await _code(method, store.issuer.issue(exp=NOW + 86_401)) == "token_lifetime"
    assert await _code(method, store.issuer.issue(aud="https://other.example")) == "token_audience"
    store.plane.revoke(Handle(FeedKind.TOKEN, "tok1"))
    assert await _code(method, store.issuer.issue()) == "credential_revoked"


async def test_another_service_of_ours_follows_the_feed() -> None:
    issuer, plane = SimulatedIssuer(), SimulatedPlane(lambda: float(NOW))
    method = Bearer(issuer=ISSUER, audience=API, keys=issuer.keys, revocation=plane)
    await _admit(method, issuer.issue())
    # The issuer's clock may run ahead of this machine's; the end of a token is its end all the same.
    await _admit(method, issuer.issue(iat=NOW + 5))
    assert await _code(method, issuer.issue(exp=NOW)) == "credential_expired"
    assert await _code(method, issuer.issue(dw_wm=...)) == "token_claims"
    plane.revoke(Handle(FeedKind.SUBJECT, "alice"))
    assert await _code(method, issuer.issue()) == "credential_revoked"
    await _admit(method, issuer.issue(dw_wm="g1.1"))


async def test_another_issuer_has_leeway_and_no_watermark() -> None:
    issuer = SimulatedIssuer("https://sso.example/realms/shop")
    method = Bearer(issuer=issuer.name, audience=(API, "second"), keys=issuer.keys, profile="keycloak")
    token = issuer.issue({"typ": "JWT"}, azp="storefront", typ="Bearer", dw_wm=..., aud="second")
    assert (await _admit(method, token, NOW + 629)).client_id == "storefront"
    assert await _code(method, token, NOW + 630) == "credential_expired"


async def test_several_issuers_at_once_each_by_its_own_rules() -> None:
    one, two = SimulatedIssuer("https://one.example"), SimulatedIssuer("https://two.example", number=2)
    method = Bearer(
        Issuer(issuer=one.name, audience=API, keys=one.keys),
        Issuer(issuer=two.name, audience="two", keys=two.keys, profile=KEYCLOAK, leeway_s=0, algorithms=["ES256"]),
    )
    assert (await _admit(method, one.issue())).issuer == one.name
    theirs = two.issue({"typ": "JWT"}, azp="a", typ="Bearer", aud="two")
    assert (await _admit(method, theirs)).issuer == two.name
    assert await _code(method, theirs, NOW + 600) == "credential_expired"
    assert await _code(method, two.issue(aud="two")) in {"token_type", "token_claims"}
    assert await _code(method, one.issue(iss=two.name)) == "token_key_unknown"


async def test_hmac_is_taken_where_it_is_said() -> None:
    closed = SimulatedIssuer(algorithm=Algorithm.HS256)
    said: dict[str, Any] = {"issuer": ISSUER, "audience": API, "keys": closed.keys}
    assert await _code(Bearer(**said), closed.issue()) == "token_algorithm"
    await _admit(Bearer(**said, algorithms=["HS256"]), closed.issue())


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"audience": API},
        {"issuer": ISSUER},
        {"issuer": ISSUER, "audience": ""},
        {"issuer": ISSUER, "audience": API, "algorithms": ["none"]},
        {"issuer": ISSUER, "audience": API, "algorithms": ["es256"]},
        {"issuer": ISSUER, "audience": API, "algorithms": []},
        {"issuer": ISSUER, "audience": API, "profile": "any"},
        {"issuer": ISSUER, "audience": API, "profile": ANY},
        {"issuer": ISSUER, "audience": API, "profile": "okta"},
    ],
)
def test_what_cannot_be_is_misconfigured_and_says_what_to_write(said: dict[str, Any]) -> None:
    keys: dict[str, Any] = {"keys": SimulatedIssuer().keys} if "issuer" in said else {}
    with pytest.raises(Misconfigured) as caught:
        Bearer(**said, **keys)
    assert caught.value.cure


def test_a_store_must_be_one_and_there_is_one_source_of_revocations() -> None:
    with pytest.raises(Misconfigured):
        Bearer("sqlite:///doorward.db", audience=API)  # type: ignore[arg-type]  # what somebody will write
    with pytest.raises(Misconfigured):
        Bearer(_Store(), audience=API, revocation=SimulatedPlane())
    with pytest.raises(Misconfigured):
        Bearer(_Store(), _Store(), audience=API)


def _own(issuer: str = ISSUER) -> Issuer:
    return Issuer(issuer=issuer, audience=API, own=True, keys=SimulatedIssuer().keys)


def test_tokens_of_ours_are_not_taken_without_their_own_revocations() -> None:
    with pytest.raises(Misconfigured):
        Bearer(_own())
    with pytest.raises(Misconfigured):
        Bearer(_own(), revocation=RemoteRevocations("https://other.example", key="k"))
    with pytest.raises(Misconfigured):
        Bearer(_own(), _own("https://two.example"), revocation=SimulatedPlane())
    with pytest.raises(Misconfigured):
        Bearer(_Store(), _own("https://two.example"), audience=API)
    # Its tokens would be looked for in its own feed by names that are not theirs.
    foreign = Issuer(issuer=ISSUER, audience=API, keys=SimulatedIssuer().keys)
    with pytest.raises(Misconfigured):
        Bearer(foreign, revocation=RemoteRevocations(ISSUER, key="k"))
    for whose in (ISSUER, f"{ISSUER}/"):
        Bearer(_own(), Issuer(issuer="https://sso.example", audience=API), revocation=RemoteRevocations(whose, key="k"))
    # What the feed says of itself is compared when it is read.
    remote = RemoteRevocations(ISSUER, key="k")
    Bearer(_own(), Issuer(issuer="https://sso.example", audience="other"), revocation=remote)
    assert remote._expected == [(ISSUER, frozenset({API}))]
    assert RemoteRevocations(f"{ISSUER}/", key="k").issuer == ISSUER
    assert RemoteRevocations("https://10.0.0.7", key="k", issuer=ISSUER).issuer == ISSUER


def test_whoever_is_asked_when_the_view_is_stale_must_be_an_issuer_of_these_tokens() -> None:
    asks = Introspection("https://other.example", key="k", audience=API)
    with pytest.raises(Misconfigured):
        Bearer(_own(), revocation=SimulatedPlane(), when_stale=asks)


def test_the_names_are_public() -> None:
    assert doorward.Bearer is Bearer
    assert doorward.Issuer is Issuer


@pytest.mark.parametrize(
    "said",
    [
        {"issuer": "http://id.example"},
        {"issuer": "id.example"},
        {"issuer": "https://id.example", "jwks_url": "http://id.example/keys"},
        {"issuer": "https://id.example", "jwks_url": "file:///etc/passwd"},
        {"issuer": "https://id.example", "jwks_url": "https://u:p@id.example/keys"},
        {"issuer": "https://id.example", "ca_file": Path("not-there.pem")},
    ],
)
def test_keys_are_fetched_from_where_they_may_be(said: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured):
        Bearer(**said, audience=API)


def test_one_pool_serves_all_issuers_of_the_same_rules() -> None:
    one = Issuer(issuer="https://one.example", audience=API)
    two = Issuer(issuer="https://two.example", audience=API, jwks_url="https://keys.example/two")
    # Two of them, and a pool each for what the operator and what a document names.
    assert len(Bearer(one, two).resources) == 4
    three = Issuer(issuer="http://127.0.0.1", audience=API, danger_plain_http=True)
    assert len(Bearer(one, three).resources) == 6


class _Site(BaseHTTPRequestHandler):
    """Has the keys of an issuer of ours, and the discovery document and keys of another."""

    pages: ClassVar[dict[str, bytes]] = {}
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        body = self.pages.get(self.path, b"")
        self.send_response(200 if body else 404)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    _Site.pages, _Site.asked = {}, []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.slow
@pytest.mark.parametrize("own", [True, False])
async def test_keys_are_fetched_where_the_kind_of_issuer_has_them(own: bool, site: str) -> None:  # noqa: FBT001  # pytest calls it
    issuer = SimulatedIssuer(site)
    keys = json.dumps({"keys": [issuer.key.verification.public_jwk()]}).encode()
    if own:
        _Site.pages = {"/.well-known/jwks.json": keys}
    else:
        described = {"issuer": site, "jwks_uri": f"{site}/keys"}
        _Site.pages = {"/.well-known/openid-configuration": json.dumps(described).encode(), "/keys": keys}
    plane = SimulatedPlane(lambda: float(NOW)) if own else None
    method = Bearer(issuer=site, audience=API, revocation=plane, danger_plain_http=True)
    door = Door(method, clock=lambda: float(NOW))
    assert _Site.asked == []
    view = view_of((b"authorization", b"Bearer " + issuer.issue()))
    assert (await door.admit(view)).principal.issuer == site
    await door.admit(view)
    assert _Site.asked == list(_Site.pages)
    await door.aclose()


@pytest.mark.slow
async def test_a_discovery_document_sends_nobody_to_a_private_machine(site: str) -> None:
    async with serving_web() as private:
        issuer = SimulatedIssuer(site)
        described = {"issuer": site, "jwks_uri": f"http://127.0.0.1:{private.port}/latest/meta-data"}
        _Site.pages = {"/.well-known/openid-configuration": json.dumps(described).encode()}
        door = Door(Bearer(issuer=site, audience=API, danger_plain_http=True), clock=lambda: float(NOW))
        with pytest.raises(Unavailable) as caught:
            await door.admit(view_of((b"authorization", b"Bearer " + issuer.issue())))
        assert caught.value.code == "keys_unavailable"
        assert _Site.asked == list(_Site.pages)
        assert private.connections == 0
        await door.aclose()
