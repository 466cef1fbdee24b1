"""Any ASGI application behind a door, in one line: whoever has a live key with the scope `hello` may pass.

DOORWARD_DATABASE_URL=sqlite:///.doorward/doorward.db \
  uvicorn asgi_app:app --app-dir examples --no-proxy-headers --port 8702
"""

import os

from doorward import ApiKeys, Door, Scopes, open_store
from doorward.frameworks.asgi import DoorMiddleware, Receive, Scope, Send


async def hello(scope: Scope, _receive: Receive, send: Send) -> None:
    """Called for admitted requests only."""
    body = f"Hello, {scope['doorward.principal'].name}.\n".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": body})


store = open_store(os.environ.get("DOORWARD_DATABASE_URL", "sqlite:///doorward.db"))
app = DoorMiddleware(hello, Door(ApiKeys(store), require=Scopes("hello")))
