"""HMAC secrets that everybody knows, from tutorials, templates and leaked settings, and those a person has typed to
fill the length: attackers try them first.

The list itself is not here. What is shipped is the first octets of the SHA-256 of every listed secret that is long
enough to be taken for a key at all (`known_digests.py`, written by `tools/weak_secrets.py`); shorter ones fail by
their length. A random key is refused by mistake about once in 10^8.
"""

import base64
from functools import cache
from hashlib import sha256
from itertools import pairwise
from typing import Final

from doorward.crypto.jose.known_digests import DIGEST_BYTES, DIGESTS

__all__ = ["REPEATED_UNIT_BYTES_MAX", "digest_of", "find_weakness", "is_known_secret", "spellings_of"]

REPEATED_UNIT_BYTES_MAX: Final = 16
"""A secret that is nothing but repetitions of so many octets, or fewer, is as good as one repetition."""
_UNEVEN_PARTS: Final = 8
_TRIMMED: Final = b" \t\r\n\0\"'"


def find_weakness(secret: bytes) -> str | None:
    """What makes a secret one that is tried before all others, or None. Completes `it …` and shows nothing of it.

    For secrets that people choose and paste. Of a JSON Web Key only the list is asked (`material.py`): published test
    vectors are full of rows and repetitions.

    Args:
        secret: of a length that is taken for a key; of shorter ones it proves nothing.
    """
    if is_known_secret(secret):
        return "is on the list of known weak secrets"
    if _is_repeated(secret):
        return "is one piece over and over"
    if _is_counted(secret):
        return "is a row of neighbours, like abcdef"
    return None


def _is_repeated(secret: bytes) -> bool:
    # With itself moved on by one unit: `secretsecretsec`, whole units or not.
    return any(
        secret[size] == secret[0] and secret[size:] == secret[:-size]
        for size in range(1, min(REPEATED_UNIT_BYTES_MAX, len(secret) // 2) + 1)
    )


def _is_counted(secret: bytes) -> bool:
    # A few steps may be others: 9 is followed by a, and z by A. In 24 random octets so many neighbours come less often
    # than once in 10^30, in 24 random hexadecimal digits once in 10^12.
    others_left = (len(secret) - 1) // _UNEVEN_PARTS
    for before, after in pairwise(secret):
        if (after - before) % 256 not in (0, 1, 255):
            others_left -= 1
            if others_left < 0:
                return False
    return True


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
