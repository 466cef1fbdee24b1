"""What is unsafe about files and folders: master key, TLS key, the log, and who can write beside them."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from doorward.app.check.finding import Finding
from doorward.app.settings import Settings

__all__ = ["check_audit_directory", "check_folders", "check_master_key", "check_tls_files", "mode_of"]

_GROUP_AND_OTHERS: Final = 0o077


def check_tls_files(settings: Settings) -> Iterator[Finding]:
    """Whether certificate and key are there, and the key for its owner alone."""
    for name, path in (
        ("tls_certificate_file", settings.tls_certificate_file),
        ("tls_key_file", settings.tls_key_file),
    ):
        if path is not None and not os.access(path, os.R_OK):
            yield Finding(
                what=f"{name} cannot be read: {path}",
                why="Without it there is no TLS",
                cure="Correct the path or the file's owner",
            )
    yield from _private_file("tls_key_file", settings.tls_key_file)


def check_master_key(settings: Settings) -> Iterator[Finding]:
    """Whether there is one master key, for its owner alone, and not beside the database."""
    path = settings.master_key_file
    if (path is None) == (settings.master_key is None):
        yield Finding(
            what="There is no master key" if path is None else "There are two master keys: a file and the environment",
            why="It seals secrets and chains the audit log, so there must be exactly one source",
            cure="Set master_key_file (or DOORWARD_MASTER_KEY), or run `doorward init` to make one",
        )
    elif path is not None and not settings.dev:
        yield from _key_place(settings, path)
    yield from _private_file("master_key_file", path)


def _key_place(settings: Settings, path: Path) -> Iterator[Finding]:
    if not os.access(path, os.R_OK):
        yield Finding(
            what=f"master_key_file cannot be read: {path}",
            why="Without the master key nothing sealed opens and the audit chain cannot go on",
            cure="Correct the path or the owner, restore it from your safe, or run `doorward init`",
        )
    database = settings.database_path
    if database is not None and database.resolve().parent == path.resolve().parent:
        yield Finding(
            what=f"The master key lies beside the database in {path.resolve().parent}",
            why="Whoever copies the folder has the lock and the key",
            cure="Move the key to a folder of its own and set master_key_file",
        )


def check_audit_directory(settings: Settings) -> Iterator[Finding]:
    """Whether the log of verifications can be written."""
    path = settings.audit_log_dir
    if path is not None and not settings.dev and not (path.is_dir() and os.access(path, os.W_OK | os.X_OK)):
        yield Finding(
            what=f"audit_log_dir is no folder that can be written: {path}",
            why="Who was admitted and refused would not be recorded",
            cure="Create it, owned by the user that serves, with mode 700",
        )


def check_folders(settings: Settings) -> Iterator[Finding]:
    """Whether nobody else can put files into the folders that are named."""
    # Whoever may write a folder may put another file in the place of one he may not even read.
    named = (settings.master_key_file, settings.tls_key_file, settings.database_path)
    folders = [path.absolute().parent for path in named if path is not None]
    if settings.audit_log_dir is not None:
        folders.append(settings.audit_log_dir.absolute())
    for folder in dict.fromkeys(folders):
        mode = mode_of(folder)
        if mode is not None and mode & stat.S_IWOTH:
            yield Finding(
                what=f"Every user of this machine can write into {folder} (mode {mode:04o})",
                why="What lies there can be replaced or removed, and what SQLite looks for beside a database put there",
                cure=f"chmod o-w {folder}, or choose a folder of its own",
            )


def _private_file(name: str, path: Path | None) -> Iterator[Finding]:
    mode = mode_of(path)
    if mode is not None and mode & _GROUP_AND_OTHERS:
        yield Finding(
            what=f"{name} can be read or written by others: {path} has mode {mode:04o}",
            why="A key others can read is theirs too",
            cure=f"chmod 600 {path}",
        )


def mode_of(path: Path | None) -> int | None:
    """The permissions of a file; None when there is none to ask about."""
    try:
        return stat.S_IMODE(path.stat().st_mode) if path is not None else None
    except OSError:
        return None
