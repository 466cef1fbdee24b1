"""Keys in PEM, as openssl writes them: what they become, and what they are refused for."""

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from tests.simulators.stored_signature_keys import pair_of, private_pem, public_pem

from doorward.crypto.jose.material import UnusableKey
from doorward.crypto.signature_pem import is_pem, parse_pem_key
from doorward.crypto.signatures import SignatureAlgorithm

KINDS = {
    "Ed25519": SignatureAlgorithm.ED25519,
    "P-256": SignatureAlgorithm.ECDSA_P256_SHA256,
    "P-384": SignatureAlgorithm.ECDSA_P384_SHA384,
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_private_key_signs_and_its_public_half_verifies(kind: str) -> None:
    key, public = parse_pem_key(private_pem(kind), "shop"), parse_pem_key(public_pem(kind), "shop")
    assert key.signer is not None
    assert key.verifier is not None
    assert public.verifier is not None
    assert (key.key_id, public.signer, key.signer.algorithm) == ("shop", None, KINDS[kind])
    signature = key.signer.sign(b"text")
    assert public.verifier.has_signed(signature, b"text")
    assert key.verifier.has_signed(signature, b"text")


@pytest.mark.parametrize("algorithm", [SignatureAlgorithm.RSA_PSS_SHA512, SignatureAlgorithm.RSA_V1_5_SHA256])
def test_an_rsa_key_is_asked_for_its_algorithm(algorithm: SignatureAlgorithm) -> None:
    for pem in (private_pem("RSA-2048"), public_pem("RSA-2048")):
        with pytest.raises(UnusableKey, match="say rsa-pss-sha512 or rsa-v1_5-sha256"):
            parse_pem_key(pem, "shop")
    key = parse_pem_key(private_pem("RSA-2048"), "shop", algorithm=algorithm)
    public = parse_pem_key(public_pem("RSA-2048"), "shop", algorithm=algorithm)
    assert key.signer is not None
    assert public.verifier is not None
    assert public.verifier.has_signed(key.signer.sign(b"text"), b"text")


def test_what_cannot_be_used_is_refused_with_its_reason() -> None:
    encrypted = pair_of("P-256").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    for pem, reason in (
        (encrypted, "encrypted"),
        (private_pem("P-521"), "P-256 or P-384"),
        (private_pem("Ed25519")[:60] + b"\n-----END PRIVATE KEY-----\n", "not a private key"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "certificate"),
    ):
        with pytest.raises(UnusableKey, match=reason):
            parse_pem_key(pem, "shop")
    for algorithm in (SignatureAlgorithm.HMAC_SHA256, SignatureAlgorithm.RSA_PSS_SHA512):
        with pytest.raises(UnusableKey):
            parse_pem_key(private_pem("Ed25519"), "shop", algorithm=algorithm)


def test_pem_is_told_by_its_beginning() -> None:
    assert is_pem(b"\n" + public_pem("Ed25519"))
    assert not is_pem(b'{"kty":"oct"}')


def test_of_two_keys_none_is_taken() -> None:
    for text in (private_pem("Ed25519") + private_pem("P-256"), public_pem("Ed25519") + public_pem("P-256")):
        with pytest.raises(UnusableKey, match="more than one key"):
            parse_pem_key(text, "shop")
    # A pair in one file is one key.
    assert parse_pem_key(private_pem("Ed25519") + public_pem("Ed25519"), "shop").signer is not None
