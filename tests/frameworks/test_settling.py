"""What was claimed is completed by a 2xx answer before its end is seen, and released by everything else."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from doorward.door import Settlement
from doorward.frameworks.settling import Message, Send, run_settled


class Noted(Settlement):
    """Says when it was settled."""

    def __init__(self, story: list[str]) -> None:
        self.story = story
        self.settled = False

    async def complete(self) -> None:
        self._note("completed")

    async def release(self) -> None:
        self._note("released")

    def lapse(self) -> None:
        self._note("left to lapse")

    def _note(self, how: str) -> None:
        if not self.settled:
            self.settled = True
            self.story.append(how)


def start(status: int) -> Message:
    return {"type": "http.response.start", "status": status, "headers": []}


def part(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


async def told(*messages: Message, end: Callable[[], Any] | None = None) -> list[str]:
    """What a client sees, and when what was claimed is settled."""
    story: list[str] = []

    async def send(message: Message) -> None:
        story.append(message.get("body", b"start").decode() if "status" not in message else str(message["status"]))

    async def app(send: Send) -> None:
        for message in messages:
            await send(message)
        if end is not None:
            end()

    with suppress(ZeroDivisionError):
        await run_settled([Noted(story)], app, send)
    return story


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_success_is_written_before_its_end_is_seen(status: int) -> None:
    story = await told(start(status), part(b"fine"))
    assert story.index("completed") < story.index("fine")


@pytest.mark.parametrize("status", [100, 199, 300, 302, 400, 409, 429, 500, 503])
async def test_everything_else_is_released(status: int) -> None:
    story = await told(start(status), part(b"no"))
    assert "completed" not in story
    assert story.index("released") < story.index("no")


async def test_the_last_bytes_wait_even_when_the_end_comes_alone() -> None:
    """Who counts by Content-Length has the whole answer before the empty end of it."""
    story = await told(start(200), part(b"all of it", more=True), part(b""))
    assert story.index("completed") < story.index("all of it")


async def test_an_exception_releases_and_is_raised() -> None:
    assert (await told(end=lambda: 1 / 0))[-1] == "released"
    assert (await told(start(200), end=lambda: 1 / 0))[-1] == "released"
    assert (await told(start(200), part(b"half", more=True), end=lambda: 1 / 0))[-1] == "released"
    with pytest.raises(ZeroDivisionError):
        await run_settled([], lambda _: asyncio.sleep(1 / 0), lambda _: asyncio.sleep(0))


async def test_no_answer_and_half_an_answer_are_released() -> None:
    assert await told() == ["released"]
    assert await told(start(200), part(b"half", more=True)) == ["200", "half", "released"]


async def test_what_fails_after_the_answer_changes_nothing() -> None:
    assert await told(start(200), part(b"fine"), end=lambda: 1 / 0) == ["completed", "200", "fine"]


async def test_a_file_sent_by_the_server_is_an_end() -> None:
    story = await told(start(200), {"type": "http.response.pathsend", "path": "/x"})
    assert "completed" in story


async def test_a_cancelled_handler_keeps_its_lease_for_a_part_of_it_may_go_on() -> None:
    story: list[str] = []

    async def app(_send: Send) -> None:
        await asyncio.Event().wait()

    async def send(_message: Message) -> None:
        raise AssertionError("nothing is sent")

    running = asyncio.create_task(run_settled([Noted(story)], app, send))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert story == ["left to lapse"]


async def test_a_handler_cut_off_after_its_answer_has_done_its_work() -> None:
    story: list[str] = []

    async def app(send: Send) -> None:
        await send(start(200))
        await send(part(b"fine"))
        await asyncio.Event().wait()

    async def send(message: Message) -> None:
        story.append(message["type"])
        if len(story) == 3:
            answered.set()

    answered = asyncio.Event()
    running = asyncio.create_task(run_settled([Noted(story)], app, send))
    await answered.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert story == ["completed", "http.response.start", "http.response.body"]
