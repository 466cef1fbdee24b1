"""Hashing of secrets that have full entropy, and the one comparison secrets are compared with.

Secrets we generated carry at least 160 bits, so one SHA-256 protects them at rest: a slow hash would only slow us
down (invariant 1). People's passwords never come here. A secret somebody else made may be a phrase: it gets the slow
hash of RFC 7914.
"""

import hmac
from hashlib import scrypt, sha256
from typing import Final

__all__ = ["SHA256_BYTES", "constant_time_equal", "hmac_sha256", "recognise_hmac_key", "sha256_digest"]

SHA256_BYTES: Final = 32
_RECOGNITION: Final = b"doorward: an HMAC key is known again"


def sha256_digest(data: bytes) -> bytes:
    """SHA-256 of `data`, 32 bytes."""
    return sha256(data).digest()


def hmac_sha256(key: bytes, data: bytes) -> bytes:
    """HMAC-SHA256 of `data`, 32 bytes. RFC 2104; `key` is at least 32 bytes of full entropy."""
    assert len(key) >= SHA256_BYTES, "an HMAC key shorter than its hash"
    return hmac.digest(key, data, "sha256")


def recognise_hmac_key(secret: bytes) -> bytes:
    """32 bytes by which an HMAC-SHA256 key is known again once it is erased, and that neither sign nor are sealed.

    The same for every spelling of one key (RFC 2104 section 2: a zero at its end, or its hash when it is longer than a
    block), since scrypt uses what it is given as just such a key (RFC 7914 section 6). Takes 50 to 200 ms and 16 MB, so
    call it off the event loop. Whoever reads it can only guess, and more slowly than with any token the key has signed.
    """
    return scrypt(secret, salt=_RECOGNITION, n=2**14, r=8, p=1, dklen=SHA256_BYTES)


constant_time_equal: Final = hmac.compare_digest
"""Compare two byte strings in time that does not depend on where they differ."""
