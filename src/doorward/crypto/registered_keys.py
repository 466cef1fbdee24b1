"""Public keys as apps hand them in, to be registered: a JWK, a JWK set of one, or PEM (RFC 7517, 7468).

Rules:

* Only what is public is taken. A file with a private half in it was on its way to somebody who must not have it, so it
  is refused and the words say that the pair is to be thought of as leaked. No octet of it is in the words.
* A key has one algorithm, settled here and never changed: what its file says, what the caller says, or what its kind
  means. RSA means two, so one of them must be said.
* What is kept is built from the public numbers alone, whatever else the file held.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple, final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from doorward.crypto.jose.jwk import parse_jwk
from doorward.crypto.jose.material import UnusableKey
from doorward.crypto.jose.members import parse_object
from doorward.crypto.jose.primitives import PublicKey
from doorward.crypto.jose.verification import VerificationKey, verification_of_public_key
from doorward.crypto.signature_keys import find_algorithm_of
from doorward.crypto.signatures import JOSE_NAMES, SignatureAlgorithm, SignatureKey
from doorward.errors import Rejected

__all__ = ["PUBLIC_KEY_BYTES_MAX", "RegisteredKey", "UnusableKey", "parse_public_key", "verifier_of_jwk"]

PUBLIC_KEY_BYTES_MAX: Final = 16_384
"""How long the text of a public key may be: RSA of 8,192 bits takes 1,500."""

_BLOCK: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,64})-----")
_PUBLIC_BLOCKS: Final = (b"PUBLIC KEY", b"RSA PUBLIC KEY")
# `k` is a whole secret, the others are private halves or what they follow from (RFC 7518 sections 6.2.2, 6.3.2, 6.4).
_PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_CURVES: Final[Mapping[str, SignatureAlgorithm]] = {
    "secp256r1": SignatureAlgorithm.ECDSA_P256_SHA256,
    "secp384r1": SignatureAlgorithm.ECDSA_P384_SHA384,
}
_RSA: Final = (SignatureAlgorithm.RSA_PSS_SHA512, SignatureAlgorithm.RSA_V1_5_SHA256)


@final
class RegisteredKey(NamedTuple):
    """A public key, fit for use: its one algorithm, and its public members without a name."""

    algorithm: SignatureAlgorithm
    public_jwk: Mapping[str, str]


def parse_public_key(text: bytes, *, algorithm: SignatureAlgorithm | None = None) -> RegisteredKey:
    """Read a public key.

    Args:
        text: unverified, at most 16 KiB: JSON or PEM.
        algorithm: what it is to be used with; must fit. None: what the key says or means.

    Raises:
        UnusableKey: with the reason, never the key.
    """
    if len(text) > PUBLIC_KEY_BYTES_MAX:
        raise UnusableKey(f"the text of a public key has at most {PUBLIC_KEY_BYTES_MAX:,} octets")
    text = text.strip()
    if text.startswith(b"{"):
        return _of_jwk(_only_jwk(text), algorithm)
    if text.startswith(b"-----BEGIN "):
        return _of_pem(text, algorithm)
    raise UnusableKey("it is neither a JWK nor PEM")


def verifier_of_jwk(public_jwk: Mapping[str, str], algorithm: SignatureAlgorithm) -> SignatureKey:
    """What verifies with a key that was registered.

    Raises:
        UnusableKey: the members are not such a key: the store was tampered with.
    """
    return SignatureKey(algorithm, parse_jwk(public_jwk, algorithms=frozenset({JOSE_NAMES[algorithm]})))


def _only_jwk(text: bytes) -> Mapping[str, object]:
    try:
        members = parse_object(text)
    except Rejected as error:
        raise UnusableKey(f"the JWK is {error.detail}") from None
    listed = members.get("keys", [members])
    if not isinstance(listed, list):
        raise UnusableKey("`keys` of a JWK set is a list")
    for jwk in listed:
        # All of them, before anything else: whoever put the wrong file here must hear of that first.
        if isinstance(jwk, dict) and _PRIVATE_MEMBERS.intersection(jwk):
            raise _private("a secret" if jwk.get("kty") == "oct" else "a private key")
    if len(listed) != 1 or not isinstance(listed[0], dict):
        raise UnusableKey("a JWK set to register holds one key")
    return listed[0]


def _of_jwk(jwk: Mapping[str, object], algorithm: SignatureAlgorithm | None) -> RegisteredKey:
    own = find_algorithm_of(jwk)
    if own is None or own is SignatureAlgorithm.HMAC_SHA256:
        raise UnusableKey("it is of a kind no signature is made with here: use Ed25519, P-256, P-384 or RSA")
    if "alg" not in jwk and own in _RSA:
        own = algorithm or _ask_for_algorithm()
    if algorithm not in (None, own):
        raise UnusableKey(f"the JWK is for {own.value}")
    # Its own name is not kept: the id it gets here is its `keyid`.
    plain = {name: value for name, value in jwk.items() if name != "kid"} | {"alg": JOSE_NAMES[own].value}
    return _registered(own, parse_jwk(plain))


def _of_pem(text: bytes, algorithm: SignatureAlgorithm | None) -> RegisteredKey:
    blocks = _BLOCK.findall(text)
    if any(b"PRIVATE KEY" in block for block in blocks):
        raise _private("a private key")
    if b"CERTIFICATE" in blocks:
        raise UnusableKey("it is a certificate; take its key out: openssl x509 -in FILE -noout -pubkey")
    if len(blocks) != 1 or blocks[0] not in _PUBLIC_BLOCKS:
        raise UnusableKey("the PEM text is not one public key")
    try:
        key = load_pem_public_key(text)
    except (ValueError, UnsupportedAlgorithm):
        raise UnusableKey("the PEM text is not a public key that is taken here") from None
    if not isinstance(key, RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey):
        raise UnusableKey("it is of a kind no signature is made with here: use Ed25519, P-256, P-384 or RSA")
    own = algorithm or _implied(key)
    return _registered(own, verification_of_public_key(key, JOSE_NAMES[own], None))


def _implied(key: PublicKey) -> SignatureAlgorithm:
    if isinstance(key, Ed25519PublicKey):
        return SignatureAlgorithm.ED25519
    if isinstance(key, RSAPublicKey):
        return _ask_for_algorithm()
    found = _CURVES.get(key.curve.name)
    if found is None:
        raise UnusableKey("its curve is not one signatures are made with here: use P-256 or P-384")
    return found


def _registered(algorithm: SignatureAlgorithm, verification: VerificationKey) -> RegisteredKey:
    return RegisteredKey(algorithm, verification.public_jwk())


def _ask_for_algorithm() -> SignatureAlgorithm:
    raise UnusableKey(f"an RSA key leaves its algorithm open: say {_RSA[0].value} or {_RSA[1].value}")


def _private(what: str) -> UnusableKey:
    return UnusableKey(
        f"there is {what} in it, and only the public half belongs here: consider the pair leaked, "
        "make a new one, and register its public key"
    )
