"""The signature primitives, each as one function of (signing input, signature) that is bound to its key.

Rules of this file:

* The form of a signature is checked before the primitive sees it: one length per key, and for ECDSA both numbers in
  1 … n-1 (CVE-2022-21449 was a verifier that let 0, 0 pass for every message). Raw r‖s only, never DER
  (RFC 7518 section 3.4).
* RSASSA-PSS uses the hash of its name in both places and a salt as long as the hash (RFC 7518 section 3.5).
* An HMAC is compared whole and in constant time.
"""

import hmac
from collections.abc import Callable
from typing import Final, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, AsymmetricPadding, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm

from doorward.crypto.jose.algorithms import REQUIREMENTS, Algorithm, Family
from doorward.errors import Rejected

__all__ = [
    "CURVE_ORDERS",
    "ED25519_SIGNATURE_BYTES",
    "HASHES",
    "CheckSignature",
    "PublicKey",
    "bind_hmac",
    "bind_public_key",
    "encode_der",
    "rsa_padding",
]

CheckSignature: TypeAlias = Callable[[bytes, bytes], None]
"""(signing input, signature) → None, or `Rejected` with `token_signature`."""
PublicKey: TypeAlias = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey

HASHES: Final[dict[int, HashAlgorithm]] = {256: SHA256(), 384: SHA384(), 512: SHA512()}
ED25519_SIGNATURE_BYTES: Final = 64
# DER of a sequence of two integers of up to 48 octets (P-384): every length then fits into one octet.
_DER_BYTES_MAX: Final = 48
_DER_AHEAD: Final = (
    tuple(bytes((2, length)) for length in range(_DER_BYTES_MAX + 1)),
    tuple(bytes((2, length + 1, 0)) for length in range(_DER_BYTES_MAX + 1)),
)
_DER_SEQUENCE: Final = tuple(bytes((0x30, length)) for length in range(128))
CURVE_ORDERS: Final = {
    "P-256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "P-384": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    "P-521": (1 << 521) - 0x5AE79787C40D069948033FEB708F65A2FC44A36477663B851449048E16EC79BF7,
}
"""The number of points of each curve (FIPS 186-5, SP 800-186 section 3.2.1)."""


def bind_hmac(secret: bytes, algorithm: Algorithm) -> CheckSignature:
    """Checks for a secret whose strength was checked before."""
    bits = REQUIREMENTS[algorithm].hash_bits
    name = f"sha{bits}"
    digest = hmac.digest
    equal = hmac.compare_digest

    def check(signing_input: bytes, signature: bytes) -> None:
        if not equal(digest(secret, signing_input, name), signature):
            raise Rejected("token_signature", "the HMAC does not match")

    return check


def bind_public_key(key: PublicKey, algorithm: Algorithm) -> CheckSignature:
    """Checks for a public key that fits the algorithm (checked before)."""
    if isinstance(key, Ed25519PublicKey):
        return _bind_eddsa(key)
    if isinstance(key, EllipticCurvePublicKey):
        return _bind_ecdsa(key, algorithm)
    return _bind_rsa(key, algorithm)


def rsa_padding(algorithm: Algorithm) -> AsymmetricPadding:
    """The padding of an RS or PS algorithm."""
    row = REQUIREMENTS[algorithm]
    if row.family is Family.RSA_PKCS1:
        return PKCS1v15()
    return PSS(MGF1(HASHES[row.hash_bits]), salt_length=row.hash_bits // 8)


def _bind_rsa(key: RSAPublicKey, algorithm: Algorithm) -> CheckSignature:
    padding = rsa_padding(algorithm)
    scheme = HASHES[REQUIREMENTS[algorithm].hash_bits]
    length = (key.key_size + 7) // 8
    verify = key.verify

    def check(signing_input: bytes, signature: bytes) -> None:
        if len(signature) != length:
            raise Rejected("token_signature", "an RSA signature is as long as its modulus")
        try:
            verify(signature, signing_input, padding, scheme)
        except InvalidSignature:
            raise Rejected("token_signature", "the RSA signature does not verify") from None

    return check


def _bind_ecdsa(key: EllipticCurvePublicKey, algorithm: Algorithm) -> CheckSignature:
    row = REQUIREMENTS[algorithm]
    scheme = ECDSA(HASHES[row.hash_bits])
    half = (key.key_size + 7) // 8
    length = 2 * half
    # Octets of one length, the greatest first, compare as the numbers they are.
    zero, order = bytes(half), CURVE_ORDERS[row.crv].to_bytes(half, "big")
    verify = key.verify

    def check(signing_input: bytes, signature: bytes) -> None:
        if len(signature) != length:
            raise Rejected("token_signature", "an ECDSA signature is two numbers of the curve's length")
        r, s = signature[:half], signature[half:]
        if not (zero < r < order and zero < s < order):
            raise Rejected("token_signature", "an ECDSA number out of range")
        try:
            verify(encode_der(r, s), signing_input, scheme)
        except InvalidSignature:
            raise Rejected("token_signature", "the ECDSA signature does not verify") from None

    return check


def encode_der(r: bytes, s: bytes) -> bytes:
    """Two numbers of one length, at most 66 octets, as the primitive wants them (RFC 3279 section 2.2.3).

    Nearly always the first octet of both is there: then DER is put together by hand, at a third of the cost.
    """
    first_of_r, first_of_s, half = r[0], s[0], len(r)
    if not first_of_r or not first_of_s or half > _DER_BYTES_MAX:
        return encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
    # A number whose first bit is set would be read as negative: a zero octet comes before it.
    ahead_of_r, ahead_of_s = _DER_AHEAD[first_of_r >> 7][half], _DER_AHEAD[first_of_s >> 7][half]
    body = ahead_of_r + r + ahead_of_s + s
    return _DER_SEQUENCE[len(body)] + body


def _bind_eddsa(key: Ed25519PublicKey) -> CheckSignature:
    verify = key.verify

    def check(signing_input: bytes, signature: bytes) -> None:
        if len(signature) != ED25519_SIGNATURE_BYTES:
            raise Rejected("token_signature", "an Ed25519 signature has 64 octets")
        try:
            verify(signature, signing_input)
        except InvalidSignature:
            raise Rejected("token_signature", "the Ed25519 signature does not verify") from None

    return check
