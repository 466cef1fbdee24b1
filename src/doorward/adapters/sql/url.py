"""Store URLs: `sqlite:///relative.db`, `sqlite:////absolute.db`, `postgresql://…`."""

from pathlib import Path
from typing import Final

from doorward.errors import Misconfigured

__all__ = ["sqlite_path"]

_CURE: Final = "Use sqlite:///relative.db, sqlite:////absolute.db or postgresql://user@host/database."


def sqlite_path(url: str) -> Path | None:
    """The file of a SQLite URL; None for a PostgreSQL one. The URL is the operator's, and may hold a password.

    Raises:
        Misconfigured: it is neither, or names a database in memory: a second connection would see another, and a
            credential revoked in one would still open the door of the other.
    """
    scheme, separator, rest = url.partition("://")
    if scheme in {"postgresql", "postgres"} and separator:
        return None
    if scheme != "sqlite" or not rest.startswith("/"):
        raise Misconfigured("The store URL is of no kind that is known.", cure=_CURE)
    name = rest[1:]
    if name in {"", ":memory:"} or name.startswith("file:") or "?" in name or "\0" in name:
        raise Misconfigured("The store URL must name a file, and nothing else.", cure=_CURE)
    return Path(name)
