"""Our public keys as a JWK Set (RFC 7517 section 5): written from an allow-list, so no private member can get out.

An HMAC key has no public half and is in no JWKS. The bytes are made once per change of the ring, not per request.
"""

from collections.abc import Iterable, Mapping
from typing import Final, final

import msgspec

from doorward.crypto.hashing import sha256_digest
from doorward.keys.keyring_port import SigningKeyRecord, SigningKeyState

__all__ = ["RECOGNITION", "PublishedKeys", "material_of", "write_jwks"]

# RFC 7518 section 6 and RFC 8037 section 2: what is public of each kind of key. What is not here does not leave.
_PUBLIC_MEMBERS: Final[Mapping[str, tuple[str, ...]]] = {
    "EC": ("kty", "crv", "x", "y"),
    "OKP": ("kty", "crv", "x"),
    "RSA": ("kty", "n", "e"),
}
RECOGNITION: Final = "known_by"
"""Beside the kind of a stored HMAC key: the slow hash by which the secret is known again. Never published."""
_ORDER: Final = (SigningKeyState.CURRENT, SigningKeyState.NEXT, SigningKeyState.PREVIOUS)


@final
class PublishedKeys(msgspec.Struct, frozen=True):
    """What `/.well-known/jwks.json` answers: the body, its strong validator (RFC 9110 section 8.8.3), how many keys."""

    body: bytes
    etag: bytes
    count: int


def write_jwks(ring: Iterable[SigningKeyRecord]) -> PublishedKeys:
    """The JWK Set of a ring: the key that signs first, then the next one, then those that only verify."""
    published = sorted(
        (key for key in ring if key.state in _ORDER and key.public_jwk.get("kty") in _PUBLIC_MEMBERS),
        key=lambda key: (_ORDER.index(key.state), -key.created_at, key.kid),
    )
    body = msgspec.json.encode({"keys": [_public(key) for key in published]})
    return PublishedKeys(body, b'"%s"' % sha256_digest(body).hex()[:32].encode(), len(published))


def _public(key: SigningKeyRecord) -> dict[str, str]:
    members = {name: key.public_jwk[name] for name in _PUBLIC_MEMBERS[key.public_jwk["kty"]]}
    return {**members, "kid": key.kid, "alg": key.algorithm.value, "use": "sig"}


def material_of(public_jwk: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    """What makes a key the one it is, whatever it is called; empty for an HMAC key that shows nothing of itself."""
    if public_jwk.get("kty") == "oct":
        return frozenset((name, value) for name, value in public_jwk.items() if name == RECOGNITION)
    return frozenset((name, public_jwk[name]) for name in _PUBLIC_MEMBERS.get(public_jwk.get("kty", ""), ()))
