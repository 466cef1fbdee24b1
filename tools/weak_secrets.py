"""Writes `crypto/jose/known_digests.py` from the published list of weak JWT secrets: `python -m tools.weak_secrets`.

The list is github.com/wallarm/jwt-secrets (MIT), commit 99e2360ba3357d5d2ddac1f054f003945e82b9bc, 103,979 lines; it is
read from the archives of published vectors and never copied. What is written is a truncated digest of each secret
that could be taken for an HMAC key, as it stands and as the octets its base64 or hexadecimal spelling means, because
both readings are in use.
"""

import base64
import binascii
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from tests.frame.vectors import Vectors, find_vectors

from doorward.crypto.jose.weak_secrets import digest_of, spellings_of
from doorward.crypto.signatures import SECRET_BYTES_MIN

__all__ = ["readings_of", "render", "secrets_of"]

ROOT: Final = Path(__file__).resolve().parent.parent
TARGET: Final = ROOT / "src" / "doorward" / "crypto" / "jose" / "known_digests.py"
_SECRET_BYTES_MIN: Final = SECRET_BYTES_MIN
_LINE_CHARACTERS: Final = 112
_HEAD: Final = '''"""Digests of known weak HMAC secrets. Written by `python -m tools.weak_secrets`, see there.

Derived from github.com/wallarm/jwt-secrets, MIT licence, Copyright (c) Wallarm.
"""

from typing import Final

__all__ = ["DIGESTS", "DIGEST_BYTES"]

DIGEST_BYTES: Final = 5

DIGESTS: Final = (
'''


def secrets_of(vectors: Vectors) -> list[bytes]:
    """Every line of the published list, without its line end."""
    lines = vectors.files("jwt-weak-secrets")["jwt.secrets.list"].split(b"\n")
    return [line.rstrip(b"\r") for line in lines if line]


def readings_of(secret: bytes) -> Iterator[bytes]:
    """The octets a verifier may take a listed secret for: its text, and what its base64 or hex spelling means."""
    yield secret
    if re.fullmatch(rb"(?:[0-9a-fA-F]{2})+", secret):
        yield binascii.unhexlify(secret)
    if re.fullmatch(rb"[A-Za-z0-9+/_-]+=*", secret):
        body = secret.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
        if len(body) % 4 != 1:
            yield binascii.a2b_base64(body + b"=" * (-len(body) % 4))


def render(secrets: Iterable[bytes]) -> str:
    """The module, in one order whatever the order of the list."""
    digests = {
        digest_of(spelling)
        for secret in secrets
        for reading in readings_of(secret)
        for spelling in spellings_of(reading)
        if len(spelling) >= _SECRET_BYTES_MIN
    }
    text = base64.b85encode(b"".join(sorted(digests))).decode()
    # Base 85 holds no quote and no backslash, so each piece is a literal as it stands.
    pieces = (text[at : at + _LINE_CHARACTERS] for at in range(0, len(text), _LINE_CHARACTERS))
    return _HEAD + "".join(f'    "{piece}",\n' for piece in pieces) + ")\n"


def main() -> int:
    """See the module."""
    folder = find_vectors()
    if folder is None:
        print("the published vectors are not here: set DOORWARD_VECTORS to their folder")
        return 1
    TARGET.write_text(render(secrets_of(Vectors(folder))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
