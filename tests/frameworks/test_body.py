"""A body that is part of a proof: bounded, whole, and handed on byte for byte."""

import asyncio
import time
import tracemalloc
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from tests.simulators.virtual_time import run_virtual

from doorward.door.budget import Source
from doorward.errors import Rejected, Unavailable
from doorward.frameworks.body import Bodies, Body, Receive
from doorward.frameworks.kept import BODIES_PARTS, BODY_PIECE_BYTES, Spool

CHUNKS = [b"ab", b"", b"cd\x00", b"\xff"]


def sender_of(*chunks: bytes, hangs_up: bool = False) -> tuple[Receive, list[int]]:
    """What a server hands over, and a count of what was asked for."""
    asked: list[int] = []
    messages: list[dict[str, Any]] = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    if hangs_up or not messages:
        messages.append({"type": "http.disconnect" if hangs_up else "http.request"})
    else:
        messages[-1]["more_body"] = False
    messages.append({"type": "http.disconnect"})

    async def receive() -> dict[str, Any]:
        asked.append(1)
        return messages.pop(0)

    return receive, asked


async def test_it_is_read_whole_and_handed_on() -> None:
    receive, _ = sender_of(*CHUNKS)
    body = Body(receive)
    assert await body.read(6) == b"".join(CHUNKS)
    assert await body.read(6) == b"".join(CHUNKS)
    handed_on = await body.receive()
    assert handed_on == {"type": "http.request", "body": b"".join(CHUNKS), "more_body": False}
    assert await body.receive() == {"type": "http.disconnect"}


async def test_no_body_and_an_empty_one_are_the_same() -> None:
    for chunks in ((), (b"",)):
        receive, _ = sender_of(*chunks)
        assert await Body(receive).read(1) == b""


async def test_one_byte_too_many_is_refused() -> None:
    bodies = Bodies()
    for limit, fits in ((6, True), (5, False)):
        body = Body(sender_of(*CHUNKS)[0], bodies=bodies)
        if fits:
            await body.read(limit)
        else:
            with pytest.raises(Rejected, match="body_too_large"):
                await body.read(limit)
        body.close()
    assert bodies.held == 0


async def test_a_second_reader_is_held_to_its_own_limit() -> None:
    body = Body(sender_of(*CHUNKS)[0])
    await body.read(6)
    with pytest.raises(Rejected, match="body_too_large"):
        await body.read(5)


async def test_what_is_announced_too_large_is_not_asked_for() -> None:
    receive, asked = sender_of(b"abc")
    with pytest.raises(Rejected, match="body_too_large"):
        await Body(receive, [(b"content-length", b"3")]).read(2)
    assert not asked
    # A number that is none decides nothing: the bytes are counted.
    for odd in (b"-1", b"", b"1e3", b"9" * 5_000):
        assert await Body(sender_of(b"abc")[0], [(b"content-length", odd)]).read(3) == b"abc"


async def test_all_bodies_together_are_bounded_until_they_are_closed() -> None:
    bodies = Bodies(bytes_max=10)
    first = Body(sender_of(b"x" * 6)[0], bodies=bodies)
    await first.read(6)
    second = Body(sender_of(b"x" * 4, b"y")[0], bodies=bodies)
    with pytest.raises(Unavailable, match="overloaded"):
        await second.read(6)
    second.close()
    second.close()
    assert bodies.held == 6
    first.close()
    assert bodies.held == 0
    third = Body(sender_of(b"x" * 10)[0], bodies=bodies)
    await third.read(10)


async def test_a_client_that_hangs_up_in_the_middle_is_refused() -> None:
    with pytest.raises(Rejected, match="request_malformed"):
        await Body(sender_of(b"ab", hangs_up=True)[0]).read(10)


async def held_by(source: Source | None, size: int, bodies: Bodies) -> Body:
    body = Body(sender_of(b"x" * size)[0], bodies=bodies)
    body.source = source
    await body.read(size)
    return body


async def test_one_source_holds_a_part_of_the_memory_and_the_others_find_theirs() -> None:
    bodies = Bodies(bytes_max=BODIES_PARTS * 10)
    mine = [await held_by(1, 5, bodies), await held_by(1, 5, bodies)]
    with pytest.raises(Unavailable, match="overloaded"):
        await held_by(1, 1, bodies)
    # The next /64 is another source, and so is an address of the same number.
    theirs = [await held_by(source, 10, bodies) for source in (2, (1,), "local")]
    mine[0].close()
    mine[0].close()
    again = await held_by(1, 5, bodies)
    for body in (*mine, *theirs, again):
        body.close()
    assert bodies.held == 0
    # One body of a source may be as large as its method allows.
    whole = await held_by(1, 4 * BODIES_PARTS, bodies)
    with pytest.raises(Unavailable, match="overloaded"):
        await held_by(1, 11, bodies)
    whole.close()
    # Of whom nobody says where he comes from there is no part.
    await held_by(None, 20, bodies)
    await held_by(None, 20, bodies)


async def test_a_body_that_breaks_off_gives_its_part_back() -> None:
    bodies = Bodies(bytes_max=BODIES_PARTS * 10)
    for chunks, refusal in (((b"x" * 6, b"y" * 6), Rejected), ((b"x" * 6, b"y" * 20), Rejected)):
        body = Body(sender_of(*chunks, hangs_up=True)[0], bodies=bodies)
        body.source = 1
        with pytest.raises(refusal):
            await body.read(20)
        body.close()
    await held_by(1, 10, bodies)


async def test_a_body_of_many_small_pieces_weighs_what_it_holds() -> None:
    size = 16_384
    left = [size // 2]
    message = {"type": "http.request", "body": b"xy", "more_body": True}

    async def receive() -> dict[str, Any]:
        left[0] -= 1
        # Each its own, as a server makes them.
        return message if left[0] else {"type": "http.request", "body": bytes([1, 2]), "more_body": False}

    def fresh(message: dict[str, Any]) -> dict[str, Any]:
        return {**message, "body": bytes(bytearray(message["body"]))}

    async def receive_fresh() -> dict[str, Any]:
        return fresh(await receive())

    body = Body(receive_fresh, bodies=Bodies())
    tracemalloc.start()
    try:
        read = await body.read(size)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert read == b"xy" * (size // 2 - 1) + bytes([1, 2])
    # What is read, what it is put together in, and a word for each: not seventy bytes for every two.
    assert peak < 4 * size


async def test_pieces_of_all_sizes_come_out_in_order() -> None:
    sizes = [1, 4_095, 1, 4_096, 2, 3, 70_000, 5, 4_095, 4_096, 7]
    chunks = [bytes([number]) * size for number, size in enumerate(sizes)]
    body = Body(sender_of(*chunks)[0])
    assert await body.read(sum(sizes)) == b"".join(chunks)
    assert isinstance((await body.receive())["body"], bytes)


def test_a_body_of_a_stranger_that_stops_or_trickles_is_refused_soon() -> None:
    async def sending(*pieces: tuple[float, int]) -> tuple[str, float]:
        left = list(pieces)

        async def receive() -> dict[str, Any]:
            pause_s, size = left.pop(0) if left else (1, 1)
            await asyncio.sleep(pause_s)
            return {"type": "http.request", "body": bytes(size), "more_body": size != 0}

        before = asyncio.get_running_loop().time()
        code = ""
        try:
            await Body(receive).read(10**9)
        except Rejected as refused:
            code = refused.code
        return code, asyncio.get_running_loop().time() - before

    second = (1.0, 40_000)
    for pieces, code, ends_s in (
        # Nothing, a byte a second, and all but the last byte at once: none of them is held for long.
        (((1_000.0, 1),), "body_slow", 5),
        ((), "body_slow", 5),
        (((0.0, 1_048_575), (1_000.0, 1)), "body_slow", 5),
        (((0.0, 1_048_575),), "body_slow", 5),
        # As slow as may be, with pauses, and to the end of the half minute.
        ((*([second] * 25), (4.9, 1), (0.0, 0)), "", 29.9),
        ((*([second] * 40), (0.0, 0)), "body_slow", 30),
        (((4.0, 200_000), (4.0, 300_000), (4.0, 300_000), (0.0, 0)), "", 12),
    ):
        found, took_s = run_virtual(sending(*pieces))
        assert found == code, pieces
        assert took_s == pytest.approx(ends_s, abs=0.3), pieces


LARGE = bytes(range(256)) * (3 * BODY_PIECE_BYTES // 256) + b"end"


def pieces_of(octets: bytes, size: int = 65_536) -> list[bytes]:
    return [octets[begin : begin + size] for begin in range(0, len(octets), size)]


async def replayed(body: Body) -> list[bytes]:
    """What the application receives, message by message."""
    found = []
    while True:
        message = await body.receive()
        found.append(message["body"])
        if not message["more_body"]:
            return found


async def test_what_passes_through_is_shown_in_order_and_handed_on() -> None:
    for octets in (b"", b"x", LARGE[:BODY_PIECE_BYTES], LARGE[: BODY_PIECE_BYTES + 1], LARGE):
        memory, disk, seen = Bodies(), Bodies(), list[bytes]()
        receive, _ = sender_of(*pieces_of(octets))
        body = Body(receive, proven=memory, on_disk=disk)
        await body.pass_through(seen.append, len(LARGE), "me")
        assert b"".join(seen) == octets
        assert memory.held <= BODY_PIECE_BYTES
        assert memory.held + disk.held == len(octets)
        handed_on = await replayed(body)
        assert b"".join(handed_on) == octets
        assert max(map(len, handed_on)) <= BODY_PIECE_BYTES
        assert await body.receive() == {"type": "http.disconnect"}
        body.close()
        body.close()
        assert (memory.held, disk.held) == (0, 0)


async def test_a_short_body_is_handed_on_in_one_message() -> None:
    body = Body(sender_of(*CHUNKS)[0])
    await body.pass_through(lambda _: None, 6, "me")
    assert await body.receive() == {"type": "http.request", "body": b"".join(CHUNKS), "more_body": False}


async def test_two_doors_may_both_ask_for_a_body() -> None:
    memory, disk = Bodies(), Bodies()
    for first_reads in (True, False):
        body = Body(sender_of(*pieces_of(LARGE))[0], bodies=memory, proven=memory, on_disk=disk)
        seen, again = list[bytes](), list[bytes]()
        if first_reads:
            assert await body.read(len(LARGE)) == LARGE
        await body.pass_through(seen.append, len(LARGE), "me")
        await body.pass_through(again.append, len(LARGE), "me")
        assert b"".join(seen) == b"".join(again) == LARGE
        assert await body.read(len(LARGE)) == LARGE
        with pytest.raises(Rejected, match="body_too_large"):
            await body.pass_through(seen.append, len(LARGE) - 1, "me")
        assert b"".join(await replayed(body)) == LARGE
        body.close()
    assert (memory.held, disk.held) == (0, 0)


async def test_what_passes_through_is_bounded_as_it_comes_and_as_it_is_announced() -> None:
    disk, seen = Bodies(), list[bytes]()
    with (
        closing(Body(sender_of(*pieces_of(LARGE))[0], on_disk=disk)) as body,
        pytest.raises(Rejected, match="body_too_large"),
    ):
        await body.pass_through(seen.append, len(LARGE) - 1, "me")
    assert disk.held == 0
    assert sum(map(len, seen)) < len(LARGE)
    receive, asked = sender_of(b"abc")
    with pytest.raises(Rejected, match="body_too_large"):
        await Body(receive, [(b"content-length", b"3")]).pass_through(seen.append, 2, "me")
    assert not asked


async def test_all_bodies_on_disk_together_are_bounded() -> None:
    disk = Bodies(bytes_max=2 * len(LARGE))
    with (
        closing(Body(sender_of(*pieces_of(LARGE))[0], on_disk=disk)) as first,
        closing(Body(sender_of(*pieces_of(LARGE))[0], on_disk=disk)) as second,
    ):
        await first.pass_through(lambda _: None, len(LARGE), "me")
        with pytest.raises(Unavailable, match="overloaded"):
            await second.pass_through(lambda _: None, len(LARGE), "you")
    assert disk.held == 0


async def test_a_disk_that_is_away_is_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    disk = Bodies()
    body = Body(sender_of(*pieces_of(LARGE))[0], on_disk=disk)
    with pytest.raises(Unavailable, match="overloaded"):
        await body.pass_through(lambda _: None, len(LARGE), "me")
    body.close()
    assert disk.held == 0


async def test_what_the_check_refuses_ends_it() -> None:
    receive, asked = sender_of(*pieces_of(LARGE))

    def refuse(_: bytes) -> None:
        raise Rejected("signature_digest")

    with pytest.raises(Rejected, match="signature_digest"):
        await Body(receive).pass_through(refuse, len(LARGE), "me")
    assert len(asked) == 1


async def test_a_body_on_disk_has_no_name_and_is_this_users_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    body = Body(sender_of(*pieces_of(LARGE))[0], on_disk=Bodies())
    await body.pass_through(lambda _: None, len(LARGE), "me")
    (opened,) = opened_below(tmp_path)
    assert opened.stat().st_mode & 0o777 == 0o600
    assert not names_in(tmp_path)
    body.close()
    await none_opened_below(tmp_path)


def names_in(folder: Path) -> list[Path]:
    """What others would find there."""
    return list(folder.iterdir())


def opened_below(folder: Path) -> list[Path]:
    """What this process has open of a folder, files without a name among it."""
    found = []
    for number in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            if str(number.readlink()).startswith(str(folder)):
                found.append(number)
    return found


async def none_opened_below(folder: Path) -> None:
    """Files are closed by a thread, soon."""
    deadline = asyncio.get_running_loop().time() + 10
    while opened_below(folder):
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0)


async def test_an_upload_that_is_cut_off_while_it_is_written_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    memory, disk = Bodies(), Bodies()
    for turns in range(12):
        body = Body(sender_of(*pieces_of(LARGE))[0], proven=memory, on_disk=disk)
        passing = asyncio.create_task(body.pass_through(lambda _: None, len(LARGE), "me"))
        for _ in range(turns):
            await asyncio.sleep(0)
        passing.cancel()
        await asyncio.gather(passing, return_exceptions=True)
        body.close()
        assert (memory.held, disk.held) == (0, 0)
    await none_opened_below(tmp_path)


def test_nothing_is_written_after_it_was_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    spool = Spool()
    spool.write([b"early"])
    assert spool.read(0, 5) == b"early"
    spool.give_up()
    # A thread that comes late: its request was cancelled meanwhile.
    spool.write([b"late"])
    deadline = time.monotonic() + 10
    while opened_below(tmp_path):
        assert time.monotonic() < deadline
        time.sleep(0.001)
    spool.write([b"later"])
    assert not opened_below(tmp_path)


async def test_trailers_are_no_headers() -> None:
    headers = [(b"transfer-encoding", b"chunked"), (b"x-amount", b"1")]
    kept = list(headers)

    async def receive() -> dict[str, Any]:
        # As uvicorn over httptools does, when the last chunk has come.
        headers.append((b"x-amount", b"1000000"))
        return {"type": "http.request", "body": b"x", "more_body": False}

    await Body(receive, headers).pass_through(lambda _: None, 1, "me")
    assert headers == kept
    await Body(receive, headers).read(1)
    assert headers == kept


def test_a_large_body_may_take_longer_and_a_trickle_may_not() -> None:
    async def sending(piece: bytes, every_s: float, times: int) -> tuple[str, float]:
        left = [times]

        async def receive() -> dict[str, Any]:
            await asyncio.sleep(every_s)
            left[0] -= 1
            return {"type": "http.request", "body": piece, "more_body": left[0] > 0}

        before = asyncio.get_running_loop().time()
        code = ""
        with closing(Body(receive)) as body:
            try:
                await body.pass_through(lambda _: None, 10**9, "me")
            except Rejected as refused:
                code = refused.code
        return code, asyncio.get_running_loop().time() - before

    # 64 KiB a second is what is asked for, half a minute for the start, and never ten seconds of silence.
    for piece, every_s, times, code, ends_s in (
        (bytes(1_000), 1_000, 2, "body_slow", 10),
        (bytes(1_000), 1, 1_000, "body_slow", 30.5),
        (bytes(32_768), 1, 7, "", 7),
        (bytes(32_768), 9, 1_000, "body_slow", 31),
        (bytes(65_536), 9, 3, "", 27),
        (bytes(65_536), 11, 3, "body_slow", 10),
    ):
        found, took_s = run_virtual(sending(piece, every_s, times))
        assert found == code
        assert took_s == pytest.approx(ends_s, abs=2)


def test_all_but_the_last_byte_buys_a_proven_sender_no_silence() -> None:
    async def sending() -> float:
        messages = [{"type": "http.request", "body": bytes(BODY_PIECE_BYTES - 1), "more_body": True}]

        async def receive() -> dict[str, Any]:
            if messages:
                return messages.pop()
            await asyncio.sleep(1_000)
            raise AssertionError("not waited for")

        before = asyncio.get_running_loop().time()
        with closing(Body(receive)) as body, pytest.raises(Rejected, match="body_slow"):
            await body.pass_through(lambda _: None, 10**9, "me")
        return asyncio.get_running_loop().time() - before

    assert run_virtual(sending()) == pytest.approx(10, abs=0.5)
