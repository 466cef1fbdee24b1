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
from doorward.crypto.jose.weak_secrets import REPEATED_UNIT_BYTES_MAX, find_weakness, is_known_secret
from doorward.crypto.signatures import SECRET_BYTES_MIN

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


def test_known_secrets_of_24_octets_are_on_the_list_too(vectors: Vectors) -> None:
    listed = [secret for secret in secrets_of(vectors) if SECRET_BYTES_MIN <= len(secret) < LONG_ENOUGH]
    assert len(listed) == 367
    assert [secret for secret in listed if not is_known_secret(secret)] == []


@pytest.mark.parametrize("size", [SECRET_BYTES_MIN, 32, 64, 1_024])
@pytest.mark.parametrize(
    "unit", [b"\0", b"x", b"\xff", b"ab", b"secret", b"changeme", b"0123456789", b"0123456789abcdef"]
)
def test_a_piece_over_and_over_is_refused(unit: bytes, size: int) -> None:
    assert find_weakness((unit * size)[:size]) is not None


@pytest.mark.parametrize(
    "secret",
    [
        bytes(range(24)),
        bytes(range(250, 256)) + bytes(range(26)),
        bytes(reversed(range(32))),
        b"bcdefghijklmnopqrstuvwxyz",
        b"0123456789abcdefghijklmnopqrstuvwxyz",
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef",
        b"aaaaaaaabbbbbbbbcccccccc",
    ],
)
def test_a_row_of_neighbours_is_refused(secret: bytes) -> None:
    assert find_weakness(secret) == "is a row of neighbours, like abcdef"


@pytest.mark.parametrize("size", [SECRET_BYTES_MIN, 32, 64])
def test_random_secrets_have_no_weakness(size: int) -> None:
    for _ in range(500):
        octets = secrets.token_bytes(size)
        for secret in (octets, octets.hex().encode(), encode_base64url(octets)):
            assert find_weakness(secret) is None
    unit = secrets.token_bytes(REPEATED_UNIT_BYTES_MAX + 1)
    assert find_weakness(unit * 2) is None


def test_the_digests_are_those_of_the_published_list(vectors: Vectors) -> None:
    assert TARGET.read_text() == render(secrets_of(vectors)), "run `python -m tools.weak_secrets`"
