"""HMAC under keys that somebody else chose (RFC 2104): the length is checked where the key is configured.

A message comes in pieces, so that a body of a megabyte is not copied only to put an id before it.
"""

import hmac
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

__all__ = ["MAC_BYTES", "MacDigest", "mac_of"]

MacDigest: TypeAlias = Literal["sha1", "sha256", "sha512"]
"""SHA-1 is broken for signatures and not for HMAC (RFC 6151 section 2.3 says so even of MD5); Twilio still uses it."""

MAC_BYTES: Final[dict[MacDigest, int]] = {"sha1": 20, "sha256": 32, "sha512": 64}

_JOINED_BYTES: Final = 32_768
"""Up to here one call over joined pieces is quicker than several calls."""


def mac_of(key: bytes, pieces: Sequence[bytes], digest: MacDigest) -> bytes:
    """HMAC of the pieces one after another."""
    if len(pieces) == 1:
        return hmac.digest(key, pieces[0], digest)
    if sum(map(len, pieces)) <= _JOINED_BYTES:
        return hmac.digest(key, b"".join(pieces), digest)
    mac = hmac.new(key, digestmod=digest)
    for piece in pieces:
        mac.update(piece)
    return mac.digest()
