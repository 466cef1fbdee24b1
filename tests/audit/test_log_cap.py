import asyncio
import logging
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.simulators.virtual_time import run_virtual

from doorward.audit.chain import ChainKey, ChainName, derive_chain_key, derive_chain_keys
from doorward.audit.log import INTERVAL_S, UNPROVEN_BURST_REFUSALS, UNPROVEN_REFUSALS_PER_S, VerificationLogFile
from doorward.audit.log_cap import CODES_MAX, OTHER_CODES, RefusalCap
from doorward.audit.log_files import list_log_files, read_lines, read_verifications
from doorward.audit.log_lines import (
    LINE_BYTES_MAX,
    LogRecord,
    PrunedRecord,
    SuppressedRecord,
    encode_line,
    parse_line,
    parse_record,
)
from doorward.audit.port import AuditFilter
from doorward.audit.verify_log import verify_logs
from doorward.cli.audit_read import newest_verifications
from doorward.crypto.sealing import MasterKeys
from doorward.errors import REFUSALS
from doorward.values import AppId, CredentialId, MethodName

NOW = 1_700_000_000
APIKEY = MethodName("apikey")
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


def refuse(log: VerificationLogFile, count: int, code: str = "credential_unknown") -> None:
    for _ in range(count):
        log.record(NOW, APIKEY, KEY, None, None, "192.0.2.1", code, "GET /orders")


def suppressed(directory: Path) -> list[SuppressedRecord]:
    return [record for record in records(directory) if isinstance(record, SuppressedRecord)]


def records(directory: Path) -> list[LogRecord]:
    return [
        parse_record(bytes(parse_line(line).record))
        for file in list_log_files(directory)
        for line, _ in read_lines(file.path)
    ]


def codes(directory: Path) -> Counter[str | None]:
    return Counter(record.code for record in read_verifications(directory, AuditFilter()))


def test_a_flood_of_unproven_refusals_is_capped_counted_and_told_once_a_flush(
    tmp_path: Path, keys: dict[str, ChainKey], make_log: Callable[..., VerificationLogFile]
) -> None:
    async def story() -> None:
        log = make_log()
        await log.start()
        refuse(log, UNPROVEN_BURST_REFUSALS + 7)
        refuse(log, 5, "credential_missing")
        assert log.suppressed == 12
        await asyncio.sleep(INTERVAL_S * 1.5)
        assert log.suppressed == 0
        refuse(log, 100)
        await asyncio.sleep(INTERVAL_S)
        # Two quiet intervals are two refills, and the one after the last flush has not been spent.
        await asyncio.sleep(INTERVAL_S)
        refuse(log, 100)
        await log.aclose()

    run_virtual(story())
    a_tick = int(UNPROVEN_REFUSALS_PER_S * INTERVAL_S)
    assert suppressed(tmp_path / "log") == [
        SuppressedRecord(NOW, NOW, {"credential_unknown": 7, "credential_missing": 5}),
        SuppressedRecord(NOW, NOW, {"credential_unknown": 100 - a_tick}),
        SuppressedRecord(NOW, NOW, {"credential_unknown": 100 - 2 * a_tick}),
    ]
    assert codes(tmp_path / "log") == {"credential_unknown": UNPROVEN_BURST_REFUSALS + 3 * a_tick}
    assert verify_logs(tmp_path / "log", keys).findings == ()


def test_a_long_flood_is_written_at_the_stated_rate(
    tmp_path: Path, make_log: Callable[..., VerificationLogFile]
) -> None:
    async def story() -> None:
        log = make_log(unproven_refusals_per_s=10, unproven_burst_refusals=20)
        await log.start()
        for _ in range(600):
            refuse(log, 50)
            await asyncio.sleep(0.1)
        await log.aclose()

    run_virtual(story())
    written = codes(tmp_path / "log")["credential_unknown"]
    assert 20 + 10 * 59 <= written <= 20 + 10 * 60
    told = sum(record.codes["credential_unknown"] for record in suppressed(tmp_path / "log"))
    assert written + told == 600 * 50


def test_the_burst_comes_back_and_no_more_than_that(
    tmp_path: Path, make_log: Callable[..., VerificationLogFile]
) -> None:
    async def story() -> None:
        log = make_log(unproven_refusals_per_s=10, unproven_burst_refusals=20)
        await log.start()
        await asyncio.sleep(3_600)
        refuse(log, 21)
        await asyncio.sleep(3_600)
        refuse(log, 20)
        await log.aclose()

    run_virtual(story())
    assert codes(tmp_path / "log") == {"credential_unknown": 40}
    assert [record.codes for record in suppressed(tmp_path / "log")] == [{"credential_unknown": 1}]


async def test_what_a_proven_caller_does_is_never_capped(
    tmp_path: Path, make_log: Callable[..., VerificationLogFile]
) -> None:
    log = make_log(unproven_refusals_per_s=1, unproven_burst_refusals=1)
    await log.start()
    refuse(log, 2)
    for code in (None, "scope_missing"):
        for _ in range(3_000):
            log.record(NOW, APIKEY, KEY, AppId("app_1"), None, "192.0.2.1", code, "GET /orders")
    await log.aclose()
    assert codes(tmp_path / "log") == {"credential_unknown": 1, None: 3_000, "scope_missing": 3_000}


async def test_a_flood_of_unproven_refusals_pushes_out_no_history(
    tmp_path: Path, make_log: Callable[..., VerificationLogFile]
) -> None:
    log = make_log(file_bytes_max=20_000, files_kept=2, unproven_burst_refusals=50)
    await log.start()
    log.record(NOW, APIKEY, KEY, AppId("app_1"), None, None, "credential_revoked", "GET /stolen")
    for _ in range(100):
        refuse(log, 100)
        await log.flush()
    assert not any(isinstance(record, PrunedRecord) for record in records(tmp_path / "log"))
    assert codes(tmp_path / "log")["credential_revoked"] == 1
    await log.aclose()


async def test_what_was_suppressed_is_still_told_after_the_disk_has_refused(
    tmp_path: Path,
    keys: dict[str, ChainKey],
    make_log: Callable[..., VerificationLogFile],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse_to_write(_fd: int, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    log = make_log(unproven_burst_refusals=1)
    await log.start()
    refuse(log, 3)
    with caplog.at_level(logging.WARNING), monkeypatch.context() as disk:
        disk.setattr("doorward.audit.log_writer.os.write", refuse_to_write)
        await log.flush()
        assert log.suppressed == 2
    assert os.write is not refuse_to_write
    refuse(log, 2)
    await log.aclose()
    assert [record.codes for record in suppressed(tmp_path / "log")] == [{"credential_unknown": 4}]
    assert verify_logs(tmp_path / "log", keys).findings == ()


async def test_readers_pass_over_what_was_suppressed(
    tmp_path: Path, make_log: Callable[..., VerificationLogFile]
) -> None:
    log = make_log(unproven_burst_refusals=1)
    await log.start()
    refuse(log, 3)
    await log.aclose()
    assert len(suppressed(tmp_path / "log")) == 1
    assert len(newest_verifications(tmp_path / "log", AuditFilter(), limit=10)) == 1


def test_a_record_of_every_code_is_one_bounded_line() -> None:
    cap = RefusalCap(refusals_per_s=1, burst_refusals=1)
    assert len(REFUSALS) <= CODES_MAX
    cap.admits(NOW, "first")
    for number in range(CODES_MAX + 2):
        for _ in range(2):
            assert not cap.admits(NOW + number, f"{number:060}")
    record = cap.told(NOW + 9)
    assert record is not None
    assert (record.at, record.since) == (NOW + 9, NOW)
    assert record.codes == {f"{number:060}": 2 for number in range(CODES_MAX)} | {OTHER_CODES: 4}
    line, _ = encode_line(ChainKey("k1", bytes(32)), bytes(32), 1, record)
    assert len(line) < LINE_BYTES_MAX
    cap.forget()
    assert cap.told(NOW) is None
