"""Keys that sign: made here, opened from their sealed form, or imported from what an operator has.

Rules of this file:

* Every signing key passes the checks of its own verification key: what no verifier would take, nobody signs with.
* The private half leaves only through `private_der`, to be sealed, and shows in nothing that prints.
* Randomness is an argument. RSA is the exception: OpenSSL draws the primes itself.
* A PEM text is never an HMAC secret, whatever algorithm is asked for.
"""

import hmac
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias, final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey, derive_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
)

from doorward.crypto.jose.algorithms import REQUIREMENTS, Algorithm, Family
from doorward.crypto.jose.jwk import (
    CURVES,
    algorithm_implied_by,
    algorithm_of_jwk,
    check_purpose,
    kid_of_jwk,
    octets_of,
)
from doorward.crypto.jose.material import CURVE_NAMES, UnusableKey
from doorward.crypto.jose.members import parse_object
from doorward.crypto.jose.primitives import CURVE_ORDERS, HASHES, rsa_padding
from doorward.crypto.jose.verification import VerificationKey, verification_of_public_key, verification_of_secret
from doorward.errors import Rejected
from doorward.values import Entropy

__all__ = [
    "IMPORT_BYTES_MAX",
    "RSA_BITS_GENERATED",
    "SigningKey",
    "generate_signing_key",
    "import_signing_key",
    "load_signing_key",
]

RSA_BITS_GENERATED: Final = 2_048
"""How long the RSA keys made here are: they live for weeks, and signing with 3,072 bits takes three times as long."""
IMPORT_BYTES_MAX: Final = 65_536
"""How long the text of a key to import may be."""

_Private: TypeAlias = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey
_PRIVATE_RSA: Final = ("d", "p", "q", "dp", "dq", "qi")


@final
class SigningKey:
    """A private key, or an HMAC secret, with the one algorithm it signs with. Immutable.

    Args:
        private: the key, or the secret of an HS algorithm.
        algorithm: the one it is used with.
        kid: what tokens call it; None takes the RFC 7638 thumbprint.

    Raises:
        UnusableKey: a key that no verifier would take.
    """

    __slots__ = ("_private", "_sign", "algorithm", "kid", "verification")

    def __init__(self, private: _Private | bytes, algorithm: Algorithm, kid: str | None = None) -> None:
        named = kid_of_jwk({} if kid is None else {"kid": kid})
        verification = _verification_of(private, algorithm, named)
        if named is None:
            named = verification.thumbprint
            verification = _verification_of(private, algorithm, named)
        self.kid: Final = named
        self.algorithm: Final = algorithm
        self.verification: Final[VerificationKey] = verification
        self._private: Final = private
        self._sign: Final = _bind(private, algorithm)

    def __repr__(self) -> str:
        return f"SigningKey(kid={self.kid!r}, algorithm={self.algorithm.value!r})"

    def sign(self, data: bytes) -> bytes:
        """The signature as JOSE writes it: r‖s for ECDSA, the bare octets for the others."""
        return self._sign(data)

    def private_der(self) -> bytes:
        """The private half, to be sealed: PKCS #8 in DER, or the secret itself. Never for a log, never for the wire."""
        if isinstance(self._private, bytes):
            return self._private
        return self._private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def generate_signing_key(algorithm: Algorithm, entropy: Entropy, *, kid: str | None = None) -> SigningKey:
    """A new key. 20 µs to 100 ms (RSA)."""
    row = REQUIREMENTS[algorithm]
    if row.family is Family.HMAC:
        return SigningKey(entropy(row.hash_bits // 8), algorithm, kid)
    if row.family is Family.EDDSA:
        return SigningKey(Ed25519PrivateKey.from_private_bytes(entropy(32)), algorithm, kid)
    if row.family is Family.ECDSA:
        # FIPS 186-5 appendix A.2.1: 64 bits more than the order, so that the remainder is not biased.
        order = CURVE_ORDERS[row.crv]
        number = int.from_bytes(entropy((order.bit_length() + 7) // 8 + 8), "big") % (order - 1) + 1
        return SigningKey(derive_private_key(number, CURVES[row.crv]), algorithm, kid)
    return SigningKey(rsa.generate_private_key(65_537, RSA_BITS_GENERATED), algorithm, kid)


def load_signing_key(der: bytes, algorithm: Algorithm, kid: str | None = None) -> SigningKey:
    """The key that `private_der` wrote.

    Raises:
        UnusableKey: it is not one, or not one for that algorithm.
    """
    if REQUIREMENTS[algorithm].family is Family.HMAC:
        return SigningKey(der, algorithm, kid)
    return SigningKey(_loaded(load_der_private_key, der), algorithm, kid)


def import_signing_key(text: bytes, *, algorithm: Algorithm | None = None, kid: str | None = None) -> SigningKey:
    """A key from an operator's file: PEM (PKCS #8, PKCS #1 or SEC 1, not encrypted) or a private JWK.

    Args:
        text: the file, ≤ 65,536 octets.
        algorithm: must fit the key; None takes what a JWK says, else what the type implies (RSA: RS256).
        kid: None takes what a JWK says, else the thumbprint.

    Raises:
        UnusableKey: with the reason, never the key.
    """
    if len(text) > IMPORT_BYTES_MAX:
        raise UnusableKey(f"the text of a key has at most {IMPORT_BYTES_MAX} octets")
    text = text.strip()
    if text.startswith(b"{"):
        return _import_jwk(text, algorithm, kid)
    if not text.startswith(b"-----BEGIN "):
        raise UnusableKey("neither PEM nor a JWK")
    private = _loaded(load_pem_private_key, text)
    return SigningKey(private, algorithm or _implied(private), kid)


def _import_jwk(text: bytes, algorithm: Algorithm | None, kid: str | None) -> SigningKey:
    try:
        members = parse_object(text)
    except Rejected as error:
        raise UnusableKey(f"the JWK is {error.detail}") from None
    check_purpose(members, "sign")
    own = algorithm_of_jwk(members if "alg" in members or algorithm is None else {**members, "alg": algorithm.value})
    if algorithm not in (None, own):
        raise UnusableKey(f"the JWK is for {own}")
    kid = kid or kid_of_jwk(members)
    if REQUIREMENTS[own].family is Family.HMAC:
        return SigningKey(octets_of(members, "k"), own, kid)
    try:
        private = _private_of_jwk(members, own)
    except ValueError:
        raise UnusableKey("the members are not a private key") from None
    imported = SigningKey(private, own, kid)
    # RFC 7517 section 9.3: a public half that belongs to another key would be published and verify nothing.
    public = imported.verification.public_jwk()
    if any(members.get(name, public[name]) != public[name] for name in ("x", "y", "n", "e") if name in public):
        raise UnusableKey("the public members belong to another key")
    return imported


def _private_of_jwk(members: Mapping[str, object], algorithm: Algorithm) -> _Private:
    row = REQUIREMENTS[algorithm]
    if row.family is Family.EDDSA:
        return Ed25519PrivateKey.from_private_bytes(octets_of(members, "d"))
    if row.family is Family.ECDSA:
        return derive_private_key(int.from_bytes(octets_of(members, "d"), "big"), CURVES[row.crv])
    if "oth" in members:
        raise UnusableKey("an RSA key of more than two primes is not taken")
    d, p, q, dp, dq, qi = (int.from_bytes(octets_of(members, name), "big") for name in _PRIVATE_RSA)
    e, n = (int.from_bytes(octets_of(members, name), "big") for name in ("e", "n"))
    return rsa.RSAPrivateNumbers(p, q, d, dp, dq, qi, rsa.RSAPublicNumbers(e, n)).private_key()


def _loaded(load: Callable[[bytes, None], object], data: bytes) -> _Private:
    try:
        private = load(data, None)
    except (ValueError, UnsupportedAlgorithm):
        raise UnusableKey("not a private key that is taken here") from None
    except TypeError:
        raise UnusableKey("the key is encrypted: decrypt it first") from None
    if not isinstance(private, RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey):
        raise UnusableKey("a kind of key that is not taken here")
    return private


def _implied(private: _Private) -> Algorithm:
    if isinstance(private, RSAPrivateKey):
        return Algorithm.RS256
    if isinstance(private, Ed25519PrivateKey):
        return Algorithm.EDDSA
    return algorithm_implied_by("EC", CURVE_NAMES.get(private.curve.name, ""))


def _verification_of(private: _Private | bytes, algorithm: Algorithm, kid: str | None) -> VerificationKey:
    if (REQUIREMENTS[algorithm].family is Family.HMAC) != isinstance(private, bytes):
        raise UnusableKey(f"the key is not one for {algorithm}")
    if isinstance(private, bytes):
        return verification_of_secret(private, algorithm, kid)
    return verification_of_public_key(private.public_key(), algorithm, kid)


def _bind(private: _Private | bytes, algorithm: Algorithm) -> Callable[[bytes], bytes]:
    bits = REQUIREMENTS[algorithm].hash_bits
    if isinstance(private, bytes):
        return lambda data: hmac.digest(private, data, f"sha{bits}")
    if isinstance(private, RSAPrivateKey):
        padding = rsa_padding(algorithm)
        return lambda data: private.sign(data, padding, HASHES[bits])
    if isinstance(private, Ed25519PrivateKey):
        return private.sign
    half = (private.key_size + 7) // 8
    scheme = ECDSA(HASHES[bits])

    def sign(data: bytes) -> bytes:
        r, s = decode_dss_signature(private.sign(data, scheme))
        return r.to_bytes(half, "big") + s.to_bytes(half, "big")

    return sign
