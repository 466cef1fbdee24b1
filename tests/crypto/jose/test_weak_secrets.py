import base64
import secrets

import pytest
from tests.frame.vectors import Vectors
from tools.weak_secrets import TARGET, render, secrets_of

from doorward.crypto.jose.algorithms import Algorithm
from doorward.crypto.jose.base64url import encode_base64url
from doorward.crypto.jose.jwk import UnusableKey, parse_jwk
from doorward.crypto.jose.material import check_hmac_secret
from doorward.crypto.jose.signing import load_signing_key
from doorward.crypto.jose.weak_secrets import is_known_secret

LONG_ENOUGH = 32


def is_refused(secret: bytes) -> bool:
    try:
        check_hmac_secret(secret, Algorithm.HS256)
    except UnusableKey:
        return True
    return False


def test_every_known_secret_is_refused(vectors: Vectors) -> None:
    listed = secrets_of(vectors)
    assert len(listed) == 103_979
    assert [secret for secret in listed if not is_refused(secret)] == []


def test_spellings_of_a_known_secret_are_refused(vectors: Vectors) -> None:
    for secret in [secret for secret in secrets_of(vectors) if len(secret) >= LONG_ENOUGH][::50]:
        for spelling in (secret + b"\n", b'"' + secret + b'"', secret + b"\0" * 8, b"  " + secret, secret.lower()):
            assert is_refused(spelling), spelling


def test_what_a_known_secret_decodes_to_is_refused(vectors: Vectors) -> None:
    listed = secrets_of(vectors)
    hexadecimal = next(s for s in listed if len(s) == 64 and set(s) <= set(b"0123456789abcdef"))
    assert is_refused(bytes.fromhex(hexadecimal.decode()))
    encoded = next(s for s in listed if len(s) == 64 and s.isalnum() and not set(s) <= set(b"0123456789abcdefABCDEF"))
    assert is_refused(base64.b64decode(encoded))


def test_a_known_secret_neither_verifies_nor_signs(vectors: Vectors) -> None:
    known = next(secret for secret in secrets_of(vectors) if len(secret) >= 64)
    with pytest.raises(UnusableKey, match="known") as caught:
        parse_jwk({"kty": "oct", "alg": "HS256", "k": encode_base64url(known).decode()})
    assert known.decode() not in str(caught.value)
    with pytest.raises(UnusableKey, match="known"):
        load_signing_key(known, Algorithm.HS512)


def test_random_secrets_are_not_known() -> None:
    assert not any(is_known_secret(secrets.token_bytes(32)) for _ in range(500))


def test_the_digests_are_those_of_the_published_list(vectors: Vectors) -> None:
    assert TARGET.read_text() == render(secrets_of(vectors)), "run `python -m tools.weak_secrets`"
