"""`doorward sectors`: which resources know people by a name of their own."""

from typing import Annotated

import typer

from doorward.cli.frame import Desk, new_group, offer
from doorward.cli.output import Column
from doorward.revocation.pairwise import SECTORS_MAX
from doorward.revocation.sectors import register_sector

commands = new_group("Resources that know people by a derived name, so that no two can compare notes.")


@offer(commands, "add")
async def add(
    desk: Desk, audience: Annotated[str, typer.Argument(metavar="AUDIENCE", help="The resource, as tokens name it.")]
) -> None:
    """Let a resource know subjects by a derived name from now on.

    Do it before any token is issued for the resource: what it was told until then are plain names. For a day and an
    hour its verifiers go on hearing those who are revoked by their plain names too, so that tokens from before are
    refused; then they hear no plain name again. It cannot be undone.
    """
    async with desk.store() as store:
        new = await register_sector(store, audience, actor=desk.actor)
        count = len((await store.sectors.read_sectors()).names)
    if desk.out.as_json:
        desk.out.json({"sector": audience, "new": new, "count": count})
        return
    desk.out.done(f"{'Registered' if new else 'Registered before'}: {audience}")
    desk.out.note(f"{count} of at most {SECTORS_MAX}: revoking a subject is a row for each.")


@offer(commands, "list")
async def list_sectors(desk: Desk) -> None:
    """List them."""
    async with desk.store() as store:
        names = (await store.sectors.read_sectors()).names
    if desk.out.as_json:
        for name in names:
            desk.out.json({"sector": name})
        return
    empty = "No sectors: every resource knows subjects by their own name."
    desk.out.table((Column("Audience", fixed=True),), [(name,) for name in names], empty=empty)
