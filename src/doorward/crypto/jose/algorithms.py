"""The signature algorithms there are (RFC 7518 section 3, RFC 8037, RFC 9864), and what a key of each must be.

Rules of this file:

* A key has exactly one algorithm (RFC 8725 section 3.1); a token's `alg` is compared with it and chooses nothing.
* `none` is not in the table, in no spelling, so no key can ever answer to it.
* Nothing of 112 bits or less: no SHA-1, no RSA under 2048 bits. secp256k1 and Ed448 are left out because nobody who
  issues access tokens uses them, and every algorithm more is one more to attack.
"""

from enum import StrEnum
from typing import Final, NamedTuple, final

__all__ = ["REQUIREMENTS", "Algorithm", "Family", "Requirement", "find_algorithm"]


class Algorithm(StrEnum):
    """The one algorithm a key is used with, by its `alg` name."""

    HS256 = "HS256"
    HS384 = "HS384"
    HS512 = "HS512"
    RS256 = "RS256"
    RS384 = "RS384"
    RS512 = "RS512"
    PS256 = "PS256"
    PS384 = "PS384"
    PS512 = "PS512"
    ES256 = "ES256"
    ES384 = "ES384"
    ES512 = "ES512"
    EDDSA = "EdDSA"


class Family(StrEnum):
    """What kind of mathematics an algorithm is."""

    HMAC = "HMAC"
    RSA_PKCS1 = "RSASSA-PKCS1-v1_5"
    RSA_PSS = "RSASSA-PSS"
    ECDSA = "ECDSA"
    EDDSA = "EdDSA"


@final
class Requirement(NamedTuple):
    """What an algorithm asks of its key.

    Args:
        family: what kind of mathematics.
        kty: the JWK key type.
        crv: the JWK curve; empty where there is none.
        hash_bits: 256, 384 or 512; also the least length of an HMAC key (RFC 7518 section 3.2).
        names: the `alg` names a header may call it by.
    """

    family: Family
    kty: str
    crv: str
    hash_bits: int
    names: frozenset[str]


def _one(name: str, family: Family, kty: str, hash_bits: int, crv: str = "") -> tuple[Algorithm, Requirement]:
    names = frozenset({"EdDSA", "Ed25519"} if family is Family.EDDSA else {name})
    return Algorithm(name), Requirement(family, kty, crv, hash_bits, names)


REQUIREMENTS: Final[dict[Algorithm, Requirement]] = dict(
    (
        *(_one(f"HS{bits}", Family.HMAC, "oct", bits) for bits in (256, 384, 512)),
        *(_one(f"RS{bits}", Family.RSA_PKCS1, "RSA", bits) for bits in (256, 384, 512)),
        *(_one(f"PS{bits}", Family.RSA_PSS, "RSA", bits) for bits in (256, 384, 512)),
        _one("ES256", Family.ECDSA, "EC", 256, "P-256"),
        _one("ES384", Family.ECDSA, "EC", 384, "P-384"),
        _one("ES512", Family.ECDSA, "EC", 512, "P-521"),
        # RFC 9864 names the curve; RFC 8037 named the family. Both mean Ed25519 here, and only Ed25519.
        _one("EdDSA", Family.EDDSA, "OKP", 512, "Ed25519"),
    )
)
"""What each algorithm asks of its key."""

_BY_NAME: Final = {name: algorithm for algorithm, row in REQUIREMENTS.items() for name in row.names}


def find_algorithm(name: str) -> Algorithm | None:
    """The algorithm of an `alg` name, `Ed25519` included; None for every other text. Names are case-sensitive."""
    return _BY_NAME.get(name)
