"""Opaque tokens in SQL. Rows that have expired leave with the inserts of others, a few at a time.

So the table is as large as what is alive, give or take a little, in every process that issues: no task to run, no
burst of deletions, no table that grows with the number of tokens ever issued (invariant 6).
"""

from typing import Final, final

import msgspec
from sqlalchemy import bindparam, delete, insert, select

from doorward.adapters.sql import schema
from doorward.adapters.sql.columns import decode_words, encode_words
from doorward.adapters.sql.script import Engine, Row, Script, Step
from doorward.adapters.sql.statements import Statement, Value, limited, nearest
from doorward.errors import Rejected
from doorward.methods.opaque.port import OpaqueInserted, OpaqueRecord, OpaqueState
from doorward.methods.token_order import parse_watermark, write_watermark
from doorward.values import CredentialId, Scopes

__all__ = ["EXPIRED_KEPT_S", "REMOVED_PER_INSERT", "SqlOpaqueTokens", "insert_opaque_token"]

EXPIRED_KEPT_S: Final = 3_600
"""How long an expired token is kept, so that its holder is told that it has expired and not that it never was."""
REMOVED_PER_INSERT: Final = 4
"""How many of those that were kept long enough leave with each new one: more than one, so that a burst is caught up."""

_tokens: Final = schema.opaque_tokens.c
_COLUMNS: Final = (
    "id",
    "secret_digest",
    "issuer",
    "subject",
    "client_id",
    "audience",
    "scopes",
    "claims",
    "grant_id",
    "session_id",
    "organization_id",
    "issued_at",
    "expires_at",
    "watermark",
    "state",
    "version",
)
_FIND: Final = Statement(select(*(_tokens[name] for name in _COLUMNS)).where(nearest(_tokens.id, "id")))
_INSERT: Final = Statement(
    insert(schema.opaque_tokens).values({name: bindparam(name, type_=_tokens[name].type) for name in _COLUMNS})
)
_SWEEP: Final = Statement(
    delete(schema.opaque_tokens)
    .where(
        _tokens.id.in_(
            select(_tokens.id)
            .where(_tokens.expires_at < bindparam("before", type_=_tokens.expires_at.type))
            .order_by(_tokens.expires_at)
            .limit(limited("limit"))
            # Two inserts at once must not wait for each other's leavings.
            .with_for_update(skip_locked=True)
        )
    )
    .returning(_tokens.id)
)
_ENCODE: Final = msgspec.json.Encoder().encode
_DECODE: Final = msgspec.json.Decoder(dict[str, object]).decode


@final
class SqlOpaqueTokens:
    """`OpaquePort`."""

    def __init__(self, engine: Engine) -> None:
        self._engine: Final = engine

    async def find_opaque_token(self, token_id: CredentialId) -> OpaqueRecord | None:
        """See the port."""
        rows = await self._engine.read(_FIND, {"id": token_id})
        record = _record(rows[0]) if rows else None
        return record if record is not None and record.id == token_id else None


def insert_opaque_token(write: OpaqueInserted) -> Script[None]:
    """A new token, and some old ones less."""
    yield Step(_INSERT, _row(write.record))
    yield Step(_SWEEP, {"before": write.record.issued_at - EXPIRED_KEPT_S, "limit": REMOVED_PER_INSERT})


def _record(row: Row) -> OpaqueRecord:
    watermark = parse_watermark(row[13])
    assert watermark is not None, "a watermark as we write it"
    return OpaqueRecord(
        id=row[0],
        secret_digest=row[1],
        issuer=row[2],
        subject=row[3],
        client_id=row[4],
        audience=decode_words(row[5]),
        scopes=Scopes.parse(row[6]),
        claims=_DECODE(row[7]),
        grant_id=row[8],
        session_id=row[9],
        organization_id=row[10],
        issued_at=row[11],
        expires_at=row[12],
        watermark=watermark,
        state=OpaqueState(row[14]),
        version=row[15],
    )


def _row(record: OpaqueRecord) -> dict[str, Value]:
    try:
        claims = _ENCODE(record.claims).decode()
    except ValueError:
        raise Rejected("input_invalid", "claims that have no JSON form") from None
    return {
        "id": record.id,
        "secret_digest": record.secret_digest,
        "issuer": record.issuer,
        "subject": record.subject,
        "client_id": record.client_id,
        "audience": encode_words(record.audience),
        "scopes": str(record.scopes),
        "claims": claims,
        "grant_id": record.grant_id,
        "session_id": record.session_id,
        "organization_id": record.organization_id,
        "issued_at": record.issued_at,
        "expires_at": record.expires_at,
        "watermark": write_watermark(record.watermark),
        "state": record.state.value,
        "version": record.version,
    }
