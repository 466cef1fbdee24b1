"""Public keys that are handed in: what is taken, and that nothing private ever is."""

import secrets

import msgspec
import pytest
from tests.simulators.stored_signature_keys import pair_of, private_pem, public_jwk, public_pem

from doorward.crypto.jose.algorithms import Algorithm
from doorward.crypto.jose.signing import generate_signing_key
from doorward.crypto.registered_keys import (
    PUBLIC_KEY_BYTES_MAX,
    UnusableKey,
    parse_public_key,
    verifier_of_jwk,
)
from doorward.crypto.signatures import SignatureAlgorithm, SignatureSigner

PS512, RS256 = SignatureAlgorithm.RSA_PSS_SHA512, SignatureAlgorithm.RSA_V1_5_SHA256


def _encode(jwk: object) -> bytes:
    return msgspec.json.encode(jwk)


@pytest.mark.parametrize(
    ("kind", "said", "algorithm"),
    [
        ("Ed25519", None, SignatureAlgorithm.ED25519),
        ("P-256", None, SignatureAlgorithm.ECDSA_P256_SHA256),
        ("P-384", None, SignatureAlgorithm.ECDSA_P384_SHA384),
        ("RSA-2048", PS512, PS512),
        ("RSA-2048", RS256, RS256),
    ],
)
def test_each_kind_is_taken_from_pem_and_jwk_and_verifies(
    kind: str, said: SignatureAlgorithm | None, algorithm: SignatureAlgorithm
) -> None:
    from_pem = parse_public_key(b"\n" + public_pem(kind) + b"\n", algorithm=said)
    assert from_pem.algorithm is algorithm
    signer = SignatureSigner(algorithm, pair_of(kind))
    verifier = verifier_of_jwk(from_pem.public_jwk, algorithm)
    assert verifier.has_signed(signer.sign(b"base"), b"base")
    assert not verifier.has_signed(signer.sign(b"base"), b"other")
    again = parse_public_key(_encode({**from_pem.public_jwk, "kid": "theirs", "x5t": "gone"}))
    assert again == from_pem
    assert "kid" not in again.public_jwk
    assert parse_public_key(_encode({"keys": [dict(from_pem.public_jwk)]})) == from_pem


@pytest.mark.parametrize("kind", ["Ed25519", "P-256", "RSA-2048"])
def test_a_private_key_is_refused_and_called_leaked(kind: str) -> None:
    for text in (private_pem(kind), public_pem(kind) + private_pem(kind)):
        with pytest.raises(UnusableKey, match="consider the pair leaked"):
            parse_public_key(text, algorithm=PS512 if kind == "RSA-2048" else None)


@pytest.mark.parametrize("member", ["d", "p", "q", "dp", "dq", "qi", "oth", "k"])
def test_no_private_member_passes_in_any_place(member: str) -> None:
    spoiled = public_jwk() | {member: "c2VjcmV0LW9jdGV0cw"}
    for text in (_encode(spoiled), _encode({"keys": [spoiled]}), _encode({"keys": [public_jwk(), spoiled]})):
        with pytest.raises(UnusableKey, match="consider the pair leaked") as caught:
            parse_public_key(text)
        assert "c2VjcmV0" not in str(caught.value)


def test_a_secret_is_refused_and_called_one() -> None:
    with pytest.raises(UnusableKey, match="there is a secret in it"):
        parse_public_key(_encode({"kty": "oct", "kid": "a", "k": "A" * 43}))


@pytest.mark.parametrize("kind", ["RSA-2048"])
def test_rsa_means_two_algorithms_and_one_must_be_said(kind: str) -> None:
    jwk = dict(parse_public_key(public_pem(kind), algorithm=PS512).public_jwk)
    unsaid = {name: value for name, value in jwk.items() if name != "alg"}
    for text in (public_pem(kind), _encode(unsaid)):
        with pytest.raises(UnusableKey, match="say rsa-pss-sha512 or rsa-v1_5-sha256"):
            parse_public_key(text)
    assert parse_public_key(_encode(unsaid), algorithm=RS256).algorithm is RS256
    with pytest.raises(UnusableKey, match="the JWK is for rsa-pss-sha512"):
        parse_public_key(_encode(jwk), algorithm=RS256)


def test_a_short_rsa_key_is_refused() -> None:
    with pytest.raises(UnusableKey, match="2048"):
        parse_public_key(public_pem("RSA-1024"), algorithm=RS256)


@pytest.mark.parametrize("kind", ["Ed25519", "P-256", "RSA-2048"])
@pytest.mark.parametrize("algorithm", [*SignatureAlgorithm])
def test_an_algorithm_of_another_kind_is_refused(kind: str, algorithm: SignatureAlgorithm) -> None:
    fitting = {
        "Ed25519": {SignatureAlgorithm.ED25519},
        "P-256": {SignatureAlgorithm.ECDSA_P256_SHA256},
        "RSA-2048": {PS512, RS256},
    }[kind]
    if algorithm in fitting:
        assert parse_public_key(public_pem(kind), algorithm=algorithm).algorithm is algorithm
        return
    with pytest.raises(UnusableKey):
        parse_public_key(public_pem(kind), algorithm=algorithm)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"ssh-ed25519 AAAA",
        b"{",
        b"[]",
        b'{"keys": 1}',
        b'{"keys": []}',
        b'{"keys": [1]}',
        b'{"kty": "OKP", "crv": "Ed25519"}',
        b'{"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}',
        b'{"kty": "OKP", "crv": "X25519", "x": "' + b"A" * 43 + b'"}',
        b'{"kty": ["OKP"], "crv": {}}',
        b'{"kty": "EC", "crv": "P-256", "alg": "EdDSA", "x": "AA", "y": "AA"}',
        b'{"kty": "RSA", "alg": "HS256", "n": "AQAB", "e": "AQAB"}',
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----",
        b"x" * (PUBLIC_KEY_BYTES_MAX + 1),
        b"\xff\xfe{",
    ],
)
def test_what_is_no_public_key_is_refused_in_words(text: bytes) -> None:
    with pytest.raises(UnusableKey) as caught:
        parse_public_key(text)
    assert 10 < len(caught.value.reason) < 200


def test_two_keys_and_unfit_purposes_are_refused() -> None:
    key = public_jwk()
    for jwk in ({"keys": [key, public_jwk()]}, key | {"use": "enc"}, key | {"key_ops": ["sign"]}):
        with pytest.raises(UnusableKey):
            parse_public_key(_encode(jwk))
    with pytest.raises(UnusableKey, match="curve"):
        parse_public_key(public_pem("P-521"))
    es512 = generate_signing_key(Algorithm.ES512, secrets.token_bytes).verification.public_jwk()
    with pytest.raises(UnusableKey, match="of a kind no signature is made with here"):
        parse_public_key(_encode(es512))


def test_a_certificate_is_refused_with_the_way_to_its_key() -> None:
    with pytest.raises(UnusableKey, match="openssl x509"):
        parse_public_key(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")


def test_a_row_that_was_tampered_with_verifies_nothing() -> None:
    jwk = dict(parse_public_key(public_pem("Ed25519")).public_jwk)
    with pytest.raises(UnusableKey):
        verifier_of_jwk(jwk, SignatureAlgorithm.ECDSA_P256_SHA256)
    with pytest.raises(UnusableKey):
        verifier_of_jwk({"kty": "oct", "k": "A" * 43, "alg": "HS256"}, SignatureAlgorithm.ED25519)
