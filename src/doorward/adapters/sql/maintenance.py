"""What an operator does to a database: upgrade, look, back up, restore. Synchronous; not for use inside a loop.

* A schema is upgraded in one transaction: it is the old one or the new one, never in between.
* A restored database has another feed generation, so that every verifier throws away what it knew and reloads: the
  positions it had seen may mean other rows now. One that was put back past us is given one by `begin_generation`.
* A backup holds no secret that can be presented, and everything else. It is written with mode 0600.
"""

import asyncio
import secrets
from collections.abc import Coroutine
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from doorward.adapters.sql import sqlite_files
from doorward.adapters.sql.migrations.scripts import known_revisions
from doorward.adapters.sql.schema import SCHEMA_REVISION
from doorward.adapters.sql.url import sqlite_path
from doorward.errors import Misconfigured
from doorward.values import Entropy

__all__ = ["SchemaState", "backup", "begin_generation", "restore", "schema_state", "upgrade"]

GENERATION_OCTETS = 16

T = TypeVar("T")


class SchemaState(StrEnum):
    """How a database stands to this version of Doorward."""

    MISSING = "missing"
    OLDER = "older"
    CURRENT = "current"
    NEWER = "newer"
    """A revision this version does not know: made by a later one."""


def schema_state(url: str) -> SchemaState:
    """How the database at `url` stands to this version.

    Raises:
        Misconfigured: there is something at `url`, and it is no database of ours.
        Unavailable: `store_unavailable`.
    """
    path = sqlite_path(url)
    return _state(sqlite_files.read_revision(path) if path else _wait(_postgres().read_revision(url)))


def upgrade(url: str, *, entropy: Entropy = secrets.token_bytes) -> None:
    """Bring the schema to this version's; a file that is not there is made, with mode 0600. Idempotent.

    Raises:
        Misconfigured: the schema is newer than this version.
        Unavailable: `store_unavailable`.
    """
    if schema_state(url) is SchemaState.NEWER:
        raise Misconfigured("The database was made by a newer Doorward.", cure="Upgrade Doorward.")
    path = sqlite_path(url)
    if path:
        sqlite_files.upgrade(path, generation=_generation(entropy))
    else:
        _wait(_postgres().upgrade(url, generation=_generation(entropy)))


def backup(url: str, target: Path) -> None:
    """Write a consistent copy of the database, while it is in use, to `target`, which must not exist.

    SQLite: a database file. PostgreSQL: a zip of JSON Lines, one member per table.

    Raises:
        Misconfigured: `target` exists, or the schema is not this version's.
        Unavailable: `store_unavailable`.
    """
    _require_current(url)
    if target.exists():
        raise Misconfigured(f"{target} exists already.", cure="Name a file that does not exist.")
    path = sqlite_path(url)
    if path:
        sqlite_files.backup(path, target)
    else:
        _wait(_postgres().backup(url, target))


def restore(url: str, source: Path, *, danger_overwrite: bool = False, entropy: Entropy = secrets.token_bytes) -> None:
    """Put back what `backup` wrote, under a new feed generation.

    Args:
        url: a database without our schema; or any, with `danger_overwrite`: what it held is lost.
        source: a backup of the same engine. Trusted like the database itself: whoever wrote it wrote the digests.
        danger_overwrite: replace what is there.
        entropy: where the new generation comes from.

    Raises:
        Misconfigured: the database is not empty, or `source` is not a backup this version can read.
        Unavailable: `store_unavailable`.
    """
    if schema_state(url) is not SchemaState.MISSING and not danger_overwrite:
        raise Misconfigured(
            "The database is not empty.",
            cure="Restore into an empty one, or say --replace: what it holds is then lost.",
        )
    path = sqlite_path(url)
    if path:
        sqlite_files.restore(path, source, generation=_generation(entropy))
    else:
        _wait(_postgres().restore(url, source, generation=_generation(entropy)))


def begin_generation(url: str, *, entropy: Entropy = secrets.token_bytes) -> None:
    """Have every verifier reload: for a database that was put back, or fell behind, without `restore`.

    Raises:
        Misconfigured: the schema is not this version's.
        Unavailable: `store_unavailable`.
    """
    _require_current(url)
    path = sqlite_path(url)
    if path:
        sqlite_files.begin_generation(path, generation=_generation(entropy))
    else:
        _wait(_postgres().begin_generation(url, generation=_generation(entropy)))


def _require_current(url: str) -> None:
    if schema_state(url) is not SchemaState.CURRENT:
        raise Misconfigured("The schema is not the one this version knows.", cure="Run `doorward db upgrade`.")


def _state(revision: str | None) -> SchemaState:
    if revision is None:
        return SchemaState.MISSING
    if revision == SCHEMA_REVISION:
        return SchemaState.CURRENT
    return SchemaState.OLDER if revision in known_revisions() else SchemaState.NEWER


def _generation(entropy: Entropy) -> str:
    return entropy(GENERATION_OCTETS).hex()


def _wait(work: Coroutine[Any, Any, T]) -> T:  # Any: what a coroutine yields to its loop is the loop's business
    return asyncio.run(work)


def _postgres() -> Any:  # Any: a module, imported only when its extra is installed
    try:
        from doorward.adapters.sql import postgres_files  # noqa: PLC0415  # as above
    except ModuleNotFoundError as error:
        raise Misconfigured("PostgreSQL needs asyncpg.", cure="pip install 'doorward[postgres]'") from error
    return postgres_files
