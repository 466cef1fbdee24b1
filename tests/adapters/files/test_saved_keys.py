"""The keys of an issuer over a restart: used while it is away, and never longer or rather than what it says itself."""

import asyncio
import logging
import os
from pathlib import Path
from typing import Final

import pytest
from tests.simulators.documents import ISSUER, KEYS_URL, DocumentsSimulator, new_key

from doorward.adapters.files.clocks import Clocks
from doorward.adapters.files.saved_keys import SAVED_KEYS_OCTETS_MAX, SavedKeys
from doorward.errors import Unavailable
from doorward.keys.documents import Document
from doorward.keys.jwks_client import STALE_S_MAX, JwksClient

ONE, OTHER = new_key(), new_key()
OCTETS_MAX: Final = 100_000


class Machine:
    """A clock that is set, and the documents of an issuer."""

    def __init__(self) -> None:
        self.now_s = 1_000_000.0
        self.documents = DocumentsSimulator(ONE)
        self.documents.takes_s = 0

    def start(self, folder: Path) -> SavedKeys:
        """As a process that has just started."""
        clocks = Clocks(boot_id="boot", booted=lambda: self.now_s, wall=lambda: self.now_s)
        return SavedKeys(self.documents, folder, clocks=clocks)


@pytest.fixture
def machine() -> Machine:
    return Machine()


async def _fetch(saved: SavedKeys, url: str = KEYS_URL) -> Document:
    return await saved.fetch(url, octets_max=OCTETS_MAX)


def _files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def _is_away(saved: SavedKeys, url: str = KEYS_URL) -> bool:
    try:
        await _fetch(saved, url)
    except Unavailable as error:
        return error.code == "keys_unavailable"
    return False


async def test_a_restart_while_the_issuer_is_away_has_the_keys_and_their_age(tmp_path: Path, machine: Machine) -> None:
    fetched = await _fetch(machine.start(tmp_path / "kept"))
    assert fetched.age_s == 0
    machine.documents.away = True
    machine.now_s += 90
    kept = await _fetch(machine.start(tmp_path / "kept"))
    assert (kept.body, kept.age_s) == (fetched.body, 90)


async def test_what_was_fetched_is_not_overruled_by_what_was_kept(tmp_path: Path, machine: Machine) -> None:
    await _fetch(machine.start(tmp_path))
    (path,) = _files(tmp_path)
    kept = path.read_bytes()
    running = machine.start(tmp_path)
    machine.documents.publish(OTHER)
    await _fetch(running)
    path.write_bytes(kept)
    machine.documents.away = True
    assert await _is_away(running)


async def test_a_bad_answer_takes_nothing_away(tmp_path: Path, machine: Machine) -> None:
    good = await _fetch(machine.start(tmp_path))
    for bad in (b"<html>", b'{"keys":[]}', b"\xff", good.body + b" " * SAVED_KEYS_OCTETS_MAX):
        machine.documents.keys_body = bad
        await _fetch(machine.start(tmp_path))
    machine.documents.away = True
    assert (await _fetch(machine.start(tmp_path))).body == good.body


async def test_keys_are_those_of_one_address(tmp_path: Path, machine: Machine) -> None:
    await _fetch(machine.start(tmp_path))
    machine.documents.away = True
    assert await _is_away(machine.start(tmp_path), "https://keys.example/others")
    (file,) = _files(tmp_path)
    file.write_bytes(file.read_bytes().replace(b"keys.example", b"evil.example"))
    assert await _is_away(machine.start(tmp_path)), "it is sealed"


async def test_a_file_others_may_write_is_none(tmp_path: Path, machine: Machine) -> None:
    await _fetch(machine.start(tmp_path))
    machine.documents.away = True
    (file,) = _files(tmp_path)
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o666)
    assert await _is_away(machine.start(tmp_path))
    file.chmod(0o600)
    os.chmod(tmp_path, 0o777)  # noqa: PTH101, S103  # a folder others may write in
    assert await _is_away(machine.start(tmp_path))


async def test_what_cannot_be_saved_stops_nothing_and_is_said_once(
    tmp_path: Path, machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    saved = machine.start(tmp_path / "file")
    with caplog.at_level(logging.WARNING):
        await _fetch(saved)
        assert (await _fetch(saved)).age_s == 0
    assert caplog.text.count("cannot be saved") == 1


async def test_processes_that_save_at_once_leave_a_whole_file(tmp_path: Path, machine: Machine) -> None:
    await asyncio.gather(*(_fetch(machine.start(tmp_path)) for _ in range(8)))
    machine.documents.away = True
    assert (await _fetch(machine.start(tmp_path))).age_s > 0
    assert len(_files(tmp_path)) == 1


async def _client(saved: SavedKeys) -> JwksClient:
    client = JwksClient(saved, issuer=ISSUER, jwks_url=KEYS_URL)
    try:
        await client.start()
    finally:
        await client.aclose()
    return client


async def test_keys_are_given_up_as_early_as_without_the_restart(tmp_path: Path, machine: Machine) -> None:
    await _fetch(machine.start(tmp_path))
    machine.documents.away = True
    machine.now_s += STALE_S_MAX - 1
    client = await _client(machine.start(tmp_path))
    assert client.find(ONE.kid, "ES256") is not None
    assert client.age_s >= STALE_S_MAX - 1
    assert client.failures == 1, "it asks again soon"
    machine.now_s += 1
    with pytest.raises(Unavailable):
        await _client(machine.start(tmp_path))


async def test_a_clock_that_was_set_back_makes_nothing_young(tmp_path: Path, machine: Machine) -> None:
    await _fetch(machine.start(tmp_path))
    machine.documents.away = True
    machine.now_s -= 10
    with pytest.raises(Unavailable):
        await _client(machine.start(tmp_path))
