"""The log of verifications: appended in memory on the request path, written at least once a second.

Rules of this file:

* `record` costs an append. Encoding and linking happen when the buffer is written, in chunks that hold the event
  loop for about a millisecond; a thread would fight for the interpreter lock for as long and answer later.
* At most one interval (0.5 s) of records is lost on `kill -9` (invariant 6). They are handed to the operating system,
  not forced to the platter: a machine that loses power may lose what it had not written yet.
* Nothing is lost in silence. A full buffer is written at once, by whoever filled it; when the disk refuses, records
  beyond the buffer are counted, and a `dropped` record says how many as soon as it can be written.
* Whoever has proven nothing cannot push out the history: his refusals are capped (`audit/log_cap.py`), and a
  `suppressed` record at each flush says how many there were beyond. What a proven caller does is never capped.
"""

import asyncio
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, final

from doorward.audit.chain import ChainKey
from doorward.audit.log_cap import RefusalCap
from doorward.audit.log_lines import DroppedRecord, LogRecord, Verification, encode_verification
from doorward.audit.log_writer import LogWriter
from doorward.errors import Misconfigured
from doorward.values import AppId, Clock, CredentialId, MethodName, OrganizationId

__all__ = ["VerificationLogFile"]

CHUNK_RECORDS: Final = 128
INTERVAL_S: Final = 0.5
FILE_BYTES_MAX: Final = 64 * 1024 * 1024
FILES_KEPT: Final = 64
BUFFER_RECORDS_MAX: Final = 20_000
UNPROVEN_REFUSALS_PER_S: Final = 50
UNPROVEN_BURST_REFUSALS: Final = 1_000

_LOG: Final = logging.getLogger("doorward.audit")


@final
class VerificationLogFile:
    """Implements `VerificationLog`. Belongs to the event loop it is started in.

    Args:
        directory: where the files go; made (0700) when missing. One file per process, so processes may share it.
        chain_key: `derive_chain_key(master_keys, ChainName.VERIFICATIONS)`.
        clock: epoch seconds.
        interval_s: how often the buffer is written; at most 1.
        file_bytes_max: a file that has reached this is followed by the next.
        files_kept: how many files may lie in the directory; older ones are removed, and the log says so.
        records_max: how many records are buffered.
        unproven_refusals_per_s: how many refusals of callers who have proven nothing are written one by one, in the
            long run; at least 1. Those beyond are counted by code.
        unproven_burst_refusals: how many of them are written at once after a quiet time.
    """

    def __init__(
        self,
        directory: Path,
        chain_key: ChainKey,
        *,
        clock: Clock,
        pid: int | None = None,
        interval_s: float = INTERVAL_S,
        file_bytes_max: int = FILE_BYTES_MAX,
        files_kept: int = FILES_KEPT,
        records_max: int = BUFFER_RECORDS_MAX,
        unproven_refusals_per_s: float = UNPROVEN_REFUSALS_PER_S,
        unproven_burst_refusals: int = UNPROVEN_BURST_REFUSALS,
    ) -> None:
        assert 0 < interval_s <= 1, "verifications are written at least once a second"
        assert records_max >= 2 * CHUNK_RECORDS, "a buffer smaller than what is written at once"
        assert files_kept >= 2, "rotation needs two files"
        self._writer: Final = LogWriter(
            directory,
            chain_key,
            clock=clock,
            pid=os.getpid() if pid is None else pid,
            file_bytes_max=file_bytes_max,
            files_kept=files_kept,
        )
        self._directory: Final = directory
        self._clock: Final = clock
        self._interval_s: Final = interval_s
        self._records_max: Final = records_max
        self._buffer: Final[list[Verification]] = []
        self._cap: Final = RefusalCap(refusals_per_s=unproven_refusals_per_s, burst_refusals=unproven_burst_refusals)
        self._dropped = 0
        self._failing = False
        self._opened = False
        self._task: asyncio.Task[None] | None = None

    @property
    def log(self) -> str:
        """The log's name, which is the beginning of its files' names; empty before `start`."""
        return self._writer.log

    @property
    def head(self) -> tuple[int, bytes]:
        """Number and link of the last record written."""
        return self._writer.head

    @property
    def dropped(self) -> int:
        """Records lost because the disk refused, of which no `dropped` record tells yet."""
        return self._dropped

    @property
    def suppressed(self) -> int:
        """Refusals over the cap, of which no `suppressed` record tells yet."""
        return self._cap.suppressed

    def record(
        self,
        at: int,
        method: MethodName | None,
        credential_id: CredentialId | None,
        app_id: AppId | str | None,
        organization_id: OrganizationId | None,
        source: str | None,
        code: str | None,
        request_line: str,
    ) -> None:
        """See `VerificationLog`."""
        # Admitted requests have an app, and pay for one comparison.
        if app_id is None and code is not None and not self._cap.admits(at, code):
            return
        buffer = self._buffer
        buffer.append((at, method, credential_id, app_id, organization_id, source, code, request_line))
        if len(buffer) > self._records_max:
            self._make_room()

    async def start(self) -> None:
        """Open the file and begin to write in the background.

        Raises:
            Misconfigured: the file cannot be made.
        """
        assert self._task is None, "started twice"
        try:
            self._writer.open()
        except OSError as error:
            raise Misconfigured(
                f"The verification log cannot be written in {self._directory}: {error.strerror or error}.",
                cure="Make the directory writable for this process, or choose another as the audit log.",
            ) from error
        self._opened = True
        self._task = asyncio.create_task(self._write_again_and_again(), name="doorward-verification-log")

    async def flush(self) -> None:
        """Write what is buffered now; what the disk refuses stays buffered."""
        left = len(self._buffer)
        while left > 0 and self._write_chunk():
            left -= CHUNK_RECORDS
            await asyncio.sleep(0)
        self._tell_suppressed()

    async def aclose(self) -> None:
        """Write everything and end the log in order. Idempotent."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        while self._buffer and self._write_chunk():
            pass
        self._tell_suppressed()
        self._opened = False
        try:
            self._writer.close()
        except OSError as error:
            self._complain(error)
        lost = len(self._buffer) + self._dropped + self._cap.suppressed
        if lost:
            _LOG.error("%d verifications were lost", lost)

    async def _write_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            await self.flush()
            self._cap.refill(self._interval_s)

    def _make_room(self) -> None:
        # While the disk refuses, the timer is the one to try again: one failing write per request helps nobody.
        if self._failing or not self._opened or not self._write_chunk():
            self._buffer.pop()
            self._dropped += 1

    def _write_chunk(self) -> bool:
        """Write the oldest records; answers whether that went well. Never waits, so nothing comes between."""
        chunk = self._buffer[:CHUNK_RECORDS]
        records: list[LogRecord | bytes] = [encode_verification(verification) for verification in chunk]
        if self._dropped:
            records.append(DroppedRecord(int(self._clock()), self._dropped))
        if not self._append(records):
            return False
        self._dropped = 0
        del self._buffer[: len(chunk)]
        return True

    def _tell_suppressed(self) -> None:
        record = self._cap.told(int(self._clock()))
        if record is not None and self._append([record]):
            self._cap.forget()

    def _append(self, records: Sequence[LogRecord | bytes]) -> bool:
        try:
            self._writer.append(records)
        except OSError as error:
            self._complain(error)
            return False
        if self._failing:
            _LOG.warning("the verification log can be written again; %d records were dropped", self._dropped)
        self._failing = False
        return True

    def _complain(self, error: OSError) -> None:
        if not self._failing:
            _LOG.error("the verification log cannot be written: %s", error.strerror or error)
        self._failing = True
