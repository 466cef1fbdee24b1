"""Keys and tokens to try things on: one key an algorithm for the whole run, tokens made as an attacker would."""

import json
import secrets
from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

import pytest

from doorward.crypto.jose.algorithms import Algorithm
from doorward.crypto.jose.base64url import encode_base64url
from doorward.crypto.jose.jws import parse_compact, verify_compact
from doorward.crypto.jose.signing import SigningKey, generate_signing_key, load_signing_key
from doorward.crypto.jose.verification import VerificationKey
from doorward.errors import Rejected

__all__ = ["CLAIMS", "PAYLOAD", "headed", "jwk_of", "refused", "sample_key", "token_of", "verify_token"]

CLAIMS: Final[dict[str, object]] = {
    "iss": "https://id.example",
    "sub": "alice",
    "aud": "https://api.example",
    "exp": 1_795_525_200,
    "iat": 1_795_521_600,
    "jti": "AAAAAAAAAAAAAAAAAAAAAA",
    "client_id": "web",
    "scope": "read write",
}
PAYLOAD: Final = json.dumps(CLAIMS, separators=(",", ":")).encode()
_RSA_TWINS: Final = {
    Algorithm.RS512: Algorithm.RS256,
    Algorithm.PS256: Algorithm.RS256,
    Algorithm.PS384: Algorithm.RS384,
    Algorithm.PS512: Algorithm.RS384,
}


@cache
def sample_key(algorithm: Algorithm) -> SigningKey:
    """One key an algorithm; two RSA keys for all six, because making one takes a tenth of a second."""
    twin = _RSA_TWINS.get(algorithm)
    if twin is not None:
        return load_signing_key(sample_key(twin).private_der(), algorithm)
    return generate_signing_key(algorithm, secrets.token_bytes)


def token_of(header: Mapping[str, object] | bytes, sign: Callable[[bytes], bytes], payload: bytes = PAYLOAD) -> bytes:
    """A token with any header at all, signed by any function at all."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    signing_input = encode_base64url(text) + b"." + encode_base64url(payload)
    return signing_input + b"." + encode_base64url(sign(signing_input))


def headed(**members: object) -> bytes:
    """A token whose signature holds, with further header members."""
    key = sample_key(Algorithm.ES256)
    return token_of({"alg": "ES256", "kid": key.kid, **members}, key.sign)


def jwk_of(algorithm: Algorithm, **changed: object) -> dict[str, object]:
    """A public JWK with members changed; None takes one away."""
    members: dict[str, object] = {**sample_key(algorithm).verification.public_jwk(), **changed}
    return {name: value for name, value in members.items() if value is not None}


def verify_token(token: bytes, key: VerificationKey) -> dict[str, object]:
    """The claims of a token, taken apart and verified."""
    return verify_compact(parse_compact(token), key)


def refused(code: str, work: Callable[..., object], *presented: object, **options: object) -> None:
    """`work(*presented)` must be refused with that code."""
    with pytest.raises(Rejected) as caught:
        work(*presented, **options)
    assert caught.value.code == code, caught.value.detail
