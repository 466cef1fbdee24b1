"""The files verification logs live in: their names, their order, reading them.

`verifications-<start>-<pid>-<part>.jsonl`: a log is what one process wrote, from its start (epoch seconds) on, cut
into parts by size. Names sort in time.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, final

import msgspec

from doorward.audit.log_lines import LINE_BYTES_MAX, VerificationRecord, parse_line, parse_record
from doorward.audit.port import AuditFilter
from doorward.errors import Rejected

__all__ = ["LogFile", "list_log_files", "name_file", "name_log", "parse_name", "read_lines", "read_verifications"]

_NAME: Final = re.compile(r"(verifications-[0-9]{1,12}-[0-9]{1,10})-([0-9]{6})\.jsonl", re.ASCII)


@final
class LogFile(msgspec.Struct, frozen=True, order=True):
    """One part of one log."""

    log: str
    part: int
    path: Path


def name_log(started_at: int, pid: int) -> str:
    """The name of a process's log."""
    return f"verifications-{started_at}-{pid}"


def name_file(log: str, part: int) -> str:
    """The name of one part's file."""
    return f"{log}-{part:06}.jsonl"


def parse_name(presented_name: str) -> tuple[str, int] | None:
    """Log and part of a file's name; None when it is not ours."""
    match = _NAME.fullmatch(presented_name)
    return (match[1], int(match[2])) if match else None


def list_log_files(directory: Path) -> list[LogFile]:
    """All parts of all logs in a directory, in order; files of other names are not ours.

    Raises:
        OSError: the directory cannot be read.
    """
    found = [(named, path) for path in directory.iterdir() if (named := parse_name(path.name))]
    return sorted(LogFile(*named, path) for named, path in found)


def read_lines(path: Path) -> Iterator[tuple[bytes, bool]]:
    """The lines of a file, without their ends, and whether each was complete. Holds one line at a time.

    A line over the limit comes in pieces, none of which parses.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        while line := file.readline(LINE_BYTES_MAX):
            yield line.removesuffix(b"\n"), line.endswith(b"\n")


def read_verifications(directory: Path, wanted: AuditFilter) -> Iterator[VerificationRecord]:
    """Decisions as they were logged, oldest log first. Proves nothing about them: see `audit/verify_log.py`.

    `action` of the filter has no meaning here and is not looked at. Lines that cannot be read are passed over.

    Raises:
        OSError: a file cannot be read.
    """
    for file in list_log_files(directory):
        for line, complete in read_lines(file.path):
            if not complete:
                continue
            try:
                record = parse_record(bytes(parse_line(line).record))
            except Rejected:
                continue
            if isinstance(record, VerificationRecord) and _matches(record, wanted):
                yield record


def _matches(record: VerificationRecord, wanted: AuditFilter) -> bool:
    return (
        wanted.app_id in (None, record.app_id)
        and wanted.credential_id in (None, record.credential_id)
        and wanted.code in (None, record.code)
        and (wanted.since is None or record.at >= wanted.since)
        and (wanted.until is None or record.at < wanted.until)
    )
