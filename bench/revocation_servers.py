"""An issuer that tells its feed, and a verifier elsewhere without a database: the ends of `revoke_stream.py`."""

import secrets
import time
from typing import Final

from bench.stock import KEYS

from doorward.app.remote import RemoteRevocations
from doorward.app.store import open_store
from doorward.door import Door
from doorward.frameworks.asgi import ASGIApp, Receive, Scope, Send
from doorward.methods.apikey import ApiKeys
from doorward.revocation.hub import FeedHub
from doorward.server.audiences import REVOCATIONS_READ
from doorward.server.revocation_streams import RevocationStreams
from doorward.server.revocations import RevocationPages, RevocationSource
from doorward.values import Change, FeedKind, Handle, Revocation
from doorward.wire.hops import TrustedHops

__all__ = ["issuer", "verifier"]

_LIFETIME_S: Final = 3_600


async def _answer(send: Send, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


def issuer(url: str) -> ASGIApp:
    """`POST /<session>` revokes it; `/revocations` and its stream are those of `doorward serve`."""
    store = open_store(url, master_keys=KEYS, entropy=secrets.token_bytes)
    hub = FeedHub()
    store.plane.watch_feed(hub.take)
    source = RevocationSource(Door(ApiKeys(store), require=REVOCATIONS_READ), hub, store.feed, hops=TrustedHops())
    pages, streams = RevocationPages(source), RevocationStreams(source)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await store.plane.start()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await store.aclose()
            await send({"type": "lifespan.shutdown.complete"})
        elif scope["path"] == "/revocations":
            await pages(scope, receive, send)
        elif scope["path"] == "/revocations/stream":
            await streams(scope, receive, send)
        else:
            leave_at = int(time.time()) + _LIFETIME_S
            row = Revocation(handle=Handle(FeedKind.SESSION, scope["path"][1:]), leave_at=leave_at)
            await store.changes.commit(Change(revocations=(row,)))
            await _answer(send, 204)

    return app


def verifier(url: str) -> ASGIApp:
    """`GET /<session>` is refused once its revocation has arrived. `url`: the issuer's, a space, the key."""
    issuer_url, _, key = url.partition(" ")
    remote = RemoteRevocations(issuer_url, key=key, danger_plain_http=True)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await remote.start()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await remote.aclose()
            await send({"type": "lifespan.shutdown.complete"})
            return
        remote.view.require_fresh(time.monotonic())
        revoked = remote.view.is_revoked((Handle(FeedKind.SESSION, scope["path"][1:]),))
        await _answer(send, 401 if revoked else 200)

    return app
