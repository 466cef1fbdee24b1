"""`/healthz`: the process answers. `/readyz`: it may be sent requests.

Both are open, so they say one word and give no reason away; the reason is in the log.
"""

from collections.abc import Awaitable, Callable
from typing import Final, final

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from doorward.errors import DoorwardError, Rejected
from doorward.server.answers import open_answer, send_answer
from doorward.wire.render import Answer, render_refusal

__all__ = ["HEALTH_PATHS", "Health"]

_log: Final = structlog.stdlib.get_logger("doorward.server")

_ALIVE: Final = open_answer(200, b'{"status":"alive"}')
_READY: Final = open_answer(200, b'{"status":"ready"}')
_UNREADY: Final = open_answer(503, b'{"status":"unready"}')

HEALTH_PATHS: Final = frozenset({"/healthz", "/readyz"})


@final
class Health:
    """Answers the two paths and hands everything else on.

    Args:
        app: everything else.
        require_ready: raises a `DoorwardError` when the store cannot be reached, the view is stale or the schema is
            not ours.
    """

    def __init__(self, app: ASGIApp, require_ready: Callable[[], Awaitable[None]]) -> None:
        self._app: Final = app
        self._require_ready: Final = require_ready

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers or hands on."""
        if scope["type"] != "http" or scope["path"] not in HEALTH_PATHS:
            await self._app(scope, receive, send)
        elif scope["method"] not in {"GET", "HEAD"}:
            await send_answer(send, render_refusal(Rejected("method_not_allowed")))
        else:
            answer = _ALIVE if scope["path"] == "/healthz" else await self._readiness()
            await send_answer(send, answer, head=scope["method"] == "HEAD")

    async def _readiness(self) -> Answer:
        try:
            await self._require_ready()
        except DoorwardError as error:
            _log.warning("unready", why=str(error))
            return _UNREADY
        return _READY
