"""Ids in memory, a million of them: what is held of each, and at what cost.

Rules of this file:

* What is held is the id itself, whole: no hash stands for it, so nobody is ever refused for another's sake.
* An id of a token of ours (22 characters of base64url) is held as a number of that many bytes: 48 bytes instead of 80.
  Ids of other issuers hold a space and stay text, whose hash is keyed per process; ours are random, so that nobody
  chooses how numbers collide.
* The ids are spread over many small dictionaries. One that holds a million grows in one step of 50 ms, and the event
  loop would stand still for it; and it never shrinks, so that what has left would not be given back.
"""

from typing import Final, TypeAlias, final

from doorward.revocation.epochs import LEAVES_NEVER

__all__ = ["SHARDS", "SHARD_MASK", "Key", "KeysHeld", "key_of"]

SHARDS: Final = 64
"""A power of two. Of a million ids each holds 16,000, which take a fifth of a millisecond to move."""
SHARD_MASK: Final = SHARDS - 1
_OWN_TOKEN_CHARACTERS: Final = 22
_SHRINK_FROM: Final = 64

Key: TypeAlias = str | int


def key_of(id_: str) -> Key:
    """What an id is held under. Two ids have never one key: the bytes of one length are another number each."""
    if len(id_) == _OWN_TOKEN_CHARACTERS and id_.isascii() and " " not in id_:
        return int.from_bytes(id_.encode())
    return id_


@final
class KeysHeld:
    """One number for each key, whose low bits say when it leaves. Grows and shrinks in small steps."""

    __slots__ = ("_most", "shards")

    def __init__(self) -> None:
        self.shards: Final[list[dict[Key, int]]] = [{} for _ in range(SHARDS)]
        """A key lies in the one its hash names; read only, by who cannot afford a call."""
        self._most: Final = [0] * SHARDS

    def __len__(self) -> int:
        return sum(map(len, self.shards))

    def find(self, key: Key) -> int | None:
        """Its number, or None when it is not held."""
        return self.shards[hash(key) & SHARD_MASK].get(key)

    def hold(self, key: Key, number: int) -> None:
        """Hold it with this number, whatever was there."""
        self.shards[hash(key) & SHARD_MASK][key] = number

    def let_leave(self, place: int, due: int) -> int:
        """In one shard, let go of what leaves in the step `due` or before; answers how many were looked at."""
        shard = self.shards[place]
        looked_at = len(shard)
        self._most[place] = max(self._most[place], looked_at)
        gone = [key for key, number in shard.items() if number & LEAVES_NEVER <= due]
        for key in gone:
            del shard[key]
        if self._most[place] > _SHRINK_FROM and len(shard) * 4 < self._most[place]:
            # A dictionary keeps the room it once needed; a copy takes what it needs now.
            self.shards[place] = dict(shard.items())
            self._most[place] = len(shard)
        return looked_at
