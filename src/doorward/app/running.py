"""What runs in the background of one event loop: started once, whoever asks first, and closed once.

Rules of this file:

* One loop until it is closed: background tasks of another loop would never run.
* Starts at the same time are one start. One that fails leaves nothing behind and is not tried more often than twice a
  second: while the other side is away, every request asks for a start.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final, final

from doorward.errors import Misconfigured, Unavailable

__all__ = ["Running", "survives"]

RESTART_GAP_S: Final = 0.5

_LOG: Final = logging.getLogger("doorward.plane")


@final
class Running:
    """Whether something runs, and where.

    Args:
        what: its name in sentences: `The store`.
    """

    def __init__(self, what: str) -> None:
        self._what: Final = what
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running = False
        self._starting = asyncio.Lock()
        self._failed: tuple[float, Unavailable] | None = None

    @property
    def anywhere(self) -> bool:
        """Whether it runs, in whatever loop."""
        return self._running

    @property
    def here(self) -> bool:
        """Whether it runs in this loop."""
        return self._running and self._loop is asyncio.get_running_loop()

    async def start(self, start_all: Callable[[], Awaitable[None]]) -> None:
        """Start it unless it runs. Idempotent; concurrent calls wait for one.

        Raises:
            Misconfigured: it runs in another event loop; or whatever `start_all` raises.
            Unavailable: whatever `start_all` raises, and for a moment afterwards without asking it again.
        """
        self._require_own_loop()
        async with self._starting:
            if self._running:
                return
            if self._failed is not None and time.monotonic() - self._failed[0] < RESTART_GAP_S:
                raise Unavailable(self._failed[1].code, f"{self._what.lower()} could not be opened a moment ago")
            self._loop = asyncio.get_running_loop()
            try:
                await start_all()
            except Unavailable as error:
                self._failed = (time.monotonic(), error)
                raise
            self._running = True

    async def aclose(self, stop_all: Callable[[bool], Awaitable[None]]) -> None:
        """Stop it; `stop_all` is told whether it ran. Idempotent; afterwards another loop may start it.

        Raises:
            Misconfigured: it runs in another event loop.
        """
        self._require_own_loop()
        async with self._starting:
            running, self._running = self._running, False
            await stop_all(running)
        self._loop, self._failed, self._starting = None, None, asyncio.Lock()

    def _require_own_loop(self) -> None:
        if self._loop not in {None, asyncio.get_running_loop()}:
            raise Misconfigured(
                f"{self._what} is used from a second event loop.",
                cure="Open one per event loop, or close it before another loop uses it.",
            )


async def survives(what: str, step: Callable[[], Awaitable[None]]) -> None:
    """Run one step of closing. What fails is logged: the steps after it flush what must not be lost."""
    try:
        await step()
    except Exception:  # noqa: BLE001  # see above
        _LOG.exception("%s failed", what)
