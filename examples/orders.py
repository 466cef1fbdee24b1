"""A small shop's orders API, guarded by Doorward. Start it beside `doorward serve --dev`:

    DOORWARD_DATABASE_URL=sqlite:///.doorward/doorward.db DOORWARD_ISSUER=http://127.0.0.1:8700 \
      uvicorn orders:app --app-dir examples --no-proxy-headers --port 8702

Every route names its door; whatever names none is refused, `/docs` and `/openapi.json` included.
"""

import os
from typing import Annotated

from fastapi import Depends, FastAPI
from pydantic import BaseModel, Field

from doorward import ApiKeys, Basic, Bearer, Opaque, Principal, Scopes, SignedRequests, open_store
from doorward.frameworks.fastapi import Door, guard, open_route
from doorward.methods.signature.stored import StoredKeys

AUDIENCE = "https://orders.example"
"""What this API is called in the tokens that are for it."""

store = open_store(
    os.environ.get("DOORWARD_DATABASE_URL", "sqlite:///doorward.db"),
    issuer=os.environ.get("DOORWARD_ISSUER", "http://127.0.0.1:8700"),
)
keys = ApiKeys(store)
tokens = Bearer(store, audience=AUDIENCE)
opaque_tokens = Opaque(store, audience=AUDIENCE)
signed = SignedRequests(store, keys=StoredKeys(store, public_keys_only=True))  # so it needs no master key
# Plain HTTP only for this example on this machine: leave the argument out and Basic asks for TLS.
passwords = Basic(
    store,
    sunset=1_830_297_600,  # 2028-01-01: callers read it in the `Sunset` header
    migration_link="https://shop.example/docs/api-keys",
    danger_plain_http_on_loopback=True,
)

may_read = Door(keys, tokens, opaque_tokens, signed, require=Scopes("orders:read"))
may_write = Door(keys, tokens, opaque_tokens, signed, require=Scopes("orders:write"))
may_read_the_old_way = Door(keys, passwords, require=Scopes("orders:read"))

app = guard(FastAPI(title="Orders"))


class Order(BaseModel):
    """What somebody wants."""

    item: str = Field(min_length=1, max_length=100)
    quantity: int = Field(ge=1, le=1_000)


ORDERS = [Order(item="coffee", quantity=2)]


@app.get("/orders")
async def list_orders(principal: Annotated[Principal, Depends(may_read)]) -> dict[str, object]:
    """All orders; `principal` is who asks, proven."""
    return {"for": principal.name, "orders": ORDERS}


@app.post("/orders", status_code=201)
async def place_order(order: Order, principal: Annotated[Principal, Depends(may_write)]) -> dict[str, object]:
    """A new order. Its body is read only after the door has admitted the caller."""
    ORDERS[1:] = [*ORDERS[1:], order][-99:]
    return {"by": principal.name, "order": order}


@app.get("/legacy/orders")
async def list_orders_for_old_tills(
    principal: Annotated[Principal, Depends(may_read_the_old_way)],
) -> dict[str, object]:
    """The same for tills that know nothing but Basic; each answer tells them until when."""
    return {"for": principal.name, "orders": ORDERS}


@app.get("/health")
@open_route
async def health() -> dict[str, str]:
    """Whether the shop is open. It needs no door, and says so."""
    return {"status": "open"}
