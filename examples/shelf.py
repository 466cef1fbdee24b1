"""What is on the shelf: a second service of the shop, on another machine, and without a database.

    DOORWARD_ISSUER=http://127.0.0.1:8700 SHELF_KEY_FILE=shelf.key \
      uvicorn shelf:app --app-dir examples --no-proxy-headers --port 8703

It verifies tokens by the issuer's public keys, and follows its feed of revocations with a key of its own (scope
`doorward:revocations:read`, metadata `audience=https://shelf.example`): no request of a caller waits for the issuer.
"""

import os
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI

from doorward import Bearer, Principal, RemoteRevocations, Scopes
from doorward.frameworks.fastapi import Door, guard, open_route

ISSUER = os.environ.get("DOORWARD_ISSUER", "http://127.0.0.1:8700")
KEY_FILE = Path(os.environ.get("SHELF_KEY_FILE", "shelf.key"))

# Plain HTTP only for this example on this machine: leave `danger_plain_http` out and TLS is asked for.
revocations = RemoteRevocations(
    ISSUER,
    key=lambda: KEY_FILE.read_text().strip(),
    saved_in=Path("shelf-view"),  # a restart while the issuer is away goes on from here
    danger_plain_http=True,
)
tokens = Bearer(issuer=ISSUER, audience="https://shelf.example", revocation=revocations, danger_plain_http=True)

may_read = Door(tokens, require=Scopes("stock:read"))

app = guard(FastAPI(title="Shelf"))


@app.get("/stock")
async def show_stock(principal: Annotated[Principal, Depends(may_read)]) -> dict[str, object]:
    """What is there; `principal` is who asks, proven, and not taken back."""
    return {"for": principal.id, "stock": {"coffee": 12, "tea": 30}}


@app.get("/health")
@open_route
async def health() -> dict[str, str]:
    """Whether the service is up. It needs no door, and says so."""
    return {"status": "open"}
