"""A body that is part of a proof: bounded, whole, and handed on byte for byte."""

import asyncio
from typing import Any

import pytest
from tests.simulators.virtual_time import run_virtual

from doorward.errors import Rejected, Unavailable
from doorward.frameworks.body import Bodies, Body, Receive

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


def test_a_body_that_trickles_in_is_refused() -> None:
    async def trickle() -> dict[str, Any]:
        await asyncio.sleep(1)
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def story() -> None:
        before = asyncio.get_running_loop().time()
        with pytest.raises(Rejected, match="body_slow"):
            await Body(trickle).read(1_000)
        assert asyncio.get_running_loop().time() - before == pytest.approx(30)

    run_virtual(story())
