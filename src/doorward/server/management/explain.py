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

import base64
import binascii
import time
from collections.abc import Iterable, Mapping
from typing import Annotated, Final, final

from fastapi import APIRouter, Depends, Request

from doorward.crypto.sealing import MasterKeys
from doorward.door.leases import RateSpender
from doorward.errors import Misconfigured, Rejected
from doorward.methods.webhook.explain import SecretText
from doorward.methods.webhook.port import SecretRecord, SenderRecord
from doorward.methods.webhook.stored import open_text, require_master_keys
from doorward.server.explaining import Explainer
from doorward.server.explaining_task import DeliveryTask, Told
from doorward.server.management.asking import Asking
from doorward.server.management.doors import AdministratorScope, Doors
from doorward.server.management.explain_models import (
    EXPLAIN_REQUEST_BYTES_MAX,
    EXPLAINED_BODY_BYTES_MAX,
    DeliveryReceived,
    ExplanationView,
    FieldReceived,
    FindingView,
    LineView,
)
from doorward.server.management.reach import ManagedStore, Reach
from doorward.server.management.senders import find_sender_named
from doorward.values import CredentialId, Principal, RateLimit
from doorward.wire.request import Header

__all__ = ["ExplanationBudget", "add_explain_routes", "explained_bytes_max"]

EXPLANATIONS_PER_MINUTE_MAX: Final = 20
"""How many explanations one organization, or one key of an operator, may ask for in a minute, in all processes."""
OWN_SECRETS_TRIED_MAX: Final = 12
"""How many secrets of the sender itself are tried."""
SECRETS_TRIED_MAX: Final = 16
"""How many secrets are tried, those of other senders included."""
OTHER_SENDERS_READ_MAX: Final = 16
"""How many other senders' secrets are looked at."""

_LIMIT: Final = RateLimit(requests=EXPLANATIONS_PER_MINUTE_MAX, window_s=60)
_NOTHING_TO_TRY: Final = "The sender has no secret, or none that opens under the master key: add the one it shows you."


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
    """Explain deliveries of a sender."""
    writer = doors.of(AdministratorScope.WEBHOOKS_WRITE)

    @router.post("/webhook-senders/{name}/explain")
    async def explain(
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
        tried = await _secrets_of(reach, sender)
        if not tried:
            return view_told(Told(says=_NOTHING_TO_TRY), {})
        task = DeliveryTask(
            scheme=sender.scheme,
            signature_header=received.signature_header,
            secrets=tuple(text for text, _ in tried.values()),
            headers=headers,
            body=body,
            now=int(reach.clock()) if received.received_at is None else received.received_at,
            url=received.url,
            tolerance_s=received.tolerance_s,
        )
        told = await explainer.explain(task)
        return view_told(told, {secret_id: whose for secret_id, (_, whose) in tried.items()})


async def _secrets_of(reach: Reach, sender: SenderRecord) -> dict[str, tuple[SecretText, str]]:
    """The secrets to try and whose they are, by their ids: the sender's own first, the newest of each first."""
    keys, now = require_master_keys(reach), int(reach.clock())
    held = await reach.senders.list_held_secrets(sender.name)
    # Those that count now before those that ended or have yet to begin.
    own = sorted(_newest(held), key=lambda record: not record.is_active(now))[:OWN_SECRETS_TRIED_MAX]
    found = {text.id: (text, sender.name) for text in _texts(keys, own, in_use=True)}
    others = [one for one in await reach.senders.list_senders() if one.name != sender.name]
    alike_first = sorted(others, key=lambda one: one.scheme != sender.scheme)
    for other in alike_first[:OTHER_SENDERS_READ_MAX]:
        if len(found) >= SECRETS_TRIED_MAX:
            break
        theirs = _newest(await reach.senders.list_held_secrets(other.name))[: SECRETS_TRIED_MAX - len(found)]
        found.update({text.id: (text, other.name) for text in _texts(keys, theirs, in_use=False)})
    return found


def _newest(held: Iterable[SecretRecord]) -> list[SecretRecord]:
    return sorted(held, key=lambda record: (record.created_at, record.id), reverse=True)


def _texts(keys: MasterKeys, records: Iterable[SecretRecord], *, in_use: bool) -> Iterable[SecretText]:
    for record in records:
        try:
            text = open_text(keys, record)
        except Misconfigured:
            # Sealed under a key that is lost: the list of secrets says so, and the others are tried.
            continue
        # Before it was here it verified nothing. So at no time more of them count than may be active.
        begins = max(record.created_at, record.not_before or 0)
        yield SecretText(id=record.id, text=text, not_before=begins, not_after=record.not_after, in_use=in_use)


def explained_bytes_max(path: str) -> int:
    """How large a body a path of this file takes; 0 for every other. The door stands before the body is read."""
    return EXPLAIN_REQUEST_BYTES_MAX if path.startswith("/api/v1/") and path.endswith("/explain") else 0


def parse_received(fields: Iterable[FieldReceived]) -> tuple[Header, ...]:
    """Header lines as a server hands them on."""
    return tuple((field.name.lower().encode("ascii"), field.value.encode("latin-1")) for field in fields)


def parse_body(presented_base64: str) -> bytes:
    """The body. Raises `Rejected("input_invalid")`."""
    try:
        body = base64.b64decode(presented_base64, validate=True)
    except (binascii.Error, ValueError):
        raise Rejected("input_invalid", "the body is not base64") from None
    if len(body) > EXPLAINED_BODY_BYTES_MAX:
        raise Rejected("input_invalid", "the body is too large to be explained")
    return body


def view_told(told: Told, owners: Mapping[str, str]) -> ExplanationView:
    """What was found. `owners`: whose each secret is, by its id."""
    return ExplanationView(
        accepted=told.accepted,
        code=told.code,
        says=told.says or told.problem,
        findings=[
            FindingView(
                says=finding.says,
                cures=list(finding.cures),
                changes=list(finding.changes),
                proven=finding.proven,
                made_with=finding.made_with,
                sender=None if finding.made_with is None else owners.get(finding.made_with),
            )
            for finding in told.findings
        ],
        base=[LineView(component=line.component, received=line.received, signed=line.signed) for line in told.base],
        tried=told.tried,
        complete=told.complete,
    )
