"""The forgeries of the tour are what they claim to be: a verifier that believes the token would take each of them."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, Final

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tools.demo_forgeries import with_claim, with_header, with_hmac_of_jwk, with_hmac_of_pem, without_signature

from doorward import Bearer, Rejected
from doorward.crypto.jose.jwk import parse_jwk
from doorward.crypto.jose.key_set import KeySet
from doorward.keys.fixed import FixedKeys

NOW: Final = 1_800_000_000
CLAIMS: Final = {
    "iss": "https://id.example", "sub": "alice", "aud": "https://api.example", "exp": NOW + 600, "iat": NOW,
    "jti": "t1", "client_id": "web", "scope": "orders:read",
}  # fmt: skip
PRIVATE: Final = generate_private_key(SECP256R1())
TOKEN: Final = jwt.encode(CLAIMS, PRIVATE, algorithm="ES256", headers={"typ": "at+jwt", "kid": "k1"})


def _text(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(32)).rstrip(b"=").decode()


def _jwk() -> Mapping[str, str]:
    numbers = PRIVATE.public_key().public_numbers()
    return {
        "kty": "EC", "crv": "P-256", "x": _text(numbers.x), "y": _text(numbers.y), "kid": "k1", "alg": "ES256",
    }  # fmt: skip


def _judge(token: str) -> str:
    """The code it is refused with; nothing when it holds."""
    keys = FixedKeys(KeySet([parse_jwk(_jwk())]))
    verifier = Bearer(issuer="https://id.example", audience="https://api.example", keys=keys, leeway_s=0).verifier()
    try:
        asyncio.run(verifier.verify(token.encode(), NOW))
    except Rejected as refused:
        return refused.code
    return ""


def _believe(token: str, secret: bytes) -> dict[str, Any]:  # Any: JSON
    """What a verifier does that lets the token choose HS256 and has a public key where a secret should be."""
    signed, _, signature = token.rpartition(".")
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in signed.split("."))
    assert header["alg"] == "HS256"
    expected = hmac.digest(secret, signed.encode(), hashlib.sha256)
    assert base64.urlsafe_b64decode(signature + "==") == expected
    assert isinstance(claims, dict)
    return claims


def test_the_honest_token_holds() -> None:
    assert _judge(TOKEN) == ""


def test_the_public_key_in_pem_is_the_secret() -> None:
    pem = PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert _believe(with_hmac_of_pem(TOKEN, _jwk()), pem) == CLAIMS


def test_the_public_key_as_published_is_the_secret() -> None:
    published = json.dumps(_jwk(), separators=(",", ":")).encode()
    assert _believe(with_hmac_of_jwk(TOKEN, _jwk()), published) == CLAIMS


def test_without_a_signature_it_still_says_everything() -> None:
    believed = jwt.decode(without_signature(TOKEN), options={"verify_signature": False})
    assert believed == CLAIMS
    assert without_signature(TOKEN, "NonE").endswith(".")


@pytest.mark.parametrize(
    ("forged", "code"),
    [
        (without_signature(TOKEN), "token_algorithm"),
        (without_signature(TOKEN, "NonE"), "token_algorithm"),
        (with_hmac_of_pem(TOKEN, _jwk()), "token_algorithm"),
        (with_hmac_of_jwk(TOKEN, _jwk()), "token_algorithm"),
        (with_header(TOKEN, kid="nobodys-key-2026"), "token_key_unknown"),
        (with_claim(TOKEN, sub="mallory"), "token_signature"),
    ],
)
def test_each_is_refused_for_what_it_is(forged: str, code: str) -> None:
    assert _judge(forged) == code
