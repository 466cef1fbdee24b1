"""Whether the server has already replaced the peer's address by what a header says.

uvicorn does so by default for peers on 127.0.0.1: whoever can reach it through any proxy on the same host then chooses
his own address, and with it whose failure budget he uses up and which network lists he passes, and whether the
connection counts as TLS (invariant 10). Nothing in the scope betrays it reliably (the header may name a port too), so
the middleware itself is looked for, once, among the callers. Starlette's `BaseHTTPMiddleware` runs what is inside it
in a task of its own, where its callers cannot be seen; so whatever other task is handling the same request is looked
through as well.
"""

import asyncio
import sys
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any, Final
from weakref import WeakSet

from doorward.door import Door
from doorward.errors import Misconfigured

__all__ = ["check_peer_once", "refuse_rewritten_peer"]

_REWRITERS: Final = frozenset({"uvicorn.middleware.proxy_headers", "hypercorn.middleware.proxy_fix"})


def refuse_rewritten_peer(scope: Mapping[str, Any] | None = None) -> None:
    """Look through the callers; called once per application, at the start or on the first request.

    Args:
        scope: the ASGI scope of the request, when there is one.

    Raises:
        Misconfigured: forwarding headers are applied outside Doorward.
    """
    callers = list(_callers())
    if scope is not None:
        callers += _handlers_of(scope["headers"])
    for frame in callers:
        if frame.f_globals.get("__name__") in _REWRITERS:
            raise Misconfigured(
                "The server takes the client's address and scheme from forwarding headers, from whoever sends them.",
                cure="Start uvicorn with --no-proxy-headers (proxy_headers=False) and list your proxies: "
                'guard(app, hops=TrustedHops(("10.0.0.7",))).',
            )


def _callers() -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  # the only way to see who calls an ASGI application
    while frame is not None:
        yield frame
        frame = frame.f_back


def _handlers_of(headers: object) -> Iterator[FrameType]:
    """The frames of waiting tasks that handle the request with this very list of headers."""
    for task in asyncio.all_tasks():
        coroutine: Any = task.get_coro()  # whatever is awaited: coroutines, their wrappers, futures
        while coroutine is not None:
            frame = getattr(coroutine, "cr_frame", None)
            if frame is not None and _holds(frame, headers):
                yield frame
            coroutine = getattr(coroutine, "cr_await", None)


def _holds(frame: FrameType, headers: object) -> bool:
    # Another application in this process may well be served with such a middleware.
    scope = frame.f_locals.get("scope")
    return isinstance(scope, Mapping) and scope.get("headers") is headers


_checked: "WeakSet[Door]" = WeakSet()


def check_peer_once(door: Door, scope: Mapping[str, Any]) -> None:
    """As `refuse_rewritten_peer`, for a door in an application that is not guarded: on its first request.

    Raises:
        Misconfigured: as above.
    """
    if door not in _checked:
        refuse_rewritten_peer(scope)
        _checked.add(door)
