"""The servers `make bench` puts load on: `python -m bench.serve <kind> <port> [<store url>]`, one uvicorn process each.

Guarded and unguarded kinds differ by the door and nothing else.
"""

import sys
from collections.abc import Callable
from typing import Annotated, Any, Final

import uvicorn
from bench.revocation_servers import issuer, verifier
from bench.signed_upload import signed_app
from bench.stock import KEYS, SCOPE
from fastapi import Depends, FastAPI

from doorward.app.store import Store, open_store
from doorward.door import Door as PlainDoor
from doorward.frameworks.asgi import ASGIApp, DoorMiddleware, Receive, Scope, Send
from doorward.frameworks.fastapi import Door, guard
from doorward.methods.apikey import ApiKeys
from doorward.methods.apikey.operations import revoke_key
from doorward.values import Actor, CredentialId, Principal, Scopes

__all__ = ["KINDS"]

KINDS: Final = (
    "raw",
    "raw-guarded",
    "raw-guarded-pull",
    "fastapi",
    "fastapi-guarded",
    "revoker",
    "issuer",
    "remote-verifier",
    "signed",
)
_HELLO: Final = b'{"orders":[]}'
_HEADERS: Final = [(b"content-type", b"application/json"), (b"content-length", str(len(_HELLO)).encode())]


async def raw_app(scope: Scope, receive: Receive, send: Send) -> None:
    """The smallest thing that answers."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": _HELLO})


def _store(url: str, *, push: bool = True) -> Store:
    return open_store(url, master_keys=KEYS, push=push)


def _revoker(url: str) -> ASGIApp:
    """Revokes the key whose id is the path: the other node."""
    store = _store(url)
    actor = Actor(kind="system", id="benchmark")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await store.start()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await store.aclose()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await revoke_key(store, CredentialId(scope["path"][1:]), reason="benchmark", actor=actor)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return app


def _fastapi(door: Door | None) -> ASGIApp:
    app = FastAPI() if door is None else guard(FastAPI())
    if door is None:

        @app.get("/orders")
        async def orders() -> dict[str, list[str]]:
            return {"orders": []}

    else:

        @app.get("/orders")
        async def guarded_orders(principal: Annotated[Principal, Depends(door)]) -> dict[str, list[str]]:
            assert principal.id
            return {"orders": []}

    return app


_OF_URL: Final[dict[str, Callable[[str], ASGIApp]]] = {
    "revoker": _revoker,
    "issuer": issuer,
    "remote-verifier": verifier,
    "signed": signed_app,
}


def _app(kind: str, url: str) -> Any:  # Any: uvicorn and FastAPI spell ASGI types differently
    if kind == "raw":
        return raw_app
    if kind == "fastapi":
        return _fastapi(None)
    if kind in _OF_URL:
        return _OF_URL[kind](url)
    methods = ApiKeys(_store(url, push=not kind.endswith("-pull")))
    if kind == "fastapi-guarded":
        return _fastapi(Door(methods, require=Scopes(SCOPE)))
    return DoorMiddleware(raw_app, PlainDoor(methods, require=Scopes(SCOPE)))


def main(kind: str, port: str, url: str = "") -> None:
    """Serve until SIGTERM."""
    uvicorn.run(
        _app(kind, url),
        host="127.0.0.1",
        port=int(port),
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        loop="uvloop",
        http="httptools",
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
