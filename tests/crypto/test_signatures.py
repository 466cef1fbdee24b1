"""The six algorithms: each with its own kind of key only, in the form RFC 9421 sends them."""

from typing import Final

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from doorward.crypto.jose.algorithms import Algorithm
from doorward.crypto.jose.primitives import PublicKey
from doorward.crypto.jose.signing import SigningKey
from doorward.crypto.signatures import (
    SECRET_BYTES_MIN,
    PrivateKey,
    SignatureAlgorithm,
    SignatureKey,
    SignatureSigner,
)
from doorward.errors import Misconfigured

A = SignatureAlgorithm
RSA: Final = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
PRIVATE: Final[dict[SignatureAlgorithm, PrivateKey]] = {
    A.HMAC_SHA256: b"\x07signature test secret\x08" * 2,
    A.ED25519: ed25519.Ed25519PrivateKey.generate(),
    A.ECDSA_P256_SHA256: ec.generate_private_key(ec.SECP256R1()),
    A.ECDSA_P384_SHA384: ec.generate_private_key(ec.SECP384R1()),
    A.RSA_PSS_SHA512: RSA,
    A.RSA_V1_5_SHA256: RSA,
}


def _public(key: PrivateKey) -> PublicKey | bytes:
    return key if isinstance(key, bytes) else key.public_key()


@pytest.mark.parametrize("algorithm", A)
def test_what_is_signed_is_verified_and_nothing_else(algorithm: SignatureAlgorithm) -> None:
    signer = SignatureSigner(algorithm, PRIVATE[algorithm])
    signature = signer.sign(b"base")
    assert signer.verifier.has_signed(signature, b"base")
    assert not signer.verifier.has_signed(signature, b"bass")
    assert not signer.verifier.has_signed(bytes([signature[0] ^ 1]) + signature[1:], b"base")
    assert not signer.verifier.has_signed(signature[:-1], b"base")
    assert not signer.verifier.has_signed(b"", b"base")


@pytest.mark.parametrize(
    ("algorithm", "other"),
    [(algorithm, other) for algorithm in A for other in A if PRIVATE[algorithm] is not PRIVATE[other]],
)
def test_a_key_of_another_kind_is_refused_when_it_is_configured(
    algorithm: SignatureAlgorithm, other: SignatureAlgorithm
) -> None:
    with pytest.raises(Misconfigured):
        SignatureKey(algorithm, _public(PRIVATE[other]))
    with pytest.raises(Misconfigured):
        SignatureSigner(algorithm, PRIVATE[other])


def test_the_two_paddings_of_rsa_do_not_pass_for_each_other() -> None:
    pss, pkcs = SignatureSigner(A.RSA_PSS_SHA512, RSA), SignatureSigner(A.RSA_V1_5_SHA256, RSA)
    assert not pkcs.verifier.has_signed(pss.sign(b"base"), b"base")
    assert not pss.verifier.has_signed(pkcs.sign(b"base"), b"base")


def test_a_key_that_has_an_algorithm_already_takes_no_other() -> None:
    pss = SigningKey(RSA, Algorithm.PS512)
    assert SignatureSigner(A.RSA_PSS_SHA512, pss).verifier.has_signed(pss.sign(b"base"), b"base")
    with pytest.raises(Misconfigured):
        SignatureKey(A.RSA_V1_5_SHA256, pss.verification)
    with pytest.raises(Misconfigured):
        SignatureSigner(A.RSA_V1_5_SHA256, pss)


@pytest.mark.parametrize("salt", [0, 32, 63, 65])
def test_a_salt_of_another_length_than_64_is_refused(salt: int) -> None:
    signature = RSA.sign(b"base", padding.PSS(padding.MGF1(hashes.SHA512()), salt), hashes.SHA512())
    assert not SignatureKey(A.RSA_PSS_SHA512, RSA.public_key()).has_signed(signature, b"base")


@pytest.mark.parametrize("algorithm", [A.ECDSA_P256_SHA256, A.ECDSA_P384_SHA384])
def test_ecdsa_signatures_are_r_and_s_never_der(algorithm: SignatureAlgorithm) -> None:
    signer = SignatureSigner(algorithm, PRIVATE[algorithm])
    raw = signer.sign(b"base")
    size = len(raw) // 2
    assert size == (32 if algorithm is A.ECDSA_P256_SHA256 else 48)
    der = encode_dss_signature(int.from_bytes(raw[:size]), int.from_bytes(raw[size:]))
    assert not signer.verifier.has_signed(der, b"base")
    assert not signer.verifier.has_signed(bytes(2 * size), b"base")
    # The same numbers in a longer form: one signature, one spelling.
    assert not signer.verifier.has_signed(b"\0" + raw[:size] + b"\0" + raw[size:], b"base")


def test_a_short_or_famous_secret_is_refused() -> None:
    good = b"9vQ2mXc7LpR4sYbN8kWtZ3hE"
    assert len(good) == SECRET_BYTES_MIN
    SignatureKey(A.HMAC_SHA256, good)
    for secret in (
        b"",
        good[1:],
        b"$#GR24T4344$#$@#%WTEWTEAE%$6dsfAS",
        b"secretkeysecretkeysecretkey",
        bytes(range(24)),
    ):
        with pytest.raises(Misconfigured):
            SignatureKey(A.HMAC_SHA256, secret)


def test_pem_is_no_hmac_secret() -> None:
    pem = b"\n-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
    for make in (SignatureKey, SignatureSigner):
        with pytest.raises(Misconfigured, match="PEM"):
            make(SignatureAlgorithm.HMAC_SHA256, pem)


def test_a_short_rsa_key_is_refused() -> None:
    # Numbers are enough: the size is looked at before anything is computed.
    short = rsa.RSAPublicNumbers(65_537, (1 << 1_535) + 1).public_key()
    with pytest.raises(Misconfigured):
        SignatureKey(A.RSA_PSS_SHA512, short)


@pytest.mark.parametrize("algorithm", A)
def test_a_key_does_not_show_itself(algorithm: SignatureAlgorithm) -> None:
    signer = SignatureSigner(algorithm, PRIVATE[algorithm])
    assert repr(signer) == f"SignatureSigner({algorithm.value!r})"
    assert repr(signer.verifier) == f"SignatureKey({algorithm.value!r})"


@pytest.mark.parametrize("algorithm", list(A))
def test_a_fingerprint_is_the_keys_and_does_not_show_a_secret(algorithm: SignatureAlgorithm) -> None:
    private = PRIVATE[algorithm]
    one, again = SignatureSigner(algorithm, private).verifier, SignatureSigner(algorithm, private).verifier
    assert one.fingerprint == again.fingerprint
    others = {SignatureSigner(other, key).verifier.fingerprint for other, key in PRIVATE.items() if key is not private}
    assert one.fingerprint not in others
    assert 1 <= len(one.fingerprint) <= 43
    assert one.fingerprint not in repr(one)
    if isinstance(private, bytes):
        assert SignatureKey(algorithm, private + b"x").fingerprint != one.fingerprint
    else:
        # However the key came.
        assert SignatureKey(algorithm, private.public_key()).fingerprint == one.fingerprint
