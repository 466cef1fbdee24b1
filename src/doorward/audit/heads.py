"""Exported heads: where a chain ended at some time, kept somewhere the database's owner cannot reach.

A chain shows what was altered inside it; that its end was cut off only someone shows who remembers the end. A head is
one line of JSON with a MAC under the chain key, so a head kept next to the database can be destroyed but not made up.
"""

from collections.abc import Mapping
from typing import Final, final

import msgspec

from doorward.audit.chain import GENESIS, ChainKey
from doorward.crypto.hashing import SHA256_BYTES, constant_time_equal, hmac_sha256
from doorward.errors import Rejected

__all__ = ["HEAD_CHARACTERS_MAX", "Head", "encode_head", "parse_heads", "seal_head"]

HEAD_CHARACTERS_MAX: Final = 1_024
HEADS_MAX: Final = 10_000

# `link_record` begins with the length of a key id, at most 32, in two octets: no head is ever taken for a link.
_PURPOSE: Final = b"head of an audit chain\x00"


@final
class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a chain as it was at `at`. Proves nothing until it is `authentic`."""

    chain: str
    sequence: int
    link: bytes
    key_id: str
    at: int
    mac: bytes

    def authentic(self, keys: Mapping[str, ChainKey]) -> bool:
        """Whether it was made with one of these chain keys."""
        key = keys.get(self.key_id)
        if key is None:
            return False
        mac = _mac(key, self.chain, self.sequence, self.link, self.at)
        return constant_time_equal(self.mac, mac)


@final
class _HeadLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chain: str
    sequence: int
    link: str
    key_id: str
    at: int
    mac: str


_DECODER: Final = msgspec.json.Decoder(_HeadLine)


def seal_head(key: ChainKey, *, chain: str, sequence: int, link: bytes, at: int) -> Head:
    """A head that can be exported; `at` in epoch seconds."""
    mac = _mac(key, chain, sequence, link, at)
    return Head(chain=chain, sequence=sequence, link=link, key_id=key.key_id, at=at, mac=mac)


def encode_head(head: Head) -> bytes:
    """One line of JSON, with its end."""
    line = _HeadLine(head.chain, head.sequence, head.link.hex(), head.key_id, head.at, head.mac.hex())
    return msgspec.json.encode(line) + b"\n"


def parse_heads(presented_text: str) -> tuple[Head, ...]:
    """Read a file of heads, ≤ 10,000 lines of ≤ 1,024 characters; empty lines are passed over.

    Raises:
        Rejected: `input_invalid`, with the number of the line.
    """
    lines = presented_text.split("\n")
    if len(lines) > HEADS_MAX + 1:
        raise Rejected("input_invalid", f"more than {HEADS_MAX} heads")
    return tuple(_parse_head(line, number) for number, line in enumerate(lines, start=1) if line.strip())


def _parse_head(line: str, number: int) -> Head:
    refusal = Rejected("input_invalid", f"line {number} is not an exported head")
    if len(line) > HEAD_CHARACTERS_MAX:
        raise refusal
    try:
        read = _DECODER.decode(line)
        link, mac = bytes.fromhex(read.link), bytes.fromhex(read.mac)
    except (msgspec.DecodeError, ValueError) as error:
        raise refusal from error
    in_range = 0 <= read.sequence < 2**63 and abs(read.at) < 2**63
    if not in_range or len(link) != len(GENESIS) or len(mac) != SHA256_BYTES:
        raise refusal
    return Head(chain=read.chain, sequence=read.sequence, link=link, key_id=read.key_id, at=read.at, mac=mac)


def _mac(key: ChainKey, chain: str, sequence: int, link: bytes, at: int) -> bytes:
    name = chain.encode("utf-8", "backslashreplace")
    fields = len(name).to_bytes(2) + name + sequence.to_bytes(8) + link + at.to_bytes(9, signed=True)
    return hmac_sha256(key.key, _PURPOSE + fields)
