"""The outermost layer: nothing leaves without being counted, and no exception leaves at all.

A refusal that was raised where nobody renders it is rendered here; anything else is our own bug, logged with its
trace and answered with a constant 500.
"""

import time
from typing import Final, final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from doorward.errors import Rejected, Unavailable
from doorward.server.answers import FAULT, send_answer
from doorward.server.logs import cut_path
from doorward.server.metrics import Metrics
from doorward.wire.render import Answer, render_refusal

__all__ = ["Edge"]

_log: Final = structlog.stdlib.get_logger("doorward.server")

_ALWAYS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
# Answers are about credentials; some hold a new secret (RFC 9111 section 5.2.2.5).
_NOT_KEPT: Final = (b"cache-control", b"no-store")


@final
class Edge:
    """Counts, logs and ends every request."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app: Final = app
        self._metrics: Final = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ends one request."""
        if scope["type"] != "http":
            return
        began = time.perf_counter()
        status: int | None = None

        async def watched_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message.get("headers", ()), *_ALWAYS]
                if not any(name == b"cache-control" for name, _ in headers):
                    headers.append(_NOT_KEPT)
                message["headers"] = headers
            await send(message)

        try:
            await self._app(scope, receive, watched_send)
        except Exception as error:  # noqa: BLE001  # the one place where our bugs end: logged, never shown
            answer = _answer_for(error, scope)
            if status is None:
                await send_answer(watched_send, answer)
        finally:
            seconds = time.perf_counter() - began
            # None: the caller went away before there was an answer (499, as nginx counts it).
            self._metrics.count_request(scope["method"], status or 499, seconds)
            _log.info(
                "request",
                method=scope["method"],
                path=cut_path(scope["path"]),
                status=status,
                duration_ms=round(seconds * 1000, 1),
                client=scope["client"][0] if scope.get("client") else None,
            )


def _answer_for(error: Exception, scope: Scope) -> Answer:
    if isinstance(error, Rejected | Unavailable):
        return render_refusal(error)
    _log.error("fault", method=scope["method"], path=cut_path(scope["path"]), exc_info=error)
    return FAULT
