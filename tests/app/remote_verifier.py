"""A service without a database: `python -m tests.app.remote_verifier key=value …` prints its port when it listens.

It is asked what it holds to be revoked, by the very view its doors would ask.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import uvicorn
from starlette.types import Receive, Scope, Send

from doorward.app.bearer import Bearer
from doorward.app.remote import RemoteRevocations
from doorward.door import Door
from doorward.errors import Unavailable
from doorward.frameworks.asgi import DoorMiddleware
from doorward.values import FeedKind, Handle


async def _look(remote: RemoteRevocations, query: dict[str, list[str]]) -> tuple[int, Any]:  # Any: JSON
    try:
        if not remote.started:
            await remote.start()
        remote.view.require_fresh(time.monotonic())
    except Unavailable as error:
        return 503, {"code": error.code, "detail": error.detail}
    ids = query.get("session", [])
    return 200, {
        "revoked": [id_ for id_ in ids if remote.view.is_revoked((Handle(FeedKind.SESSION, id_),))],
        "watermark": remote.watermark,
        "age_s": remote.age_s,
        "failures": remote.failures,
    }


async def _orders(scope: Scope, receive: Receive, send: Send) -> None:
    del receive
    octets = json.dumps({"subject": scope["doorward.principal"].id}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": octets})


def _door(remote: RemoteRevocations, said: dict[str, str]) -> DoorMiddleware:
    """What a team writes in front of its service."""
    bearer = Bearer(
        issuer=said["issuer"],
        audience=said["audience"],
        jwks_url=f"{said['url']}/.well-known/jwks.json",
        revocation=remote,
        danger_plain_http=True,
    )
    return DoorMiddleware(_orders, Door(bearer))


async def _serve(said: dict[str, str]) -> None:
    remote = RemoteRevocations(
        said["url"],
        issuer=said["issuer"],
        key=lambda: Path(said["key_file"]).read_text().strip(),
        saved_in=Path(said["saved_in"]) if "saved_in" in said else None,
        max_staleness_s=float(said.get("max_staleness_s", "30")),
        danger_accept_stale="accept_stale" in said,
        danger_plain_http=True,
    )

    door = _door(remote, said)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/orders":
            await door(scope, receive, send)
            return
        status, body = await _look(remote, parse_qs(scope["query_string"].decode()))
        octets = json.dumps(body).encode()
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": octets})

    config = uvicorn.Config(
        app, port=0, ws="none", lifespan="off", log_config=None, access_log=False, proxy_headers=False
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
        await asyncio.sleep(0.01)
    print(server.servers[0].sockets[0].getsockname()[1], flush=True)  # noqa: T201
    await serving
    await door.door.aclose()


if __name__ == "__main__":
    asyncio.run(_serve(dict(argument.split("=", 1) for argument in sys.argv[1:])))
