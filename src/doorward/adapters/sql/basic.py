"""App passwords in SQL, read together with their app and their use."""

from functools import cache
from typing import Final, final

from sqlalchemy import ColumnElement, bindparam, select

from doorward.adapters.sql import schema
from doorward.adapters.sql.script import Engine, Row, Script
from doorward.adapters.sql.statements import Statement, Value, limited, nearest, require_page
from doorward.adapters.sql.updates import VersionedTable
from doorward.methods.basic.port import PasswordInserted, PasswordRecord, PasswordState, PasswordUpdated
from doorward.values import AppId, CredentialId, OrganizationId, Scopes

__all__ = ["SqlPasswords", "insert_password", "update_password"]

_passwords: Final = schema.app_passwords.c
_apps: Final = schema.apps.c
_usage: Final = schema.usage.c
_SELECT: Final = select(
    _passwords.id,
    _passwords.app_id,
    _passwords.organization_id,
    _passwords.name,
    _passwords.secret_digest,
    _passwords.scopes,
    _passwords.state,
    _passwords.created_at,
    _passwords.expires_at,
    _passwords.version,
    _apps.name.label("app_name"),
    _apps.state.label("app_state"),
    _usage.last_used_at,
    _usage.last_source,
    _usage.use_count,
).select_from(
    schema.app_passwords.join(schema.apps, _apps.id == _passwords.app_id).outerjoin(
        schema.usage, _usage.credential_id == _passwords.id
    )
)
_PAGE: Final = _SELECT.where(_passwords.id > bindparam("after")).order_by(_passwords.id).limit(limited("limit"))
_FIND: Final = Statement(_SELECT.where(nearest(_passwords.id, "id")))
# Filters that were asked for, and no others, are in the statement: `:x IS NULL OR column = :x` uses no index.
_FILTERS: Final[dict[str, ColumnElement[bool]]] = {
    "app_id": _passwords.app_id == bindparam("app_id"),
    "organization_id": _passwords.organization_id == bindparam("organization_id"),
}
_TABLE: Final = VersionedTable(
    schema.app_passwords, fixed=frozenset({"app_id", "organization_id", "secret_digest", "created_at"})
)


@cache
def _filtered(names: tuple[str, ...]) -> Statement:
    return Statement(_PAGE.where(*(_FILTERS[name] for name in names)))


@final
class SqlPasswords:
    """`PasswordPort`."""

    def __init__(self, engine: Engine) -> None:
        self._engine: Final = engine

    async def find_password(self, password_id: CredentialId) -> PasswordRecord | None:
        """See the port."""
        rows = await self._engine.read(_FIND, {"id": password_id})
        record = _record(rows[0]) if rows else None
        return record if record is not None and record.id == password_id else None

    async def list_passwords(
        self,
        *,
        app_id: AppId | None = None,
        organization_id: OrganizationId | None = None,
        after: str = "",
        limit: int = 100,
    ) -> tuple[PasswordRecord, ...]:
        """See the port."""
        require_page(limit)
        given: dict[str, Value] = {"app_id": app_id, "organization_id": organization_id}
        asked = {name: value for name, value in given.items() if value is not None}
        page: dict[str, Value] = {"after": after, "limit": limit}
        rows = await self._engine.read(_filtered(tuple(asked)), asked | page)
        return tuple(map(_record, rows))


def insert_password(write: PasswordInserted) -> Script[None]:
    """A new app password."""
    return _TABLE.insert(_row(write.record))


def update_password(write: PasswordUpdated) -> Script[None]:
    """An app password one version on."""
    return _TABLE.update(_row(write.record))


def _record(row: Row) -> PasswordRecord:
    return PasswordRecord(
        id=row[0],
        app_id=row[1],
        organization_id=row[2],
        name=row[3],
        secret_digest=row[4],
        scopes=Scopes.parse(row[5]),
        state=PasswordState(row[6]),
        created_at=row[7],
        expires_at=row[8],
        version=row[9],
        app_name=row[10],
        app_state=row[11],
        last_used_at=row[12],
        last_source=row[13],
        use_count=row[14] or 0,
    )


def _row(record: PasswordRecord) -> dict[str, Value]:
    return {
        "id": record.id,
        "app_id": record.app_id,
        "organization_id": record.organization_id,
        "name": record.name,
        "secret_digest": record.secret_digest,
        "scopes": str(record.scopes),
        "state": record.state.value,
        "created_at": record.created_at,
        "expires_at": record.expires_at,
        "version": record.version,
    }
