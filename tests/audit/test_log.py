import asyncio
import errno
import json
import logging
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.simulators.virtual_time import run_virtual

from doorward.audit.chain import ChainKey, ChainName, derive_chain_key, derive_chain_keys
from doorward.audit.log import CHUNK_RECORDS, VerificationLogFile
from doorward.audit.log_files import list_log_files, read_lines, read_verifications
from doorward.audit.log_lines import (
    LINE_BYTES_MAX,
    DroppedRecord,
    LogRecord,
    PrunedRecord,
    VerificationRecord,
    encode_verification,
    parse_line,
    parse_record,
)
from doorward.audit.log_writer import ABANDONED_S
from doorward.audit.port import AuditFilter
from doorward.audit.verify_log import verify_logs
from doorward.crypto.sealing import MasterKeys
from doorward.errors import Misconfigured
from doorward.values import AppId, CredentialId, MethodName

NOW = 1_700_000_000
KEY = CredentialId("aaaaaaaaaaaa")


@pytest.fixture
def keys(master_keys: MasterKeys) -> dict[str, ChainKey]:
    return derive_chain_keys(master_keys, ChainName.VERIFICATIONS)


@pytest.fixture
def make_log(tmp_path: Path, master_keys: MasterKeys) -> Callable[..., VerificationLogFile]:
    key = derive_chain_key(master_keys, ChainName.VERIFICATIONS)

    def make(**settings: int) -> VerificationLogFile:
        return VerificationLogFile(tmp_path / "log", key, clock=lambda: NOW, **settings)

    return make


def admit(log: VerificationLogFile, at: int = NOW, code: str | None = None, request: str = "GET /orders") -> None:
    log.record(at, MethodName("apikey"), KEY, AppId("app_1"), None, "192.0.2.1", code, request)


def records(directory: Path) -> list[LogRecord]:
    return [
        parse_record(bytes(parse_line(line).record))
        for file in list_log_files(directory)
        for line, _ in read_lines(file.path)
    ]


async def test_what_is_recorded_is_in_the_file_and_the_chain_holds(
    tmp_path: Path, keys: dict[str, ChainKey], make_log: Callable[..., VerificationLogFile]
) -> None:
    log = make_log(pid=7)
    await log.start()
    admit(log)
    admit(log, code="credential_revoked")
    log.record(NOW, None, None, None, None, None, "credential_missing", "GET /")
    await log.aclose()
    await log.aclose()
    assert log.log == f"verifications-{NOW}-7"
    read = [record for record in records(tmp_path / "log") if isinstance(record, VerificationRecord)]
    assert [record.code for record in read] == [None, "credential_revoked", "credential_missing"]
    assert read[0] == VerificationRecord(NOW, "apikey", "aaaaaaaaaaaa", "app_1", None, "192.0.2.1", None, "GET /orders")
    report = verify_logs(tmp_path / "log", keys)
    assert report.findings == ()
    assert report.checked == 5


async def test_the_files_are_private(tmp_path: Path, make_log: Callable[..., VerificationLogFile]) -> None:
    log = make_log()
    await log.start()
    (file,) = list_log_files(tmp_path / "log")
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == 0o700
    await log.aclose()


def test_a_record_is_written_within_a_second(tmp_path: Path, make_log: Callable[..., VerificationLogFile]) -> None:
    async def story() -> None:
        log = make_log()
        await log.start()
        await asyncio.sleep(10)
        for number in range(CHUNK_RECORDS * 2 + 1):
            admit(log, at=number)
        await asyncio.sleep(1)
        assert len(list(read_verifications(tmp_path / "log", AuditFilter()))) == CHUNK_RECORDS * 2 + 1
        await log.aclose()

    run_virtual(story())


async def test_a_full_buffer_is_written_by_whoever_fills_it(
    tmp_path: Path, make_log: Callable[..., VerificationLogFile]
) -> None:
    log = make_log(records_max=2 * CHUNK_RECORDS)
    await log.start()
    for number in range(10 * CHUNK_RECORDS):
        admit(log, at=number)
    assert len(log._buffer) <= 2 * CHUNK_RECORDS
    await log.aclose()
    read = read_verifications(tmp_path / "log", AuditFilter())
    assert [record.at for record in read] == list(range(10 * CHUNK_RECORDS))
    assert log.dropped == 0


class Disk:
    """Stands between the writer and the operating system, as a full disk would: writes a part, then refuses."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = False
        self.attempts = 0
        write = os.write

        def write_until_full(fd: int, data: bytes) -> int:
            if not self.full:
                return write(fd, data[: max(1, len(data) // 2)])
            self.attempts += 1
            if self.attempts % 2:
                return write(fd, data[:7])
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("doorward.audit.log_writer.os.write", write_until_full)


def test_a_full_disk_loses_nothing_that_fits_the_buffer(
    tmp_path: Path,
    keys: dict[str, ChainKey],
    make_log: Callable[..., VerificationLogFile],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story() -> None:
        disk = Disk(monkeypatch)
        log = make_log(records_max=2 * CHUNK_RECORDS)
        await log.start()
        admit(log, at=0)
        await log.flush()
        disk.full = True
        admit(log, at=1)
        await asyncio.sleep(5)
        assert "No space left" in caplog.text
        assert caplog.text.count("cannot be written") == 1
        disk.full = False
        await asyncio.sleep(1)
        await log.aclose()

    with caplog.at_level(logging.WARNING):
        run_virtual(story())
    assert [record.at for record in read_verifications(tmp_path / "log", AuditFilter())] == [0, 1]
    assert verify_logs(tmp_path / "log", keys).findings == ()


def test_what_is_dropped_is_counted_and_said(
    tmp_path: Path,
    keys: dict[str, ChainKey],
    make_log: Callable[..., VerificationLogFile],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story() -> None:
        disk = Disk(monkeypatch)
        log = make_log(records_max=2 * CHUNK_RECORDS)
        await log.start()
        disk.full = True
        for number in range(2 * CHUNK_RECORDS + 50):
            admit(log, at=number)
        assert log.dropped == 50
        # The first that did not fit tried to write; the others did not.
        assert disk.attempts == 2
        disk.full = False
        await asyncio.sleep(1)
        assert log.dropped == 0
        await log.aclose()

    run_virtual(story())
    found = records(tmp_path / "log")
    assert [record for record in found if isinstance(record, DroppedRecord)] == [DroppedRecord(NOW, 50)]
    kept = [record.at for record in found if isinstance(record, VerificationRecord)]
    assert kept == list(range(2 * CHUNK_RECORDS))
    assert verify_logs(tmp_path / "log", keys).findings == ()


async def test_a_log_that_cannot_be_closed_says_what_is_lost(
    make_log: Callable[..., VerificationLogFile], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    disk = Disk(monkeypatch)
    log = make_log()
    await log.start()
    disk.full = True
    admit(log)
    with caplog.at_level(logging.WARNING):
        await log.aclose()
    assert "1 verifications were lost" in caplog.text


async def test_a_directory_that_cannot_be_written_stops_the_start(tmp_path: Path, master_keys: MasterKeys) -> None:
    (tmp_path / "file").write_text("")
    key = derive_chain_key(master_keys, ChainName.VERIFICATIONS)
    log = VerificationLogFile(tmp_path / "file", key, clock=lambda: NOW)
    with pytest.raises(Misconfigured) as refused:
        await log.start()
    assert refused.value.cure


async def test_a_full_file_is_followed_by_the_next_part(
    tmp_path: Path, keys: dict[str, ChainKey], make_log: Callable[..., VerificationLogFile]
) -> None:
    log = make_log(file_bytes_max=1_000)
    await log.start()
    for number in range(30):
        admit(log, at=number)
        await log.flush()
    await log.aclose()
    files = list_log_files(tmp_path / "log")
    assert [file.part for file in files] == list(range(1, len(files) + 1))
    assert len(files) > 3
    assert all(file.path.stat().st_size < 1_000 + LINE_BYTES_MAX for file in files)
    assert [record.at for record in read_verifications(tmp_path / "log", AuditFilter())] == list(range(30))
    assert verify_logs(tmp_path / "log", keys).findings == ()


async def test_old_files_are_pruned_and_the_log_says_so(
    tmp_path: Path, keys: dict[str, ChainKey], make_log: Callable[..., VerificationLogFile]
) -> None:
    log = make_log(file_bytes_max=500, files_kept=3)
    await log.start()
    for number in range(30):
        admit(log, at=number)
        await log.flush()
    await log.aclose()
    assert len(list_log_files(tmp_path / "log")) == 3
    assert any(isinstance(record, PrunedRecord) for record in records(tmp_path / "log"))
    report = verify_logs(tmp_path / "log", keys)
    assert report.findings == ()


async def test_a_file_another_process_may_be_writing_is_never_pruned(
    tmp_path: Path, make_log: Callable[..., VerificationLogFile]
) -> None:
    running = make_log(pid=1)
    await running.start()
    (mine,) = list_log_files(tmp_path / "log")
    os.utime(mine.path, (NOW - ABANDONED_S, NOW - ABANDONED_S))
    log = make_log(pid=2, file_bytes_max=500, files_kept=2)
    await log.start()
    for number in range(10):
        admit(log, at=number)
        await log.flush()
    assert mine.path.exists()
    os.utime(mine.path, (NOW - ABANDONED_S - 1, NOW - ABANDONED_S - 1))
    for number in range(10):
        admit(log, at=number)
        await log.flush()
    assert not mine.path.exists()
    await log.aclose()
    # And whoever lost its file begins another rather than write where nobody reads.
    admit(running)
    await running.aclose()
    assert [file.part for file in list_log_files(tmp_path / "log") if file.log == running.log] == [2]


async def test_processes_with_one_number_get_names_of_their_own(
    tmp_path: Path, make_log: Callable[..., VerificationLogFile]
) -> None:
    first, second = make_log(pid=1), make_log(pid=1)
    await first.start()
    await second.start()
    assert first.log != second.log
    await first.aclose()
    await second.aclose()


@pytest.mark.parametrize(
    "text", ["\x1b[2J\n{}", "\u202e", "\ud800", "é" * 300, "\U0001f600" * 300, '"' * 300, "\x00" * 300]
)
async def test_whatever_is_sent_a_line_is_one_bounded_line_of_printable_ascii(
    tmp_path: Path, keys: dict[str, ChainKey], make_log: Callable[..., VerificationLogFile], text: str
) -> None:
    log = make_log()
    await log.start()
    log.record(NOW, MethodName(text[:20]), CredentialId("a"), AppId(text), None, text, "x", text)
    await log.aclose()
    (file,) = list_log_files(tmp_path / "log")
    content = file.path.read_bytes()
    lines = content.decode("ascii").split("\n")
    assert len(lines) == 4
    assert all(line.isprintable() and len(line) < LINE_BYTES_MAX for line in lines)
    assert json.loads(lines[1])["record"]["kind"] == "verification"
    assert verify_logs(tmp_path / "log", keys).findings == ()


def test_texts_are_cut_one_over_their_limit() -> None:
    record = parse_record(encode_verification((1, None, None, "a" * 129, "o" * 129, "s" * 129, None, "r" * 201)))
    assert isinstance(record, VerificationRecord)
    assert record == VerificationRecord(1, None, None, "a" * 128, "o" * 128, "s" * 128, None, "r" * 200)


async def test_verifications_are_found_by_app_credential_code_and_time(
    tmp_path: Path, make_log: Callable[..., VerificationLogFile]
) -> None:
    log = make_log()
    await log.start()
    for at in range(3):
        admit(log, at=at)
        log.record(
            at, MethodName("basic"), CredentialId("b"), AppId("app_2"), None, None, "credential_expired", "GET /"
        )
    await log.aclose()

    def count(**wanted: str | int) -> int:
        return len(list(read_verifications(tmp_path / "log", AuditFilter(**wanted))))  # type: ignore[arg-type]  # passed on

    assert count() == 6
    assert count(app_id="app_2") == 3
    assert count(credential_id="b", since=1) == 2
    assert count(code="credential_expired", until=1) == 1
    assert count(app_id="app_1", code="credential_expired") == 0
