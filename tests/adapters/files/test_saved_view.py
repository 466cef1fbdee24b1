"""A view that survives its process: what is believed after a restart, and what is not."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.fixtures_cli import child_environment
from tests.simulators.feed import FeedSimulator

from doorward.adapters.files.clocks import Clocks
from doorward.adapters.files.private import SLOTS_MAX, Slot, read_sealed_text, write_sealed_text
from doorward.adapters.files.saved_feed import SavedFeed
from doorward.adapters.files.saved_view import SavedView
from doorward.errors import Misconfigured, Unavailable
from doorward.revocation.follower import Follower
from doorward.revocation.view import CACHE_LIFE_S, View
from doorward.values import FeedKind, Handle

SOURCE = "https://id.example/revocations"


class Machine:
    """Clocks a test may set. `booted` goes on in sleep, the monotonic clock does not."""

    def __init__(self) -> None:
        self.boot_id: str | None = "boot-1"
        self.booted = 5_000.0
        self.wall = 1_700_000_000.0

    def pass_by(self, seconds: float) -> None:
        self.booted += seconds
        self.wall += seconds

    @property
    def clocks(self) -> Clocks:
        return Clocks(boot_id=self.boot_id, booted=lambda: self.booted, wall=lambda: self.wall)


@pytest.fixture
def machine() -> Machine:
    return Machine()


class Life:
    """One process of a verifier over a feed, from its start to its end."""

    def __init__(self, feed: FeedSimulator, folder: Path, machine: Machine, *, source: str = SOURCE) -> None:
        self.view = View(60.0)
        self.saved = SavedFeed(feed, folder, source, clocks=machine.clocks)
        self.follower = Follower(self.saved, self.view, pull_interval_s=0.02)

    async def start(self, *, reading: bool = True) -> "Life":
        await self.saved.open(self.view)
        if reading:
            await self.follower.start()
        return self

    async def end(self) -> "Life":
        await self.follower.aclose()
        await self.saved.aclose()
        return self

    @property
    def age_s(self) -> float:
        return self.view.age_s(time.monotonic())

    def has(self, *ids: str) -> bool:
        return all(self.view.is_revoked((Handle(FeedKind.SESSION, id_),)) for id_ in ids)


async def _until(asked: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not asked():
        assert time.monotonic() < deadline, "not in time"
        await asyncio.sleep(0.01)


async def live_once(feed: FeedSimulator, folder: Path, machine: Machine) -> None:
    await (await Life(feed, folder, machine).start()).end()


async def reborn(feed: FeedSimulator, folder: Path, machine: Machine, *, source: str = SOURCE) -> Life:
    """A view as it is before anything was read."""
    return await (await Life(feed, folder, machine, source=source).start(reading=False)).end()


async def test_a_view_is_the_same_after_a_restart(tmp_path: Path, machine: Machine) -> None:
    feed = FeedSimulator()
    feed.page_rows_max = 3
    for number in range(10):
        feed.revoke(FeedKind.SESSION, f"s{number}")
    life = await Life(feed, tmp_path, machine).start()
    feed.revoke(FeedKind.SESSION, "late")
    await life.follower.aclose()
    await life.follower.start()
    await life.end()
    machine.pass_by(7)
    again = await reborn(feed, tmp_path, machine)
    assert again.has("late", *(f"s{number}" for number in range(10)))
    assert not again.has("other")
    assert again.view.watermark == life.view.watermark
    assert 7 <= again.age_s < 9
    again.view.require_fresh(time.monotonic())


async def test_half_a_view_is_none_whoever_hangs_up(tmp_path: Path, machine: Machine) -> None:
    """The request that began a start was cancelled: what it had loaded until then must not pass for the whole."""
    feed = FeedSimulator()
    life = await Life(feed, tmp_path, machine).start()
    for number in range(20):
        feed.revoke(FeedKind.SESSION, f"s{number}")
        await _until(lambda number=number: life.has(f"s{number}"))  # type: ignore[misc]  # mypy cannot tell
    await life.end()
    again = Life(feed, tmp_path, machine)
    start = asyncio.create_task(again.saved.open(again.view))
    while again.view.read_after < 5:
        await asyncio.sleep(0)
        assert not start.done(), "loaded before anybody looked"
    with pytest.raises(Unavailable):
        again.view.require_fresh(time.monotonic())
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert not again.saved.is_open, "what is open counts as loaded"
    with pytest.raises(Unavailable):
        again.view.require_fresh(time.monotonic())
    await again.saved.open(again.view)
    again.view.require_fresh(time.monotonic())
    assert again.has(*(f"s{number}" for number in range(20)))
    await again.saved.aclose()


async def test_reading_goes_on_where_the_view_ended(tmp_path: Path, machine: Machine) -> None:
    feed = FeedSimulator()
    feed.revoke(FeedKind.SESSION, "s1")
    await live_once(feed, tmp_path, machine)
    feed.rows.clear()
    feed.revoke(FeedKind.SESSION, "s2")
    for _ in range(3):
        await live_once(feed, tmp_path, machine)
    assert (await reborn(feed, tmp_path, machine)).has("s1", "s2")


async def test_the_freshness_is_saved_though_nothing_happens(tmp_path: Path, machine: Machine) -> None:
    feed = FeedSimulator()
    life = await Life(feed, tmp_path, machine).start()
    for _ in range(3):
        machine.pass_by(30)
        reads = feed.reads
        await _until(lambda reads=reads: feed.reads >= reads + 2)  # type: ignore[misc]  # mypy cannot tell
    await life.end()
    machine.pass_by(1)
    assert (await reborn(feed, tmp_path, machine)).age_s < 3


async def test_a_view_that_is_too_old_is_not_fresh_and_is_still_a_beginning(tmp_path: Path, machine: Machine) -> None:
    feed = FeedSimulator()
    feed.revoke(FeedKind.SESSION, "s1")
    await live_once(feed, tmp_path, machine)
    machine.pass_by(61)
    again = await reborn(feed, tmp_path, machine)
    with pytest.raises(Unavailable):
        again.view.require_fresh(time.monotonic())
    assert again.has("s1")
    assert again.view.read_after == 1


def _reboot(machine: Machine) -> None:
    machine.boot_id, machine.booted = "boot-2", 10.0
    machine.wall += 20


def _set_back(machine: Machine) -> None:
    _reboot(machine)
    machine.wall -= 100_000


def _resume_snapshot(machine: Machine) -> None:
    machine.wall += 100_000


def _set_back_in_one_boot(machine: Machine) -> None:
    machine.booted += 20
    machine.wall -= 100_000


def _boot_clock_runs_back(machine: Machine) -> None:
    machine.booted -= 20


def _forget_boots(machine: Machine) -> None:
    machine.boot_id = None
    machine.wall += 20


@pytest.mark.parametrize(
    ("happens", "is_fresh"),
    [
        (_reboot, True),
        (_set_back_in_one_boot, True),
        (_forget_boots, True),
        (_set_back, False),
        (_resume_snapshot, False),
        (_boot_clock_runs_back, False),
    ],
)
async def test_the_age_is_told_by_the_clock_that_can_tell(
    tmp_path: Path,
    machine: Machine,
    happens: Callable[[Machine], None],
    is_fresh: bool,  # noqa: FBT001
) -> None:
    feed = FeedSimulator()
    await live_once(feed, tmp_path, machine)
    happens(machine)
    again = await reborn(feed, tmp_path, machine)
    assert (again.age_s <= 60) == is_fresh
    if is_fresh:
        assert again.age_s >= 20


def test_this_machine_tells_its_boots_apart() -> None:
    clocks = Clocks.of_this_machine()
    assert 0 <= clocks.age_s(clocks.moment()) < 5
    assert 10 <= clocks.age_s(clocks.moment(10)) < 15


async def test_another_database_takes_the_place_of_the_first_whole_or_not_at_all(
    tmp_path: Path, machine: Machine
) -> None:
    feed = FeedSimulator()
    feed.revoke(FeedKind.SESSION, "old")
    await live_once(feed, tmp_path, machine)
    rows = dict(feed.rows)
    feed.restore("second")
    feed.revoke(FeedKind.SESSION, "new")
    feed.page_rows_max = 1
    for number in range(5):
        feed.revoke(FeedKind.SESSION, f"n{number}")
    life = await Life(feed, tmp_path, machine).start(reading=False)
    # One page of the new one, and then the end.
    await life.saved.read_feed(1)
    await life.saved.read_feed(0)
    await life.end()
    again = await reborn(feed, tmp_path, machine)
    assert again.has("old")
    assert not again.has("new")
    assert rows
    await live_once(feed, tmp_path, machine)
    again = await reborn(feed, tmp_path, machine)
    assert again.has("new", "n0", "n4")
    assert not again.has("old")


def _slot(folder: Path) -> Path:
    return folder / "00"


def _journal(folder: Path) -> Path:
    (path,) = _slot(folder).glob("journal-*")
    return path


def _flip(path: Path, offset: int) -> None:
    octets = bytearray(path.read_bytes())
    octets[offset] ^= 1
    path.write_bytes(bytes(octets))


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _swap_row(folder: Path) -> None:
    path = _journal(folder)
    path.write_bytes(path.read_bytes().replace(b'"s1"', b'"s2"'))


def _link(path: Path) -> None:
    target = path.with_name("elsewhere")
    path.rename(target)
    path.symlink_to(target)


@pytest.mark.parametrize(
    "happens",
    [
        pytest.param(lambda folder: _flip(_journal(folder), 30), id="a bit of the journal"),
        pytest.param(lambda folder: _cut(_journal(folder)), id="the end of the journal"),
        pytest.param(_swap_row, id="an id in the journal"),
        pytest.param(lambda folder: _journal(folder).unlink(), id="the journal"),
        pytest.param(lambda folder: _journal(folder).chmod(0o640), id="others may read the journal"),
        pytest.param(lambda folder: _link(_journal(folder)), id="the journal is a link"),
        pytest.param(lambda folder: _flip(_slot(folder) / "mark", 30), id="a bit of the mark"),
        pytest.param(lambda folder: _cut(_slot(folder) / "mark"), id="the end of the mark"),
        pytest.param(lambda folder: (_slot(folder) / "mark").unlink(), id="the mark"),
        pytest.param(lambda folder: (_slot(folder) / "mark").write_bytes(b""), id="all of the mark"),
        pytest.param(lambda folder: (_slot(folder) / "mark").chmod(0o606), id="others may write the mark"),
        pytest.param(lambda folder: _link(_slot(folder) / "mark"), id="the mark is a link"),
    ],
)
async def test_what_is_torn_or_altered_is_no_view(
    tmp_path: Path, machine: Machine, happens: Callable[[Path], None]
) -> None:
    feed = FeedSimulator()
    feed.revoke(FeedKind.SESSION, "s1")
    await live_once(feed, tmp_path, machine)
    happens(tmp_path)
    again = await reborn(feed, tmp_path, machine)
    assert again.view.as_of == 0
    with pytest.raises(Unavailable):
        again.view.require_fresh(time.monotonic())
    await live_once(feed, tmp_path, machine)
    assert (await reborn(feed, tmp_path, machine)).has("s1")


async def test_what_a_crash_left_behind_the_marked_octets_does_not_count(tmp_path: Path, machine: Machine) -> None:
    feed = FeedSimulator()
    feed.revoke(FeedKind.SESSION, "s1")
    await live_once(feed, tmp_path, machine)
    with _journal(tmp_path).open("ab") as file:
        file.write(b"\x00\x00\x01\x00half a pa")
    (_slot(tmp_path) / "journal-77").write_bytes(b"never marked")
    feed.revoke(FeedKind.SESSION, "s2")
    await live_once(feed, tmp_path, machine)
    assert (await reborn(feed, tmp_path, machine)).has("s1", "s2")
    assert len(tuple(_slot(tmp_path).glob("journal-*"))) == 1


async def test_the_view_of_another_issuer_is_none(tmp_path: Path, machine: Machine) -> None:
    feed = FeedSimulator()
    await live_once(feed, tmp_path, machine)
    assert (await reborn(feed, tmp_path, machine, source="https://other.example/revocations")).view.as_of == 0


async def test_files_are_for_this_user_alone(tmp_path: Path, machine: Machine) -> None:
    await live_once(FeedSimulator(), tmp_path / "views", machine)
    for path in (tmp_path / "views").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "link").symlink_to(tmp_path / "views")
    for name in ("open", "link"):
        with pytest.raises(Misconfigured, match="alone"):
            Slot(tmp_path / name)
    (tmp_path / "file").touch()
    with pytest.raises(Misconfigured, match="cannot be used"):
        await Life(FeedSimulator(), tmp_path / "file", machine).start()


def test_processes_share_a_folder_and_not_a_view(tmp_path: Path) -> None:
    held = [Slot(tmp_path) for _ in range(SLOTS_MAX)]
    assert len({slot.folder for slot in held}) == SLOTS_MAX
    with pytest.raises(Misconfigured, match="64 processes"):
        Slot(tmp_path)
    held[5].close()
    again = Slot(tmp_path)
    assert again.folder == held[5].folder
    for slot in (*held[:5], *held[6:], again):
        slot.close()


async def test_a_journal_that_has_doubled_is_written_anew_without_what_has_left(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("doorward.adapters.files.saved_view.COMPACTED_OCTETS_MIN", 1_000)
    feed = FeedSimulator()

    def revoke(count: int) -> None:
        for _ in range(count):
            leave_at = feed.as_of + 10 if feed.position % 100 else None
            feed.revoke(FeedKind.TOKEN, f"{feed.position:022}", leave_at=leave_at)

    def has(life: Life, number: int) -> bool:
        return life.view.is_revoked((Handle(FeedKind.TOKEN, f"{number:022}"),))

    revoke(2_000)
    life = await Life(feed, tmp_path, machine).start()
    await _until(lambda: bool(tuple(_slot(tmp_path).glob("mark"))))
    first = _journal(tmp_path).stat().st_size
    feed.as_of += CACHE_LIFE_S + 100
    revoke(2_200)
    await _until(lambda: life.view.watermark == 4_200)
    await life.end()
    assert _journal(tmp_path).stat().st_size < 1.3 * first
    again = await reborn(feed, tmp_path, machine)
    assert again.view.watermark == 4_200
    assert has(again, 1_900)
    assert has(again, 4_199)
    assert not has(again, 1_901)


async def test_a_disk_that_fails_ends_the_saving_and_not_the_verifying(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = FeedSimulator()
    feed.revoke(FeedKind.SESSION, "s1")
    life = await Life(feed, tmp_path, machine).start()

    def full(_self: SavedView, _page: bytes) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(SavedView, "append", full)
    feed.revoke(FeedKind.SESSION, "s2")
    await _until(lambda: not life.saved.is_saving and life.has("s2"))
    life.view.require_fresh(time.monotonic())
    await life.end()


def test_a_small_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "mark"
    assert read_sealed_text(path) is None
    for text in ("one", "two\nlines", ""):
        write_sealed_text(path, text)
        assert read_sealed_text(path) == text
    assert [each.name for each in tmp_path.iterdir()] == ["mark"]


_SAVING = """
import asyncio, sys, time
from pathlib import Path
from tests.simulators.feed import FeedSimulator
from doorward.adapters.files.saved_feed import SavedFeed
from doorward.revocation.follower import Follower
from doorward.revocation.view import View
from doorward.values import FeedKind

def marks():
    return [path.stat().st_mtime_ns for path in Path(sys.argv[1]).glob("*/mark")]

async def run():
    feed, view = FeedSimulator(), View(60.0)
    first = int(sys.argv[2])
    feed.position = first
    saved = SavedFeed(feed, Path(sys.argv[1]), "source")
    await saved.open(view)
    if view.watermark:
        feed.position = view.watermark
    told, before = False, marks()
    for number in range(5_000):
        feed.revoke(FeedKind.SESSION, f"s{feed.position + 1}")
        page = await saved.read_feed(view.read_after)
        view.apply(page, time.monotonic())
        if number > 20 and not told and marks() != before:
            told = True
            print("saving", flush=True)
        await asyncio.sleep(0)

asyncio.run(run())
"""


@pytest.mark.slow
def test_a_process_that_is_killed_leaves_a_whole_view(tmp_path: Path) -> None:
    reached = 0
    for round_ in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", _SAVING, str(tmp_path), "0"],
            env=child_environment({"PYTHONPATH": f"src{os.pathsep}."}),
            cwd=Path(__file__).parents[3],
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"saving\n"
        time.sleep(0.011 * round_)  # at another point of its work each time
        process.send_signal(signal.SIGKILL)
        process.communicate()

        async def look() -> View:
            view = View(60.0)
            saved = SavedFeed(FeedSimulator(), tmp_path, "source")
            await saved.open(view)
            await saved.aclose()
            return view

        view = asyncio.run(look())
        assert view.watermark > reached, "it began anew, or saved nothing"
        reached = view.watermark
        assert all(view.is_revoked((Handle(FeedKind.SESSION, f"s{number}"),)) for number in range(1, reached + 1))
        assert not view.is_revoked((Handle(FeedKind.SESSION, f"s{reached + 1}"),))
        view.require_fresh(time.monotonic())
