"""One token from standard input: a command line is readable by others and kept in the shell's history."""

import sys
from getpass import getpass
from typing import Final

from doorward.cli.output import Output
from doorward.cli.problems import UsageProblem

__all__ = ["INPUT_BYTES_MAX", "read_one_token"]

INPUT_BYTES_MAX: Final = 65_536
"""How much of standard input is looked at; no token is as long."""


def read_one_token(out: Output) -> bytes:
    """What stands on standard input, without the white space around it: unverified bytes, never shown again.

    Raises:
        UsageProblem: there is nothing.
    """
    presented = _read(out).strip()
    # People copy a token with the word before it.
    if presented[:7].lower() == b"bearer ":
        presented = presented[7:].strip()
    if not presented:
        raise UsageProblem("No token came on standard input: `doorward tokens … < token.txt`, or paste it when asked.")
    return presented


def _read(out: Output) -> bytes:
    if sys.stdin is None:
        return b""
    if sys.stdin.isatty():
        out.note("Paste the token and press Enter; it is not shown.")
        return getpass("").encode("utf-8", "surrogateescape")
    buffer = getattr(sys.stdin, "buffer", None)
    if buffer is not None:
        read: bytes = buffer.read(INPUT_BYTES_MAX + 1)
        return read
    return sys.stdin.read(INPUT_BYTES_MAX + 1).encode("utf-8", "surrogateescape")
