"""Keys from JSON: one algorithm each, said or implied, and nothing that contradicts itself."""

import json
from base64 import urlsafe_b64encode
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from doorward.crypto.signature_keys import parse_json_keys
from doorward.crypto.signatures import SignatureAlgorithm
from doorward.errors import Misconfigured

A = SignatureAlgorithm


def b64(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def _number(number: int) -> str:
    return b64(number.to_bytes((number.bit_length() + 7) // 8))


def _elliptic(curve: ec.EllipticCurve, name: str, size: int) -> dict[str, Any]:
    numbers = ec.generate_private_key(curve).private_numbers()
    public = numbers.public_numbers
    return {
        "kty": "EC",
        "crv": name,
        "x": b64(public.x.to_bytes(size)),
        "y": b64(public.y.to_bytes(size)),
        "d": b64(numbers.private_value.to_bytes(size)),
    }


def _edwards() -> dict[str, Any]:
    key = ed25519.Ed25519PrivateKey.generate()
    return {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": b64(key.public_key().public_bytes_raw()),
        "d": b64(key.private_bytes_raw()),
    }


def _rsa() -> dict[str, Any]:
    numbers = rsa.generate_private_key(public_exponent=65_537, key_size=2_048).private_numbers()
    return {
        "kty": "RSA",
        "n": _number(numbers.public_numbers.n),
        "e": "AQAB",
        "d": _number(numbers.d),
        "p": _number(numbers.p),
        "q": _number(numbers.q),
        "dp": _number(numbers.dmp1),
        "dq": _number(numbers.dmq1),
        "qi": _number(numbers.iqmp),
    }


SECRET: Final = {"kty": "oct", "k": b64(b"an HMAC secret of 32 bytes. good")}
P256: Final = _elliptic(ec.SECP256R1(), "P-256", 32)
P384: Final = _elliptic(ec.SECP384R1(), "P-384", 48)
EDWARDS: Final = _edwards()
RSA: Final = _rsa()


def parse(*jwks: dict[str, Any]) -> Any:
    return parse_json_keys(json.dumps({"keys": jwks}).encode())


@pytest.mark.parametrize(
    ("jwk", "algorithm"),
    [
        (SECRET, A.HMAC_SHA256),
        ({**SECRET, "alg": "HS256"}, A.HMAC_SHA256),
        ({**SECRET, "alg": "hmac-sha256"}, A.HMAC_SHA256),
        (EDWARDS, A.ED25519),
        ({**EDWARDS, "alg": "EdDSA"}, A.ED25519),
        (P256, A.ECDSA_P256_SHA256),
        ({**P256, "alg": "ES256"}, A.ECDSA_P256_SHA256),
        (P384, A.ECDSA_P384_SHA384),
        (RSA, A.RSA_V1_5_SHA256),
        ({**RSA, "alg": "PS512"}, A.RSA_PSS_SHA512),
        ({**RSA, "alg": "rsa-pss-sha512"}, A.RSA_PSS_SHA512),
    ],
)
def test_a_key_has_the_algorithm_it_says_or_the_one_of_its_kind(
    jwk: dict[str, Any], algorithm: SignatureAlgorithm
) -> None:
    (key,) = parse({**jwk, "kid": "k"}).values()
    assert key.key_id == "k"
    assert key.verifier.algorithm is key.signer.algorithm is algorithm
    assert key.verifier.has_signed(key.signer.sign(b"base"), b"base")


def test_a_public_key_signs_nothing() -> None:
    for jwk in (P256, EDWARDS, RSA):
        (key,) = parse({name: value for name, value in jwk.items() if name not in {"d", "p", "q"}}).values()
        assert key.signer is None
        assert key.verifier is not None


def test_a_single_key_needs_no_set_and_no_id() -> None:
    # RFC 8037 appendix A.3.
    text = b'{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}'
    assert list(parse_json_keys(text)) == ["kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"]


@pytest.mark.parametrize(
    "jwk",
    [
        {**SECRET, "alg": "HS512"},
        {**P256, "use": "enc"},
        {**RSA, "alg": "RSA-OAEP"},
        {"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"},
        {"kty": "OKP", "crv": "X25519", "x": "AA"},
        {"kty": "AKP"},
    ],
)
def test_a_key_for_something_else_is_left_out(jwk: dict[str, Any]) -> None:
    assert parse(jwk) == {}


def test_a_key_is_used_for_what_it_says_only() -> None:
    (key,) = parse({**P256, "key_ops": ["verify"]}).values()
    assert key.signer is None
    (key,) = parse({**P256, "key_ops": ["sign"]}).values()
    assert key.verifier is None


@pytest.mark.parametrize(
    "jwk",
    [
        {**P256, "alg": "ES384"},
        {**P256, "alg": "HS256"},
        {**SECRET, "alg": "ES256"},
        SECRET,
        {**SECRET, "kid": "k", "k": b64(bytes(range(23)))},
        {**SECRET, "kid": "k", "k": "a+b/"},
        {"kty": "oct", "kid": "k"},
        {**P256, "x": P256["x"][:-2]},
        {**P256, "y": P256["x"]},
        {**P256, "d": b64(bytes(31) + b"\x07")},
        {**EDWARDS, "d": b64(b"d" * 32)},
        {**EDWARDS, "x": b64(b"x")},
        {**RSA, "p": "AQ"},
        {**RSA, "n": _number((1 << 1_023) + 1)},
        {**P256, "kid": ""},
        {**P256, "kid": "k" * 257},
        {**P256, "kid": "a\nb"},
    ],
)
def test_a_key_that_contradicts_itself_or_is_weak_stops_the_start_and_is_not_shown(jwk: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured) as raised:
        parse(jwk)
    for name in ("k", "d", "p", "q"):
        assert len(str(jwk.get(name, ""))) < 5 or str(jwk[name]) not in str(raised.value)


def test_two_keys_of_one_id_are_refused() -> None:
    with pytest.raises(Misconfigured):
        parse({**P256, "kid": "k"}, {**EDWARDS, "kid": "k"})


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys":{}}',
        b'{"keys":[1]}',
        b'{"keys":[],"keys":[]}',
        b"\xff",
        b'{"keys":' + b"[" * 5_000,
    ],
)
def test_what_is_no_key_set_is_refused_in_words(text: bytes) -> None:
    with pytest.raises(Misconfigured):
        parse_json_keys(text)
