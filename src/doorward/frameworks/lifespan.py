"""Start and close what doors stand on, with the application's own start and shutdown.

Rules of this file:

* Stores open after the application has started (it may create what they need) and before a request is served; what
  stops them stops the start, with one line that says what to change.
* They close after the application has shut down, whatever else went wrong: what was counted and logged is flushed.
* An application that knows no lifespan gets one: else nothing would be flushed on SIGTERM.
"""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, final

from doorward.door import Door
from doorward.errors import DoorwardError, Unavailable
from doorward.frameworks.peer import refuse_rewritten_peer

__all__ = ["run_lifespan"]

# ASGI's own types, as in `asgi.py`.
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@final
class _Lifespan:
    def __init__(self, doors: Iterable[Door], receive: Receive, send: Send) -> None:
        self._doors = doors
        self._receive = receive
        self._send = send
        self.has_received = False
        self.has_sent = False
        self.failure: DoorwardError | None = None

    async def receive(self) -> Message:
        self.has_received = True
        return await self._receive()

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "lifespan.startup.complete":
            await self.start()
        elif kind == "lifespan.startup.failed" and self.failure is not None:
            message = {"type": kind, "message": _told(self.failure)}
        elif kind in {"lifespan.shutdown.complete", "lifespan.shutdown.failed"}:
            await self.close()
        self.has_sent = True
        await self._send(message)

    async def start(self) -> None:
        try:
            refuse_rewritten_peer()
            for door in self._doors:
                await door.start()
        except DoorwardError as failure:
            self.failure = failure
            raise

    async def close(self) -> None:
        for door in self._doors:
            await door.aclose()

    async def run_alone(self) -> None:
        if not self.has_received:
            await self._receive()
        try:
            await self.start()
        except DoorwardError as failure:
            await self._send({"type": "lifespan.startup.failed", "message": _told(failure)})
            raise
        await self._send({"type": "lifespan.startup.complete"})
        await self._receive()
        await self.close()
        await self._send({"type": "lifespan.shutdown.complete"})


def _told(failure: DoorwardError) -> str:
    """For the log of the server: the code of an outage alone would not say whose."""
    why = failure.detail if isinstance(failure, Unavailable) else ""
    return f"{failure}: {why}" if why else str(failure)


async def run_lifespan(
    app: Callable[[Scope, Receive, Send], Awaitable[None]],
    doors: Iterable[Door],
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    """Run the application's lifespan with the doors'. `doors` is iterated anew each time it is needed.

    Raises:
        Misconfigured: after the server was told that the start failed, and why.
    """
    lifespan = _Lifespan(doors, receive, send)
    try:
        await app(scope, lifespan.receive, lifespan.send)
    except Exception:
        if lifespan.failure is None and not lifespan.has_sent:
            # ASGI: an application that raises here knows no lifespan. That is no reason not to flush.
            await lifespan.run_alone()
            return
        await lifespan.close()
        if lifespan.failure is not None and not lifespan.has_sent:
            await lifespan.send({"type": "lifespan.startup.failed", "message": ""})
        raise
