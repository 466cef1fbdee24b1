"""Credentials of apps in SQL: found and listed the same way whatever they are, with their app and their use joined.

A row is read in the order of `_OWNED`, `_JOINED`, the grants where a table has them, and what is the room's own.
"""

from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar, final

from sqlalchemy import ColumnElement, Table, bindparam, select

from doorward.adapters.sql import schema
from doorward.adapters.sql.columns import decode_metadata, decode_words, encode_metadata, encode_words
from doorward.adapters.sql.script import Engine, Row
from doorward.adapters.sql.statements import Statement, Value, limited, nearest, require_page
from doorward.methods.owned_credential import CredentialState, OwnedCredential
from doorward.methods.rotation import RotatableCredential
from doorward.values import AppId, CredentialId, OrganizationId, RateLimit, Scopes

__all__ = ["GRANTS_AT", "OWN_AFTER_GRANTS", "CredentialRows", "grant_columns", "grant_fields", "owned_columns"]
__all__ += ["owned_fields"]

_OWNED: Final = (
    "id",
    "app_id",
    "organization_id",
    "name",
    "scopes",
    "state",
    "created_at",
    "expires_at",
    "version",
)
_JOINED: Final = 5
_GRANTS: Final = ("networks", "rate_requests", "rate_window_s", "rotated_from", "rotated_to", "metadata")
GRANTS_AT: Final = len(_OWNED) + _JOINED
"""Where in a row what follows the joined columns begins: the grants, or the room's own without them."""
OWN_AFTER_GRANTS: Final = GRANTS_AT + len(_GRANTS)
"""Where the room's own begins after grants."""

_apps: Final = schema.apps.c
_usage: Final = schema.usage.c
RecordT = TypeVar("RecordT", bound=OwnedCredential)


@final
class CredentialRows(Generic[RecordT]):
    """Reads one table of credentials.

    Args:
        table: with the columns of `_OWNED`.
        own: its own columns, behind the grants where it has them.
        record: makes the record of a row.
    """

    def __init__(self, table: Table, own: tuple[str, ...], record: Callable[[Row], RecordT]) -> None:
        columns = table.columns
        grants = _GRANTS if "networks" in columns else ()
        chosen = select(
            *(columns[name] for name in _OWNED),
            _apps.name.label("app_name"),
            _apps.state.label("app_state"),
            _usage.last_used_at,
            _usage.last_source,
            _usage.use_count,
            *(columns[name] for name in (*grants, *own)),
        ).select_from(
            table.join(schema.apps, _apps.id == columns.app_id).outerjoin(
                schema.usage, _usage.credential_id == columns.id
            )
        )
        self._chosen: Final = chosen
        self.finding: Final = Statement(chosen.where(nearest(columns.id, "id")))
        self._page: Final = chosen.where(columns.id > bindparam("after")).order_by(columns.id).limit(limited("limit"))
        # Filters that were asked for, and no others, are in the statement: `:x IS NULL OR column = :x` uses no index.
        self._filters: Final[dict[str, ColumnElement[bool]]] = {
            "app_id": columns.app_id == bindparam("app_id"),
            "organization_id": columns.organization_id == bindparam("organization_id"),
        }
        self._listing: Final[dict[tuple[str, ...], Statement]] = {}
        self._record: Final = record

    def where(self, *conditions: ColumnElement[bool]) -> Statement:
        """A statement that reads the records these conditions hold of."""
        return Statement(self._chosen.where(*conditions))

    def listing(self, names: tuple[str, ...]) -> Statement:
        """The statement that lists with these filters."""
        found = self._listing.get(names)
        if found is None:
            found = self._listing[names] = Statement(self._page.where(*(self._filters[name] for name in names)))
        return found

    async def find(self, engine: Engine, credential_id: CredentialId) -> RecordT | None:
        """The record of that id."""
        rows = await engine.read(self.finding, {"id": credential_id})
        record = self._record(rows[0]) if rows else None
        return record if record is not None and record.id == credential_id else None

    async def list(
        self,
        engine: Engine,
        *,
        app_id: AppId | None,
        organization_id: OrganizationId | None,
        after: str,
        limit: int,
    ) -> tuple[RecordT, ...]:
        """A page of records by id.

        Raises:
            Rejected: `input_invalid` for a page that is empty or too long.
        """
        require_page(limit)
        given: dict[str, Value] = {"app_id": app_id, "organization_id": organization_id}
        asked = {name: value for name, value in given.items() if value is not None}
        page: dict[str, Value] = {"after": after, "limit": limit}
        rows = await engine.read(self.listing(tuple(asked)), asked | page)
        return tuple(map(self._record, rows))


def owned_fields(row: Row) -> dict[str, Any]:  # Any: what the fields of the record hold
    """What every credential has."""
    return {
        "id": row[0],
        "app_id": row[1],
        "organization_id": row[2],
        "name": row[3],
        "scopes": Scopes.parse(row[4]),
        "state": CredentialState(row[5]),
        "created_at": row[6],
        "expires_at": row[7],
        "version": row[8],
        "app_name": row[9],
        "app_state": row[10],
        "last_used_at": row[11],
        "last_source": row[12],
        "use_count": row[13] or 0,
    }


def grant_fields(row: Row) -> dict[str, Any]:  # Any: as above
    """What those have that are rotated."""
    networks, rate_requests, rate_window_s, rotated_from, rotated_to, metadata = row[GRANTS_AT:OWN_AFTER_GRANTS]
    return {
        "networks": decode_words(networks),
        "rate": None if rate_requests is None else RateLimit(rate_requests, rate_window_s),
        "rotated_from": rotated_from,
        "rotated_to": rotated_to,
        "metadata": decode_metadata(metadata),
    }


def owned_columns(record: OwnedCredential) -> dict[str, Value]:
    """What is written of every credential."""
    return {
        "id": record.id,
        "app_id": record.app_id,
        "organization_id": record.organization_id,
        "name": record.name,
        "scopes": str(record.scopes),
        "state": record.state.value,
        "created_at": record.created_at,
        "expires_at": record.expires_at,
        "version": record.version,
    }


def grant_columns(record: RotatableCredential) -> dict[str, Value]:
    """What is written of those that are rotated, besides."""
    rate = record.rate
    return {
        "networks": encode_words(record.networks),
        "rate_requests": None if rate is None else rate.requests,
        "rate_window_s": None if rate is None else rate.window_s,
        "rotated_from": record.rotated_from,
        "rotated_to": record.rotated_to,
        "metadata": encode_metadata(record.metadata),
    }
