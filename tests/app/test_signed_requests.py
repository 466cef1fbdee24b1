"""`SignedRequests`: which keys it takes, from where, and what cannot be."""

import json
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.simulators.signature_keys import SimulatedKeys
from tests.simulators.signed_door import hmac_signer, signed_view
from tests.simulators.store import SimulatedStore

from doorward import Door, Scopes, SignedRequests
from doorward.errors import Misconfigured
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
