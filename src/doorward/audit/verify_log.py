"""Verifying the logs of verifications, file by file: the counterpart of `audit/log_writer.py`.

What it cannot show without an exported head: a whole log that was deleted, or the end of a log whose process was
killed (such a log ends at its last complete line anyway, and is reported as unfinished).
"""

from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Final, final

from doorward.audit.chain import GENESIS, ChainKey
from doorward.audit.findings import ChainCheck, ChainReport, FindingKind
from doorward.audit.heads import Head, seal_head
from doorward.audit.log_files import LogFile, list_log_files, parse_name, read_lines
from doorward.audit.log_lines import (
    ClosedRecord,
    LogLine,
    LogRecord,
    OpenedRecord,
    PrunedRecord,
    RotatedRecord,
    parse_line,
    parse_record,
)
from doorward.errors import Rejected

__all__ = ["export_log_heads", "verify_logs"]


def verify_logs(directory: Path, keys: Mapping[str, ChainKey], heads: tuple[Head, ...] = ()) -> ChainReport:
    """Examine every log in a directory. Reads files line by line; holds one line at a time.

    Args:
        directory: where the files are.
        keys: `derive_chain_keys(master_keys, ChainName.VERIFICATIONS)`.
        heads: exported heads; a log that a head names must be there, or a log that is there says it was pruned. (When
            that log was pruned in its turn, nobody remembers: export heads anew from time to time.)

    Raises:
        OSError: a file cannot be read.
    """
    walks = [_Walk(log, list(files), keys, heads) for log, files in _logs(directory)]
    for walk in walks:
        walk.examine()
    # Proven records only: whoever could forge a `pruned` record could forge the rest as well.
    pruned: dict[str, int] = {}
    for file in (parse_name(name) for walk in walks for name in walk.pruned):
        if file is not None:
            pruned[file[0]] = max(file[1], pruned.get(file[0], 0))
    result = ChainReport((), 0)
    for walk in walks:
        result = result.joined(walk.finish(pruned))
    present = {walk.log for walk in walks}
    for log in sorted({head.chain for head in heads if head.chain.startswith("verifications-")} - present):
        check = ChainCheck(log, keys, heads)
        if log not in pruned:
            check.note(FindingKind.REMOVED, 0, "an exported head names this log; it is gone, and no log says why")
            result = result.joined(check.finish())
    return result


def export_log_heads(directory: Path, keys: Mapping[str, ChainKey], *, now: int) -> tuple[Head, ...]:
    """The heads of all logs as they are now, to be kept elsewhere. Logs under keys that are not here are left out.

    Raises:
        OSError: a file cannot be read.
    """
    heads: list[Head] = []
    for log, files in _logs(directory):
        walk = _Walk(log, list(files), keys, ())
        walk.examine()
        key = keys.get(walk.key_id)
        if key is not None and walk.check.sequence > 0:
            heads.append(seal_head(key, chain=log, sequence=walk.check.sequence, link=walk.check.link, at=now))
    return tuple(heads)


def _logs(directory: Path) -> "groupby[str, LogFile]":
    return groupby(list_log_files(directory), key=lambda file: file.log)


@final
class _Walk:
    """One log from its first part to its last."""

    def __init__(self, log: str, files: list[LogFile], keys: Mapping[str, ChainKey], heads: tuple[Head, ...]) -> None:
        self.log: Final = log
        self.check: Final = ChainCheck(log, keys, heads)
        self.pruned: Final[list[str]] = []
        self.key_id = ""
        self._files: Final = files
        self._last: LogRecord | None = None
        self._after_gap = False
        self._missing: Final[list[int]] = []

    def examine(self) -> None:
        part = 0
        for file in self._files:
            self._missing.extend(range(part + 1, file.part))
            self._after_gap = file.part > part + 1
            if self._after_gap and self._last is not None and not isinstance(self._last, RotatedRecord):
                self.check.note(FindingKind.CUT_OFF, self.check.sequence + 1, f"part {part} lacks its end")
            part = file.part
            self._examine_file(file)

    def finish(self, pruned: Mapping[str, int]) -> ChainReport:
        """Judge what is missing; `pruned` is the highest part of each log that was said to be pruned."""
        pruned_part = pruned.get(self.log, 0)
        for part in self._missing:
            if part > pruned_part:
                self.check.note(FindingKind.REMOVED, 0, f"part {part} is not there, and no log says that it was pruned")
        if isinstance(self._last, RotatedRecord):
            if self._last.next_part > pruned_part:
                text = "the log goes on in a part that is missing"
                self.check.note(FindingKind.CUT_OFF, self.check.sequence + 1, text)
        elif not isinstance(self._last, ClosedRecord):
            text = f"ends at record {self.check.sequence} without being closed: its process runs, or was killed"
            self.check.note(FindingKind.UNFINISHED, self.check.sequence, text)
        return self.check.finish()

    def _examine_file(self, file: LogFile) -> None:
        torn = 0
        for number, (line, complete) in enumerate(read_lines(file.path), start=1):
            if torn:
                self._unreadable(file, torn)
            torn = 0 if complete else number
            if complete:
                self._examine_line(file, number, line)
        # At the end of an unfinished log: what a process was writing when it was killed. Anywhere else: not ours.
        if torn and (file is not self._files[-1] or isinstance(self._last, ClosedRecord)):
            self._unreadable(file, torn)

    def _examine_line(self, file: LogFile, number: int, presented_line: bytes) -> None:
        try:
            line = parse_line(presented_line)
            record = parse_record(bytes(line.record))
        except Rejected:
            self._unreadable(file, number)
            return
        if isinstance(self._last, ClosedRecord):
            self.check.note(FindingKind.REORDERED, line.sequence, "a record follows the end of the log")
        if isinstance(record, OpenedRecord):
            self._examine_opening(file, line, record)
        elif number == 1:
            self.check.note(FindingKind.REMOVED, line.sequence, f"part {file.part} does not begin with its opening")
        proven = self.check.check(line.sequence, bytes.fromhex(line.link), self.key_id, bytes(line.record))
        if isinstance(record, PrunedRecord) and proven:
            self.pruned.append(record.file)
        self._last = record

    def _unreadable(self, file: LogFile, number: int) -> None:
        text = f"line {number} of part {file.part} cannot be read"
        self.check.note(FindingKind.UNREADABLE, self.check.sequence + 1, text)

    def _examine_opening(self, file: LogFile, line: LogLine, record: OpenedRecord) -> None:
        self.key_id = record.key_id
        if (record.log, record.part) != (file.log, file.part):
            self.check.note(FindingKind.REORDERED, line.sequence, "the file bears the name of another")
        if self._after_gap and line.sequence > self.check.sequence + 1:
            # The parts just before are gone (`finish` judges why): go on from what the proven opening names.
            self.check.begin_at(line.sequence - 1, _link(record.previous_link))
        elif _link(record.previous_link) != self.check.link:
            self.check.note(FindingKind.RELINKED, line.sequence, f"part {file.part} does not follow the one before it")


def _link(presented_hex: str) -> bytes:
    try:
        link = bytes.fromhex(presented_hex)
    except ValueError:
        return b""
    return link if len(link) == len(GENESIS) else b""
