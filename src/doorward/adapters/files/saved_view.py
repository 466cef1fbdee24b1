"""The last view of revocations on disk: a journal of the pages it was made of, and a mark that says how much counts.

Rules of this file:

* The mark is the truth. It names the journal, how many octets of it count, their SHA-256, and how fresh the reading
  was; it is replaced whole. What a crash leaves behind the marked octets is cut off, a journal nobody marked removed.
* Anything that does not fit (a checksum, an owner, a mode, a length) is no view: then there is none, and the process is
  not ready until it has read the feed. Half a view would let revoked tokens in.
* The journal grows with what is revoked and is written anew, without what has left, when it has doubled.

Everything here blocks: it is called in a thread.
"""

import contextlib
import hashlib
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, final

import msgspec

from doorward.adapters.files.clocks import Moment
from doorward.adapters.files.private import Slot, open_private, read_sealed_text, write_sealed_text
from doorward.errors import Unavailable
from doorward.revocation.exchange import PAGE_OCTETS_MAX, parse_page, write_page
from doorward.revocation.view import CACHE_LIFE_S

__all__ = ["Mark", "SavedView"]

JOURNAL_OCTETS_MAX: Final = 1_073_741_824
"""How long a journal may become; beyond that the view is not saved any more."""
COMPACTED_OCTETS_MIN: Final = 4_194_304
"""A journal shorter than this is not written anew."""
_LENGTH: Final = struct.Struct(">I")
_CHUNK: Final = 1_048_576
_MARK: Final = "mark"


@final
class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """How much counts, and as of when. `source` is what the view was read from; another one makes it worthless."""

    version: int = 1
    source: str
    journal: str
    octets: int
    digest: str
    generation: str
    reader: str = ""
    watermark: int
    as_of: int
    read_at: Moment


@final
class SavedView:
    """One folder, held by this process alone.

    Args:
        folder: of the operator's; made when it is not there, for this user alone.
        source: names what the view is of: the issuer's URL.

    Raises:
        Misconfigured: others may write there.
        OSError: it cannot be made or opened.
    """

    def __init__(self, folder: Path, source: str) -> None:
        self._slot: Final = Slot(folder)
        self._folder: Final = self._slot.folder
        self._source: Final = source
        self._file: BinaryIO | None = None
        self._name = ""
        self._octets = 0
        self._digest = hashlib.sha256()
        self._compacted_octets = 0

    def load(self) -> Mark | None:
        """What was saved, proven whole; None when there is nothing that can be believed."""
        text = read_sealed_text(self._folder / _MARK)
        try:
            mark = msgspec.json.decode(text, type=Mark) if text is not None else None
            if mark is None or (mark.version, mark.source) != (1, self._source) or "/" in mark.journal:
                return None
            self._open(mark.journal, os.O_RDWR)
            self._prove(mark)
        except (msgspec.DecodeError, OSError, Unavailable):
            self.forget()
            return None
        return mark

    def pages(self) -> Iterator[bytes]:
        """The pages that count, in order, each as `write_page` made it."""
        assert self._file is not None, "nothing is open"
        yield from _frames(self._folder / self._name, self._octets)

    def begin(self) -> None:
        """A new journal, beside the one that counts until the next `commit`."""
        self._compacted_octets = 0
        number = int(self._name.partition("-")[2] or "0") + 1 if self._name else 1
        with contextlib.suppress(FileNotFoundError):
            # Whatever has that name was never marked, or is not believed.
            (self._folder / f"journal-{number}").unlink()
        self._open(f"journal-{number}", os.O_RDWR | os.O_CREAT | os.O_EXCL)

    def append(self, page: bytes) -> None:
        """Write one page behind the others. It counts with the next `commit`.

        Raises:
            OSError: also when the journal is as long as it may become.
        """
        assert self._file is not None, "nothing was begun"
        frame = _LENGTH.pack(len(page)) + page
        if self._octets + len(frame) > JOURNAL_OCTETS_MAX:
            raise OSError("the journal is as long as it may become")
        self._file.write(frame)
        self._octets += len(frame)
        self._digest.update(frame)

    def commit(
        self, generation: str, watermark: int, as_of: int, read_at: Moment, *, synced: bool, reader: str = ""
    ) -> None:
        """Let everything that was appended count.

        Args:
            generation: of the feed.
            watermark: how far the view goes.
            as_of: the store's clock at the reading.
            read_at: when the reading began.
            synced: wait for the disk; not needed when only the freshness has changed.
            reader: for whom the feed was read.

        Raises:
            OSError: it could not be written; what counted before still does.
        """
        assert self._file is not None, "nothing was begun"
        self._file.flush()
        if synced:
            os.fdatasync(self._file.fileno())
        mark = Mark(
            source=self._source,
            journal=self._name,
            octets=self._octets,
            digest=self._digest.hexdigest(),
            generation=generation,
            reader=reader,
            watermark=watermark,
            as_of=as_of,
            read_at=read_at,
        )
        write_sealed_text(self._folder / _MARK, msgspec.json.encode(mark).decode())
        self._remove_others()
        if self._compacted_octets == 0:
            self._compacted_octets = self._octets
        elif self._octets > max(COMPACTED_OCTETS_MIN, 2 * self._compacted_octets):
            self._compact(mark)

    def forget(self) -> None:
        """Nothing of it counts any more."""
        self._close_file()
        with contextlib.suppress(OSError):
            (self._folder / _MARK).unlink()

    def close(self) -> None:
        """Let another process have the folder. What was not committed does not count."""
        self._close_file()
        self._slot.close()

    def _open(self, name: str, flags: int) -> None:
        self._close_file()
        self._file = os.fdopen(open_private(self._folder / name, flags), "r+b")
        self._name, self._octets, self._digest = name, 0, hashlib.sha256()

    def _close_file(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
        self._file = None

    def _prove(self, mark: Mark) -> None:
        assert self._file is not None, "just opened"
        left = mark.octets
        while left > 0:
            chunk = self._file.read(min(_CHUNK, left))
            if not chunk:
                raise Unavailable("store_unavailable", "the journal is shorter than its mark says")
            self._digest.update(chunk)
            left -= len(chunk)
        if self._digest.hexdigest() != mark.digest:
            raise Unavailable("store_unavailable", "the journal is not what was written")
        self._file.truncate(mark.octets)
        self._file.seek(mark.octets)
        self._octets = self._compacted_octets = mark.octets

    def _compact(self, mark: Mark) -> None:
        """Write the journal anew without rows that have left."""
        old_name, old_octets = self._name, self._octets
        self.begin()
        left_before = mark.as_of - CACHE_LIFE_S
        for frame in _frames(self._folder / old_name, old_octets):
            sent = parse_page(frame)
            rows = tuple(row for row in sent.page.rows if row.leave_at is None or row.leave_at > left_before)
            if rows or sent.page.watermark == mark.watermark:
                self.append(write_page(sent.after, msgspec.structs.replace(sent.page, rows=rows, age_s=0.0)))
        self._compacted_octets = self._octets
        self.commit(mark.generation, mark.watermark, mark.as_of, mark.read_at, synced=True, reader=mark.reader)

    def _remove_others(self) -> None:
        for path in self._folder.glob("journal-*"):
            if path.name != self._name:
                with contextlib.suppress(OSError):
                    path.unlink()


def _frames(path: Path, octets: int) -> Iterator[bytes]:
    with os.fdopen(open_private(path, os.O_RDONLY), "rb") as file:
        while octets > 0:
            (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
            if length > PAGE_OCTETS_MAX:
                raise Unavailable("store_unavailable", "a page longer than any")
            frame = file.read(length)
            octets -= _LENGTH.size + length
            yield frame
