"""Hashing of secrets that have full entropy, and the one comparison secrets are compared with.

Secrets we generated carry at least 160 bits, so one SHA-256 protects them at rest: a slow hash would only slow us
down (invariant 1). People's passwords never come here.
"""

import hmac
from hashlib import sha256
from typing import Final

__all__ = ["SHA256_BYTES", "constant_time_equal", "hmac_sha256", "sha256_digest"]

SHA256_BYTES: Final = 32


def sha256_digest(data: bytes) -> bytes:
    """SHA-256 of `data`, 32 bytes."""
    return sha256(data).digest()


def hmac_sha256(key: bytes, data: bytes) -> bytes:
    """HMAC-SHA256 of `data`, 32 bytes. RFC 2104; `key` is at least 32 bytes of full entropy."""
    assert len(key) >= SHA256_BYTES, "an HMAC key shorter than its hash"
    return hmac.digest(key, data, "sha256")


constant_time_equal: Final = hmac.compare_digest
"""Compare two byte strings in time that does not depend on where they differ."""
