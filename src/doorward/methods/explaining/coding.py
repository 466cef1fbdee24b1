"""Bodies whose Content-Encoding something has undone, or left in place although the sender signed the content.

Compressing again does not always give the same bytes: what zlib writes at its usual levels, with the headers of the
usual libraries, is tried, and nothing else can be.
"""

import gzip
import struct
import zlib
from collections.abc import Iterator
from typing import Final

from doorward.methods.explaining.change import Change, Variant

__all__ = ["coded_bodies"]

CONTENT_BYTES_MAX: Final = 4_194_304
"""How large a body may grow when it is decompressed to be tried."""
COMPRESSED_AGAIN_BYTES_MAX: Final = 1_048_576
"""How large a body may be to be compressed again."""

_LEVELS: Final = (6, 9, 1)
_SYSTEMS: Final = (3, 255, 0, 19, 10)
"""Byte 9 of a gzip header (RFC 1952): Unix, unknown, FAT, macOS as zlib has it, Windows as zlib has it."""
_SECONDS_AROUND: Final = 5
_XFL: Final = {9: 2, 1: 4}

_UNDONE: Final = Change(
    "body.gzip",
    "the body is compressed: it was signed so, and something on the way decompressed it",
    "Verify before decompressing: take the decompression of requests out of the proxy or middleware, or let it run "
    "after the verification.",
)
_LEFT: Final = Change(
    "body.gzip",
    "the body is decompressed: the sender signed the content and compressed it afterwards",
    "Decompress before verifying for this sender, within a limit of size.",
)


def coded_bodies(body: bytes, *, made_at: int | None) -> Iterator[Variant[bytes]]:
    """The body decompressed when it is compressed, else compressed as usual libraries do."""
    content = _decompressed(body)
    if content is not None:
        yield Variant(content, (_LEFT,))
    elif 0 < len(body) <= COMPRESSED_AGAIN_BYTES_MAX:
        for level in _LEVELS:
            yield from (Variant(coded, (_UNDONE,)) for coded in _compressed(body, level, made_at))


def _decompressed(body: bytes) -> bytes | None:
    for window in (31, 15) if body[:2] == b"\x1f\x8b" or body[:1] == b"\x78" else ():
        unpacker = zlib.decompressobj(window)
        try:
            content = unpacker.decompress(body, CONTENT_BYTES_MAX)
        except zlib.error:
            continue
        return content if unpacker.eof else None
    return None


def _compressed(body: bytes, level: int, made_at: int | None) -> Iterator[bytes]:
    packer = zlib.compressobj(level, zlib.DEFLATED, -15)
    deflated = packer.compress(body) + packer.flush()
    tail = struct.pack("<LL", zlib.crc32(body), len(body) & 0xFFFFFFFF)
    times = [0, *([] if made_at is None else range(made_at - _SECONDS_AROUND, made_at + _SECONDS_AROUND + 1))]
    for flags in dict.fromkeys((_XFL.get(level, 0), 0)):
        for system in _SYSTEMS:
            for time in times:
                head = struct.pack("<BBBBLBB", 0x1F, 0x8B, 8, 0, time & 0xFFFFFFFF, flags, system)
                yield head + deflated + tail
    yield gzip.compress(body, level, mtime=0)
    yield zlib.compress(body, level)
    yield deflated
