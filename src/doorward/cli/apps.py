"""`doorward apps`: the programs that own credentials."""

from typing import Annotated

import typer

from doorward.apps import operations
from doorward.apps.port import AppRecord, AppState
from doorward.cli.find import list_pages, locate_app
from doorward.cli.frame import After, Because, Desk, Limit, Metadata, new_group, offer, require_reason
from doorward.cli.looks import state_cell, words
from doorward.cli.output import Cell, Column, Output, styled
from doorward.cli.parse import parse_metadata
from doorward.cli.shapes import app_shape
from doorward.cli.text import moment
from doorward.values import OrganizationId

commands = new_group("Apps: the programs that own credentials. An app is never a person.")

AppName = Annotated[str, typer.Argument(metavar="APP", help="The app: its id or its name.")]

_COLUMNS = (
    Column("Id", fixed=True),
    Column("Name"),
    Column("Organization"),
    Column("State", fixed=True),
    Column("Created", fixed=True),
)
_AFTER = {
    AppState.ACTIVE: "Its credentials work again.",
    AppState.SUSPENDED: "None of its credentials opens a door until `doorward apps resume`.",
    AppState.REVOKED: "None of its credentials opens a door any more.",
}


@offer(commands, "create")
async def create(
    desk: Desk,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called; no other app may be called so.")],
    *,
    organization: Annotated[
        str | None, typer.Option("--organization", metavar="ID", help="The customer it belongs to, if any.")
    ] = None,
    metadata: Metadata = None,
) -> None:
    """Create an app."""
    more = parse_metadata(metadata or [])
    async with desk.store() as store:
        record = await operations.create_app(
            store,
            name=name,
            organization_id=None if organization is None else OrganizationId(organization),
            metadata=more,
            actor=desk.actor,
        )
    desk.out.done(f"Created the app {record.name}.")
    _show(desk.out, record, desk.now)
    if not desk.out.as_json:
        desk.out.note()
        desk.out.note("Give it a key:")
        desk.out.command(f"doorward keys create {record.id} --scope orders:read")


@offer(commands, "list")
async def list_apps(
    desk: Desk,
    *,
    organization: Annotated[
        str | None, typer.Option("--organization", metavar="ID", help="Only of this organization.")
    ] = None,
    after: After = "",
    limit: Limit = 1_000,
) -> None:
    """List apps."""
    owner = None if organization is None else OrganizationId(organization)
    async with desk.store() as store:
        records = await list_pages(
            lambda last, size: store.apps.list_apps(organization_id=owner, after=last, limit=size),
            after=after,
            limit=limit,
            out=desk.out,
        )
    if desk.out.as_json:
        for record in records:
            desk.out.json(app_shape(record))
        return
    rows = [
        (
            styled(record.id, "cyan"),
            record.name,
            record.organization_id,
            state_cell(record.state.value, now=desk.now),
            moment(record.created_at)[:10],
        )
        for record in records
    ]
    desk.out.table(_COLUMNS, rows, empty="No apps yet: `doorward apps create NAME` makes one.")


@offer(commands, "show")
async def show(desk: Desk, app: AppName) -> None:
    """Show one app."""
    async with desk.store() as store:
        record = await locate_app(store.apps, app)
    _show(desk.out, record, desk.now)


@offer(commands, "suspend")
async def suspend(desk: Desk, app: AppName, *, because: Because = None) -> None:
    """Close every door to everything an app owns, until it is resumed."""
    reason = require_reason(because)
    async with desk.store() as store:
        found = await locate_app(store.apps, app)
        record = await operations.suspend_app(store, found.id, reason=reason, actor=desk.actor)
    _show_moved(desk.out, record, "Suspended")


@offer(commands, "resume")
async def resume(desk: Desk, app: AppName, *, because: Because = None) -> None:
    """Undo `suspend`."""
    reason = require_reason(because)
    async with desk.store() as store:
        found = await locate_app(store.apps, app)
        record = await operations.resume_app(store, found.id, reason=reason, actor=desk.actor)
    _show_moved(desk.out, record, "Resumed")


@offer(commands, "revoke")
async def revoke(desk: Desk, app: AppName, *, because: Because = None) -> None:
    """End an app and everything it owns, for good. There is no way back: the secrets it signs with are erased."""
    reason = require_reason(because)
    async with desk.store() as store:
        found = await locate_app(store.apps, app)
        record = await operations.revoke_app(store, found.id, reason=reason, actor=desk.actor)
    _show_moved(desk.out, record, "Revoked for good")


def _show(out: Output, record: AppRecord, now: int) -> None:
    if out.as_json:
        out.json(app_shape(record))
        return
    facts: list[tuple[str, Cell]] = [
        ("Id", styled(record.id, "bold cyan")),
        ("Name", record.name),
        ("State", state_cell(record.state.value, now=now)),
        ("Organization", record.organization_id),
        ("Created", moment(record.created_at)),
        ("Metadata", words(f"{name}={value}" for name, value in sorted(record.metadata.items()))),
    ]
    out.facts(facts)


def _show_moved(out: Output, record: AppRecord, said: str) -> None:
    if out.as_json:
        out.json(app_shape(record))
        return
    out.done(f"{said}: {record.name} ({record.id}). {_AFTER[record.state]}")
