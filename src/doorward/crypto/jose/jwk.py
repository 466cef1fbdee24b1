"""Keys as JSON (RFC 7517, RFC 7518 section 6, RFC 8037), each with the one algorithm it is used with.

Rules of this file:

* A JWK without `alg` means one algorithm and no choice: P-256 ES256, P-384 ES384, P-521 ES512, Ed25519 EdDSA, RSA
  RS256. An `oct` key without `alg` is refused, and so is a key for encryption.
* Private members of a JWK that came for verification are not read and not kept.
* A key that cannot be used is left out of its set with a reason; the rest of the set goes on working.
"""

from collections.abc import Mapping
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    SECP521R1,
    EllipticCurve,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

from doorward.crypto.jose.algorithms import REQUIREMENTS, Algorithm, find_algorithm
from doorward.crypto.jose.base64url import decode_base64url
from doorward.crypto.jose.key_set import KeySet
from doorward.crypto.jose.material import CURVE_NAMES, HMAC_SECRET_BYTES_MAX, UnusableKey, check_rsa_numbers
from doorward.crypto.jose.members import parse_object
from doorward.crypto.jose.primitives import PublicKey
from doorward.crypto.jose.verification import (
    KID_CHARACTERS_MAX,
    VerificationKey,
    verification_of_public_key,
    verification_of_secret,
)
from doorward.errors import Rejected

__all__ = [
    "CURVES",
    "JWK_MEMBER_CHARACTERS_MAX",
    "JWK_SET_BYTES_MAX",
    "JWK_SET_KEYS_MAX",
    "KeySet",
    "UnusableKey",
    "VerificationKey",
    "algorithm_implied_by",
    "algorithm_of_jwk",
    "check_purpose",
    "kid_of_jwk",
    "octets_of",
    "parse_jwk",
    "parse_jwk_set",
]

JWK_MEMBER_CHARACTERS_MAX: Final = 2_048
"""How long a number of a JWK may be, in base64url: an RSA modulus of 8,192 bits takes 1,366."""
JWK_SET_KEYS_MAX: Final = 100
"""How many keys a JWK set may hold."""
JWK_SET_BYTES_MAX: Final = 262_144
"""How large a JWK set may be: a hundred RSA keys with their certificate chains would still fit."""

CURVES: Final[dict[str, EllipticCurve]] = {
    CURVE_NAMES[curve.name]: curve for curve in (SECP256R1(), SECP384R1(), SECP521R1())
}
"""The curves there are, by their JOSE names."""
_IMPLIED: Final = {
    ("EC", "P-256"): Algorithm.ES256,
    ("EC", "P-384"): Algorithm.ES384,
    ("EC", "P-521"): Algorithm.ES512,
    ("OKP", "Ed25519"): Algorithm.EDDSA,
    ("RSA", ""): Algorithm.RS256,
}


def parse_jwk(presented: Mapping[str, object], *, algorithms: frozenset[Algorithm] | None = None) -> VerificationKey:
    """Read one key to verify with.

    Args:
        presented: the members, as `parse_object` gave them.
        algorithms: those the caller takes; None takes all there are.

    Raises:
        UnusableKey: with the reason, never the key.
    """
    check_purpose(presented, "verify")
    algorithm = algorithm_of_jwk(presented)
    if algorithms is not None and algorithm not in algorithms:
        raise UnusableKey(f"keys of {algorithm} are not taken here")
    kid = kid_of_jwk(presented)
    if algorithm in (Algorithm.HS256, Algorithm.HS384, Algorithm.HS512):
        secret = octets_of(presented, "k", characters_max=HMAC_SECRET_BYTES_MAX * 4 // 3 + 3)
        return verification_of_secret(secret, algorithm, kid)
    return verification_of_public_key(_public_key(presented, algorithm), algorithm, kid)


def algorithm_of_jwk(presented: Mapping[str, object]) -> Algorithm:
    """The one algorithm of a JWK: what `alg` says if its type and curve fit that, else what they imply.

    Raises:
        UnusableKey: none, an unknown one, or one that does not fit.
    """
    kty = presented.get("kty")
    crv = presented.get("crv") if kty in ("EC", "OKP") else ""
    if not (isinstance(kty, str) and isinstance(crv, str)):
        raise UnusableKey("`kty` and `crv` are strings")
    if "alg" not in presented:
        return algorithm_implied_by(kty, crv)
    named = presented["alg"]
    algorithm = find_algorithm(named) if isinstance(named, str) else None
    if algorithm is None:
        raise UnusableKey("an `alg` that is not taken")
    row = REQUIREMENTS[algorithm]
    if (row.kty, row.crv) != (kty, crv):
        raise UnusableKey(f"the type or curve is not one for {algorithm}")
    return algorithm


def algorithm_implied_by(kty: str, crv: str) -> Algorithm:
    """The one algorithm a type and curve mean when nothing says otherwise.

    Raises:
        UnusableKey: they mean none.
    """
    implied = _IMPLIED.get((kty, crv))
    if implied is None:
        raise UnusableKey("a key of this type needs `alg`" if kty == "oct" else "a type or curve that is not taken")
    return implied


def kid_of_jwk(presented: Mapping[str, object]) -> str | None:
    """The `kid` of a JWK, None when it has none.

    Raises:
        UnusableKey: not a string, or too long.
    """
    kid = presented.get("kid")
    if kid is not None and not (isinstance(kid, str) and 0 < len(kid) <= KID_CHARACTERS_MAX):
        raise UnusableKey(f"`kid` is a string of 1 to {KID_CHARACTERS_MAX} characters")
    return kid


def octets_of(
    presented: Mapping[str, object], member: str, *, characters_max: int = JWK_MEMBER_CHARACTERS_MAX
) -> bytes:
    """The octets of one base64url member.

    Raises:
        UnusableKey: missing, too long, or not canonical base64url.
    """
    value = presented.get(member)
    if not isinstance(value, str) or not 0 < len(value) <= characters_max:
        raise UnusableKey(f"`{member}` is a base64url string of at most {characters_max} characters")
    try:
        return decode_base64url(value.encode())
    except Rejected:
        raise UnusableKey(f"`{member}` is not canonical base64url") from None


def check_purpose(presented: Mapping[str, object], operation: str) -> None:
    """Whether a JWK is for signatures, and for this half of the work (`sign`, `verify`).

    Raises:
        UnusableKey: it is for something else.
    """
    # RFC 7517 sections 4.2 and 4.3: a key for encryption proves nothing when it signs.
    if presented.get("use", "sig") != "sig":
        raise UnusableKey("`use` is not `sig`")
    operations = presented.get("key_ops", [operation])
    if not isinstance(operations, list) or operation not in operations:
        raise UnusableKey(f"`key_ops` does not hold `{operation}`")


def _public_key(presented: Mapping[str, object], algorithm: Algorithm) -> PublicKey:
    row = REQUIREMENTS[algorithm]
    if row.kty == "RSA":
        modulus, exponent = (int.from_bytes(octets_of(presented, member), "big") for member in ("n", "e"))
        check_rsa_numbers(modulus, exponent)
        return RSAPublicNumbers(exponent, modulus).public_key()
    try:
        if row.kty == "OKP":
            return Ed25519PublicKey.from_public_bytes(octets_of(presented, "x"))
        curve = CURVES[row.crv]
        x, y = octets_of(presented, "x"), octets_of(presented, "y")
        if len(x) != len(y) or len(x) != (curve.key_size + 7) // 8:
            raise UnusableKey("a coordinate is as long as its curve")
        # `public_key` refuses a point that is not on the curve.
        return EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), curve).public_key()
    except ValueError:
        raise UnusableKey(f"the numbers are not a public key of {row.crv}") from None


def parse_jwk_set(
    presented: bytes,
    *,
    algorithms: frozenset[Algorithm] | None = None,
    keys_max: int = JWK_SET_KEYS_MAX,
    bytes_max: int = JWK_SET_BYTES_MAX,
) -> KeySet:
    """Read a JWK set (RFC 7517 section 5).

    Args:
        presented: the JSON text.
        algorithms: those the caller takes; None takes all there are.
        keys_max: how many keys it may hold.
        bytes_max: how large it may be.

    Raises:
        UnusableKey: the set as a whole cannot be read. A single bad key is skipped with its reason.
    """
    if len(presented) > bytes_max:
        raise UnusableKey(f"a JWK set has at most {bytes_max} octets")
    try:
        members = parse_object(presented).get("keys")
    except Rejected as error:
        raise UnusableKey(f"the JWK set is {error.detail}") from None
    if not isinstance(members, list) or len(members) > keys_max:
        raise UnusableKey(f"`keys` of a JWK set is a list of at most {keys_max}")
    keys: list[VerificationKey] = []
    skipped: list[str] = []
    for number, member in enumerate(members):
        try:
            keys.append(parse_jwk(_object(member), algorithms=algorithms))
        except UnusableKey as error:
            skipped.append(f"key {number}: {error.reason}")
    return KeySet(keys, skipped=tuple(skipped))


def _object(member: object) -> Mapping[str, object]:
    if not isinstance(member, dict):
        raise UnusableKey("not an object")
    return member
