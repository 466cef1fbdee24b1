"""Opaque tokens put into a store past their port, for tests of what takes them back."""

import time
from typing import Any

from doorward.adapters.sql import schema
from doorward.adapters.sql.open import SqlPorts
from doorward.adapters.sql.script import Script, Step
from doorward.adapters.sql.statements import Statement
from doorward.app.store import Store

__all__ = ["insert_opaque"]


async def insert_opaque(store: Store, token_id: str, **said: Any) -> None:  # Any: whatever the columns hold
    now = int(time.time())
    row: dict[str, Any] = {
        "id": token_id,
        "secret_digest": bytes(32),
        "issuer": "https://id.example",
        "subject": "alice",
        "client_id": "shop",
        "audience": "https://api.example",
        "scopes": "",
        "claims": "{}",
        "grant_id": None,
        "session_id": None,
        "organization_id": None,
        "issued_at": now,
        "expires_at": now + 600,
        "watermark": "g.0",
        "state": "active",
        "version": 1,
    }
    statement = Statement(schema.opaque_tokens.insert())

    def script() -> Script[None]:
        yield Step(statement, row | said)

    ports = store._ports  # the table's own port belongs to another room
    assert isinstance(ports, SqlPorts)
    await ports._engine.write(script)  # as above
