"""What `SignatureAuth` takes for a key, and what it refuses instead of signing what nobody will take."""

import json
import secrets
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable

import pytest
from tests.simulators.stored_signature_keys import private_pem, public_pem

from doorward.clients.outgoing import OutgoingRequest
from doorward.clients.signature import RequestSigning, SigningMaterial
from doorward.crypto.registered_keys import parse_public_key, verifier_of_jwk
from doorward.crypto.signatures import SignatureAlgorithm, SignatureKey, SignatureSigner
from doorward.errors import Misconfigured
from doorward.methods.signature import DEFAULT_PROFILE, Message, verify_request

NOW = 1_000_000
SECRET = bytes((7 + place * 37) % 256 for place in range(32))


def _signing(key: SigningMaterial, key_id: str | None = "shop", algorithm: str | None = None) -> RequestSigning:
    return RequestSigning(
        key,
        key_id,
        algorithm=algorithm,
        profile=DEFAULT_PROFILE,
        more_components=(),
        lifetime_s=None,
        label="sig1",
        clock=lambda: NOW,
        entropy=secrets.token_bytes,
    )


def _is_signed_by(signing: RequestSigning, verifier: SignatureKey) -> bool:
    asked = OutgoingRequest(
        method="GET", url="https://a.example/x", scheme="https", authority=b"a.example", target=b"/x", headers=()
    )
    message = Message(
        method="GET", target=b"/x", scheme="https", authority=b"a.example", headers=signing.sign(asked, b"")
    )
    verified = verify_request(message, {"shop": verifier}, DEFAULT_PROFILE, NOW)
    return verified is not None and verified.key_id == "shop"


@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [
        ("Ed25519", None),
        ("P-256", None),
        ("P-384", None),
        ("RSA-2048", "rsa-pss-sha512"),
        ("RSA-2048", "rsa-v1_5-sha256"),
    ],
)
def test_a_private_key_in_pem_signs_what_its_registered_half_verifies(kind: str, algorithm: str | None) -> None:
    said = None if algorithm is None else SignatureAlgorithm(algorithm)
    registered = parse_public_key(public_pem(kind), algorithm=said)
    verifier = verifier_of_jwk(registered.public_jwk, registered.algorithm)
    assert _is_signed_by(_signing(private_pem(kind).decode(), algorithm=algorithm), verifier)


def test_pem_that_cannot_sign_is_refused_with_what_to_do() -> None:
    pem, rsa = private_pem("Ed25519").decode(), private_pem("RSA-2048").decode()
    for key, key_id, algorithm, told in (
        (pem, None, None, "needs an id"),
        (public_pem("Ed25519").decode(), "shop", None, "private half"),
        (rsa, "shop", None, "say algorithm"),
        (rsa, "shop", "ed25519", "no key that signs"),
        (pem, "shop", "rsa", "no such algorithm"),
        ("-----BEGIN PRIVATE KEY-----\n\ud800", "shop", None, "no key that signs"),
        (json.dumps({"kty": "oct", "kid": "shop", "k": "AA"}), None, "ed25519", "Leave algorithm out"),
    ):
        with pytest.raises(Misconfigured, match=told) as refused:
            _signing(key, key_id, algorithm)
        assert pem.splitlines()[1] not in str(refused.value)


def test_the_text_of_a_key_is_no_secret() -> None:
    for text in (
        private_pem("Ed25519"),
        b"\n" + public_pem("Ed25519"),
        json.dumps({"kty": "oct", "k": "A" * 43}).encode(),
    ):
        with pytest.raises(Misconfigured, match="text of a key"):
            _signing(text)


@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
def test_a_secret_in_base64_is_not_the_secret(encode: Callable[[bytes], bytes]) -> None:
    text = encode(SECRET)
    for written in (text, text + b"\n"):
        with pytest.raises(Misconfigured, match="b64decode") as refused:
            _signing(written)
        assert text.decode() not in str(refused.value)
    with pytest.raises(Misconfigured, match=r"neither a JWK nor PEM.*b64decode"):
        _signing(text.decode())


def test_whoever_means_the_letters_says_so_with_a_signer() -> None:
    signer = SignatureSigner(SignatureAlgorithm.HMAC_SHA256, b64encode(SECRET))
    assert _is_signed_by(_signing(signer), signer.verifier)
    assert _is_signed_by(_signing(SECRET), SignatureKey(SignatureAlgorithm.HMAC_SHA256, SECRET))
