"""`doorward audit`: who did what; verify that nothing was removed, altered, reordered or cut off."""

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from doorward.audit.chain import ChainName, derive_chain_key, derive_chain_keys
from doorward.audit.export import export_csv, export_event
from doorward.audit.findings import ChainReport
from doorward.audit.heads import Head, encode_head, parse_heads
from doorward.audit.verify import export_change_head, verify_changes
from doorward.audit.verify_log import export_log_heads, verify_logs
from doorward.cli.audit_filter import Action, Code, Credential, Since, Until, filter_of
from doorward.cli.audit_read import newest_events, newest_verifications, pages_of_events
from doorward.cli.audit_view import show_events, show_verification, show_verifications
from doorward.cli.find import locate_app_id
from doorward.cli.frame import AppFilter, Desk, Limit, new_group, offer
from doorward.cli.problems import Failed
from doorward.crypto.sealing import MasterKeys
from doorward.errors import Misconfigured

commands = new_group("Who did what; verify that nothing was altered.")

HEADS_BYTES_MAX: Final = 16 * 1024 * 1024

LogFolder = Annotated[
    Path | None,
    typer.Option("--log-dir", metavar="DIR", help="Where the logs of verifications are. Default: the setting."),
]


@offer(commands, "list")
async def list_events(
    desk: Desk,
    *,
    app: AppFilter = None,
    credential: Credential = None,
    action: Action = None,
    code: Code = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
) -> None:
    """Show the newest events, the latest last."""
    async with desk.store() as store:
        wanted = filter_of(
            app_id=await locate_app_id(store.apps, app),
            credential=credential,
            action=action,
            code=code,
            since=since,
            until=until,
            now=desk.now,
        )
        events = await newest_events(store.audit, wanted, limit=limit)
    show_events(desk.out, events)


@offer(commands, "export")
async def export(
    desk: Desk,
    *,
    app: AppFilter = None,
    credential: Credential = None,
    action: Action = None,
    code: Code = None,
    since: Since = None,
    until: Until = None,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="For a spreadsheet, without the links; no cell is a formula.")
    ] = False,
) -> None:
    """Write every event as JSON Lines with its links, so that it can be verified elsewhere."""
    async with desk.store() as store:
        wanted = filter_of(
            app_id=await locate_app_id(store.apps, app),
            credential=credential,
            action=action,
            code=code,
            since=since,
            until=until,
            now=desk.now,
        )
        if as_csv:
            sys.stdout.write(export_csv(()))
        async for events in pages_of_events(store.audit, wanted):
            if as_csv:
                sys.stdout.write(export_csv(events, header=False))
            else:
                sys.stdout.writelines(export_event(stored).decode("ascii") for stored in events)


@offer(commands, "verifications")
async def list_verifications(
    desk: Desk,
    *,
    app: AppFilter = None,
    credential: Credential = None,
    code: Code = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    log_dir: LogFolder = None,
) -> None:
    """Show who asked for what lately and what was decided, the latest last. Read from the logs of verifications."""
    folder = _log_folder(desk, log_dir)
    if folder is None:
        raise Failed("No log of verifications is kept: set audit_log_dir, or name a folder with --log-dir.")
    async with desk.store() as store:
        app_id = await locate_app_id(store.apps, app)
    wanted = filter_of(app_id=app_id, credential=credential, code=code, since=since, until=until, now=desk.now)
    show_verifications(desk.out, newest_verifications(folder, wanted, limit=limit))


@offer(commands, "verify")
async def verify(
    desk: Desk,
    *,
    heads: Annotated[
        Path | None,
        typer.Option("--heads", metavar="FILE", help="What `doorward audit heads` wrote earlier, kept elsewhere."),
    ] = None,
    log_dir: LogFolder = None,
) -> None:
    """Find any event that was removed, altered, reordered or cut off, in the database and in the logs.

    An end that was cut off shows only against heads exported before. Exit code 1 when anything is wrong.
    """
    remembered = () if heads is None else _read_heads(heads)
    async with desk.store() as store:
        keys = _require_keys(store.master_keys)
        changes = await verify_changes(store.audit, derive_chain_keys(keys, ChainName.CHANGES), remembered)
    folder = _log_folder(desk, log_dir)
    logs = None
    if folder is not None:
        logs = verify_logs(folder, derive_chain_keys(keys, ChainName.VERIFICATIONS), remembered)
    show_verification(desk.out, changes, logs, remembered=len(remembered))
    _require_intact(changes, logs)


def _require_intact(changes: ChainReport, logs: ChainReport | None) -> None:
    if not changes.intact or (logs is not None and not logs.intact):
        raise Failed("The audit log is not as it was written. Keep a copy of everything before you do anything else.")


@offer(commands, "heads")
async def export_heads(desk: Desk, *, log_dir: LogFolder = None) -> None:
    """Write where every chain ends now. Append it daily to a file that this machine's owner cannot change.

    `doorward audit verify --heads FILE` then also finds an end that was cut off.
    """
    async with desk.store() as store:
        keys = _require_keys(store.master_keys)
        changes = await export_change_head(store.audit, derive_chain_key(keys, ChainName.CHANGES), now=desk.now)
    folder = _log_folder(desk, log_dir)
    logs: tuple[Head, ...] = ()
    if folder is not None:
        logs = export_log_heads(folder, derive_chain_keys(keys, ChainName.VERIFICATIONS), now=desk.now)
    for head in (changes, *logs):
        sys.stdout.write(encode_head(head).decode("ascii"))


def _require_keys(keys: MasterKeys | None) -> MasterKeys:
    if keys is None:
        raise Misconfigured(
            "Without the master key nobody can tell whether an event is genuine.",
            cure="Set DOORWARD_MASTER_KEY_FILE, or master_key_file in the configuration.",
        )
    return keys


def _log_folder(desk: Desk, said: Path | None) -> Path | None:
    folder = said or desk.settings().audit_log_dir
    if folder is None:
        return None
    if not folder.is_dir():
        raise Failed(f"There is no folder {folder}: name the logs' folder with --log-dir.")
    return folder


def _read_heads(path: Path) -> tuple[Head, ...]:
    try:
        with path.open("rb") as file:
            content = file.read(HEADS_BYTES_MAX + 1)
    except OSError as error:
        raise Failed(f"{path} cannot be read: {error.strerror}.") from None
    if len(content) > HEADS_BYTES_MAX:
        raise Failed(f"{path} is larger than {HEADS_BYTES_MAX // 2**20} MiB: it is no file of heads.")
    return parse_heads(content.decode("utf-8", "replace"))
