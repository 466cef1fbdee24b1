"""What bodies of proven senders may hold: each sender a part of the memory and of the disk, until its request ends."""

from typing import Any

import pytest

from doorward.errors import Unavailable
from doorward.frameworks.body import Body
from doorward.frameworks.kept import BODIES_PARTS, BODY_PIECE_BYTES, Bodies


class Memory:
    """Of one process: what is small stays in memory, what is large goes to disk."""

    def __init__(self, part: int, disk_part: int) -> None:
        self.unproven = Bodies(BODIES_PARTS * part)
        self.proven = Bodies(BODIES_PARTS * part)
        self.disk = Bodies(BODIES_PARTS * disk_part)

    async def take_in(self, sender: str, size: int) -> Body:
        body = self.body_of(size)
        try:
            await body.pass_through(lambda _: None, size, sender)
        except Unavailable:
            body.close()
            raise
        return body

    def body_of(self, size: int) -> Body:
        left = [size]

        async def receive() -> dict[str, Any]:
            piece = min(left[0], 65_536)
            left[0] -= piece
            return {"type": "http.request", "body": bytes(piece), "more_body": left[0] > 0}

        return Body(receive, bodies=self.unproven, proven=self.proven, on_disk=self.disk)


async def test_one_sender_holds_a_part_of_the_memory_and_the_others_find_theirs() -> None:
    memory = Memory(part=100, disk_part=0)
    mine = [await memory.take_in("app me", 50), await memory.take_in("app me", 50)]
    with pytest.raises(Unavailable, match="overloaded"):
        await memory.take_in("app me", 1)
    theirs = await memory.take_in("app you", 100)
    # Admitted, and its answer not read: it goes on to be held.
    for body in mine:
        body.leave_part()
    with pytest.raises(Unavailable, match="overloaded"):
        await memory.take_in("app me", 1)
    mine[0].close()
    again = await memory.take_in("app me", 50)
    for body in (*mine, theirs, again):
        body.close()
    # One body of a sender may be as large as its method allows.
    whole = await memory.take_in("app me", 400)
    with pytest.raises(Unavailable, match="overloaded"):
        await memory.take_in("app me", 1)
    whole.close()
    assert memory.proven.held == 0


async def test_one_sender_holds_a_part_of_the_disk_and_the_others_find_theirs() -> None:
    size = 2 * BODY_PIECE_BYTES
    memory = Memory(part=size, disk_part=2 * size)
    mine = [await memory.take_in("app me", size), await memory.take_in("app me", size)]
    with pytest.raises(Unavailable, match="overloaded"):
        await memory.take_in("app me", size)
    theirs = await memory.take_in("app you", 2 * size)
    for body in (*mine, theirs):
        body.close()
    whole = await memory.take_in("app me", 6 * size)
    with pytest.raises(Unavailable, match="overloaded"):
        await memory.take_in("app me", size)
    # What is small stays in memory, whatever its sender has on disk.
    small = await memory.take_in("app me", 100)
    for body in (whole, small):
        body.close()
    assert (memory.proven.held, memory.disk.held) == (0, 0)


async def test_large_bodies_leave_room_for_those_who_stay_within_their_part() -> None:
    size = 2 * BODY_PIECE_BYTES
    memory = Memory(part=size, disk_part=size)
    # Half of all of it, twice: the second does not get as much, and everybody finds what is his all the same.
    whole = await memory.take_in("app me", 4 * size)
    with pytest.raises(Unavailable, match="overloaded"):
        await memory.take_in("app you", 4 * size)
    large = await memory.take_in("app you", 2 * size)
    for body in (whole, large, await memory.take_in("app a", size), await memory.take_in("app b", size)):
        body.close()
    assert memory.disk.held == 0


async def test_bodies_of_proven_senders_take_nothing_from_those_that_prove_theirs() -> None:
    memory = Memory(part=100, disk_part=0)
    held = [await memory.take_in(f"app {number}", 100) for number in range(BODIES_PARTS)]
    with pytest.raises(Unavailable, match="overloaded"):
        await memory.take_in("app you", 1)
    webhook = memory.body_of(800)
    assert len(await webhook.read(800)) == 800
    for body in (*held, webhook):
        body.close()
    # And the other way round.
    webhook = memory.body_of(800)
    await webhook.read(800)
    (await memory.take_in("app you", 100)).close()
    webhook.close()
    assert (memory.unproven.held, memory.proven.held) == (0, 0)
