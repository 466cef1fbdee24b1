"""HMAC secrets that everybody knows, from tutorials, templates and leaked settings: attackers try them first.

The list itself is not here. What is shipped is the first octets of the SHA-256 of every listed secret that is long
enough to be taken for a key at all (`known_digests.py`, written by `tools/weak_secrets.py`); shorter ones fail by
their length. A random key is refused by mistake about once in 10^8.
"""

import base64
from functools import cache
from hashlib import sha256
from typing import Final

from doorward.crypto.jose.known_digests import DIGEST_BYTES, DIGESTS

__all__ = ["digest_of", "is_known_secret", "spellings_of"]

_TRIMMED: Final = b" \t\r\n\0\"'"


def is_known_secret(secret: bytes) -> bool:
    """Whether the secret, or a spelling of it that means the same to an attacker, is on the list."""
    return any(digest_of(spelling) in _known() for spelling in spellings_of(secret))


def digest_of(secret: bytes) -> bytes:
    """How a secret is written down in the list."""
    return sha256(secret).digest()[:DIGEST_BYTES]


def spellings_of(secret: bytes) -> set[bytes]:
    """The secret as it is, without the quotes, line ends and zeros that settings files add, and in lower case."""
    trimmed = secret.strip(_TRIMMED)
    return {secret, trimmed, trimmed.lower()}


@cache
def _known() -> frozenset[bytes]:
    packed = base64.b85decode("".join(DIGESTS))
    return frozenset(packed[at : at + DIGEST_BYTES] for at in range(0, len(packed), DIGEST_BYTES))
