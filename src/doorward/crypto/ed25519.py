"""Ed25519 (RFC 8032) with keys in their raw form, 32 bytes, as webhook senders publish them.

Points of small order are refused as public keys: under such a key signatures can be made that fit any message, and
32 zero bytes, which is what a placeholder looks like, are one of them.
"""

from typing import Final, final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from doorward.errors import DoorwardError

__all__ = [
    "ED25519_KEY_BYTES",
    "ED25519_SIGNATURE_BYTES",
    "Ed25519Signer",
    "Ed25519Verifier",
    "UnusableEd25519KeyError",
]

ED25519_KEY_BYTES: Final = 32
ED25519_SIGNATURE_BYTES: Final = 64

_PRIME: Final = 2**255 - 19
_SMALL_ORDER_Y: Final = frozenset(
    {
        0,
        1,
        _PRIME - 1,
        int.from_bytes(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"),
        int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"),
    }
)


@final
class UnusableEd25519KeyError(DoorwardError):
    """Not 32 bytes, a point of small order, or not in its canonical form (RFC 8032 section 5.1.3)."""


@final
class Ed25519Verifier:
    """A public key.

    Args:
        public_key: 32 bytes. Under one that is no point of the curve nothing verifies.

    Raises:
        UnusableEd25519KeyError: see there.
    """

    __slots__ = ("_key", "public_key")

    def __init__(self, public_key: bytes) -> None:
        if len(public_key) != ED25519_KEY_BYTES:
            raise UnusableEd25519KeyError("a public key is 32 bytes")
        y = int.from_bytes(public_key, "little") & (2**255 - 1)
        if y >= _PRIME or y in _SMALL_ORDER_Y:
            raise UnusableEd25519KeyError("a point of small order, or not in its canonical form")
        self._key: Final = Ed25519PublicKey.from_public_bytes(public_key)
        self.public_key: Final = public_key

    def fits(self, presented_signature: bytes, message: bytes) -> bool:
        """Whether the signature is this key's over exactly these bytes."""
        try:
            self._key.verify(presented_signature, message)
        except InvalidSignature:
            return False
        return True


@final
class Ed25519Signer:
    """A private key. Never shown.

    Args:
        seed: 32 bytes of full entropy.
    """

    __slots__ = ("_key", "public_key")

    def __init__(self, seed: bytes) -> None:
        if len(seed) != ED25519_KEY_BYTES:
            raise UnusableEd25519KeyError("a private key is 32 bytes")
        self._key: Final = Ed25519PrivateKey.from_private_bytes(seed)
        self.public_key: Final = self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """64 bytes."""
        return self._key.sign(message)
