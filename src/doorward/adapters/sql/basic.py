"""App passwords in SQL, read together with their app and their use."""

from typing import Final, final

from doorward.adapters.sql import schema
from doorward.adapters.sql.owned import GRANTS_AT, CredentialRows, owned_columns, owned_fields
from doorward.adapters.sql.script import Engine, Row, Script
from doorward.adapters.sql.statements import Value
from doorward.adapters.sql.updates import VersionedTable
from doorward.methods.basic.port import PasswordInserted, PasswordRecord, PasswordUpdated
from doorward.values import AppId, CredentialId, OrganizationId

__all__ = ["SqlPasswords", "insert_password", "update_password"]

_TABLE: Final = VersionedTable(
    schema.app_passwords, fixed=frozenset({"app_id", "organization_id", "secret_digest", "created_at"})
)


@final
class SqlPasswords:
    """`PasswordPort`."""

    def __init__(self, engine: Engine) -> None:
        self._engine: Final = engine

    async def find_password(self, password_id: CredentialId) -> PasswordRecord | None:
        """See the port."""
        return await _ROWS.find(self._engine, password_id)

    async def list_passwords(
        self,
        *,
        app_id: AppId | None = None,
        organization_id: OrganizationId | None = None,
        after: str = "",
        limit: int = 100,
    ) -> tuple[PasswordRecord, ...]:
        """See the port."""
        return await _ROWS.list(self._engine, app_id=app_id, organization_id=organization_id, after=after, limit=limit)


def insert_password(write: PasswordInserted) -> Script[None]:
    """A new app password."""
    return _TABLE.insert(_row(write.record))


def update_password(write: PasswordUpdated) -> Script[None]:
    """An app password one version on."""
    return _TABLE.update(_row(write.record))


def _record(row: Row) -> PasswordRecord:
    return PasswordRecord(**owned_fields(row), secret_digest=row[GRANTS_AT])


_ROWS: Final = CredentialRows(schema.app_passwords, ("secret_digest",), _record)


def _row(record: PasswordRecord) -> dict[str, Value]:
    return {**owned_columns(record), "secret_digest": record.secret_digest}
