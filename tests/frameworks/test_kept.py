"""What bodies of proven senders may hold: each sender a part of the memory and of the disk, until its request ends."""

from contextlib import closing
from typing import Any

import pytest

from doorward.errors import Unavailable
from doorward.frameworks.body import Body
from doorward.frameworks.kept import BODIES_PARTS, BODY_PIECE_BYTES, Bodies

# More than stays in memory: each goes to disk when it comes.
PIECE = BODY_PIECE_BYTES + 1


class Memory:
    """Of one process: what is small stays in memory, what is large goes to disk."""

    def __init__(self, part: int, disk_part: int) -> None:
        self.unproven = Bodies(BODIES_PARTS * part)
        self.proven = Bodies(BODIES_PARTS * part)
        self.disk = Bodies(BODIES_PARTS * disk_part)
        self._begun: list[Body] = []

    async def take_in(self, sender: str, size: int) -> Body:
        body = self.body_of(size)
        try:
            await body.pass_through(lambda _: None, size, sender)
        except Unavailable:
            body.close()
            raise
        return body

    def close(self) -> None:
        """End all requests, however the test has ended."""
        for body in self._begun:
            body.close()

    def body_of(self, size: int) -> Body:
        left = [size]

        async def receive() -> dict[str, Any]:
            piece = min(left[0], PIECE)
            left[0] -= piece
            return {"type": "http.request", "body": bytes(piece), "more_body": left[0] > 0}

        body = Body(receive, bodies=self.unproven, proven=self.proven, on_disk=self.disk)
        self._begun.append(body)
        return body


async def test_one_sender_holds_a_part_of_the_memory_and_the_others_find_theirs() -> None:
    with closing(Memory(part=100, disk_part=0)) as memory:
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
        # One body of a sender may be larger than its part.
        whole = await memory.take_in("app me", 400)
        with pytest.raises(Unavailable, match="overloaded"):
            await memory.take_in("app me", 101)
        whole.close()
        (await memory.take_in("app me", 101)).close()
        assert memory.proven.held == 0


async def test_one_sender_holds_a_part_of_the_disk_and_the_others_find_theirs() -> None:
    size = 2 * PIECE
    with closing(Memory(part=8 * size, disk_part=2 * size)) as memory:
        mine = [await memory.take_in("app me", size), await memory.take_in("app me", size)]
        with pytest.raises(Unavailable, match="overloaded"):
            await memory.take_in("app me", size)
        theirs = await memory.take_in("app you", 2 * size)
        for body in (*mine, theirs):
            body.close()
        whole = await memory.take_in("app me", 6 * size)
        with pytest.raises(Unavailable, match="overloaded"):
            await memory.take_in("app me", 3 * size)
        # Somebody's padded copy of one request keeps no other upload out that is no larger than a part.
        mine = [await memory.take_in("app me", size), await memory.take_in("app me", size)]
        with pytest.raises(Unavailable, match="overloaded"):
            await memory.take_in("app me", size)
        for body in (whole, *mine):
            body.close()
        (await memory.take_in("app me", 3 * size)).close()
        assert (memory.proven.held, memory.disk.held) == (0, 0)


async def test_large_bodies_leave_room_for_those_who_stay_within_their_part() -> None:
    size = 2 * PIECE
    with closing(Memory(part=8 * size, disk_part=size)) as memory:
        # Half of all of it, twice: the second does not get as much, and everybody finds what is his all the same.
        whole = await memory.take_in("app me", 4 * size)
        with pytest.raises(Unavailable, match="overloaded"):
            await memory.take_in("app you", 4 * size)
        large = await memory.take_in("app you", 2 * size)
        for body in (whole, large, await memory.take_in("app a", size), await memory.take_in("app b", size)):
            body.close()
        assert memory.disk.held == 0


async def test_bodies_of_proven_senders_take_nothing_from_those_that_prove_theirs() -> None:
    with closing(Memory(part=100, disk_part=0)) as memory:
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
