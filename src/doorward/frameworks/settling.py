"""Runs the application and settles afterwards what was claimed for it (phase 13).

Rules of this file:

* An answer of 2xx completes what was claimed; every other answer, an exception and no answer at all release it, so
  that what the sender tries again is handled.
* A cancellation releases nothing: it ends the waiting, not the thread a synchronous handler runs in, and what the
  sender tries again would run beside it. The lease ends by itself.
* The end of a 2xx answer is held back until the completion is written: whoever has seen the whole answer and sends the
  delivery again is told that it was handled. To that end a message is sent when the next one is there.
* What runs after the answer (background tasks) changes nothing any more: the sender has been told.
* Where nothing was claimed this file is not asked: nothing is put between the application and the server.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Final, final

from doorward.door import Settlement

__all__ = ["release_all", "run_settled"]

# ASGI's own types.
Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

_PARTS: Final = frozenset({"http.response.body", "http.response.zerocopysend"})


async def release_all(settlements: Sequence[Settlement]) -> None:
    """Release what has not been completed."""
    for settlement in settlements:
        await settlement.release()


async def run_settled(settlements: Sequence[Settlement], run: Callable[[Send], Awaitable[None]], send: Send) -> None:
    """Run the application, and settle.

    Args:
        settlements: what was claimed for the request.
        run: the application; is given what it sends to.
        send: to the client.
    """
    settling = _Settling(settlements, send)
    try:
        await run(settling.send)
        await settling.let_go()
    except asyncio.CancelledError:
        for settlement in settlements:
            settlement.lapse()
        raise
    finally:
        # Whatever was not completed by the end of an answer is not done.
        await release_all(settlements)


@final
class _Settling:
    def __init__(self, settlements: Sequence[Settlement], send: Send) -> None:
        self._settlements: Final = settlements
        self._send: Final = send
        self._succeeds = False
        self._held: Message | None = None

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            self._succeeds = 200 <= message["status"] < 300
        if not _is_last(message):
            await self.let_go()
            self._held = message
            return
        if self._succeeds:
            for settlement in self._settlements:
                await settlement.complete()
        else:
            await release_all(self._settlements)
        await self.let_go()
        await self._send(message)

    async def let_go(self) -> None:
        """Send what is held back."""
        held, self._held = self._held, None
        if held is not None:
            await self._send(held)


def _is_last(message: Message) -> bool:
    kind = message["type"]
    return kind == "http.response.pathsend" or (kind in _PARTS and not message.get("more_body", False))
