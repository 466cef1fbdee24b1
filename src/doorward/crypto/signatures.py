"""The six algorithms of RFC 9421 section 3.3, each tied to a key of its kind.

They are six of the algorithms of JOSE under names of their own: the same padding and salt for RSA (section 3.3.1: 64
octets, which is the length of SHA-512), the same `r || s` for ECDSA. So the primitives and what a key must be are
`crypto/jose/`'s.

Rules:

* A key has one algorithm, chosen when it is configured. Nothing in a message can choose another (invariant 4): a public
  key is never an HMAC secret, an RSA key signs with one padding only.
* An HMAC secret has 24 octets or more, is no PEM, and is not one that everybody knows or tries. JOSE asks for 32,
  senders of webhooks and signed requests hand out 24.
"""

import hmac
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, TypeAlias, final

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from doorward.crypto.jose.algorithms import Algorithm
from doorward.crypto.jose.material import HMAC_SECRET_BYTES_MAX, UnusableKey
from doorward.crypto.jose.primitives import CheckSignature, PublicKey, bind_hmac
from doorward.crypto.jose.signing import SigningKey
from doorward.crypto.jose.verification import VerificationKey, verification_of_public_key
from doorward.crypto.jose.weak_secrets import find_weakness
from doorward.errors import Misconfigured, Rejected

__all__ = [
    "JOSE_NAMES",
    "PEM_BEGIN",
    "SECRET_BYTES_MIN",
    "PrivateKey",
    "SignatureAlgorithm",
    "SignatureKey",
    "SignatureSigner",
]

PEM_BEGIN: Final = b"-----BEGIN "
"""How PEM begins (RFC 7468 section 3)."""

SECRET_BYTES_MIN: Final = 24
"""How short an HMAC secret may be."""
# No base of a signature: those begin with a quotation mark.
_FINGERPRINTED: Final = b"doorward: which key this is"

PrivateKey: TypeAlias = bytes | Ed25519PrivateKey | EllipticCurvePrivateKey | RSAPrivateKey
"""What signs: a secret, or a private key."""


@final
class SignatureAlgorithm(StrEnum):
    """The algorithms, by their names in the registry of RFC 9421 section 6.2.2."""

    HMAC_SHA256 = "hmac-sha256"
    ED25519 = "ed25519"
    ECDSA_P256_SHA256 = "ecdsa-p256-sha256"
    ECDSA_P384_SHA384 = "ecdsa-p384-sha384"
    RSA_PSS_SHA512 = "rsa-pss-sha512"
    RSA_V1_5_SHA256 = "rsa-v1_5-sha256"


JOSE_NAMES: Final[Mapping[SignatureAlgorithm, Algorithm]] = {
    SignatureAlgorithm.HMAC_SHA256: Algorithm.HS256,
    SignatureAlgorithm.ED25519: Algorithm.EDDSA,
    SignatureAlgorithm.ECDSA_P256_SHA256: Algorithm.ES256,
    SignatureAlgorithm.ECDSA_P384_SHA384: Algorithm.ES384,
    SignatureAlgorithm.RSA_PSS_SHA512: Algorithm.PS512,
    SignatureAlgorithm.RSA_V1_5_SHA256: Algorithm.RS256,
}
"""What JOSE calls each."""


def _unfit(reason: str) -> Misconfigured:
    return Misconfigured(
        f"A key cannot be used for signatures: {reason}.", cure="Give each key the algorithm it was made for."
    )


@final
class SignatureKey:
    """What verifies: a public key or a shared secret, with its one algorithm.

    Args:
        algorithm: the only one this key is used with.
        key: the secret (24 to 1,024 octets), or the public key.

    Raises:
        Misconfigured: a key of another kind than the algorithm's, too weak, or known to everybody.
    """

    __slots__ = ("_check", "algorithm", "fingerprint")

    def __init__(self, algorithm: SignatureAlgorithm, key: PublicKey | VerificationKey | bytes) -> None:
        self.algorithm: Final = algorithm
        check, fingerprint = _check_of(algorithm, key)
        self._check: Final[CheckSignature] = check
        self.fingerprint: Final = fingerprint
        """Tells it from other keys, in up to 43 characters. Of a secret it is a keyed digest, which tells as much about
        it as a signature does: for our own stores, and not to be published."""

    def __repr__(self) -> str:
        return f"SignatureKey({self.algorithm.value!r})"

    def has_signed(self, presented_signature: bytes, data: bytes) -> bool:
        """Whether this key made that signature over `data`."""
        try:
            self._check(data, presented_signature)
        except Rejected:
            return False
        return True


@final
class SignatureSigner:
    """What signs: a private key or a shared secret, with its one algorithm. Arguments and errors: as `SignatureKey`."""

    __slots__ = ("_sign", "algorithm", "verifier")

    def __init__(self, algorithm: SignatureAlgorithm, key: PrivateKey | SigningKey) -> None:
        self.algorithm: Final = algorithm
        verifier, sign = _halves_of(algorithm, key)
        self.verifier: Final = verifier
        self._sign: Final = sign

    def __repr__(self) -> str:
        return f"SignatureSigner({self.algorithm.value!r})"

    def sign(self, data: bytes) -> bytes:
        """The signature over `data`, in the form RFC 9421 sends it."""
        return self._sign(data)


def _check_of(algorithm: SignatureAlgorithm, key: PublicKey | VerificationKey | bytes) -> tuple[CheckSignature, str]:
    if isinstance(key, bytes) is not (algorithm is SignatureAlgorithm.HMAC_SHA256):
        raise _unfit(f"it is of another kind than {algorithm.value} needs")
    jose = JOSE_NAMES[algorithm]
    if isinstance(key, bytes):
        _check_secret(key)
        return bind_hmac(key, jose), hmac.digest(key, _FINGERPRINTED, "sha256")[:16].hex()
    if isinstance(key, VerificationKey):
        if key.algorithm is not jose:
            raise _unfit(f"it is of another kind than {algorithm.value} needs")
        return key.verify, key.thumbprint
    try:
        verification = verification_of_public_key(key, jose, None)
    except UnusableKey as error:
        raise _unfit(error.reason) from None
    return verification.verify, verification.thumbprint


def _check_secret(secret: bytes) -> None:
    if not SECRET_BYTES_MIN <= len(secret) <= HMAC_SECRET_BYTES_MAX:
        raise _unfit(f"an HMAC secret has {SECRET_BYTES_MIN} to {HMAC_SECRET_BYTES_MAX} octets, random ones")
    if secret.lstrip().startswith(PEM_BEGIN):
        # A public key as the secret is how `alg` is turned against a verifier; a private one signs what nobody takes.
        raise _unfit("it is PEM, and no HMAC secret")
    weakness = find_weakness(secret)
    if weakness is not None:
        raise _unfit(f"the HMAC secret {weakness}")


def _halves_of(
    algorithm: SignatureAlgorithm, key: PrivateKey | SigningKey
) -> tuple[SignatureKey, Callable[[bytes], bytes]]:
    if isinstance(key, bytes):
        return SignatureKey(algorithm, key), lambda data: hmac.digest(key, data, "sha256")
    if not isinstance(key, SigningKey):
        try:
            key = SigningKey(key, JOSE_NAMES[algorithm])
        except UnusableKey as error:
            raise _unfit(error.reason) from None
    return SignatureKey(algorithm, key.verification), key.sign
