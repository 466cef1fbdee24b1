import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doorward.audit.chain import GENESIS, ChainKey, ChainName, derive_chain_key, derive_chain_keys
from doorward.audit.findings import FindingKind
from doorward.audit.heads import Head
from doorward.audit.log_files import list_log_files
from doorward.audit.log_lines import LINE_BYTES_MAX, OpenedRecord, encode_line
from doorward.audit.log_writer import LogWriter
from doorward.audit.verify_log import export_log_heads, verify_logs
from doorward.crypto.sealing import MasterKeys

NOW = 1_700_000_000


@pytest.fixture
def keys(master_keys: MasterKeys) -> dict[str, ChainKey]:
    return derive_chain_keys(master_keys, ChainName.VERIFICATIONS)


@pytest.fixture
def writer(tmp_path: Path, master_keys: MasterKeys) -> Callable[[int], LogWriter]:
    key = derive_chain_key(master_keys, ChainName.VERIFICATIONS)

    def make(pid: int) -> LogWriter:
        return LogWriter(tmp_path, key, clock=lambda: NOW, pid=pid, file_bytes_max=700, files_kept=99)

    return make


@pytest.fixture
def logs(tmp_path: Path, writer: Callable[[int], LogWriter]) -> Path:
    """Two closed logs of several parts each."""
    for pid in (1, 2):
        log = writer(pid)
        log.open()
        for number in range(12):
            log.append([b'{"kind":"verification","at":%d,"request":"GET /%d"}' % (number, pid)])
        log.close()
    return tmp_path


def kinds(logs: Path, keys: dict[str, ChainKey], heads: tuple[Head, ...] = ()) -> list[FindingKind]:
    report = verify_logs(logs, keys, heads)
    assert report.intact is all(finding.harmless for finding in report.findings)
    return [finding.kind for finding in report.findings]


def part(logs: Path, number: int, log: int = 0) -> Path:
    names = sorted({file.log for file in list_log_files(logs)})
    return next(file.path for file in list_log_files(logs) if (file.log, file.part) == (names[log], number))


def last_part(logs: Path) -> Path:
    name = min(file.log for file in list_log_files(logs))
    return [file.path for file in list_log_files(logs) if file.log == name][-1]


def edit(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(change(lines)))


def test_honest_logs_are_intact(logs: Path, keys: dict[str, ChainKey]) -> None:
    assert kinds(logs, keys) == []
    assert len(list_log_files(logs)) > 6


def test_an_altered_record_is_found(logs: Path, keys: dict[str, ChainKey]) -> None:
    edit(part(logs, 2), lambda lines: [line.replace(b"GET /1", b"GET /2") for line in lines])
    assert set(kinds(logs, keys)) == {FindingKind.ALTERED}


def test_a_removed_line_is_found(logs: Path, keys: dict[str, ChainKey]) -> None:
    edit(part(logs, 2), lambda lines: lines[:1] + lines[2:])
    assert kinds(logs, keys) == [FindingKind.REMOVED]


def test_swapped_lines_are_found(logs: Path, keys: dict[str, ChainKey]) -> None:
    edit(part(logs, 2), lambda lines: [lines[0], lines[2], lines[1], *lines[3:]])
    assert FindingKind.REORDERED in kinds(logs, keys)


def test_a_repeated_line_is_found(logs: Path, keys: dict[str, ChainKey]) -> None:
    edit(part(logs, 2), lambda lines: [lines[0], lines[1], *lines[1:]])
    assert kinds(logs, keys) == [FindingKind.REORDERED]


def test_a_line_of_another_log_is_found(logs: Path, keys: dict[str, ChainKey]) -> None:
    foreign = part(logs, 2, log=1).read_bytes().splitlines(keepends=True)
    edit(part(logs, 2), lambda lines: [lines[0], foreign[1], *lines[2:]])
    assert FindingKind.ALTERED in kinds(logs, keys)


def test_a_file_under_the_name_of_another_is_found(logs: Path, keys: dict[str, ChainKey]) -> None:
    for file in list_log_files(logs):
        if file.log.endswith("-1"):
            shutil.copy(file.path, logs / file.path.name.replace("-1-0", "-3-0"))
    assert set(kinds(logs, keys)) == {FindingKind.REORDERED}


@pytest.mark.parametrize("number", [1, 2])
def test_a_missing_part_is_found(logs: Path, keys: dict[str, ChainKey], number: int) -> None:
    part(logs, number).unlink()
    assert FindingKind.REMOVED in kinds(logs, keys)


def test_a_missing_last_part_is_found(logs: Path, keys: dict[str, ChainKey]) -> None:
    last_part(logs).unlink()
    assert kinds(logs, keys) == [FindingKind.CUT_OFF]


def test_the_cut_off_end_of_a_middle_part_is_found(logs: Path, keys: dict[str, ChainKey]) -> None:
    edit(part(logs, 2), lambda lines: lines[:2])
    assert FindingKind.REMOVED in kinds(logs, keys)


def test_a_part_that_was_pruned_excuses_no_other(
    logs: Path, keys: dict[str, ChainKey], writer: Callable[[int], LogWriter]
) -> None:
    """Part 1 was pruned, and a log says so; the end of part 2 was cut off by somebody else."""
    log = writer(9)
    log.open()
    log.append([b'{"kind":"pruned","at":1,"file":"%s"}' % part(logs, 1).name.encode()])
    log.close()
    part(logs, 1).unlink()
    assert kinds(logs, keys) == []
    edit(part(logs, 2), lambda lines: lines[:2])
    assert kinds(logs, keys) != []


def test_a_pruned_part_does_not_hide_that_the_one_before_it_was_cut_off(
    logs: Path, keys: dict[str, ChainKey], writer: Callable[[int], LogWriter]
) -> None:
    log = writer(9)
    log.open()
    log.append([b'{"kind":"pruned","at":1,"file":"%s"}' % part(logs, 2).name.encode()])
    log.close()
    part(logs, 2).unlink()
    assert kinds(logs, keys) == []
    edit(part(logs, 1), lambda lines: lines[:2])
    assert kinds(logs, keys) == [FindingKind.CUT_OFF]


def test_a_forged_excuse_excuses_nothing(
    logs: Path, keys: dict[str, ChainKey], writer: Callable[[int], LogWriter]
) -> None:
    log = writer(9)
    log.open()
    log.close()
    name = part(logs, 1).name.encode()
    line, _ = encode_line(
        ChainKey("k2", secrets.token_bytes(32)), GENESIS, 3, b'{"kind":"pruned","at":1,"file":"%s"}' % name
    )
    part(logs, 1).unlink()
    with next(file.path for file in list_log_files(logs) if file.log.endswith("-9")).open("ab") as forged:
        forged.write(line)
    report = verify_logs(logs, keys)
    assert any(finding.kind is FindingKind.REMOVED and "pruned" in finding.text for finding in report.findings)


def test_a_record_after_the_end_is_found(logs: Path, keys: dict[str, ChainKey]) -> None:
    edit(last_part(logs), lambda lines: [*lines, lines[-1].replace(b'"sequence":', b'"sequence":9')])
    assert FindingKind.REORDERED in kinds(logs, keys)


@pytest.mark.parametrize("rubbish", [b"rubbish\n", b"{}\n", b"\n", b"\xff\n", b"x" * LINE_BYTES_MAX * 2 + b"\n"])
def test_a_line_that_is_no_record_is_found(logs: Path, keys: dict[str, ChainKey], rubbish: bytes) -> None:
    for path in (part(logs, 2), last_part(logs)):
        honest = path.read_bytes()
        edit(path, lambda lines: [lines[0], rubbish, *lines[1:]])
        assert set(kinds(logs, keys)) == {FindingKind.UNREADABLE}
        path.write_bytes(honest + rubbish.rstrip(b"\n") + b"x")
        assert set(kinds(logs, keys)) == {FindingKind.UNREADABLE}
        path.write_bytes(honest)


def test_a_log_written_without_the_key_is_found(logs: Path, keys: dict[str, ChainKey]) -> None:
    log = f"verifications-{NOW}-66"
    opened = OpenedRecord(NOW, log, 1, GENESIS.hex(), "k2")
    line, link = encode_line(ChainKey("k2", secrets.token_bytes(32)), GENESIS, 1, opened)
    closed, _ = encode_line(ChainKey("k2", secrets.token_bytes(32)), link, 2, b'{"kind":"closed","at":1}')
    (logs / f"{log}-000001.jsonl").write_bytes(line + closed)
    assert kinds(logs, keys) == [FindingKind.ALTERED, FindingKind.ALTERED]


def test_a_key_that_is_not_here_is_said_once(logs: Path, keys: dict[str, ChainKey]) -> None:
    assert kinds(logs, {"k1": keys["k1"]}) == [FindingKind.KEY_UNKNOWN, FindingKind.KEY_UNKNOWN]


def test_a_removed_or_cut_off_log_is_found_by_exported_heads(logs: Path, keys: dict[str, ChainKey]) -> None:
    heads = export_log_heads(logs, keys, now=NOW)
    assert len(heads) == 2
    assert kinds(logs, keys, heads) == []
    edit(last_part(logs), lambda lines: lines[:-1])
    assert kinds(logs, keys) == [FindingKind.UNFINISHED]
    assert FindingKind.CUT_OFF in kinds(logs, keys, heads)
    for file in list_log_files(logs):
        if file.log.endswith("-1"):
            file.path.unlink()
    assert kinds(logs, keys) == []
    assert kinds(logs, keys, heads) == [FindingKind.REMOVED, FindingKind.CUT_OFF]
    forged = tuple(msgspec.structs.replace(head, at=1) for head in heads)
    assert FindingKind.HEAD_FORGED in kinds(logs, keys, forged)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(place=st.integers(0, 2**20), octet=st.integers(0, 255))
def test_no_octet_of_a_closed_log_can_be_changed_unseen(
    logs: Path, keys: dict[str, ChainKey], place: int, octet: int
) -> None:
    path = part(logs, 1 + place % 3)
    honest = path.read_bytes()
    at = place % len(honest)
    if honest[at] == octet:
        return
    path.write_bytes(honest[:at] + bytes([octet]) + honest[at + 1 :])
    try:
        assert kinds(logs, keys) != []
    finally:
        path.write_bytes(honest)


def test_files_of_other_names_are_not_ours(logs: Path, keys: dict[str, ChainKey]) -> None:
    (logs / "notes.txt").write_text("x")
    (logs / "verifications-1-1-1.jsonl").write_text("x")
    assert kinds(logs, keys) == []


_WRITE_FOR_EVER = """
import sys
from pathlib import Path
from doorward.audit.chain import ChainKey
from doorward.audit.log_writer import LogWriter
writer = LogWriter(Path(sys.argv[1]), ChainKey("k1", bytes(32)), clock=lambda: 1, pid=1, file_bytes_max=10**5,
    files_kept=9**9)
writer.open()
print("open", flush=True)
while True:
    writer.append([b'{"kind":"verification","at":1}'] * 50)
"""


def test_a_log_of_a_killed_process_is_unfinished_and_nothing_worse(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITE_FOR_EVER, str(tmp_path)], stdout=subprocess.PIPE, env=environment
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"open\n"
    while not list(tmp_path.glob("*-000002.jsonl")):
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    report = verify_logs(tmp_path, {"k1": ChainKey("k1", bytes(32))})
    assert {finding.kind for finding in report.findings} <= {FindingKind.UNFINISHED, FindingKind.CUT_OFF}
    assert report.checked > 100


def test_a_torn_last_line_is_how_a_killed_process_ends(
    tmp_path: Path, keys: dict[str, ChainKey], writer: Callable[[int], LogWriter]
) -> None:
    log = writer(1)
    log.open()
    log.append([b'{"kind":"verification","at":1}'])
    path = part(tmp_path, 1)
    path.write_bytes(path.read_bytes()[:-5])
    assert kinds(tmp_path, keys) == [FindingKind.UNFINISHED]
    log.close()
