"""`/api/v1/webhook-senders`: whose webhooks are taken, and their secrets.

Rules of this file:

* A sender is made by whoever operates the deployment, not by an administrator of an organization, who manages the
  secrets of those made for it. Names are the deployment's: the door of an endpoint takes the deliveries of whatever
  sender bears the name it says, so whoever makes up names could become the sender of somebody else's endpoint.
* A secret is answered once, when it was made here, and never when it was given.
* `If-Match` names the version of the *sender*, which moves on with every change of its secrets.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Final, final

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from doorward.errors import Rejected
from doorward.frameworks.fastapi import Door
from doorward.methods.webhook.config import SENDER_NAME
from doorward.methods.webhook.needed import needed_because
from doorward.methods.webhook.operations import add_secret, add_sender, retire_secret, rotate_secret
from doorward.methods.webhook.order import IssuedSecret, SecretOrder, SenderOrder
from doorward.methods.webhook.port import SecretRecord, SenderRecord
from doorward.server.management.asking import PAGE_ITEMS, PAGE_ITEMS_MAX, Asking
from doorward.server.management.doors import AdministratorScope, Doors
from doorward.server.management.problems import TOLD_TYPE
from doorward.server.management.reach import Reach
from doorward.server.management.views import view_webhook_secret, view_webhook_sender
from doorward.server.management.webhook_models import (
    WebhookRotation,
    WebhookSecretIssued,
    WebhookSecretList,
    WebhookSecretOrderIn,
    WebhookSecretRetirement,
    WebhookSecretView,
    WebhookSenderOrderIn,
    WebhookSenderPage,
    WebhookSenderView,
)
from doorward.values import CredentialId, Principal

__all__ = ["SenderPageQuery", "add_sender_routes", "find_sender_named"]

_SECRET_ID: Final = re.compile(r"whs_[0-9A-Za-z]{12}")


@final
class SenderPageQuery(BaseModel):
    """One page of senders: what comes after a name, and how much of it."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    after: Annotated[str, Field(max_length=64, pattern=r"^[0-9A-Za-z._-]*$")] = ""
    limit: Annotated[int, Field(ge=1, le=PAGE_ITEMS_MAX)] = PAGE_ITEMS


async def find_sender_named(reach: Reach, presented_name: str) -> SenderRecord:
    """The sender in reach. Raises `Rejected("object_unknown")`, also for what is not the form of a name."""
    well_formed = SENDER_NAME.fullmatch(presented_name) is not None
    record = await reach.senders.find_sender(presented_name) if well_formed else None
    if record is None:
        raise Rejected("object_unknown", "no such sender in reach")
    return record


def add_sender_routes(router: APIRouter, doors: Doors, asking: Asking, *, key_prefix: str) -> None:
    """Read senders and make them; read, add, rotate and retire their secrets.

    Args:
        router: where to.
        doors: of the API.
        asking: of the API.
        key_prefix: what secrets made here begin with, where the scheme takes any text.
    """
    reader = doors.of(AdministratorScope.WEBHOOKS_READ)
    writer = doors.of(AdministratorScope.WEBHOOKS_WRITE)

    @router.get("/webhook-senders")
    async def list_senders(
        request: Request, principal: Annotated[Principal, Depends(reader)], page: Annotated[SenderPageQuery, Query()]
    ) -> WebhookSenderPage:
        """Senders in reach, by name."""
        found = await asking.reach(request, principal).senders.list_senders(after=page.after, limit=page.limit)
        more = found[-1].name if len(found) == page.limit else None
        return WebhookSenderPage(items=[view_webhook_sender(sender) for sender in found], next=more)

    @router.post("/webhook-senders", status_code=201)
    async def create(
        request: Request,
        response: Response,
        principal: Annotated[Principal, Depends(writer)],
        order: WebhookSenderOrderIn,
    ) -> WebhookSenderView:
        """A new sender. An administrator of an organization makes none: names are the deployment's."""
        reach = asking.reach(request, principal)
        if reach.organization_id is not None:
            raise Rejected("scope_escalation", "an organization's administrator makes no senders")
        wanted = SenderOrder(name=order.name, scheme=order.scheme, organization_id=reach.place(order.organization_id))
        return _shown(response, await add_sender(reach, wanted, actor=asking.actor(request, principal)))

    @router.get("/webhook-senders/{name}")
    async def read(
        request: Request, response: Response, principal: Annotated[Principal, Depends(reader)], name: str
    ) -> WebhookSenderView:
        """One sender."""
        return _shown(response, await find_sender_named(asking.reach(request, principal), name))

    @router.get("/webhook-senders/{name}/secrets")
    async def list_secrets(
        request: Request, principal: Annotated[Principal, Depends(reader)], name: str
    ) -> WebhookSecretList:
        """The secrets of a sender, without their texts; which of them still match, and when they last did."""
        reach = asking.reach(request, principal)
        sender = await find_sender_named(reach, name)
        now = int(reach.clock())
        found = await reach.senders.list_secrets(sender.name)
        return WebhookSecretList(items=[view_webhook_secret(secret, found, now) for secret in found])

    _add_changes(router, writer, asking, key_prefix)


def _add_changes(router: APIRouter, writer: Door, asking: Asking, key_prefix: str) -> None:
    @router.post("/webhook-senders/{name}/secrets", status_code=201)
    async def add(
        request: Request, principal: Annotated[Principal, Depends(writer)], name: str, order: WebhookSecretOrderIn
    ) -> WebhookSecretIssued:
        """One more secret; the others stay. When none is given it is made, and is in this answer and nowhere else."""
        reach = asking.reach(request, principal)
        sender = await find_sender_named(reach, name)
        wanted = SecretOrder(
            sender=sender.name,
            text=_parse_text(order.secret),
            not_before=order.not_before,
            not_after=order.not_after,
            prefix=key_prefix,
        )
        held = await reach.senders.list_held_secrets(sender.name)
        with _telling_why():
            issued = await add_secret(reach, wanted, actor=asking.actor(request, principal))
        return _issued(issued, held, int(reach.clock()))

    @router.post("/webhook-senders/{name}/rotate", status_code=201)
    async def rotate(
        request: Request, principal: Annotated[Principal, Depends(writer)], name: str, rotation: WebhookRotation
    ) -> WebhookSecretIssued:
        """A new secret from now on; those that are active end after the overlap. Shown as when one is added."""
        reach = asking.reach(request, principal)
        sender = await find_sender_named(reach, name)
        held = await reach.senders.list_held_secrets(sender.name) if rotation.overlap_s else ()
        with _telling_why():
            issued = await rotate_secret(
                reach,
                SecretOrder(sender=sender.name, text=_parse_text(rotation.secret), prefix=key_prefix),
                overlap_s=rotation.overlap_s,
                reason=rotation.reason,
                actor=asking.actor(request, principal),
            )
        return _issued(issued, held, int(reach.clock()))

    @router.post("/webhook-senders/{name}/secrets/{secret_id}/retire")
    async def retire(
        request: Request,
        principal: Annotated[Principal, Depends(writer)],
        name: str,
        secret_id: str,
        retirement: WebhookSecretRetirement,
    ) -> WebhookSecretView:
        """The secret admits no delivery ever again, and its text is erased.

        Refused without `anyway` when a delivery may be lost by it, and the answer says why: it is the only active one
        or the newest, it matched within the last day, what it matched is not counted yet, or no other has since.
        """
        reach = asking.reach(request, principal)
        sender = await find_sender_named(reach, name)
        found = await reach.senders.find_secret(_parse_secret_id(secret_id))
        if found is None or found.sender != sender.name:
            raise Rejected("object_unknown", "no such secret of this sender in reach")
        if not retirement.anyway:
            _require_unneeded(await reach.senders.list_held_secrets(name), found, int(reach.clock()))
        record = await retire_secret(
            reach,
            found.id,
            anyway=retirement.anyway,
            reason=retirement.reason,
            actor=asking.actor(request, principal),
        )
        return view_webhook_secret(record, (), int(reach.clock()))


def _parse_secret_id(presented_id: str) -> CredentialId:
    if _SECRET_ID.fullmatch(presented_id) is None:
        raise Rejected("object_unknown", "not the form of a secret's id")
    return CredentialId(presented_id)


def _parse_text(given: SecretStr | None) -> str | None:
    text = None if given is None else given.get_secret_value()
    # Half a surrogate is JSON and no text.
    if text is not None and not text.isprintable():
        raise Rejected("input_invalid", "a secret is printable")
    return text


def _issued(issued: IssuedSecret, held: Sequence[SecretRecord], now: int) -> WebhookSecretIssued:
    # Nothing is read after the change: if that failed, a secret would be lost that is shown this once.
    shown = view_webhook_secret(issued.record, (*held, issued.record), now)
    return WebhookSecretIssued(webhook_secret=shown, secret=issued.text)


@contextmanager
def _telling_why() -> Iterator[None]:
    """Say in words why a secret is not taken: its text, its times, or that there are enough. The words are ours."""
    try:
        yield
    except Rejected as refused:
        if refused.code != "input_invalid" or not refused.detail:
            raise
        told = {"type": TOLD_TYPE, "loc": ("body",), "msg": refused.detail}
        raise RequestValidationError([told]) from None


def _require_unneeded(held: Sequence[SecretRecord], record: SecretRecord, now: int) -> None:
    """Say in words what the operation would refuse: the answer of a refusal has no room for a reason."""
    needed = needed_because(held, record, now)
    if needed is not None:
        why = f"{needed.value}; say anyway if it is to be retired all the same"
        raise RequestValidationError([{"type": TOLD_TYPE, "loc": ("body", "anyway"), "msg": why}])


def _shown(response: Response, record: SenderRecord) -> WebhookSenderView:
    response.headers["etag"] = f'"{record.version}"'
    return view_webhook_sender(record)
