"""`POST …/explain`: why a signature does not fit, tried with the secrets of the store that the asker administers.

Is it a forging oracle? It compares with signatures the asker presents, and answers with names of changes: it never
makes a signature and never writes a secret, so it tells nobody what to send. What it does tell is whether a presented
signature is of a presented text or of one near it, without using the delivery up. So:

* It takes the power to *write*. Whoever may add a secret to a sender can sign deliveries as that sender already, and
  learns nothing here that is worth having. A reader is promised lists without secrets: with this he could try what the
  text of a signature was that he saw somewhere.
* Only secrets within the asker's reach are tried: those of the sender, and, for "another endpoint's secret", those of
  the other senders in reach. A key for signed requests is tried only by who holds all the power it has.
* Nobody comes in without an administrator's key: the door stands before the body is read, in production too.
* It is slow work, so it is done elsewhere (`server/explaining.py`), and each organization, or each key of an operator,
  may ask for so much of it.
"""

import time
from typing import Annotated, Final, final

from fastapi import APIRouter, Depends, Request

from doorward.door.leases import RateSpender
from doorward.errors import Rejected
from doorward.server.explaining import Explainer
from doorward.server.explaining_task import DeliveryTask, RequestTask, Told
from doorward.server.management.asking import Asking
from doorward.server.management.doors import AdministratorScope, Doors
from doorward.server.management.explain_answer import parse_body, parse_received, view_told
from doorward.server.management.explain_models import (
    EXPLAIN_REQUEST_BYTES_MAX,
    DeliveryReceived,
    ExplanationView,
    RequestReceived,
)
from doorward.server.management.explain_secrets import keys_to_try, secrets_to_try
from doorward.server.management.reach import ManagedStore
from doorward.server.management.senders import find_sender_named
from doorward.server.management.signature_keys import parse_signature_key_id
from doorward.values import CredentialId, Principal, RateLimit

__all__ = ["ExplanationBudget", "add_explain_routes", "explained_bytes_max"]

EXPLANATIONS_PER_MINUTE_MAX: Final = 20
"""How many explanations one organization, or one key of an operator, may ask for in a minute, in all processes."""

_LIMIT: Final = RateLimit(requests=EXPLANATIONS_PER_MINUTE_MAX, window_s=60)
_NOTHING_TO_TRY: Final = "The sender has no secret, or none that opens under the master key: add the one it shows you."
_NO_KEY_TO_TRY: Final = "The key has no secret any more, or it does not open under the master key: make another one."


@final
class ExplanationBudget:
    """How much each may ask for, counted by the store for all processes."""

    def __init__(self, store: ManagedStore) -> None:
        self._store: Final = store
        self._spender: RateSpender | None = None

    async def spend(self, principal: Principal) -> None:
        """Take one. Raises `Rejected("rate_limited")`, or `Unavailable`."""
        if self._spender is None:
            # The leases are there when the store is open, which it is behind a door.
            self._spender = RateSpender(self._store.plane.rate_leases, time.monotonic)
        # No credential's id has a space: these are entries of their own.
        owner = CredentialId(f"explain {principal.organization_id or principal.credential_id}")
        if self._spender.spend(owner, _LIMIT) is None:
            await self._spender.refill(owner, _LIMIT)


def add_explain_routes(
    router: APIRouter, doors: Doors, asking: Asking, *, explainer: Explainer, budget: ExplanationBudget
) -> None:
    """Explain deliveries of a sender, and requests signed with a key."""
    writer = doors.of(AdministratorScope.WEBHOOKS_WRITE)

    @router.post("/webhook-senders/{name}/explain")
    async def explain_delivery(
        request: Request,
        principal: Annotated[Principal, Depends(writer)],
        name: str,
        received: DeliveryReceived,
    ) -> ExplanationView:
        """Why a delivery is refused: what change makes its signature fit, and what to do. Nothing is stored.

        Tried with the secrets of this sender and of the others in reach. At most 20 a minute.
        """
        reach = asking.reach(request, principal)
        sender = await find_sender_named(reach, name)
        headers, body = parse_received(received.headers), parse_body(received.body_base64)
        await budget.spend(principal)
        tried = await secrets_to_try(reach, sender)
        if not tried.texts:
            return view_told(Told(says=_NOTHING_TO_TRY), {})
        task = DeliveryTask(
            scheme=sender.scheme,
            signature_header=received.signature_header,
            secrets=tried.texts,
            headers=headers,
            body=body,
            now=int(reach.clock()) if received.received_at is None else received.received_at,
            url=received.url,
            tolerance_s=received.tolerance_s,
        )
        return view_told(await explainer.explain(task), tried.senders)

    signer = doors.of(AdministratorScope.SIGNATURES_WRITE)

    @router.post("/signature-keys/{signature_key_id}/explain")
    async def explain_request(
        request: Request,
        principal: Annotated[Principal, Depends(signer)],
        signature_key_id: str,
        received: RequestReceived,
    ) -> ExplanationView:
        """Why a signed request is refused, with its signature base as received and as it was signed.

        Tried with this key and with others in reach, against the default profile of coverage. At most 20 a minute.
        """
        # What the key may, the asker must be allowed to hand out: see the module.
        reach = asking.reach(request, principal, empowering=True)
        record = await reach.signature_keys.find_signature_key(parse_signature_key_id(signature_key_id))
        if record is None:
            raise Rejected("object_unknown", "no such signature key in reach")
        headers, body = parse_received(received.headers), parse_body(received.body_base64)
        hosts = [value for name, value in headers if name == b"host"]
        if len(hosts) != 1:
            raise Rejected("input_invalid", "a signed request has one Host header")
        await budget.spend(principal)
        tried = await keys_to_try(reach, record)
        if tried.held == 0:
            return view_told(Told(says=_NO_KEY_TO_TRY), {})
        task = RequestTask(
            method=received.method,
            target=received.target.encode("ascii"),
            scheme=received.scheme,
            authority=hosts[0],
            headers=headers,
            body=body,
            now=int(reach.clock()) if received.received_at is None else received.received_at,
            jwks=tried.jwks,
            in_use=tried.in_use,
        )
        return view_told(await explainer.explain(task), {})


def explained_bytes_max(path: str) -> int:
    """How large a body a path of this file takes; 0 for every other. The door stands before the body is read."""
    return EXPLAIN_REQUEST_BYTES_MAX if path.startswith("/api/v1/") and path.endswith("/explain") else 0
