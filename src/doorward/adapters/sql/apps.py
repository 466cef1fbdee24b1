"""Apps in SQL."""

from typing import Final, final

from sqlalchemy import bindparam, select

from doorward.adapters.sql import schema
from doorward.adapters.sql.columns import decode_metadata, encode_metadata
from doorward.adapters.sql.script import Engine, Row, Script
from doorward.adapters.sql.statements import Statement, Value, limited, require_page
from doorward.adapters.sql.updates import VersionedTable
from doorward.apps.port import AppInserted, AppRecord, AppState, AppUpdated
from doorward.values import AppId, OrganizationId

__all__ = ["SqlApps", "insert_app", "update_app"]

_apps: Final = schema.apps.c
_SELECT: Final = select(
    _apps.id,
    _apps.name,
    _apps.organization_id,
    _apps.state,
    _apps.created_at,
    _apps.version,
    _apps.metadata,
)
_FIND: Final = Statement(_SELECT.where(_apps.id == bindparam("id")))
_FIND_BY_NAME: Final = Statement(_SELECT.where(_apps.name == bindparam("name")))
_PAGE: Final = _SELECT.where(_apps.id > bindparam("after")).order_by(_apps.id).limit(limited("limit"))
_LIST: Final = Statement(_PAGE)
_LIST_OF_ORGANIZATION: Final = Statement(_PAGE.where(_apps.organization_id == bindparam("organization_id")))
_TABLE: Final = VersionedTable(schema.apps, fixed=frozenset({"organization_id", "created_at"}))


@final
class SqlApps:
    """`AppPort`."""

    def __init__(self, engine: Engine) -> None:
        self._engine: Final = engine

    async def find_app(self, app_id: AppId) -> AppRecord | None:
        """See the port."""
        rows = await self._engine.read(_FIND, {"id": app_id})
        return _record(rows[0]) if rows else None

    async def find_app_by_name(self, name: str) -> AppRecord | None:
        """See the port."""
        rows = await self._engine.read(_FIND_BY_NAME, {"name": name})
        return _record(rows[0]) if rows else None

    async def list_apps(
        self, *, organization_id: OrganizationId | None = None, after: str = "", limit: int = 100
    ) -> tuple[AppRecord, ...]:
        """See the port."""
        require_page(limit)
        page: dict[str, Value] = {"after": after, "limit": limit}
        if organization_id is None:
            rows = await self._engine.read(_LIST, page)
        else:
            rows = await self._engine.read(_LIST_OF_ORGANIZATION, {**page, "organization_id": organization_id})
        return tuple(map(_record, rows))


def insert_app(write: AppInserted) -> Script[None]:
    """A new app."""
    return _TABLE.insert(_row(write.record))


def update_app(write: AppUpdated) -> Script[None]:
    """An app one version on."""
    return _TABLE.update(_row(write.record))


def _record(row: Row) -> AppRecord:
    app_id, name, organization_id, state, created_at, version, metadata = row
    return AppRecord(
        id=app_id,
        name=name,
        organization_id=organization_id,
        state=AppState(state),
        created_at=created_at,
        version=version,
        metadata=decode_metadata(metadata),
    )


def _row(record: AppRecord) -> dict[str, Value]:
    return {
        "id": record.id,
        "name": record.name,
        "organization_id": record.organization_id,
        "state": record.state.value,
        "created_at": record.created_at,
        "version": record.version,
        "metadata": encode_metadata(record.metadata),
    }
