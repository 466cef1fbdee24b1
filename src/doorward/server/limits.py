"""How much of one request is taken, how long it may take to arrive, and how many are served at once.

The body is counted as it is read, not buffered here: a handler that never asks for it costs nothing.
"""

import asyncio
from collections.abc import Callable
from typing import Final, final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from doorward.errors import Rejected, Unavailable
from doorward.server.answers import send_answer
from doorward.wire.render import render_refusal

__all__ = ["BodyLimit", "LoadLimit"]

_LENGTH_DIGITS_MAX: Final = 18


@final
class BodyLimit:
    """Refuses a body over `body_bytes_max` as `body_too_large`, one slower than `body_timeout_s` as malformed.

    Args:
        app: what reads the body.
        body_bytes_max: of every path.
        body_timeout_s: of the whole body.
        room_for: how large a body the route of a path takes, where that is more; 0 where it is not. Only for routes
            that let nobody in unproven before they read.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        body_bytes_max: int,
        body_timeout_s: float,
        room_for: Callable[[str], int] = lambda _path: 0,
    ) -> None:
        self._app: Final = app
        self._body_bytes_max: Final = body_bytes_max
        self._body_timeout_s: Final = body_timeout_s
        self._room_for: Final = room_for

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuses or hands on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        bytes_max = max(self._body_bytes_max, self._room_for(scope["path"]))
        lengths = [value for name, value in scope["headers"] if name == b"content-length"]
        if any(_is_over(value, bytes_max) for value in lengths):
            await send_answer(send, render_refusal(Rejected("body_too_large")))
            return
        reading = _Reading(receive, send, bytes_max, self._body_timeout_s)
        await reading.run(self._app, scope)


def _is_over(presented_length: bytes, bytes_max: int) -> bool:
    return len(presented_length) > _LENGTH_DIGITS_MAX or (
        presented_length.isdigit() and int(presented_length) > bytes_max
    )


@final
class _Reading:
    def __init__(self, receive: Receive, send: Send, bytes_max: int, timeout_s: float) -> None:
        self._receive: Final = receive
        self._send: Final = send
        self._bytes_left = bytes_max
        self._timeout_s: Final = timeout_s
        self._deadline: float | None = None
        self._whole = False
        self._refused: Rejected | None = None
        self._answering = False

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        try:
            await app(scope, self._counted_receive, self._guarded_send)
        except Exception:
            # The handler was told the caller went away, and says so in its own way.
            if self._refused is None:
                raise
        if self._refused is not None and not self._answering:
            await send_answer(self._send, render_refusal(self._refused))

    async def _counted_receive(self) -> Message:
        if self._refused is not None:
            return {"type": "http.disconnect"}
        if self._whole:
            return await self._receive()
        loop = asyncio.get_running_loop()
        self._deadline = self._deadline or loop.time() + self._timeout_s
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            return self._refuse(Rejected("request_malformed", "the body did not arrive in time"))
        self._bytes_left -= len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        return self._refuse(Rejected("body_too_large")) if self._bytes_left < 0 else message

    def _refuse(self, error: Rejected) -> Message:
        self._refused = error
        return {"type": "http.disconnect"}

    async def _guarded_send(self, message: Message) -> None:
        if self._refused is None or self._answering:
            self._answering = True
            await self._send(message)


@final
class LoadLimit:
    """Answers `overloaded` at once when `requests_max` are being served: waiting in line only grows the line."""

    def __init__(self, app: ASGIApp, *, requests_max: int) -> None:
        self._app: Final = app
        self._requests_max: Final = requests_max
        self._serving = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuses or hands on."""
        if self._serving >= self._requests_max and scope["type"] == "http":
            await send_answer(send, render_refusal(Unavailable("overloaded", retry_after_s=1)))
            return
        self._serving += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._serving -= 1
