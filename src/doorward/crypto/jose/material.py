"""Whether a key is fit to verify with: size, range, and that its signatures prove anything (RFC 8725 section 3).

Rules of this file:

* Refused here is refused everywhere: a JWK of a stranger, a PEM of the operator, our own sealed keys.
* A reason names what is wrong and never shows a number of the key.
"""

from typing import Final, final

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from doorward.crypto.jose.algorithms import REQUIREMENTS, Algorithm
from doorward.crypto.jose.primitives import PublicKey
from doorward.crypto.jose.weak_secrets import is_known_secret
from doorward.errors import DoorwardError

__all__ = [
    "CURVE_NAMES",
    "HMAC_SECRET_BYTES_MAX",
    "RSA_BITS_MAX",
    "RSA_BITS_MIN",
    "UnusableKey",
    "check_hmac_secret",
    "check_public_key",
    "check_rsa_numbers",
]

RSA_BITS_MIN: Final = 2_048
"""The shortest RSA modulus (RFC 7518 sections 3.3 and 3.5)."""
RSA_BITS_MAX: Final = 8_192
"""The longest RSA modulus: verification time grows with its square, and whoever sets a key must not set our speed."""
RSA_EXPONENT_BITS_MAX: Final = 32
"""The longest RSA public exponent, for the same reason."""
HMAC_SECRET_BYTES_MAX: Final = 1_024
"""The longest HMAC secret."""

CURVE_NAMES: Final = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
"""What `cryptography` calls a curve, and what JOSE calls it."""

_ED25519_PRIME: Final = (1 << 255) - 19
# The y coordinates of the eight points of small order, and their spellings that are not reduced: under such a key a
# signature can be made for any message by anybody (RFC 8032 section 5.1.7, cofactor; "taming the many EdDSAs").
_SMALL_ORDER_Y: Final = frozenset(
    {
        0,
        1,
        _ED25519_PRIME - 1,
        _ED25519_PRIME,
        _ED25519_PRIME + 1,
        0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
        0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
    }
)


@final
class UnusableKey(DoorwardError):
    """A key that must not be used. The text is the reason and never shows the key."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason: Final = reason


def check_hmac_secret(secret: bytes, algorithm: Algorithm) -> None:
    """A secret at least as long as the hash (RFC 7518 section 3.2) that is not on the list of known ones.

    Raises:
        UnusableKey: short, long, or known.
    """
    bits = REQUIREMENTS[algorithm].hash_bits
    if len(secret) < bits // 8:
        raise UnusableKey(f"an HMAC secret of {algorithm} has at least {bits // 8} octets")
    if len(secret) > HMAC_SECRET_BYTES_MAX:
        raise UnusableKey(f"an HMAC secret has at most {HMAC_SECRET_BYTES_MAX} octets")
    if is_known_secret(secret):
        raise UnusableKey("the HMAC secret is on the list of known weak secrets")


def check_rsa_numbers(modulus: int, exponent: int) -> None:
    """A modulus and exponent worth building a key of.

    Raises:
        UnusableKey: out of bounds, or even.
    """
    if not RSA_BITS_MIN <= modulus.bit_length() <= RSA_BITS_MAX:
        raise UnusableKey(f"an RSA modulus has {RSA_BITS_MIN} to {RSA_BITS_MAX} bits")
    if modulus % 2 == 0:
        raise UnusableKey("an RSA modulus is odd")
    # With an exponent of 1 every message is its own signature.
    if exponent < 3 or exponent % 2 == 0 or exponent.bit_length() > RSA_EXPONENT_BITS_MAX:
        raise UnusableKey(f"an RSA exponent is odd, at least 3 and at most {RSA_EXPONENT_BITS_MAX} bits long")


def check_public_key(key: PublicKey, algorithm: Algorithm) -> None:
    """A public key that fits its algorithm.

    Raises:
        UnusableKey: of another kind or curve, out of bounds, or of small order.
    """
    row = REQUIREMENTS[algorithm]
    if isinstance(key, RSAPublicKey):
        kind = ("RSA", "")
        numbers = key.public_numbers()
        check_rsa_numbers(numbers.n, numbers.e)
    elif isinstance(key, EllipticCurvePublicKey):
        kind = ("EC", CURVE_NAMES.get(key.curve.name, key.curve.name))
    else:
        kind = ("OKP", "Ed25519")
        _refuse_small_order(key)
    if kind != (row.kty, row.crv):
        raise UnusableKey(f"the key is not one for {algorithm}")


def _refuse_small_order(key: Ed25519PublicKey) -> None:
    y = int.from_bytes(key.public_bytes_raw(), "little") & ((1 << 255) - 1)
    if y in _SMALL_ORDER_Y:
        raise UnusableKey("an Ed25519 key of small order: its signatures prove nothing")
