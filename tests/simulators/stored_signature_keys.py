"""Signature keys as they are stored, and key files as people have them, for tests of what takes them."""

import secrets
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from tests.simulators.clock import NOON
from tests.simulators.records import APP

from doorward.crypto.jose.algorithms import Algorithm
from doorward.crypto.jose.signing import generate_signing_key
from doorward.crypto.registered_keys import RegisteredKey, parse_public_key
from doorward.crypto.signatures import SignatureAlgorithm
from doorward.methods.signature.port import SignatureKeyRecord, SignatureKeyState
from doorward.values import AppId, CredentialId, OrganizationId, RateLimit, Scopes

__all__ = ["PAIRS", "Pair", "pair_of", "private_pem", "public_jwk", "public_pem", "registered_key", "signature_key_of"]

Pair = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PAIRS: dict[str, Pair] = {}


def pair_of(kind: str) -> Pair:
    """A private key of that kind, made once a session."""
    if kind not in PAIRS:
        PAIRS[kind] = _make(kind)
    return PAIRS[kind]


def _make(kind: str) -> Pair:
    match kind:
        case "Ed25519":
            return ed25519.Ed25519PrivateKey.generate()
        case "P-256":
            return ec.generate_private_key(ec.SECP256R1())
        case "P-384":
            return ec.generate_private_key(ec.SECP384R1())
        case "P-521":
            return ec.generate_private_key(ec.SECP521R1())
        case _:
            return rsa.generate_private_key(65_537, int(kind.removeprefix("RSA-")))


def public_pem(kind: str) -> bytes:
    return pair_of(kind).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def private_pem(kind: str) -> bytes:
    return pair_of(kind).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_jwk(algorithm: Algorithm = Algorithm.EDDSA) -> dict[str, Any]:  # Any: JSON
    return dict(generate_signing_key(algorithm, secrets.token_bytes).verification.public_jwk())


def registered_key(algorithm: Algorithm = Algorithm.EDDSA) -> RegisteredKey:
    return parse_public_key(msgspec.json.encode(public_jwk(algorithm)))


def signature_key_of(
    key_id: str = "sig_000000000001", app_id: str = APP, **changed: Any
) -> SignatureKeyRecord:  # Any: whatever the fields hold
    fields: dict[str, Any] = {
        "id": CredentialId(key_id),
        "app_id": AppId(app_id),
        "organization_id": OrganizationId("acme"),
        "name": "nightly import",
        "algorithm": SignatureAlgorithm.HMAC_SHA256,
        "public_jwk": None,
        "sealed_secret": b"sealed",
        "scopes": Scopes("orders:read", "orders:write"),
        "networks": ("10.0.0.0/8", "2001:db8::/32"),
        "rate": RateLimit(requests=100, window_s=60),
        "state": SignatureKeyState.ACTIVE,
        "created_at": NOON,
        "expires_at": NOON + 90 * 86_400,
        "metadata": {"owner": "ops"},
    }
    return SignatureKeyRecord(**fields | changed)
