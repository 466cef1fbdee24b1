"""Signature keys in SQL, read together with their app and their use. A revoked row holds no secret."""

from functools import cache
from typing import Final, final

from sqlalchemy import ColumnElement, bindparam, select

from doorward.adapters.sql import schema
from doorward.adapters.sql.columns import decode_metadata, decode_words, encode_metadata, encode_words
from doorward.adapters.sql.script import Engine, Row, Script
from doorward.adapters.sql.statements import Statement, Value, limited, nearest, require_page
from doorward.adapters.sql.updates import VersionedTable
from doorward.crypto.signatures import SignatureAlgorithm
from doorward.methods.signature.port import (
    SignatureKeyInserted,
    SignatureKeyRecord,
    SignatureKeyState,
    SignatureKeyUpdated,
)
from doorward.values import AppId, CredentialId, OrganizationId, RateLimit, Scopes

__all__ = ["SqlSignatureKeys", "insert_signature_key", "update_signature_key"]

_keys: Final = schema.signature_keys.c
_apps: Final = schema.apps.c
_usage: Final = schema.usage.c
_SELECT: Final = select(
    _keys.id,
    _keys.app_id,
    _keys.organization_id,
    _keys.name,
    _keys.algorithm,
    _keys.public_jwk,
    _keys.sealed_secret,
    _keys.scopes,
    _keys.networks,
    _keys.rate_requests,
    _keys.rate_window_s,
    _keys.state,
    _keys.created_at,
    _keys.expires_at,
    _keys.rotated_from,
    _keys.rotated_to,
    _keys.version,
    _keys.metadata,
    _apps.name.label("app_name"),
    _apps.state.label("app_state"),
    _usage.last_used_at,
    _usage.last_source,
    _usage.use_count,
).select_from(
    schema.signature_keys.join(schema.apps, _apps.id == _keys.app_id).outerjoin(
        schema.usage, _usage.credential_id == _keys.id
    )
)
_PAGE: Final = _SELECT.where(_keys.id > bindparam("after")).order_by(_keys.id).limit(limited("limit"))
_FIND: Final = Statement(_SELECT.where(nearest(_keys.id, "id")))
# Filters that were asked for, and no others, are in the statement: `:x IS NULL OR column = :x` uses no index.
_FILTERS: Final[dict[str, ColumnElement[bool]]] = {
    "app_id": _keys.app_id == bindparam("app_id"),
    "organization_id": _keys.organization_id == bindparam("organization_id"),
}
# Not the sealed secret: it is erased with its key, and sealed again under another master key. Swapped for another
# row's it does not open.
_TABLE: Final = VersionedTable(
    schema.signature_keys,
    fixed=frozenset({"app_id", "organization_id", "algorithm", "public_jwk", "created_at", "rotated_from"}),
)


@cache
def _filtered(names: tuple[str, ...]) -> Statement:
    return Statement(_PAGE.where(*(_FILTERS[name] for name in names)))


@final
class SqlSignatureKeys:
    """`SignatureKeyPort`."""

    def __init__(self, engine: Engine) -> None:
        self._engine: Final = engine

    async def find_signature_key(self, key_id: CredentialId) -> SignatureKeyRecord | None:
        """See the port."""
        rows = await self._engine.read(_FIND, {"id": key_id})
        record = _record(rows[0]) if rows else None
        return record if record is not None and record.id == key_id else None

    async def list_signature_keys(
        self,
        *,
        app_id: AppId | None = None,
        organization_id: OrganizationId | None = None,
        after: str = "",
        limit: int = 100,
    ) -> tuple[SignatureKeyRecord, ...]:
        """See the port."""
        require_page(limit)
        given: dict[str, Value] = {"app_id": app_id, "organization_id": organization_id}
        asked = {name: value for name, value in given.items() if value is not None}
        page: dict[str, Value] = {"after": after, "limit": limit}
        rows = await self._engine.read(_filtered(tuple(asked)), asked | page)
        return tuple(map(_record, rows))


def insert_signature_key(write: SignatureKeyInserted) -> Script[None]:
    """A new key."""
    return _TABLE.insert(_row(write.record))


def update_signature_key(write: SignatureKeyUpdated) -> Script[None]:
    """A key one version on."""
    return _TABLE.update(_row(write.record))


def _record(row: Row) -> SignatureKeyRecord:
    return SignatureKeyRecord(
        id=row[0],
        app_id=row[1],
        organization_id=row[2],
        name=row[3],
        algorithm=SignatureAlgorithm(row[4]),
        public_jwk=None if row[5] is None else decode_metadata(row[5]),
        sealed_secret=None if row[6] is None else bytes(row[6]),
        scopes=Scopes.parse(row[7]),
        networks=decode_words(row[8]),
        rate=None if row[9] is None else RateLimit(row[9], row[10]),
        state=SignatureKeyState(row[11]),
        created_at=row[12],
        expires_at=row[13],
        rotated_from=row[14],
        rotated_to=row[15],
        version=row[16],
        metadata=decode_metadata(row[17]),
        app_name=row[18],
        app_state=row[19],
        last_used_at=row[20],
        last_source=row[21],
        use_count=row[22] or 0,
    )


def _row(record: SignatureKeyRecord) -> dict[str, Value]:
    return {
        "id": record.id,
        "app_id": record.app_id,
        "organization_id": record.organization_id,
        "name": record.name,
        "algorithm": record.algorithm.value,
        "public_jwk": None if record.public_jwk is None else encode_metadata(record.public_jwk),
        "sealed_secret": record.sealed_secret,
        "scopes": str(record.scopes),
        "networks": encode_words(record.networks),
        "rate_requests": record.rate.requests if record.rate else None,
        "rate_window_s": record.rate.window_s if record.rate else None,
        "state": record.state.value,
        "created_at": record.created_at,
        "expires_at": record.expires_at,
        "rotated_from": record.rotated_from,
        "rotated_to": record.rotated_to,
        "version": record.version,
        "metadata": encode_metadata(record.metadata),
    }
