"""API keys in SQL, read together with their app and their use."""

from typing import Final, final

from doorward.adapters.sql import schema
from doorward.adapters.sql.owned import (
    OWN_AFTER_GRANTS,
    CredentialRows,
    grant_columns,
    grant_fields,
    owned_columns,
    owned_fields,
)
from doorward.adapters.sql.script import Engine, Row, Script
from doorward.adapters.sql.statements import Value
from doorward.adapters.sql.updates import VersionedTable
from doorward.methods.apikey.port import KeyInserted, KeyRecord, KeyUpdated
from doorward.values import AppId, CredentialId, Environment, OrganizationId

__all__ = ["SqlKeys", "insert_key", "update_key"]

_TABLE: Final = VersionedTable(
    schema.api_keys,
    fixed=frozenset(
        {"app_id", "organization_id", "prefix", "environment", "secret_digest", "created_at", "rotated_from"}
    ),
)


@final
class SqlKeys:
    """`KeyPort`."""

    def __init__(self, engine: Engine) -> None:
        self._engine: Final = engine

    async def find_key(self, key_id: CredentialId) -> KeyRecord | None:
        """See the port."""
        return await _ROWS.find(self._engine, key_id)

    async def list_keys(
        self,
        *,
        app_id: AppId | None = None,
        organization_id: OrganizationId | None = None,
        after: str = "",
        limit: int = 100,
    ) -> tuple[KeyRecord, ...]:
        """See the port."""
        return await _ROWS.list(self._engine, app_id=app_id, organization_id=organization_id, after=after, limit=limit)


def insert_key(write: KeyInserted) -> Script[None]:
    """A new key."""
    return _TABLE.insert(_row(write.record))


def update_key(write: KeyUpdated) -> Script[None]:
    """A key one version on."""
    return _TABLE.update(_row(write.record))


def _record(row: Row) -> KeyRecord:
    prefix, environment, secret_digest = row[OWN_AFTER_GRANTS:]
    return KeyRecord(
        **owned_fields(row),
        **grant_fields(row),
        prefix=prefix,
        environment=Environment(environment),
        secret_digest=secret_digest,
    )


_ROWS: Final = CredentialRows(schema.api_keys, ("prefix", "environment", "secret_digest"), _record)


def _row(record: KeyRecord) -> dict[str, Value]:
    return {
        **owned_columns(record),
        **grant_columns(record),
        "prefix": record.prefix,
        "environment": record.environment.value,
        "secret_digest": record.secret_digest,
    }
