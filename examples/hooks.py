"""What a payment service tells the shop: webhooks, proven byte for byte, each handled once.

    HOOKS_SECRET=whsec_… DOORWARD_DATABASE_URL=sqlite:///.doorward/doorward.db \
      uvicorn hooks:app --app-dir examples --no-proxy-headers --port 8704

A payment may come before its order. Then the handler fails, and nothing is lost: the delivery is given back, and the
service's next attempt is handled.
"""

import os
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel

from doorward import ApiKeys, Principal, Scopes, Webhooks, open_store
from doorward.frameworks.fastapi import Door, guard, open_route

store = open_store(os.environ.get("DOORWARD_DATABASE_URL", "sqlite:///doorward.db"))

from_payments = Door(Webhooks(store, scheme="standard", sender="payments", secrets=os.environ["HOOKS_SECRET"]))
may_read = Door(ApiKeys(store), require=Scopes("orders:read"))
may_write = Door(ApiKeys(store), require=Scopes("orders:write"))

app = guard(FastAPI(title="Hooks"))


class Payment(BaseModel):
    """What the service sends."""

    order: str
    amount: int


PAYMENTS: dict[str, list[int]] = {}
"""What was paid for each order that was placed."""


@app.post("/payments")
async def take_payment(payment: Payment, principal: Annotated[Principal, Depends(from_payments)]) -> dict[str, object]:
    """Runs once for each delivery, and never before its signature has been found right."""
    if payment.order not in PAYMENTS:
        raise HTTPException(503, "no such order yet")
    PAYMENTS[payment.order].append(payment.amount)
    return {"from": principal.id, "delivery": principal.metadata["delivery_id"]}


@app.put("/orders/{order}", status_code=204, dependencies=[Depends(may_write)])
async def place_order(order: str) -> None:
    """An order, which may be paid from now on."""
    PAYMENTS.setdefault(order, [])


@app.get("/orders/{order}", dependencies=[Depends(may_read)])
async def show_order(order: str) -> dict[str, object]:
    """What was paid for it."""
    return {"order": order, "payments": PAYMENTS.get(order, [])}


@app.get("/health")
@open_route
async def health() -> dict[str, str]:
    """Whether the receiver is up. It needs no door, and says so."""
    return {"status": "up"}
