"""`SignedRequests`: which keys it takes, from where, and what cannot be."""

import json
import os
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.simulators.signature_keys import SimulatedKeys
from tests.simulators.signed_door import hmac_signer, signed_view
from tests.simulators.store import SimulatedStore

from doorward import Door, Scopes, SignedRequests
from doorward.app.in_the_store import IN_THE_STORE
from doorward.errors import Misconfigured, Rejected
from doorward.methods.signature import DEFAULT_PROFILE

SECRET = bytes((7 + place * 37) % 256 for place in range(32))
JWK = {"kty": "oct", "kid": "shop", "k": urlsafe_b64encode(SECRET).rstrip(b"=").decode()}
JWKS = json.dumps({"keys": [JWK, JWK | {"kid": "other"}]})


@pytest.mark.parametrize("form", ["text", "bytes", "path", "name of a file", "one key", "mapping", "source"])
async def test_the_keys_of_the_program(store: SimulatedStore, tmp_path: Path, form: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(JWKS)
    found = SimulatedKeys()
    found.add("shop", SECRET)
    keys: dict[str, Any] = {
        "text": JWKS,
        "bytes": JWKS.encode(),
        "path": path,
        "name of a file": str(path),
        "one key": json.dumps(JWK),
        "mapping": {"shop": hmac_signer(SECRET).verifier},
        "source": found,
    }
    admitted = await Door(SignedRequests(store, keys=keys[form])).admit(signed_view("shop", SECRET))
    assert (admitted.principal.id, admitted.principal.credential_id) == ("shop", "shop")
    assert not set(admitted.principal.scopes)


async def test_the_keys_of_the_program_have_the_scopes_that_are_said(store: SimulatedStore) -> None:
    scopes = Scopes("orders:write")
    door = Door(SignedRequests(store, keys=JWKS, scopes=scopes), require=scopes)
    assert (await door.admit(signed_view("shop", SECRET))).principal.scopes == scopes


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"keys": "/nowhere/keys.json"}, "cannot be read"),
        ({"keys": "{"}, "JSON Web Key"),
        ({"keys": {}}, "no key"),
        ({"keys": json.dumps({"keys": []})}, "no key"),
        ({"keys": b" " * (4 * 1_048_576 + 1)}, "longer"),
        ({"keys": SimulatedKeys(), "scopes": Scopes("a")}, "scopes of their own"),
        ({"scopes": Scopes("a")}, "scopes of their own"),
        ({"keys": JWKS, "profile": "strict"}, "no profile"),
        ({"keys": JWKS, "body_bytes_max": 0}, "body_bytes_max"),
        ({"keys": JWKS, "body_bytes_max": 2**31 + 1}, "body_bytes_max"),
        ({"keys": JWKS, "profile": replace(DEFAULT_PROFILE, parameters=frozenset({"nonce"}))}, "nonce"),
    ],
)
def test_what_cannot_be_is_said_at_once(store: SimulatedStore, options: dict[str, Any], problem: str) -> None:
    with pytest.raises(Misconfigured, match=problem):
        SignedRequests(store, **options)


def test_keys_that_are_not_set_are_not_those_of_the_store(
    store: SimulatedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KEYS_OF_THE_PARTNER", raising=False)
    unset: Any = os.environ.get("KEYS_OF_THE_PARTNER")
    with pytest.raises(Misconfigured, match="None"):
        SignedRequests(store, keys=unset)
    for stored in (SignedRequests(store), SignedRequests(store, keys=IN_THE_STORE)):
        assert stored.plane is store.plane
    assert repr(IN_THE_STORE) == "IN_THE_STORE"


@pytest.mark.parametrize("kid", ["app_000000000001", "sig_000000000001", "whs_000000000001"])
def test_a_key_of_the_program_is_no_app_and_no_key_of_the_store(store: SimulatedStore, kid: str) -> None:
    with pytest.raises(Misconfigured, match=kid):
        SignedRequests(store, keys=json.dumps(JWK | {"kid": kid}))


async def test_two_programs_may_call_different_keys_the_same(store: SimulatedStore) -> None:
    other = JWK | {"k": urlsafe_b64encode(SECRET[::-1]).rstrip(b"=").decode()}
    ours, theirs, same = (Door(SignedRequests(store, keys=json.dumps(jwk))) for jwk in (JWK, other, JWK))
    view = signed_view("shop", SECRET, nonce=b"n" * 16)
    await ours.admit(view)
    await theirs.admit(signed_view("shop", SECRET[::-1], nonce=b"n" * 16))
    with pytest.raises(Rejected, match="replayed"):
        await same.admit(view)
    shown = repr(list(store.plane.claims.rows))
    assert SECRET.hex() not in shown
    assert JWK["k"] not in shown
