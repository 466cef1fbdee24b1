"""`doorward webhooks senders`: whose webhooks are taken with secrets of the store."""

from typing import Annotated

import typer

from doorward.cli.find import require_limit
from doorward.cli.frame import Desk, Limit, new_group, offer
from doorward.cli.looks import ago
from doorward.cli.output import Column, styled
from doorward.cli.shapes import webhook_sender_shape
from doorward.errors import Rejected
from doorward.methods.webhook.operations import add_sender
from doorward.methods.webhook.order import SenderOrder
from doorward.methods.webhook.port import SenderPort, SenderRecord
from doorward.methods.webhook.schemes import SCHEMES
from doorward.values import OrganizationId

__all__ = ["commands"]

commands = new_group("Whose webhooks are taken, with secrets that are sealed in the store.")

_PAGE = 1_000
_COLUMNS = (
    Column("Sender", fixed=True),
    Column("Scheme", fixed=True),
    Column("Organization"),
    Column("Created", fixed=True),
)


@offer(commands, "add")
async def add(
    desk: Desk,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The `sender` of its door: 1 to 64 of A-Z a-z 0-9 . _ -")],
    *,
    scheme: Annotated[
        str,
        typer.Option(
            "--scheme", metavar="NAME", help="standard, svix, stripe, github, slack, shopify, twilio or plain."
        ),
    ],
    organization: Annotated[
        str | None, typer.Option("--organization", metavar="ID", help="The customer it belongs to, if any.")
    ] = None,
) -> None:
    """Add a sender. Give each endpoint a sender of its own.

    It stays: its name is in the audit trail and on what was handled, so a sender is neither removed nor renamed.
    """
    owner = None if organization is None else OrganizationId(organization)
    async with desk.store() as store:
        if await store.senders.find_sender(name) is not None:
            raise Rejected(
                "object_exists",
                f"there is a sender {name}; `doorward webhooks secrets add {name}` adds a secret to it",
            )
        record = await add_sender(store, SenderOrder(name=name, scheme=scheme, organization_id=owner), actor=desk.actor)
    if desk.out.as_json:
        desk.out.json(webhook_sender_shape(record))
        return
    desk.out.done(f"Added the sender {record.name}, which signs as {record.scheme}.")
    how = " --secret-file FILE" if SCHEMES[record.scheme].secret_assigned else ""
    desk.out.note(f"Its secret comes next: `doorward webhooks secrets add {record.name}{how}`.")


@offer(commands, "list")
async def list_senders(
    desk: Desk,
    *,
    organization: Annotated[
        str | None, typer.Option("--organization", metavar="ID", help="Only of this organization.")
    ] = None,
    after: Annotated[str, typer.Option("--after", metavar="NAME", help="Go on after this name.")] = "",
    limit: Limit = 1_000,
) -> None:
    """List senders by name."""
    require_limit(limit)
    owner = None if organization is None else OrganizationId(organization)
    async with desk.store() as store:
        found = await _list(store.senders, owner, after, limit + 1)
    records = found[:limit]
    if len(found) > limit:
        desk.out.note(f"There are more: go on with --after {records[-1].name}")
    if desk.out.as_json:
        for record in records:
            desk.out.json(webhook_sender_shape(record))
        return
    rows = [
        (styled(record.name, "cyan"), record.scheme, record.organization_id, ago(record.created_at, desk.now))
        for record in records
    ]
    desk.out.table(_COLUMNS, rows, empty="No senders yet: `doorward webhooks senders add NAME --scheme …` makes one.")


async def _list(
    senders: SenderPort, organization_id: OrganizationId | None, after: str, wanted: int
) -> list[SenderRecord]:
    records: list[SenderRecord] = []
    while len(records) < wanted:
        last = records[-1].name if records else after
        size = min(_PAGE, wanted - len(records))
        page = await senders.list_senders(organization_id=organization_id, after=last, limit=size)
        if not page:
            break
        records.extend(page)
    return records
