"""Bodies whose Content-Encoding something has undone, or left in place although the sender signed the content.

Compressing again does not always give the same bytes: what zlib writes at its usual levels, with the headers of the
usual libraries, is tried, and nothing else can be. What zlib does not write (Brotli, Zstandard) is not undone here, and
then that is said.
"""

import codecs
import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

from doorward.methods.explaining.change import Change, Variant
from doorward.methods.explaining.work import STEP_UNITS, Work

__all__ = ["coded_bodies", "find_coding"]

CONTENT_BYTES_MAX: Final = 4_194_304
"""How large a body may grow when it is decompressed to be tried."""
COMPRESSED_AGAIN_BYTES_MAX: Final = 1_048_576
"""How large a body may be to be compressed again."""
COMPRESSED_BEST_BYTES_MAX: Final = 16_384
"""How large a body may be to be compressed again at level 9. There zlib goes through four thousand earlier places for
each octet, where a body was made for it: a megabyte takes seconds."""

_LEVELS: Final = (6, 9, 1)
_BEST: Final = 9
# What zlib may take for each octet: to unpack one, to pack one at levels 1 and 6, and at 9 for each octet before it.
_UNPACK_UNITS: Final = 4
_PIECE_BYTES: Final = 131_072
_PACK_UNITS: Final = 150
_PACK_BEST_DIVISOR: Final = 2
_ZLIB_HEADS: Final = {1: b"\x78\x01", 6: b"\x78\x9c", 9: b"\x78\xda"}
_SYSTEMS: Final = (3, 255, 0, 19, 10)
"""Byte 9 of a gzip header (RFC 1952): Unix, unknown, FAT, macOS as zlib has it, Windows as zlib has it."""
_SECONDS_AROUND: Final = 5
_ZSTD: Final = b"\x28\xb5\x2f\xfd"  # RFC 8878 section 3.1.1
_NOT_UNDONE: Final = frozenset({b"br", b"zstd", b"compress", b"x-compress", b"dcb", b"dcz"})
_TOOLS: Final = {"br": "brotli -d", "zstd": "zstd -d", "compress": "uncompress", "x-compress": "uncompress"}
# Among so many bytes of a compressed body is one that no text holds.
_LOOKED_AT: Final = 512
_TEXT: Final = re.compile(rb"[^\x00-\x08\x0e-\x1f\x7f]*")
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


def coded_bodies(body: bytes, work: Work, *, made_at: int | None) -> Iterator[Variant[bytes]]:
    """The body decompressed when it is compressed, else compressed as usual libraries do."""
    content = _decompressed(body, work)
    if content is not None:
        yield Variant(content, (_LEFT,))
    elif 0 < len(body) <= COMPRESSED_AGAIN_BYTES_MAX:
        for level in _LEVELS:
            if level == _BEST and len(body) > COMPRESSED_BEST_BYTES_MAX:
                continue
            if not work.take(_pack_units(len(body), level)):
                return
            for coded in _compressed(body, level, made_at):
                if not work.take(len(coded) + STEP_UNITS):
                    return
                yield Variant(coded, (_UNDONE,))


def _pack_units(octets: int, level: int) -> int:
    return octets * (octets // _PACK_BEST_DIVISOR if level == _BEST else _PACK_UNITS)


def find_coding(codings: Iterable[bytes], body: bytes) -> Change | None:
    """That the body is, or was, compressed in a way that is not undone here; None when nothing says so.

    Args:
        codings: the lines of Content-Encoding as received, in any case.
        body: as received.
    """
    said = [token.strip().lower() for line in codings for token in line.split(b",")]
    named = next((token.decode("ascii") for token in reversed(said) if token in _NOT_UNDONE), None)
    if body.startswith(_ZSTD):
        named = "zstd"
    if named is None or not body:
        return None
    if named != "zstd" and _is_text(body[:_LOOKED_AT]):
        return Change(
            "body.coding",
            f"Content-Encoding says {named} and the body is text: something on the way has decompressed it, and the "
            "bytes that were signed cannot be made again here.",
            _UNDONE.cure,
        )
    return Change(
        "body.coding",
        f"The body arrived compressed with {named}, which is not undone here: whether the sender signed what is in it "
        "cannot be told.",
        f"Decompress it (`{_TOOLS.get(named, named)}`) and ask again with what comes out: if that fits, decompress "
        "before verifying for this sender, within a limit of size.",
    )


def _is_text(beginning: bytes) -> bool:
    try:
        # A character may be cut at the end.
        codecs.getincrementaldecoder("utf-8")().decode(beginning)
    except UnicodeDecodeError:
        return False
    return _TEXT.fullmatch(beginning) is not None


def _decompressed(body: bytes, work: Work) -> bytes | None:
    for window in _windows(body):
        unpacker = zlib.decompressobj(window)
        try:
            content = _unpacked(unpacker, body, work)
        except zlib.error:
            continue
        if window > 0 or (unpacker.eof and not unpacker.unused_data):
            return content if unpacker.eof else None
    return None


def _unpacked(unpacker: "zlib._Decompress", body: bytes, work: Work) -> bytes:
    """What comes out, in pieces, each paid for: up to `CONTENT_BYTES_MAX`."""
    pieces: list[bytes] = []
    packed = body
    for _ in range(CONTENT_BYTES_MAX // _PIECE_BYTES):
        if unpacker.eof or not packed or not work.take(STEP_UNITS + len(packed) + _UNPACK_UNITS * _PIECE_BYTES):
            break
        pieces.append(unpacker.decompress(packed, _PIECE_BYTES))
        packed = unpacker.unconsumed_tail
    return b"".join(pieces)


def _windows(body: bytes) -> tuple[int, ...]:
    if body.startswith(b"\x1f\x8b"):
        return (31,)
    # `deflate` is zlib's format (RFC 9110 section 8.4.1.2), and from some senders what is inside of it, bare.
    is_zlib = len(body) > 1 and body[0] & 15 == zlib.DEFLATED and (body[0] << 8 | body[1]) % 31 == 0
    return (15, -15) if is_zlib else (-15,)


def _compressed(body: bytes, level: int, made_at: int | None) -> Iterator[bytes]:
    # Once: the three formats differ in what is around it.
    packer = zlib.compressobj(level, zlib.DEFLATED, -15)
    deflated = packer.compress(body) + packer.flush()
    tail = struct.pack("<LL", zlib.crc32(body), len(body) & 0xFFFFFFFF)
    times = [0, *([] if made_at is None else range(made_at - _SECONDS_AROUND, made_at + _SECONDS_AROUND + 1))]
    for flags in dict.fromkeys((_XFL.get(level, 0), 0)):
        for system in _SYSTEMS:
            for time in times:
                head = struct.pack("<BBBBLBB", 0x1F, 0x8B, 8, 0, time & 0xFFFFFFFF, flags, system)
                yield head + deflated + tail
    yield _ZLIB_HEADS[level] + deflated + struct.pack(">L", zlib.adler32(body))
    yield deflated
