"""What has come of a body and is still to be handed on: in memory while it is short, on disk beyond that.

Rules of this file:

* Bounded: what the bodies hold in memory that prove their sender, what those hold there whose sender is proven, and
  what the latter hold on disk. What comes on top may try again. Neither kind can take the memory of the other.
* Of each of them one holder has a part, so that the others are not shut out by it: the source as long as nothing is
  proven, the proven sender (an app, whichever of its keys it uses). Besides, one body of a holder may be larger than a
  part, as long as there is room left for those that are not.
* What is held is counted in bytes, and weighs little more: a body that comes byte by byte is put together as it comes.
* The file has no name (`TMPDIR` says where it is) and only this user could have opened it. It is gone when the request
  ends, and when the process is killed.
* No disk in the event loop: a piece is written, read and given up in a thread. A file is closed after whatever still
  works on it: the next file that is opened gets its number, and a late write would go there.
"""

import asyncio
import os
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from tempfile import TemporaryFile
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TypeVar, final

from doorward.errors import Unavailable

if TYPE_CHECKING:
    from io import FileIO

__all__ = [
    "BODIES",
    "BODIES_IN_FLIGHT_BYTES_MAX",
    "BODIES_ON_DISK_BYTES_MAX",
    "BODIES_PARTS",
    "BODIES_PARTS_KEPT",
    "BODY_PIECE_BYTES",
    "ON_DISK",
    "PROVEN",
    "PROVEN_BODIES_BYTES_MAX",
    "Bodies",
    "KeptBody",
    "Spool",
]

BODIES_IN_FLIGHT_BYTES_MAX: Final = 64 * 1_048_576
"""How much of all bodies that prove their sender (webhooks) one process holds in memory at a time; what comes on top
may try again."""
PROVEN_BODIES_BYTES_MAX: Final = 64 * 1_048_576
"""How much of all bodies of proven senders (signed requests) it holds in memory at a time, besides."""
BODIES_ON_DISK_BYTES_MAX: Final = 4 * 1_073_741_824
"""How much of the latter it keeps on disk at a time."""
BODIES_PARTS: Final = 8
"""Into how many parts each of these falls: one source (an IPv4 address, an IPv6 /64) may hold one of them before it has
proven anything, one app its part of what proven senders may hold; and one larger body besides."""
BODIES_PARTS_KEPT: Final = 2
"""How many of these parts are kept for bodies that are no larger than one: a few large ones do not take everything."""
BODY_PIECE_BYTES: Final = 262_144
"""How long a body may be that stays in memory although it could go to disk, and the pieces it is written and handed on
in beyond that."""
SMALL_PIECE_BYTES: Final = 4_096
"""Pieces below this are put together: each would weigh more than it holds."""
THREADS_MAX: Final = 4
"""How many threads write and read bodies."""

T = TypeVar("T")

# Not the loop's own threads: handlers that block would keep bodies waiting, and bodies the handlers.
_THREADS: Final = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="doorward-bodies")


@final
class Bodies:
    """How much is held of all bodies together, and of those of each holder."""

    __slots__ = ("_held_of", "_large_of", "bytes_max", "held", "part")

    def __init__(self, bytes_max: int = BODIES_IN_FLIGHT_BYTES_MAX) -> None:
        self.bytes_max: Final = bytes_max
        self.part: Final = bytes_max // BODIES_PARTS
        self.held = 0
        self._held_of: Final[dict[Hashable, int]] = {}
        # Who has a body that is larger than a part. It takes nothing of the part: a copy that somebody pads does not
        # keep its signer's other bodies out.
        self._large_of: Final[set[Hashable]] = set()

    def take(self, size: int, holder: Hashable | None = None, own: int = 0) -> None:
        """Hold as much more.

        Args:
            size: how much.
            holder: whose part it is of; None: it is counted for nobody.
            own: how much of the same body is held already.

        Raises:
            Unavailable: `overloaded`.
        """
        if self.held + size > self.bytes_max:
            raise Unavailable("overloaded", f"{self.held} bytes of bodies are held already")
        if holder is not None:
            if own + size > self.part:
                self._take_large(size, holder, own)
            else:
                self._take_of_part(size, holder)
        self.held += size

    def _take_of_part(self, size: int, holder: Hashable) -> None:
        held = self._held_of.get(holder, 0) + size
        if held > self.part:
            raise Unavailable("overloaded", f"{held} bytes would be held of this holder's bodies")
        self._held_of[holder] = held

    def _take_large(self, size: int, holder: Hashable, own: int) -> None:
        if self.held + size > self.bytes_max - BODIES_PARTS_KEPT * self.part:
            raise Unavailable("overloaded", "the rest is kept for smaller bodies")
        if own <= self.part:
            if holder in self._large_of:
                raise Unavailable("overloaded", "a large body of this holder is held already")
            self.leave_part(own, holder)
            self._large_of.add(holder)

    def give_back(self, size: int, holder: Hashable | None = None) -> None:
        """Hold nothing any more of a body of which so much was held."""
        self.held -= size
        if holder is not None:
            self.leave_part(size, holder)

    def leave_part(self, size: int, holder: Hashable) -> None:
        """Count a body of which so much is held no longer for its holder: it is held all the same."""
        if size > self.part:
            self._large_of.discard(holder)
            return
        held = self._held_of.pop(holder, 0) - size
        if held > 0:
            self._held_of[holder] = held


BODIES: Final = Bodies()
"""In the memory of this process, before anything is proven."""
PROVEN: Final = Bodies(PROVEN_BODIES_BYTES_MAX)
"""In the memory of this process, of proven senders."""
ON_DISK: Final = Bodies(BODIES_ON_DISK_BYTES_MAX)
"""On the disk of this process."""


@final
class KeptBody:
    """The pieces of one body in order. `close` when the request has ended.

    Args:
        memory: what its pieces in memory are counted in.
        disk: what its pieces on disk are counted in; None: all of it stays in memory.
        holder: whose part of both it is held in; None: nobody's.
    """

    __slots__ = ("_disk", "_holder", "_in_memory", "_memory", "_on_disk", "_pieces", "_spool", "_taken")

    def __init__(self, memory: Bodies, disk: Bodies | None, holder: Hashable | None = None) -> None:
        self._memory: Final = memory
        self._disk: Final = disk
        self._holder = holder
        self._pieces: list[bytes | bytearray] = []
        self._in_memory = 0
        self._on_disk = 0
        self._taken = 0
        self._spool: Spool | None = None

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return self._on_disk + self._in_memory

    async def add(self, piece: bytes) -> None:
        """Keep the next piece.

        Raises:
            Unavailable: `overloaded`: memory or disk is full.
        """
        self._take(len(piece))
        self._append(piece)
        self._in_memory += len(piece)
        if self._disk is not None and self._in_memory > BODY_PIECE_BYTES:
            await self._spill(self._disk)

    def piece_end(self, begin: int) -> int:
        """Where the piece ends that begins there."""
        return min(begin + BODY_PIECE_BYTES, self._on_disk) if begin < self._on_disk else self.size

    async def read(self, begin: int, end: int) -> bytes:
        """A piece: `begin` is 0 or the end of another one, `end` its `piece_end`.

        Raises:
            Unavailable: `overloaded`: the disk does not answer.
        """
        if begin < self._on_disk:
            assert self._spool is not None, "something is on disk"
            return await _in_thread(self._spool.read, begin, end - begin)
        if len(self._pieces) == 1 and isinstance(self._pieces[0], bytes):
            return self._pieces[0]
        whole = b"".join(self._pieces)
        self._pieces = [whole]
        return whole

    async def whole(self) -> bytes:
        """All of it, in memory.

        Raises:
            Unavailable: as `add`.
        """
        if not self._on_disk:
            return await self.read(0, self.size)
        self._take(self._on_disk)
        assert self._spool is not None, "something is on disk"
        on_disk = await _in_thread(self._spool.read, 0, self._on_disk)
        return on_disk + await self.read(self._on_disk, self.size)

    def leave_part(self) -> None:
        """Count what is in memory only for nobody from now on. Idempotent."""
        if self._disk is None and self._holder is not None:
            self._memory.leave_part(self._taken, self._holder)
            self._holder = None

    def close(self) -> None:
        """Give back what is held. Idempotent; nothing can be read any more."""
        self._memory.give_back(self._taken, self._holder)
        if self._disk is not None:
            self._disk.give_back(self._on_disk, self._holder)
        spool, self._spool = self._spool, None
        self._pieces, self._in_memory, self._on_disk, self._taken = [], 0, 0, 0
        if spool is not None:
            spool.give_up()

    def _take(self, size: int) -> None:
        self._memory.take(size, self._holder, self._taken)
        self._taken += size

    def _append(self, piece: bytes) -> None:
        last = self._pieces[-1] if self._pieces else None
        if last is None or len(piece) >= SMALL_PIECE_BYTES:
            self._pieces.append(piece)
        elif isinstance(last, bytearray):
            last += piece
        elif len(last) < SMALL_PIECE_BYTES:
            self._pieces[-1] = bytearray(last) + piece
        else:
            self._pieces.append(piece)

    async def _spill(self, disk: Bodies) -> None:
        size = self._in_memory
        assert size == self._taken, "nothing else was counted before it was whole"
        disk.take(size, self._holder, self._on_disk)
        # Counted at once: when the writing breaks off, closing gives it back.
        pieces, self._pieces = self._pieces, []
        self._on_disk, self._in_memory = self._on_disk + size, 0
        if self._spool is None:
            self._spool = Spool()
        await _in_thread(self._spool.write, pieces)
        self._memory.give_back(size, self._holder)
        self._taken -= size


@final
class Spool:
    """A file without a name, made when it is first written to. Its methods are for threads, but for `give_up`."""

    __slots__ = ("_file", "_is_given_up", "_lock")

    def __init__(self) -> None:
        self._file: FileIO | None = None
        self._is_given_up = False
        self._lock: Final = Lock()

    def write(self, pieces: Sequence[bytes | bytearray]) -> None:
        """Append. Nothing happens when it was given up."""
        with self._lock:
            if self._is_given_up:
                return
            if self._file is None:
                # Unbuffered: what is written is on its way to the disk, and a read sees it.
                self._file = TemporaryFile(buffering=0)  # noqa: SIM115  # closed by `give_up`
            for piece in pieces:
                left = memoryview(piece)
                while left:
                    left = left[self._file.write(left) :]

    def read(self, begin: int, size: int) -> bytes:
        """What was written there."""
        with self._lock:
            assert self._file is not None, "it was written, and not given up"
            return os.pread(self._file.fileno(), size, begin)

    def give_up(self) -> None:
        """Close it when nothing works on it any more. In a thread: freeing a large file takes its time."""
        self._is_given_up = True
        try:
            _THREADS.submit(self._close)
        except RuntimeError:
            # The interpreter is on its way out, and takes no more work.
            self._close()

    def _close(self) -> None:
        with self._lock:
            if self._file is not None:
                with suppress(OSError):
                    self._file.close()
                self._file = None


async def _in_thread(work: Callable[..., T], *arguments: Any) -> T:  # Any: those of two methods of `Spool`
    try:
        return await asyncio.get_running_loop().run_in_executor(_THREADS, work, *arguments)
    except OSError as error:
        raise Unavailable("overloaded", f"bodies cannot be kept on disk: {error.strerror}") from None
