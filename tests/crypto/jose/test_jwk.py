import json
from collections.abc import Mapping

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from tests.crypto.jose.samples import PAYLOAD, jwk_of, sample_key, token_of
from tests.frame.vectors import Vectors

from doorward.crypto.jose.algorithms import Algorithm
from doorward.crypto.jose.base64url import decode_base64url, encode_base64url
from doorward.crypto.jose.jwk import JWK_MEMBER_CHARACTERS_MAX, UnusableKey, VerificationKey, parse_jwk
from doorward.crypto.jose.jws import parse_compact, verify_compact
from doorward.crypto.jose.material import HMAC_SECRET_BYTES_MAX
from doorward.crypto.jose.verification import KID_CHARACTERS_MAX

ASYMMETRIC = [algorithm for algorithm in Algorithm if not algorithm.startswith("HS")]


def octets(number: int, length: int | None = None) -> str:
    return encode_base64url(number.to_bytes(length or (number.bit_length() + 7) // 8, "big")).decode()


def unusable(presented: Mapping[str, object]) -> str:
    with pytest.raises(UnusableKey) as caught:
        parse_jwk(presented)
    return caught.value.reason


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_a_public_jwk_is_read_back(algorithm: Algorithm) -> None:
    key = sample_key(algorithm)
    read = parse_jwk(key.verification.public_jwk())
    assert (read.kid, read.algorithm, read.thumbprint) == (key.kid, algorithm, key.verification.thumbprint)
    assert read.public_jwk() == key.verification.public_jwk()
    read.verify(b"x", key.sign(b"x"))


@pytest.mark.parametrize(
    ("algorithm", "implied"),
    [(a, a) for a in (Algorithm.ES256, Algorithm.ES384, Algorithm.ES512, Algorithm.EDDSA, Algorithm.RS256)]
    + [(a, Algorithm.RS256) for a in (Algorithm.RS512, Algorithm.PS256, Algorithm.PS384)],
)
def test_a_key_without_alg_means_one_algorithm(algorithm: Algorithm, implied: Algorithm) -> None:
    assert parse_jwk(jwk_of(algorithm, alg=None)).algorithm is implied


def test_a_secret_without_alg_is_refused() -> None:
    k = encode_base64url(sample_key(Algorithm.HS256).private_der()).decode()
    assert parse_jwk({"kty": "oct", "k": k, "alg": "HS256"}).algorithm is Algorithm.HS256
    assert "alg" in unusable({"kty": "oct", "k": k})
    assert unusable({"kty": "oct", "k": k, "alg": "A128KW"})


@pytest.mark.parametrize("name", ["EdDSA", "Ed25519"])
def test_ed25519_may_be_named_by_family_or_curve(name: str) -> None:
    key = parse_jwk(jwk_of(Algorithm.EDDSA, alg=name))
    assert key.names == {"EdDSA", "Ed25519"}


@pytest.mark.parametrize(
    ("algorithm", "changed"),
    [
        (Algorithm.ES256, {"use": "enc"}),
        (Algorithm.ES256, {"use": 1}),
        (Algorithm.RS256, {"key_ops": ["encrypt"]}),
        (Algorithm.RS256, {"key_ops": ["sign"]}),
        (Algorithm.RS256, {"key_ops": []}),
        (Algorithm.RS256, {"key_ops": "verify"}),
        (Algorithm.ES256, {"alg": "ES384"}),
        (Algorithm.ES256, {"alg": "RS256"}),
        (Algorithm.ES256, {"alg": "HS256"}),
        (Algorithm.RS256, {"alg": "HS256"}),
        (Algorithm.RS256, {"alg": "RSA-OAEP"}),
        (Algorithm.RS256, {"alg": "none"}),
        (Algorithm.ES512, {"alg": "ES521"}),
        (Algorithm.ES256, {"alg": 1}),
        (Algorithm.ES256, {"alg": ""}),
        (Algorithm.ES256, {"crv": "P-384"}),
        (Algorithm.ES256, {"crv": None}),
        (Algorithm.ES256, {"crv": "secp256k1", "alg": None}),
        (Algorithm.ES256, {"kty": None}),
        (Algorithm.ES256, {"kty": ["EC"]}),
        (Algorithm.EDDSA, {"crv": "Ed448", "alg": None}),
        (Algorithm.EDDSA, {"crv": "X25519", "alg": None}),
        (Algorithm.EDDSA, {"crv": "Ed448"}),
        (Algorithm.EDDSA, {"x": encode_base64url(bytes(range(31))).decode()}),
        (Algorithm.EDDSA, {"x": encode_base64url(bytes(range(57))).decode()}),
        (Algorithm.ES256, {"x": None}),
        (Algorithm.ES256, {"y": None}),
        (Algorithm.ES256, {"y": 5}),
        (Algorithm.RS256, {"n": None}),
        (Algorithm.RS256, {"n": ""}),
        (Algorithm.RS256, {"n": "A" * (JWK_MEMBER_CHARACTERS_MAX + 4)}),
        (Algorithm.RS256, {"e": "AQAB="}),
        (Algorithm.RS256, {"e": "AQ AB"}),
        (Algorithm.RS256, {"kid": 1}),
        (Algorithm.RS256, {"kid": ""}),
        (Algorithm.RS256, {"kid": "k" * (KID_CHARACTERS_MAX + 1)}),
    ],
)
def test_a_key_that_must_not_verify_is_refused_with_a_reason(algorithm: Algorithm, changed: dict[str, object]) -> None:
    presented = jwk_of(algorithm, **changed)
    reason = unusable(presented)
    assert reason
    assert not any(len(str(value)) > 8 and str(value) in reason for value in presented.values())


def test_only_the_algorithms_asked_for_are_taken() -> None:
    presented = jwk_of(Algorithm.RS256)
    assert parse_jwk(presented, algorithms=frozenset({Algorithm.RS256})).algorithm is Algorithm.RS256
    for taken in (frozenset[Algorithm](), frozenset({Algorithm.ES256})):
        with pytest.raises(UnusableKey):
            parse_jwk(presented, algorithms=taken)


@pytest.mark.parametrize("bits", [512, 1_024, 2_047, 8_193, 12_000])
def test_an_rsa_modulus_is_bounded_on_both_sides(bits: int) -> None:
    assert "modulus" in unusable({"kty": "RSA", "e": "AQAB", "n": octets((1 << bits) - 1)})


def test_a_real_rsa_key_of_1024_bits_is_refused() -> None:
    numbers = rsa.generate_private_key(65_537, 1_024).public_key().public_numbers()  # noqa: S505  # that is the point
    assert "modulus" in unusable({"kty": "RSA", "e": "AQAB", "n": octets(numbers.n)})


def test_an_even_modulus_is_refused() -> None:
    assert "odd" in unusable({"kty": "RSA", "e": "AQAB", "n": octets((1 << 2_048) - 2)})


@pytest.mark.parametrize("exponent", [1, 2, 4, 65_536, (1 << 33) + 1, (1 << 64) + 1])
def test_an_rsa_exponent_is_odd_and_small_and_more_than_one(exponent: int) -> None:
    """With an exponent of 1 every message is its own signature."""
    assert "exponent" in unusable(jwk_of(Algorithm.RS256, e=octets(exponent)))


@pytest.mark.parametrize(("algorithm", "length"), [(Algorithm.ES256, 32), (Algorithm.ES384, 48), (Algorithm.ES512, 66)])
def test_a_point_must_be_on_its_curve_and_written_in_full(algorithm: Algorithm, length: int) -> None:
    good = jwk_of(algorithm)
    x, y = (int.from_bytes(decode_base64url(str(good[name]).encode()), "big") for name in ("x", "y"))
    for other in ((x, y ^ 1), (y, x), (0, 0), (0, 1), ((1 << 8 * length) - 1, y)):
        assert unusable({**good, "x": octets(other[0], length), "y": octets(other[1], length)})
    for shorter in (octets(x, length + 1), octets(x >> 8, length - 1)):
        assert unusable({**good, "x": shorter})
    # Both in one wrong length: a coordinate is never padded for the presenter.
    assert unusable({**good, "x": octets(x, length + 1), "y": octets(y, length + 1)})


@pytest.mark.parametrize(
    "point",
    [
        bytes(32),
        b"\x01" + bytes(31),
        bytes(31) + b"\x80",
        b"\x01" + bytes(30) + b"\x80",
        b"\xec" + b"\xff" * 30 + b"\x7f",
        b"\xed" + b"\xff" * 30 + b"\x7f",
        b"\xee" + b"\xff" * 30 + b"\x7f",
        bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
        bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"),
    ],
)
def test_an_ed25519_key_of_small_order_is_refused(point: bytes) -> None:
    assert "small order" in unusable({"kty": "OKP", "crv": "Ed25519", "x": encode_base64url(point).decode()})


@pytest.mark.parametrize("algorithm", [Algorithm.HS256, Algorithm.HS384, Algorithm.HS512])
def test_a_secret_is_as_long_as_its_hash(algorithm: Algorithm) -> None:
    """CVE-2026-114616 and its kind: an empty key, and whatever comes out of a key without its numbers."""
    needed = int(algorithm.value[2:]) // 8
    secret = sample_key(Algorithm.HS512).private_der()
    for short in (b"\0", b"secret", secret[: needed - 1]):
        presented = {"kty": "oct", "alg": algorithm.value, "k": encode_base64url(short).decode()}
        assert str(needed) in unusable(presented)
    for missing in ({}, {"k": ""}, {"k": None}, {"k": 0}):
        assert unusable({"kty": "oct", "alg": algorithm.value, **missing})
    long = {"kty": "oct", "alg": algorithm.value, "k": encode_base64url(secret * 16).decode()}
    assert parse_jwk(long).algorithm is algorithm
    assert unusable({**long, "k": encode_base64url(secret * 16 + b"x").decode()})
    assert len(secret * 16) == HMAC_SECRET_BYTES_MAX


def test_private_members_are_not_kept(vectors: Vectors) -> None:
    private = json.loads(vectors.files("jose-rfc")["rfc_examples.json"])["rfc7517"]["A.2_private_keys"]["keys"]
    for members in private:
        key = parse_jwk({**members, "use": "sig"})
        shown = repr(key) + json.dumps(key.public_jwk())
        for name in ("d", "p", "q", "dp", "dq", "qi"):
            assert name not in key.public_jwk()
            assert members.get(name, "not there") not in shown


def test_a_secret_has_no_public_half_and_shows_nowhere() -> None:
    key = sample_key(Algorithm.HS256)
    secret = encode_base64url(key.private_der()).decode()
    read = parse_jwk({"kty": "oct", "k": secret, "alg": "HS256", "kid": "pair"})
    with pytest.raises(UnusableKey):
        read.public_jwk()
    assert repr(read) == "VerificationKey(kid='pair', algorithm='HS256')"
    for text in (repr(read), repr(read._members), str(read.verify)):
        assert secret not in text


def test_a_verification_key_cannot_be_changed() -> None:
    key = sample_key(Algorithm.ES256).verification
    with pytest.raises(AttributeError):
        key.algorithm = Algorithm.HS256  # type: ignore[misc]


def test_thumbprints_are_those_of_the_specifications(vectors: Vectors) -> None:
    cases = json.loads(vectors.files("identity-rfc")["vectors.json"])["rfc7638_thumbprint"]
    assert len(cases) == 3
    for case in cases:
        assert parse_jwk(case["jwk"]).thumbprint == case["thumbprint"]
    published = json.loads(vectors.files("jose-rfc")["rfc_examples.json"])["rfc7517"]
    for members, expected in zip(published["A.1_public_keys"]["keys"], published["A.1_thumbprints"], strict=True):
        assert parse_jwk({**members, "use": "sig"}).thumbprint == expected


def test_a_leading_zero_in_a_modulus_changes_neither_key_nor_thumbprint() -> None:
    """Some issuers write the modulus as a signed number: that is the same key, and it has one thumbprint."""
    plain = jwk_of(Algorithm.RS256)
    padded = encode_base64url(b"\0" + decode_base64url(str(plain["n"]).encode())).decode()
    assert parse_jwk({**plain, "n": padded}).thumbprint == parse_jwk(plain).thumbprint


def test_a_curve_that_is_not_in_the_table_never_becomes_a_key() -> None:
    point = ec.generate_private_key(ec.SECP256K1()).public_key().public_numbers()
    presented = {"kty": "EC", "crv": "P-256", "x": octets(point.x, 32), "y": octets(point.y, 32)}
    assert unusable(presented)
    assert unusable({**presented, "crv": "secp256k1", "alg": "ES256K"})


def test_a_key_for_verification_is_what_the_type_says() -> None:
    key = sample_key(Algorithm.ES256)
    read: VerificationKey = parse_jwk(jwk_of(Algorithm.ES256))
    token = token_of({"alg": "ES256"}, key.sign, PAYLOAD)
    assert verify_compact(parse_compact(token), read)["sub"] == "alice"
