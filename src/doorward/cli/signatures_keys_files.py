"""What the commands about signature keys read and write: public keys in, new secrets out.

A secret goes into a file that was not there before and that only its owner can read. The file is made before the key
is, so that no key is made whose secret then has no place to go.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from doorward.cli.problems import Failed, UsageProblem
from doorward.crypto.registered_keys import PUBLIC_KEY_BYTES_MAX, RegisteredKey, UnusableKey, parse_public_key
from doorward.crypto.signatures import SignatureAlgorithm

__all__ = ["new_private_file", "parse_algorithm", "read_public_key"]

_STANDARD_INPUT: Final = Path("-")


def parse_algorithm(presented_text: str | None) -> SignatureAlgorithm | None:
    """The algorithm of that name (RFC 9421 section 6.2.2) for a public key; None when none was said."""
    public = [algorithm for algorithm in SignatureAlgorithm if algorithm is not SignatureAlgorithm.HMAC_SHA256]
    if presented_text is None:
        return None
    if presented_text not in public:
        raise UsageProblem(f"There is no algorithm {presented_text!r} for public keys: {', '.join(public)}.")
    return SignatureAlgorithm(presented_text)


def read_public_key(path: Path, algorithm: SignatureAlgorithm | None) -> RegisteredKey:
    """The public key in a file, or on standard input.

    Raises:
        UsageProblem: there is no such file.
        Failed: it is no public key that can be registered.
    """
    try:
        if path == _STANDARD_INPUT:
            text = sys.stdin.read(PUBLIC_KEY_BYTES_MAX + 1).encode()
        else:
            with path.open("rb") as file:
                text = file.read(PUBLIC_KEY_BYTES_MAX + 1)
    except OSError as error:
        raise UsageProblem(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise UsageProblem("What is on standard input is not text.") from None
    try:
        return parse_public_key(text, algorithm=algorithm)
    except UnusableKey as error:
        where = "What is on standard input" if path == _STANDARD_INPUT else path
        raise Failed(f"{where} is not registered: {error.reason}.") from None


def _write_all(file: BinaryIO, content: bytes) -> None:
    file.write(content)
    file.flush()
    os.fsync(file.fileno())


@contextmanager
def new_private_file(path: Path) -> Iterator[Callable[[bytes], None]]:
    """A new file for its owner only (mode 0600), and how it is written, once. It is gone again when something fails.

    Raises:
        UsageProblem: it is there already, or cannot be made.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageProblem(f"{path} exists already: it may hold a key somebody uses. Name another file.") from None
    except OSError as error:
        raise UsageProblem(f"{path} cannot be made: {error.strerror}.") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield partial(_write_all, file)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
