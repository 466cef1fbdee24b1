"""The name one resource knows a subject by, derived so that two resources cannot compare notes (OIDC Core section 8.1).

Rules of this file:

* A *sector* is a resource, by the very text of its audience. The name is HMAC-SHA256 under a key of the deployment, of
  the sector and the subject: who knows a name at one resource can neither tell the subject nor the name at another.
* A sector is registered before any token is issued for it, and is never removed: a revocation of a subject names the
  subject once for each sector, and a sector that is missing would not hear of it.
* The key is 32 random bytes, made with the first sector and sealed under the master key. It is not derived from the
  master key: names must outlive its rotation.
"""

import base64
import hashlib
import hmac
import re
from typing import Final, final

import msgspec

from doorward.crypto.sealing import MasterKeys, UnsealError
from doorward.errors import Misconfigured, Rejected
from doorward.values import Entropy
from doorward.wire.reason import is_secret

__all__ = [
    "PAIRWISE_KEY_BYTES",
    "PAIRWISE_KEY_NAME",
    "SECTORS_MAX",
    "SECTOR_CHARACTERS_MAX",
    "Sectors",
    "derive_subject",
    "make_sealed_key",
    "open_key",
    "parse_sector",
    "reseal_key",
]

PAIRWISE_KEY_BYTES: Final = 32
"""How long the key is that names are derived with."""
SECTORS_MAX: Final = 500
"""How many resources may know subjects by a derived name: a revocation of a subject is a row for each."""
SECTOR_CHARACTERS_MAX: Final = 256
"""How long the audience of one may be."""
PAIRWISE_KEY_NAME: Final = "pairwise_key"
"""What the sealed key is stored under, and sealed for."""

_PURPOSE: Final = "pairwise subjects"
# No space: the audiences of a reader of the feed are separated by one. No line feed: it separates what is derived from.
_SECTOR: Final = re.compile(r"[\x21-\x7e]{1,256}")


@final
class Sectors(msgspec.Struct, frozen=True):
    """The sectors there are, and the key. `key` is None when there is no sector."""

    names: tuple[str, ...]
    key: bytes | None

    def __repr__(self) -> str:
        return f"Sectors(names={self.names!r})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        return [("names", self.names)]

    def name_of(self, subject: str, sector: str) -> str:
        """What the resource of that audience knows the subject by: 43 characters of base64url.

        Raises:
            Rejected: `object_unknown` for a sector that is not registered.
        """
        if sector not in self.names or self.key is None:
            raise Rejected("object_unknown", "no such sector; `doorward sectors add` registers one")
        return derive_subject(self.key, sector, subject)


def derive_subject(key: bytes, sector: str, subject: str) -> str:
    """A subject's name in one sector. The sector must be one `parse_sector` has let pass: it holds no line feed."""
    digest = hmac.digest(key, f"{sector}\n{subject}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def parse_sector(presented_sector: str) -> str:
    """An audience that may become a sector: 1 to 256 visible ASCII characters. Raises `Rejected("input_invalid")`."""
    if is_secret(presented_sector):
        raise Rejected("input_invalid", "that is a token or key, not the audience of a resource; sectors are for ever")
    if _SECTOR.fullmatch(presented_sector) is None:
        raise Rejected("input_invalid", f"a sector is 1 to {SECTOR_CHARACTERS_MAX} visible ASCII characters, no space")
    return presented_sector


def make_sealed_key(master_keys: MasterKeys, entropy: Entropy) -> bytes:
    """A new key, sealed for storing."""
    return master_keys.seal(entropy(PAIRWISE_KEY_BYTES), purpose=_PURPOSE, row=PAIRWISE_KEY_NAME)


def reseal_key(master_keys: MasterKeys, sealed: bytes) -> bytes | None:
    """The same under the current master key; None when it is sealed under that already. Raises `UnsealError`."""
    return master_keys.reseal(sealed, purpose=_PURPOSE, row=PAIRWISE_KEY_NAME)


def open_key(master_keys: MasterKeys | None, sealed: bytes | None) -> bytes:
    """The key.

    Raises:
        Misconfigured: there is no master key, or it is not the one the key was sealed under.
    """
    cure = "Set DOORWARD_MASTER_KEY_FILE (or DOORWARD_MASTER_KEY) to the deployment's master key."
    if master_keys is None:
        raise Misconfigured("Names are derived with a key that is sealed, and there is no master key.", cure=cure)
    if sealed is None:
        raise Misconfigured(
            "There are sectors, and no key to derive names with.", cure="Restore the database from a backup."
        )
    try:
        return master_keys.open(sealed, purpose=_PURPOSE, row=PAIRWISE_KEY_NAME)
    except UnsealError:
        raise Misconfigured("The key names are derived with does not open.", cure=cure) from None
