"""`doorward masterkey`: the key that seals what is stored and chains the audit log. It is never shown."""

import secrets
from pathlib import Path
from typing import Annotated

import typer

from doorward.app.master_key import (
    create_master_key_file,
    record_resealing,
    record_rotation,
    replace_lost_master_key,
    rotate_master_key_file,
)
from doorward.cli.frame import Because, Desk, new_group, offer, require_reason
from doorward.cli.masterkey_view import show_resealed
from doorward.cli.problems import Failed, UsageProblem
from doorward.crypto.master_key import KEY_ID
from doorward.crypto.sealing import MasterKeys

commands = new_group("The master key, which seals what is stored. It is never shown.")


@offer(commands, "generate")
async def generate(
    desk: Desk,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it; no such file may exist.")],
    *,
    key_id: Annotated[
        str, typer.Option("--id", metavar="ID", help="Its id; another than that of a key that was lost.")
    ] = "k1",
) -> None:
    """Write a new master key into a file that only you can read."""
    if KEY_ID.fullmatch(key_id) is None:
        raise UsageProblem(f"{key_id!r} is no id of a master key: 1 to 32 letters, digits, dots, dashes, underscores.")
    create_master_key_file(path, entropy=secrets.token_bytes, key_id=key_id)
    if desk.out.as_json:
        desk.out.json({"file": str(path), "key_id": key_id})
        return
    desk.out.done(f"Wrote a master key to {path}.")
    desk.out.warn("Keep a copy in your safe, apart from the database's backups: together they are lock and key.")
    desk.out.note(f"Tell Doorward where it is: DOORWARD_MASTER_KEY_FILE={path}")


@offer(commands, "rotate")
async def rotate(desk: Desk) -> None:
    """Put a new master key into use, and seal everything again under it.

    The old ones stay in the file, for they verify old events. Restart the servers afterwards, then `reseal`.
    """
    path = _file_of(desk)
    async with desk.store():
        pass  # the present key must be the right one before another follows it
    rotate_master_key_file(path, entropy=secrets.token_bytes)
    async with desk.store() as store:
        keys = _keys_of(desk)
        await record_rotation(store, keys, actor=desk.actor)
    _show(desk, path, keys, f"Rotated: {keys.current} seals from now on.")
    desk.out.note("Copy the file to your safe and to every server, then restart the servers.")
    desk.out.note("Then run `doorward masterkey reseal`: what a server sealed meanwhile is under the old key.")


@offer(commands, "reseal")
async def reseal(desk: Desk) -> None:
    """Seal again what is left under older master keys, and say how much rests under which.

    A server that still has the old file seals under the old key. So do this when every one runs with the new file, and
    before an old key is taken out of it: nothing may be left under that key. Doing it again is safe.
    """
    keys = _keys_of(desk)
    async with desk.store() as store:
        resealed = await record_resealing(store, keys, actor=desk.actor)
    show_resealed(desk.out, resealed, keys)


@offer(commands, "replace-lost")
async def replace_lost(desk: Desk, *, because: Because = None) -> None:
    """Go on with a new master key after the old one was lost for good.

    API keys, app passwords and registered public keys work as before. What was sealed is lost: signature keys with a
    secret are revoked, the secrets of webhook senders are retired. Events from before can no longer be verified.
    """
    reason, path = require_reason(because), _file_of(desk)
    keys = _keys_of(desk)
    async with desk.store(danger_unproven_master_keys=True) as store:
        await replace_lost_master_key(store, keys, reason=reason, actor=desk.actor)
    _show(desk, path, keys, f"Replaced: {keys.current} seals from now on.")
    desk.out.warn("What happened before this moment can no longer be verified; the audit log says so.")


def _file_of(desk: Desk) -> Path:
    path = desk.settings().master_key_file
    if path is None:
        raise Failed("The master key is in no file that could be changed: set DOORWARD_MASTER_KEY_FILE.")
    return path


def _keys_of(desk: Desk) -> MasterKeys:
    keys = desk.master_keys(desk.settings())
    if keys is None:
        raise Failed("There is no master key: set DOORWARD_MASTER_KEY_FILE, or DOORWARD_MASTER_KEY.")
    return keys


def _show(desk: Desk, path: Path, keys: MasterKeys, said: str) -> None:
    if desk.out.as_json:
        desk.out.json({"file": str(path), "current": keys.current, "key_ids": sorted(keys.key_ids)})
        return
    desk.out.done(said)
