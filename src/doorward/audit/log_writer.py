"""Writes the chained files of one process's verification log. Synchronous: `audit/log.py` decides when.

Rules of this file:

* A batch is written whole or not at all: after a write that failed halfway (a full disk) the file is cut back, and
  number and link move on only when everything is in the file.
* Files are new, private (0600) and never written by two processes; a file of a process that died is left as it ended.
* Files beyond the limit are removed, oldest first, never one that another process may still be writing, and each
  removal is itself a record.
"""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, final

from doorward.audit.chain import GENESIS, ChainKey
from doorward.audit.log_files import LogFile, list_log_files, name_file, name_log
from doorward.audit.log_lines import (
    LINE_BYTES_MAX,
    ClosedRecord,
    LogRecord,
    OpenedRecord,
    PrunedRecord,
    RotatedRecord,
    encode_line,
    parse_line,
    parse_record,
)
from doorward.errors import Rejected
from doorward.values import Clock

__all__ = ["LogWriter"]

ABANDONED_S: Final = 7 * 86_400
"""An unfinished file nobody wrote to for this long belongs to a process that is gone."""
NAMES_TRIED_MAX: Final = 100


@final
class LogWriter:
    """One log, from `open` to `close`.

    Args:
        directory: made (0700) when missing.
        key: the chain key of verifications.
        clock: epoch seconds.
        pid: of this process.
        file_bytes_max: a part that has reached this is followed by the next.
        files_kept: how many parts may lie in the directory, of all logs.
    """

    def __init__(
        self, directory: Path, key: ChainKey, *, clock: Clock, pid: int, file_bytes_max: int, files_kept: int
    ) -> None:
        self._directory: Final = directory
        self._key: Final = key
        self._clock: Final = clock
        self._pid: Final = pid
        self._file_bytes_max: Final = file_bytes_max
        self._files_kept: Final = files_kept
        self._fd = -1
        self._size = 0
        self._torn = False
        self._part = 0
        self._log = ""
        self._sequence = 0
        self._link = GENESIS

    @property
    def log(self) -> str:
        """The log's name; empty before `open`."""
        return self._log

    @property
    def head(self) -> tuple[int, bytes]:
        """Number and link of the last record in the file."""
        return self._sequence, self._link

    def open(self) -> None:
        """Begin a log.

        Raises:
            OSError: the directory or the file cannot be made.
        """
        self._directory.mkdir(mode=0o700, exist_ok=True)
        started_at = int(self._clock())
        for ahead in range(NAMES_TRIED_MAX):
            # In containers every process is number 1: the name may be taken by a neighbour of the same second.
            log = name_log(started_at + ahead, self._pid)
            try:
                self._fd = self._create(log, 1)
            except FileExistsError:
                continue
            self._log, self._part, self._size = log, 1, 0
            self._write([self._opened(), *self._prune()])
            return
        raise FileExistsError(f"{NAMES_TRIED_MAX} logs of this process exist already")

    def append(self, records: Sequence[LogRecord | bytes]) -> None:
        """Write a batch, after beginning a new part when this one is full.

        Raises:
            OSError: nothing of the batch was written.
        """
        # A file that somebody else has deleted takes records without complaint, and nobody would ever read them.
        if self._size >= self._file_bytes_max or os.fstat(self._fd).st_nlink == 0:
            self._rotate()
        self._write(records)

    def close(self) -> None:
        """End the log in order.

        Raises:
            OSError: the last record could not be written; the file is closed all the same.
        """
        if self._fd < 0:
            return
        try:
            self._write([ClosedRecord(int(self._clock()))])
            os.fsync(self._fd)
        finally:
            os.close(self._fd)
            self._fd = -1

    def _create(self, log: str, part: int) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        return os.open(self._directory / name_file(log, part), flags, 0o600)

    def _opened(self) -> OpenedRecord:
        return OpenedRecord(int(self._clock()), self._log, self._part, self._link.hex(), self._key.key_id)

    def _rotate(self) -> None:
        # The new file first: without it the old one is not finished, and the next batch tries again.
        fd = self._create(self._log, self._part + 1)
        try:
            self._write([RotatedRecord(int(self._clock()), self._part + 1)])
        except OSError:
            os.close(fd)
            (self._directory / name_file(self._log, self._part + 1)).unlink()
            raise
        os.close(self._fd)
        self._fd, self._size, self._part, self._torn = fd, 0, self._part + 1, False
        self._write([*self._prune()])

    def _write(self, records: Sequence[LogRecord | bytes]) -> None:
        if self._torn:
            os.ftruncate(self._fd, self._size)
            self._torn = False
        sequence, link = self._sequence, self._link
        lines: list[bytes] = []
        if self._size == 0 and not (records and isinstance(records[0], OpenedRecord)):
            records = [self._opened(), *records]
        for record in records:
            sequence += 1
            line, link = encode_line(self._key, link, sequence, record)
            lines.append(line)
        self._write_whole(b"".join(lines))
        self._sequence, self._link = sequence, link

    def _write_whole(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError:
            self._torn = True
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self._size)
                self._torn = False
            raise
        self._size += len(data)

    def _prune(self) -> list[PrunedRecord]:
        pruned: list[PrunedRecord] = []
        # Every failure here is only a file too many; the log itself must go on.
        with contextlib.suppress(OSError):
            files = list_log_files(self._directory)
            files.sort(key=lambda file: file.path.stat().st_mtime)
            for file in files:
                if len(files) - len(pruned) <= self._files_kept:
                    break
                if (file.log, file.part) != (self._log, self._part) and _finished(file, self._clock()):
                    file.path.unlink()
                    pruned.append(PrunedRecord(int(self._clock()), file.path.name))
        return pruned


def _finished(file: LogFile, now: float) -> bool:
    with file.path.open("rb") as opened:
        size = opened.seek(0, os.SEEK_END)
        opened.seek(max(0, size - LINE_BYTES_MAX))
        last = opened.read(LINE_BYTES_MAX).rstrip(b"\n").rpartition(b"\n")[2]
    try:
        record = parse_record(bytes(parse_line(last).record))
    except Rejected:
        record = None
    return isinstance(record, ClosedRecord | RotatedRecord) or now - file.path.stat().st_mtime > ABANDONED_S
