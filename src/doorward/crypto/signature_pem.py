"""Keys for HTTP signatures from PEM (RFC 7468), as `openssl genpkey` writes them and their owners keep them.

Rules:

* PEM says neither an id nor, for RSA, an algorithm: both are said beside it, and nothing is guessed.
* A private key signs and verifies, a public one verifies. What is encrypted is to be decrypted first: no password is
  asked for here.
"""

from typing import Final

from doorward.crypto.jose.material import UnusableKey
from doorward.crypto.jose.signing import SigningKey, import_signing_key
from doorward.crypto.registered_keys import parse_public_key, verifier_of_jwk
from doorward.crypto.signature_keys import JsonKey
from doorward.crypto.signatures import JOSE_NAMES, PEM_BEGIN, SignatureAlgorithm, SignatureKey, SignatureSigner

__all__ = ["is_pem", "parse_pem_key"]

_PRIVATE: Final = b"PRIVATE KEY-----"
_NAMES: Final = {jose: algorithm for algorithm, jose in JOSE_NAMES.items()}
_RSA: Final = (SignatureAlgorithm.RSA_PSS_SHA512, SignatureAlgorithm.RSA_V1_5_SHA256)


def is_pem(text: bytes) -> bool:
    """Whether it begins as PEM does."""
    return text.lstrip().startswith(PEM_BEGIN)


def parse_pem_key(text: bytes, key_id: str, *, algorithm: SignatureAlgorithm | None = None) -> JsonKey:
    """The key of a PEM text.

    Args:
        text: from whoever owns the key, at most 64 KiB: one private key, not encrypted, or one public key.
        key_id: by which the peer knows it; the caller has looked at its form.
        algorithm: what it is used with; must fit. None: what its kind means, and RSA means two.

    Raises:
        UnusableKey: with the reason, never the key.
    """
    if text.count(PEM_BEGIN) > 1 and text.count(_PRIVATE) != 2:
        # Whichever is taken, somebody meant the other.
        raise UnusableKey("there is more than one key in it")
    if _PRIVATE not in text:
        registered = parse_public_key(text, algorithm=algorithm)
        return JsonKey(key_id, verifier_of_jwk(registered.public_jwk, registered.algorithm), None)
    key = import_signing_key(text, algorithm=None if algorithm is None else JOSE_NAMES[algorithm])
    own = algorithm or _implied(key)
    return JsonKey(key_id, SignatureKey(own, key.verification), SignatureSigner(own, key))


def _implied(key: SigningKey) -> SignatureAlgorithm:
    own = _NAMES.get(key.algorithm)
    if own is None:
        raise UnusableKey("its curve is not one signatures are made with here: use P-256 or P-384")
    if own in _RSA:
        raise UnusableKey(f"an RSA key leaves its algorithm open: say {_RSA[0].value} or {_RSA[1].value}")
    return own
