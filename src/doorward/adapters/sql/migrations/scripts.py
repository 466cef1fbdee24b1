"""The steps from one revision to another, as a script of SQL.

Alembic runs in its offline mode and prints what it would do; our own driver runs that, in one transaction. So neither
SQLAlchemy's connections nor greenlet nor a second PostgreSQL driver is needed to migrate. The price: a migration says
what it does in SQL, and cannot look at rows from Python (docs/adr/0007-migrations-are-scripts.md).
"""

from io import StringIO
from pathlib import Path
from typing import Final

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory

from doorward.adapters.sql.statements import DialectName

__all__ = ["known_revisions", "migration_script"]

_DIRECTORY: Final = Path(__file__).parent


def known_revisions() -> tuple[str, ...]:
    """All revisions, the newest first."""
    return tuple(script.revision for script in ScriptDirectory(_DIRECTORY).walk_revisions())


def migration_script(dialect: DialectName, *, start: str | None, end: str) -> str:
    """SQL that takes a database from revision `start` (None: no schema) to `end`, without BEGIN and COMMIT."""
    directory = ScriptDirectory(_DIRECTORY)
    output = StringIO()

    def steps(_revision: object, _context: MigrationContext) -> list[RevisionStep]:
        return directory._upgrade_revs(end, start or "base")  # noqa: SLF001  # what `alembic upgrade --sql` itself calls

    with EnvironmentContext(Config(), directory, fn=steps, as_sql=True, starting_rev=start, destination_rev=end) as env:
        env.configure(dialect_name=dialect, transactional_ddl=False, output_buffer=output)
        env.run_migrations()
    return output.getvalue()
