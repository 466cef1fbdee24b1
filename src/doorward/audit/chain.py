"""The chain: each event is linked to the one before it by an HMAC whose key is not in the database.

Whoever can rewrite the database can alter, remove or reorder events, but cannot make the links fit again: the chain
key is derived from the master key, which lives elsewhere. What the links alone cannot show is an end cut off; for
that the heads are exported and compared (`audit/verify.py`).
"""

from enum import StrEnum
from typing import Final, final

import msgspec

from doorward.crypto.hashing import SHA256_BYTES, hmac_sha256
from doorward.crypto.sealing import MasterKeys
from doorward.values import Event

__all__ = [
    "GENESIS",
    "ChainKey",
    "ChainName",
    "derive_chain_key",
    "derive_chain_keys",
    "encode_event",
    "link_event",
    "link_record",
]

GENESIS: Final = bytes(SHA256_BYTES)
"""The head before the first event."""

# Sorted member names make the encoding canonical: the same event is the same bytes on every node and version.
_ENCODER: Final = msgspec.json.Encoder(order="sorted")


@final
class ChainKey(msgspec.Struct, frozen=True):
    """A key derived from a master key (`crypto/sealing.py`); `key_id` is the master key's id."""

    key_id: str
    key: bytes

    def __repr__(self) -> str:
        return f"ChainKey(key_id={self.key_id!r}, key=<secret>)"


class ChainName(StrEnum):
    """The two classes of record (invariant 6), each with a key of its own: a link of one never fits the other."""

    CHANGES = "changes"
    VERIFICATIONS = "verifications"


def derive_chain_key(master_keys: MasterKeys, chain: ChainName, *, key_id: str | None = None) -> ChainKey:
    """The key a chain is linked with, from the current master key or the one named."""
    named = key_id or master_keys.current
    return ChainKey(named, master_keys.derive(f"audit chain {chain}", key_id=named))


def derive_chain_keys(master_keys: MasterKeys, chain: ChainName) -> dict[str, ChainKey]:
    """By key id: every key the chain may have been linked with, for verifying it."""
    return {key_id: derive_chain_key(master_keys, chain, key_id=key_id) for key_id in master_keys.key_ids}


def encode_event(event: Event) -> bytes:
    """The canonical bytes of an event: what is linked is what is stored."""
    return _ENCODER.encode(event)


def link_record(key: ChainKey, previous_link: bytes, sequence: int, record: bytes) -> bytes:
    """The link of a record already in canonical bytes. 32 bytes.

    Every part has a fixed length or comes last, so no two different inputs join to the same bytes.
    """
    key_id = key.key_id.encode()
    joined = len(key_id).to_bytes(2) + key_id + previous_link + sequence.to_bytes(8) + record
    return hmac_sha256(key.key, joined)


def link_event(key: ChainKey, previous_link: bytes, sequence: int, event: Event) -> bytes:
    """The link of an event."""
    return link_record(key, previous_link, sequence, encode_event(event))
