"""Whether the server has already replaced the peer's address by what a header says.

uvicorn does so by default for peers on 127.0.0.1: whoever can reach it through any proxy on the same host then chooses
his own address, and with it whose failure budget he uses up and which network lists he passes, and whether the
connection counts as TLS (invariant 10). Nothing in the scope betrays it reliably (the header may name a port too), so
the middleware itself is looked for, once, among the callers.
"""

import sys
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

from doorward.door import Door
from doorward.errors import Misconfigured

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["check_peer_once", "refuse_rewritten_peer"]

_REWRITERS: Final = frozenset({"uvicorn.middleware.proxy_headers", "hypercorn.middleware.proxy_fix"})


def refuse_rewritten_peer() -> None:
    """Look through the callers; called once per application, at the start or on the first request.

    Raises:
        Misconfigured: forwarding headers are applied outside Doorward.
    """
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  # the only way to see who calls an ASGI application
    while frame is not None:
        if frame.f_globals.get("__name__") in _REWRITERS:
            raise Misconfigured(
                "The server takes the client's address and scheme from forwarding headers, from whoever sends them.",
                cure="Start uvicorn with --no-proxy-headers (proxy_headers=False) and list your proxies: "
                'guard(app, hops=TrustedHops(("10.0.0.7",))).',
            )
        frame = frame.f_back


_checked: "WeakSet[Door]" = WeakSet()


def check_peer_once(door: Door) -> None:
    """As `refuse_rewritten_peer`, for a door in an application that is not guarded: on its first request.

    Raises:
        Misconfigured: as above.
    """
    if door not in _checked:
        refuse_rewritten_peer()
        _checked.add(door)
