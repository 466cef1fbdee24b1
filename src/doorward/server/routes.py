"""Who answers which path that programs ask: exact, byte for byte; everything else goes on to the next app.

No patterns and no normalisation: a spelling that is not in the table is not the route.
"""

from collections.abc import Mapping
from typing import Final, final

from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["Routes"]


@final
class Routes:
    """Hands a request to the app of its raw path.

    Args:
        table: raw path to app.
        otherwise: who gets the rest.
    """

    def __init__(self, table: Mapping[str, ASGIApp], otherwise: ASGIApp) -> None:
        self._table: Final = {path.encode("ascii"): app for path, app in table.items()}
        self._otherwise: Final = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hands on."""
        raw_path = scope.get("raw_path", b"").partition(b"?")[0]
        await self._table.get(raw_path, self._otherwise)(scope, receive, send)
