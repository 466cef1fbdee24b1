"""The six algorithms of RFC 9421 section 3.3, each tied to a key of its kind.

Rules:

* A key has one algorithm, chosen when it is configured. Nothing in a message can choose another (invariant 4): a public
  key is never an HMAC secret, an RSA key signs with one padding only.
* ECDSA signatures are `r || s` of fixed length (sections 3.3.4 and 3.3.5), never DER.
* RSA-PSS has SHA-512, MGF1 with SHA-512 and a salt of 64 octets (section 3.3.1), nothing else.
* Keys too short to be any good are refused when they are configured, not when they are used.
"""

import hmac
from collections.abc import Callable
from enum import StrEnum
from typing import Final, TypeAlias, final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from doorward.errors import Misconfigured

__all__ = [
    "RSA_BITS_MAX",
    "RSA_BITS_MIN",
    "SECRET_BYTES_MIN",
    "PrivateKey",
    "PublicKey",
    "SignatureAlgorithm",
    "SignatureKey",
    "SignatureSigner",
]

SECRET_BYTES_MIN: Final = 24
"""How short an HMAC secret may be."""
RSA_BITS_MIN: Final = 2_048
"""How short an RSA key may be."""
RSA_BITS_MAX: Final = 8_192
"""How long an RSA key may be: verifying with a longer one is work a peer could make us do."""

PublicKey: TypeAlias = bytes | ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey
PrivateKey: TypeAlias = bytes | ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_Verify: TypeAlias = Callable[[bytes, bytes], bool]
_Sign: TypeAlias = Callable[[bytes], bytes]

_PSS: Final = padding.PSS(mgf=padding.MGF1(hashes.SHA512()), salt_length=64)
_PKCS1: Final = padding.PKCS1v15()


@final
class SignatureAlgorithm(StrEnum):
    """The algorithms, by their names in the registry of RFC 9421 section 6.2.2."""

    HMAC_SHA256 = "hmac-sha256"
    ED25519 = "ed25519"
    ECDSA_P256_SHA256 = "ecdsa-p256-sha256"
    ECDSA_P384_SHA384 = "ecdsa-p384-sha384"
    RSA_PSS_SHA512 = "rsa-pss-sha512"
    RSA_V1_5_SHA256 = "rsa-v1_5-sha256"


_CURVES: Final[dict[SignatureAlgorithm, tuple[type[ec.EllipticCurve], hashes.HashAlgorithm, int]]] = {
    SignatureAlgorithm.ECDSA_P256_SHA256: (ec.SECP256R1, hashes.SHA256(), 32),
    SignatureAlgorithm.ECDSA_P384_SHA384: (ec.SECP384R1, hashes.SHA384(), 48),
}


def _unfit(algorithm: SignatureAlgorithm) -> Misconfigured:
    return Misconfigured(
        f"A key is of another kind than {algorithm} needs.", cure="Give each key the algorithm it was made for."
    )


@final
class SignatureKey:
    """What verifies: a public key or a shared secret, with its one algorithm.

    Args:
        algorithm: the only one this key is used with.
        key: the secret (24 bytes or more) or the public key.

    Raises:
        Misconfigured: a key of another kind than the algorithm's, or too short.
    """

    __slots__ = ("_verify", "algorithm")

    def __init__(self, algorithm: SignatureAlgorithm, key: PublicKey) -> None:
        self.algorithm: Final = algorithm
        self._verify: Final = _verifier(algorithm, key)

    def __repr__(self) -> str:
        return f"SignatureKey({self.algorithm.value!r})"

    def has_signed(self, presented_signature: bytes, data: bytes) -> bool:
        """Whether this key made that signature over `data`."""
        return self._verify(presented_signature, data)


@final
class SignatureSigner:
    """What signs: a private key or a shared secret, with its one algorithm. Arguments and errors: as `SignatureKey`."""

    __slots__ = ("_sign", "algorithm", "verifier")

    def __init__(self, algorithm: SignatureAlgorithm, key: PrivateKey) -> None:
        self.algorithm: Final = algorithm
        self.verifier: Final = SignatureKey(algorithm, key if isinstance(key, bytes) else key.public_key())
        self._sign: Final = _signer(algorithm, key)

    def __repr__(self) -> str:
        return f"SignatureSigner({self.algorithm.value!r})"

    def sign(self, data: bytes) -> bytes:
        """The signature over `data`, in the form RFC 9421 sends it."""
        return self._sign(data)


def _verifier(algorithm: SignatureAlgorithm, key: PublicKey) -> _Verify:
    if algorithm is SignatureAlgorithm.HMAC_SHA256 and isinstance(key, bytes):
        return _hmac_verifier(_checked_secret(key))
    if algorithm is SignatureAlgorithm.ED25519 and isinstance(key, ed25519.Ed25519PublicKey):
        return _catching(key.verify)
    if algorithm in _CURVES and isinstance(key, ec.EllipticCurvePublicKey):
        return _ecdsa_verifier(algorithm, key)
    if isinstance(key, rsa.RSAPublicKey):
        _check_size(key.key_size)
        if algorithm is SignatureAlgorithm.RSA_PSS_SHA512:
            return _catching(lambda signature, data: key.verify(signature, data, _PSS, hashes.SHA512()))
        if algorithm is SignatureAlgorithm.RSA_V1_5_SHA256:
            return _catching(lambda signature, data: key.verify(signature, data, _PKCS1, hashes.SHA256()))
    raise _unfit(algorithm)


def _signer(algorithm: SignatureAlgorithm, key: PrivateKey) -> _Sign:
    """The key was found to fit its algorithm while its public half was."""
    match key:
        case bytes():
            return lambda data: hmac.digest(key, data, "sha256")
        case ed25519.Ed25519PrivateKey():
            return key.sign
        case ec.EllipticCurvePrivateKey():
            return _ecdsa_signer(algorithm, key)
        case rsa.RSAPrivateKey() if algorithm is SignatureAlgorithm.RSA_PSS_SHA512:
            return lambda data: key.sign(data, _PSS, hashes.SHA512())
        case rsa.RSAPrivateKey():
            return lambda data: key.sign(data, _PKCS1, hashes.SHA256())


def _checked_secret(secret: bytes) -> bytes:
    if len(secret) < SECRET_BYTES_MIN:
        raise Misconfigured(
            f"An HMAC secret of {len(secret)} bytes can be guessed.",
            cure=f"Use {SECRET_BYTES_MIN} random bytes or more.",
        )
    return secret


def _check_size(bits: int) -> None:
    if not RSA_BITS_MIN <= bits <= RSA_BITS_MAX:
        raise Misconfigured(
            f"An RSA key of {bits} bits is too short or too long.",
            cure=f"Use one of {RSA_BITS_MIN} to {RSA_BITS_MAX} bits, or better an Ed25519 key.",
        )


def _hmac_verifier(secret: bytes) -> _Verify:
    def verify(signature: bytes, data: bytes) -> bool:
        return hmac.compare_digest(hmac.digest(secret, data, "sha256"), signature)

    return verify


def _catching(check: Callable[[bytes, bytes], None]) -> _Verify:
    def verify(signature: bytes, data: bytes) -> bool:
        try:
            check(signature, data)
        except InvalidSignature:
            return False
        return True

    return verify


def _check_curve(algorithm: SignatureAlgorithm, curve: ec.EllipticCurve) -> tuple[ec.ECDSA, int]:
    wanted, digest, size = _CURVES[algorithm]
    if not isinstance(curve, wanted):
        raise _unfit(algorithm)
    return ec.ECDSA(digest), size


def _ecdsa_verifier(algorithm: SignatureAlgorithm, key: ec.EllipticCurvePublicKey) -> _Verify:
    scheme, size = _check_curve(algorithm, key.curve)
    check = key.verify

    def verify(signature: bytes, data: bytes) -> bool:
        if len(signature) != 2 * size:
            return False
        r, s = int.from_bytes(signature[:size]), int.from_bytes(signature[size:])
        try:
            check(encode_dss_signature(r, s), data, scheme)
        except InvalidSignature:
            return False
        return True

    return verify


def _ecdsa_signer(algorithm: SignatureAlgorithm, key: ec.EllipticCurvePrivateKey) -> _Sign:
    scheme, size = _check_curve(algorithm, key.curve)

    def sign(data: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(data, scheme))
        return r.to_bytes(size) + s.to_bytes(size)

    return sign
