"""Sealing at rest: AES-256-GCM under a master key that lives outside the database, with key ids for rotation.

A sealed value is `key id length (1) | key id | nonce (12) | ciphertext and tag`. The purpose and the row it belongs
to are associated data, so a sealed value moved to another row or column does not open (NIST SP 800-38D section 8.2.2:
random 96-bit nonces, at most 2^32 seals a key; each purpose has a derived key of its own).
"""

from collections.abc import Mapping
from typing import Final, final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from doorward.errors import DoorwardError
from doorward.values import Entropy

__all__ = ["MASTER_KEY_BYTES", "MasterKeys", "UnsealError", "key_id_of"]

MASTER_KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12


@final
class UnsealError(DoorwardError):
    """A sealed value does not open: altered, moved, or sealed under a master key that is not here."""


@final
class MasterKeys:
    """The master keys of a deployment: the current one seals, all of them open.

    Args:
        keys: key id (1 to 32 ASCII characters) to 32 bytes of full entropy.
        current: the id of the key that seals.
        entropy: where nonces come from.
    """

    def __init__(self, keys: Mapping[str, bytes], *, current: str, entropy: Entropy) -> None:
        assert current in keys, "the current master key is not among the keys"
        assert all(key_id.isascii() and 1 <= len(key_id) <= 32 for key_id in keys), "a master key id out of range"
        assert all(len(key) == MASTER_KEY_BYTES for key in keys.values()), "a master key of the wrong length"
        self._keys: Final = dict(keys)
        self._entropy: Final = entropy
        self.current: Final = current

    def __repr__(self) -> str:
        return f"MasterKeys(ids={sorted(self._keys)}, current={self.current!r})"

    @property
    def key_ids(self) -> frozenset[str]:
        """The ids of all keys that can open."""
        return frozenset(self._keys)

    def reseal(self, sealed: bytes, *, purpose: str, row: str) -> bytes | None:
        """The same under the current key; None when it is sealed under that already.

        Raises:
            UnsealError: as `open`.
        """
        if _split(sealed)[0] == self.current:
            return None
        return self.seal(self.open(sealed, purpose=purpose, row=row), purpose=purpose, row=row)

    def derive(self, purpose: str, *, key_id: str | None = None) -> bytes:
        """32 bytes for one purpose (RFC 5869), so that no two uses share a key."""
        master = self._keys[key_id or self.current]
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"doorward " + purpose.encode()).derive(master)

    def seal(self, plaintext: bytes, *, purpose: str, row: str) -> bytes:
        """Encrypt for one purpose and one row, under the current key."""
        key_id = self.current.encode()
        nonce = self._entropy(NONCE_BYTES)
        sealed = AESGCM(self.derive(f"seal {purpose}")).encrypt(nonce, plaintext, _bound_to(row))
        return bytes([len(key_id)]) + key_id + nonce + sealed

    def open(self, sealed: bytes, *, purpose: str, row: str) -> bytes:
        """Decrypt what `seal` made for the same purpose and row.

        Raises:
            UnsealError: whatever is wrong; what exactly is nobody's business.
        """
        key_id, rest = _split(sealed)
        if key_id not in self._keys:
            raise UnsealError(f"sealed under a master key that is not here: {key_id!r}")
        cipher = AESGCM(self.derive(f"seal {purpose}", key_id=key_id))
        try:
            return cipher.decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], _bound_to(row))
        except (InvalidTag, ValueError) as error:
            raise UnsealError("the sealed value does not open") from error


def key_id_of(sealed: bytes) -> str:
    """The id of the master key it says it was sealed under; whether it opens is another question.

    Raises:
        UnsealError: it names none.
    """
    return _split(sealed)[0]


def _bound_to(row: str) -> bytes:
    return row.encode()


def _split(sealed: bytes) -> tuple[str, bytes]:
    length = sealed[0] if sealed else 0
    if len(sealed) < 1 + length + NONCE_BYTES:
        raise UnsealError("the sealed value is cut short")
    try:
        return sealed[1 : 1 + length].decode("ascii"), sealed[1 + length :]
    except UnicodeDecodeError as error:
        raise UnsealError("the sealed value does not open") from error
