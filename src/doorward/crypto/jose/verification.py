"""A key that verifies: immutable, with the one algorithm it is used with, and nothing private in it that shows.

Rules of this file:

* Whoever holds a `VerificationKey` holds a key that passed every check of `material.py`; there is no other way to
  make one than `parse_jwk`, a signing key, or the functions here that those two use.
* What is published is built from the public half alone. A JWK that came with private members never keeps them.
* An HMAC key is a secret: it has no public JWK, and its octets appear in nothing that prints or encodes.
"""

import hashlib
from collections.abc import Mapping
from typing import Final, final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from doorward.crypto.jose.algorithms import REQUIREMENTS, Algorithm
from doorward.crypto.jose.base64url import encode_base64url
from doorward.crypto.jose.material import UnusableKey, check_hmac_secret, check_public_key
from doorward.crypto.jose.primitives import CheckSignature, PublicKey, bind_hmac, bind_public_key

__all__ = ["KID_CHARACTERS_MAX", "VerificationKey", "verification_of_public_key", "verification_of_secret"]

KID_CHARACTERS_MAX: Final = 256
"""How long the id of a key may be, in a key and in a token's header."""


@final
class VerificationKey(msgspec.Struct, frozen=True, eq=False):
    """A public key, or an HMAC secret, that verifies the signatures of exactly one algorithm.

    Args:
        kid: what tokens call it; None when its JWK gave it no name.
        algorithm: the one algorithm it is used with.
        names: the `alg` values of a header it answers to: one, for Ed25519 two (RFC 9864).
        thumbprint: RFC 7638 with SHA-256, 43 base64url characters.
        verify: `verify(signing_input, signature)` proves that the holder of this key signed `signing_input`, or raises
            `Rejected` with `token_signature`. A function of its own rather than a method: it is called for every token.
    """

    kid: str | None
    algorithm: Algorithm
    names: frozenset[str]
    thumbprint: str
    verify: CheckSignature
    _members: tuple[tuple[str, str], ...]

    def __repr__(self) -> str:
        return f"VerificationKey(kid={self.kid!r}, algorithm={self.algorithm.value!r})"

    def public_jwk(self) -> dict[str, str]:
        """What may be published (RFC 7517): key type, public numbers, `alg`, `use`, and `kid` if it has one.

        Raises:
            UnusableKey: an HMAC key has no public half.
        """
        if not self._members:
            raise UnusableKey("an HMAC key has no public half")
        named = {} if self.kid is None else {"kid": self.kid}
        return {**dict(self._members), "use": "sig", "alg": self.algorithm.value, **named}


def verification_of_public_key(key: PublicKey, algorithm: Algorithm, kid: str | None) -> VerificationKey:
    """The verification key of a public key. A `kid` of None stays None.

    Raises:
        UnusableKey: too short, of the wrong kind for the algorithm, or one whose signatures prove nothing.
    """
    check_public_key(key, algorithm)
    members = _public_members(key, REQUIREMENTS[algorithm].crv)
    check = bind_public_key(key, algorithm)
    names = REQUIREMENTS[algorithm].names
    return VerificationKey(kid, algorithm, names, _thumbprint(members), check, tuple(members.items()))


def verification_of_secret(secret: bytes, algorithm: Algorithm, kid: str | None) -> VerificationKey:
    """The verification key of an HMAC secret.

    Raises:
        UnusableKey: shorter than its hash, or known.
    """
    check_hmac_secret(secret, algorithm)
    thumbprint = _thumbprint({"kty": "oct", "k": encode_base64url(secret).decode()})
    names = REQUIREMENTS[algorithm].names
    return VerificationKey(kid, algorithm, names, thumbprint, bind_hmac(secret, algorithm), ())


def _public_members(key: PublicKey, crv: str) -> dict[str, str]:
    if isinstance(key, Ed25519PublicKey):
        return {"kty": "OKP", "crv": crv, "x": encode_base64url(key.public_bytes_raw()).decode()}
    if isinstance(key, EllipticCurvePublicKey):
        # RFC 7518 section 6.2.1.2: coordinates are written in the full length of the curve.
        length = (key.key_size + 7) // 8
        point = key.public_numbers()
        return {"kty": "EC", "crv": crv, "x": _octets(point.x, length), "y": _octets(point.y, length)}
    numbers = key.public_numbers()
    return {"kty": "RSA", "n": _octets(numbers.n), "e": _octets(numbers.e)}


def _octets(number: int, length: int = 0) -> str:
    return encode_base64url(number.to_bytes(length or (number.bit_length() + 7) // 8, "big")).decode()


def _thumbprint(members: Mapping[str, str]) -> str:
    # RFC 7638 section 3: the required members only, in code point order, without whitespace.
    text = msgspec.json.encode(dict(members), order="sorted")
    return encode_base64url(hashlib.sha256(text).digest()).decode()
