"""Signing keys in SQL. That an issuer has one current key and one next key is an index, not a belief."""

from typing import Final, final

from sqlalchemy import ColumnElement, bindparam, insert, literal_column, or_, select, update

from doorward.adapters.sql import schema
from doorward.adapters.sql.columns import decode_metadata, encode_metadata
from doorward.adapters.sql.script import Engine, Row, Script, Step
from doorward.adapters.sql.statements import Statement, Value, limited, require_page
from doorward.crypto.jose.algorithms import Algorithm
from doorward.errors import Rejected
from doorward.keys.keyring_port import SigningKeyInserted, SigningKeyRecord, SigningKeyState, SigningKeyUpdated

__all__ = ["SqlSigningKeys", "insert_signing_key", "update_signing_key"]

_keys: Final = schema.signing_keys.c
_RETIRED: Final[ColumnElement[str]] = literal_column("'retired'")
_SELECT: Final = select(
    _keys.kid,
    _keys.issuer,
    _keys.algorithm,
    _keys.state,
    _keys.public_jwk,
    _keys.sealed_private,
    _keys.created_at,
    _keys.published_at,
    _keys.activated_at,
    _keys.superseded_at,
    _keys.retired_at,
    _keys.compromised,
    _keys.version,
)
_RING: Final = Statement(
    _SELECT.where(_keys.issuer == bindparam("issuer"), _keys.state != _RETIRED).order_by(_keys.created_at, _keys.kid)
)
_PAGE: Final = _SELECT.where(_keys.kid > bindparam("after")).order_by(_keys.kid).limit(limited("limit"))
_LIST: Final = Statement(_PAGE)
_LIST_OF_ISSUER: Final = Statement(_PAGE.where(_keys.issuer == bindparam("issuer")))
_FIND: Final = Statement(_SELECT.where(_keys.kid == bindparam("kid")))
_VALUES: Final = {name: bindparam(name, type_=_keys[name].type) for name in _keys.keys()}  # noqa: SIM118  # not a dict
# Whose key it is and what it is are settled when it is made.
_FIXED: Final = frozenset({"kid", "issuer", "algorithm", "public_jwk", "created_at", "published_at"})
_INSERT: Final = Statement(insert(schema.signing_keys).values(_VALUES))
_UPDATE: Final = Statement(
    update(schema.signing_keys)
    .where(
        _keys.kid == bindparam("key_id", type_=_keys.kid.type),
        _keys.version == bindparam("expected_version", type_=_keys.version.type),
        # A retired key stays retired, whatever the code above the store believes.
        or_(_keys.state != _RETIRED, bindparam("state_after", type_=_keys.state.type) == _RETIRED),
    )
    .values({name: value for name, value in _VALUES.items() if name not in _FIXED})
    .returning(_keys.version)
)
_EXISTS: Final = Statement(select(_keys.version).where(_keys.kid == bindparam("kid")))


@final
class SqlSigningKeys:
    """`SigningKeyPort`."""

    def __init__(self, engine: Engine) -> None:
        self._engine: Final = engine

    async def list_ring(self, issuer: str) -> tuple[SigningKeyRecord, ...]:
        """See the port."""
        return tuple(map(_record, await self._engine.read(_RING, {"issuer": issuer})))

    async def list_signing_keys(
        self, *, issuer: str | None = None, after: str = "", limit: int = 100
    ) -> tuple[SigningKeyRecord, ...]:
        """See the port."""
        require_page(limit)
        page: dict[str, Value] = {"after": after, "limit": limit}
        if issuer is None:
            return tuple(map(_record, await self._engine.read(_LIST, page)))
        return tuple(map(_record, await self._engine.read(_LIST_OF_ISSUER, {**page, "issuer": issuer})))

    async def find_signing_key(self, kid: str) -> SigningKeyRecord | None:
        """See the port."""
        rows = await self._engine.read(_FIND, {"kid": kid})
        return _record(rows[0]) if rows else None


def insert_signing_key(write: SigningKeyInserted) -> Script[None]:
    """A new key. A taken id, or a second key in a state that is for one, breaks a constraint: the driver says which."""
    yield Step(_INSERT, _row(write.record))


def update_signing_key(write: SigningKeyUpdated) -> Script[None]:
    """A key one version on.

    Raises:
        Rejected: `object_conflict`; `object_unknown` when there is no such key.
    """
    record = write.record
    conditions: dict[str, Value] = {
        "key_id": record.kid,
        "expected_version": record.version - 1,
        "state_after": record.state.value,
    }
    if (yield Step(_UPDATE, {**_row(record), **conditions})):
        return
    if (yield Step(_EXISTS, {"kid": record.kid})):
        raise Rejected("object_conflict", f"{record.kid!r} is not at version {record.version - 1}, or is retired")
    raise Rejected("object_unknown", f"there is no {record.kid!r}")


def _record(row: Row) -> SigningKeyRecord:
    return SigningKeyRecord(
        kid=row[0],
        issuer=row[1],
        algorithm=Algorithm(row[2]),
        state=SigningKeyState(row[3]),
        public_jwk=decode_metadata(row[4]),
        sealed_private=None if row[5] is None else bytes(row[5]),
        created_at=row[6],
        published_at=row[7],
        activated_at=row[8],
        superseded_at=row[9],
        retired_at=row[10],
        compromised=bool(row[11]),
        version=row[12],
    )


def _row(record: SigningKeyRecord) -> dict[str, Value]:
    return {
        "kid": record.kid,
        "issuer": record.issuer,
        "algorithm": record.algorithm.value,
        "state": record.state.value,
        "public_jwk": encode_metadata(record.public_jwk),
        "sealed_private": record.sealed_private,
        "created_at": record.created_at,
        "published_at": record.published_at,
        "activated_at": record.activated_at,
        "superseded_at": record.superseded_at,
        "retired_at": record.retired_at,
        "compromised": int(record.compromised),
        "version": record.version,
    }
