"""What of a body must be known before it is signed, and how to know it without holding it in memory.

A digest can be made while a file is read once, and the file is sent after; what can be read only once cannot be signed
unless whoever made it says its digest. An HMAC over the body (webhooks) needs the bytes themselves.
"""

from base64 import b64encode
from hashlib import sha256
from typing import BinaryIO, Final

from doorward.errors import Misconfigured

__all__ = ["BUFFERED_BODY_BYTES_MAX", "content_digest_of", "refuse_unknown_body"]

BUFFERED_BODY_BYTES_MAX: Final = 16 * 1024 * 1024
"""How long a streamed body of a known length may be that a client reads into memory to sign it."""

_CHUNK_BYTES: Final = 1024 * 1024


def content_digest_of(file: BinaryIO) -> str:
    """The value of `Content-Digest` for what is left to read of a file (RFC 9530, SHA-256), which is put back after.

    Args:
        file: seekable, and opened for bytes.

    Raises:
        Misconfigured: it gives text.
    """
    begin = file.tell()
    digest = sha256()
    while chunk := file.read(_CHUNK_BYTES):
        if not isinstance(chunk, bytes):
            raise Misconfigured("A file opened as text has no bytes to sign.", cure='Open it with mode "rb".')
        digest.update(chunk)
    file.seek(begin)
    return f"sha-256=:{b64encode(digest.digest()).decode('ascii')}:"


def refuse_unknown_body() -> Misconfigured:
    """What is said of a body that cannot be read twice, or not within bounds."""
    return Misconfigured(
        "The body is streamed, and is not read into memory to be signed: only one that says its length, at most "
        f"{BUFFERED_BODY_BYTES_MAX // 2**20} MiB, is.",
        cure="Give the body as bytes; or, where a digest is signed, the Content-Digest that content_digest_of makes.",
    )
