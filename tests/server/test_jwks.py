"""`/.well-known/jwks.json`: open, cacheable, validated, and nothing private."""

import json
import secrets
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from starlette.types import ASGIApp
from tests.simulators.ring import SimulatedRingStore

from doorward.crypto.jose.jwk import parse_jwk_set
from doorward.crypto.sealing import MasterKeys
from doorward.keys.config import RingPolicy
from doorward.keys.ring import REREAD_S, Keyring
from doorward.keys.signer import SealedSigner
from doorward.server.jwks import JWKS_PATH, Jwks, jwks_routes
from doorward.server.routes import Routes

Ask = Callable[..., Coroutine[Any, Any, tuple[int, dict[bytes, bytes], bytes]]]


@pytest.fixture
def store() -> SimulatedRingStore:
    return SimulatedRingStore()


def ring_of(store: SimulatedRingStore, issuer: str = "https://id.example", **more: Any) -> Keyring:  # Any: the policy's
    keys = MasterKeys({"k1": bytes(range(32))}, current="k1", entropy=secrets.token_bytes)
    return Keyring(
        RingPolicy(issuer=issuer, **more),
        store=store,
        view=store.view,
        signer=SealedSigner(keys, entropy=secrets.token_bytes),
        master_keys=keys,
        monotonic=lambda: store.clock.now,
    )


async def test_the_published_keys_verify_what_is_signed(store: SimulatedRingStore, ask: Ask) -> None:
    ring = ring_of(store)
    kid = (await ring.current_signer()).kid
    status, headers, body = await ask(Jwks(ring), JWKS_PATH)
    assert status == 200
    assert headers[b"content-type"] == b"application/json"
    assert headers[b"cache-control"] == b"public, max-age=300"
    assert headers[b"content-length"] == b"%d" % len(body)
    keys = parse_jwk_set(body)
    assert keys.skipped == ()
    assert len(keys.keys) == 2
    assert keys.find(kid, "ES256") is not None
    assert json.loads(body)["keys"][0]["kid"] == kid


async def test_how_long_it_may_be_cached_is_what_rotation_waits_for(store: SimulatedRingStore, ask: Ask) -> None:
    ring = ring_of(store, jwks_max_age_s=3_600)
    await ring.found()
    _, headers, _ = await ask(Jwks(ring), JWKS_PATH)
    assert headers[b"cache-control"] == b"public, max-age=3600"


async def test_whoever_holds_it_is_not_sent_it_again(store: SimulatedRingStore, ask: Ask) -> None:
    ring = ring_of(store)
    await ring.found()
    page = Jwks(ring)
    _, headers, _ = await ask(page, JWKS_PATH)
    etag = headers[b"etag"]
    assert etag[:1] == etag[-1:] == b'"'
    for held in (etag, b"W/" + etag, b'"other", ' + etag, b"*"):
        status, again, body = await ask(page, JWKS_PATH, headers=[(b"if-none-match", held)])
        assert (status, body) == (304, b"")
        assert (again[b"etag"], again[b"cache-control"]) == (etag, b"public, max-age=300")
        assert b"content-length" not in again
    for other in (b'"other"', etag[1:-1], b"", etag.upper()):
        assert (await ask(page, JWKS_PATH, headers=[(b"if-none-match", other)]))[0] == 200
    store.clock.forward(30 * 86_400)
    await ring.found()
    status, headers, _ = await ask(page, JWKS_PATH, headers=[(b"if-none-match", etag)])
    assert status == 200
    assert headers[b"etag"] != etag


async def test_it_is_read_and_nothing_else(store: SimulatedRingStore, ask: Ask) -> None:
    ring = ring_of(store)
    await ring.found()
    status, headers, body = await ask(Jwks(ring), JWKS_PATH, method="HEAD")
    assert (status, body) == (200, b"")
    assert int(headers[b"content-length"]) > 100
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "get"):
        status, headers, _ = await ask(Jwks(ring), JWKS_PATH, method=method)
        assert (status, headers[b"allow"]) == (405, b"GET, HEAD")


async def test_a_set_without_keys_is_not_kept_by_anybody(store: SimulatedRingStore, ask: Ask) -> None:
    ring = ring_of(store)
    status, headers, body = await ask(Jwks(ring), JWKS_PATH)
    assert (status, body, headers[b"cache-control"]) == (200, b'{"keys":[]}', b"no-store")


async def test_without_its_store_it_answers_what_it_knows(store: SimulatedRingStore, ask: Ask) -> None:
    store.away = True
    ring = ring_of(store)
    status, headers, _ = await ask(Jwks(ring), JWKS_PATH)
    assert (status, headers[b"cache-control"]) == (503, b"no-store")
    store.away = False
    await ring.found()
    store.away = True
    store.clock.forward(REREAD_S)
    assert (await ask(Jwks(ring), JWKS_PATH))[0] == 200


async def test_it_is_at_its_place_and_below_the_issuers_path(
    store: SimulatedRingStore, ask: Ask, hello: ASGIApp
) -> None:
    plain = jwks_routes(ring_of(store))
    assert set(plain) == {JWKS_PATH}
    ring = ring_of(store, "https://id.example/tenant/")
    app = Routes(jwks_routes(ring), hello)
    await ring.found()
    for path in (JWKS_PATH, "/tenant/.well-known/jwks.json"):
        assert b'"keys"' in (await ask(app, path))[2]
    for path in (
        "/.well-known//jwks.json",
        "/.well-known/jwks.json/",
        "/.well-known/JWKS.json",
        "/.well-known/jwks%2ejson",
    ):
        assert (await ask(app, path))[2] == b"0"
