"""`doorward db`: upgrade, look at, back up and restore the database."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from doorward.app import maintenance
from doorward.cli.frame import Because, Desk, new_group, offer, require_reason
from doorward.values import Event

commands = new_group("Upgrade, back up and restore the database.")

_SAYS = {
    "missing": "There is no database yet: run `doorward init`.",
    "older": "The schema is of an older version: run `doorward db upgrade` (and `doorward db backup` before).",
    "current": "The schema is the one this version works with.",
    "newer": "The schema was made by a newer Doorward: install that version.",
}


@offer(commands, "state")
async def state(desk: Desk) -> None:
    """Say how the database's schema stands to this version."""
    found = await asyncio.to_thread(maintenance.schema_state, desk.database_url)
    if desk.out.as_json:
        desk.out.json({"state": found.value})
        return
    desk.out.facts([("Schema", found.value)])
    desk.out.note(_SAYS[found.value])


@offer(commands, "upgrade")
async def upgrade(desk: Desk) -> None:
    """Bring the schema to this version's, or make it where there is none. All of it or nothing."""
    before = await asyncio.to_thread(maintenance.schema_state, desk.database_url)
    await asyncio.to_thread(maintenance.upgrade, desk.database_url)
    after = await asyncio.to_thread(maintenance.schema_state, desk.database_url)
    if desk.out.as_json:
        desk.out.json({"state": after.value, "state_before": before.value})
        return
    desk.out.done("Nothing was to be done." if before is after else f"Upgraded: it was {before.value}.")


@offer(commands, "backup")
async def backup(
    desk: Desk,
    target: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it; no such file may exist.")],
) -> None:
    """Write a consistent copy while the server goes on working.

    It holds no secret that can be presented, and everything else. The master key is not in it: keep that elsewhere.
    """
    await asyncio.to_thread(maintenance.backup, desk.database_url, target)
    octets = target.stat().st_size
    if desk.out.as_json:
        desk.out.json({"file": str(target), "bytes": octets})
        return
    desk.out.done(f"Wrote {target} ({octets:,} bytes). The master key is not in it.")


@offer(commands, "restore")
async def restore(
    desk: Desk,
    source: Annotated[Path, typer.Argument(metavar="FILE", help="What `doorward db backup` wrote.")],
    *,
    replace: Annotated[
        bool, typer.Option("--replace", metavar="", help="The database is not empty: lose what it holds.")
    ] = False,
    because: Because = None,
) -> None:
    """Put a backup back. Stop every server first.

    What was revoked after the backup was written works again: look through `doorward audit list` of the lost one.
    """
    reason = require_reason(because)
    await asyncio.to_thread(maintenance.restore, desk.database_url, source, danger_overwrite=replace)
    sequence = await _record(desk, "database.restored", reason)
    if desk.out.as_json:
        desk.out.json({"file": str(source), "events": sequence})
        return
    desk.out.done(f"Restored from {source}. Verifiers reload everything they knew.")
    desk.out.warn("What was revoked after this backup was written works again: revoke it again.")


@offer(commands, "new-generation")
async def begin_generation(desk: Desk, *, because: Because = None) -> None:
    """Have every verifier reload what is revoked.

    For a database that stepped back in time past `doorward db restore`: a file or a snapshot that was copied back, a
    replica that was promoted before it had everything. Until then verifiers take its feed for the one they have read.
    Servers may be running. What was revoked in the time that is lost works again: revoke it again.
    """
    reason = require_reason(because)
    await asyncio.to_thread(maintenance.begin_generation, desk.database_url)
    sequence = await _record(desk, "database.generation_begun", reason)
    if desk.out.as_json:
        desk.out.json({"begun": True, "events": sequence})
        return
    desk.out.done("The feed has a new generation. Verifiers reload everything they knew.")
    desk.out.warn("What was revoked in the time that was lost works again: revoke it again.")


async def _record(desk: Desk, action: str, reason: str) -> int:
    """Write the event; answers how many there were before it."""
    async with desk.store() as store:
        sequence, _ = await store.audit.read_head()
        event = Event(
            at=desk.now,
            action=action,
            actor=desk.actor,
            object_kind="database",
            object_id="doorward",
            reason=reason,
            details={"events": sequence},
        )
        await store.changes.commit(desk.only(event))
    return sequence
