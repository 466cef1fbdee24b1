"""Tokens: signing keys, opaque tokens, derived subjects, and whom a row of the feed is for.

Revision ID: 0002
Revises: 0001

A frozen copy of what `schema.py` had gained by then.
"""

from typing import Any, Final

from alembic import op
from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, LargeBinary, MetaData, Table, Text, text
from sqlalchemy.schema import CreateIndex, CreateTable

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision: Final = "0002"
down_revision: Final = "0001"
branch_labels: Final = None
depends_on: Final = None

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_text: Final = Text().with_variant(Text(collation="C"), "postgresql")
_integer: Final = BigInteger().with_variant(Integer(), "sqlite")


def _table(name: str, *parts: Any, keyed_by_text: bool = True) -> Table:  # Any: columns, constraints and indexes
    return Table(name, metadata, *parts, sqlite_strict=True, sqlite_with_rowid=not keyed_by_text)


def _id(name: str = "id") -> Column[str]:
    return Column(name, _text, primary_key=True)


def _required(name: str, kind: Any) -> Column[Any]:  # Any: text, integer or bytes
    return Column(name, kind, nullable=False)


feed: Final = _table(
    "feed",
    Column("position", _integer, primary_key=True, autoincrement=False),
    _required("kind", _text),
    _required("id", _text),
    Column("changed_version", _integer),
    Column("leave_at", _integer),
    _required("committed_at", _integer),
    Column("audience", _text),
    Column("owner", _text),
    Index(None, "leave_at"),
    Index(None, "owner"),
    Index(None, "kind", "id"),
    keyed_by_text=False,
)

_LEADING: Final = "state IN ('next', 'current')"
_NEW: Final = (
    _table(
        "signing_keys",
        _id("kid"),
        _required("issuer", _text),
        _required("algorithm", _text),
        _required("state", _text),
        _required("public_jwk", _text),
        Column("sealed_private", LargeBinary()),
        _required("created_at", _integer),
        _required("published_at", _integer),
        Column("activated_at", _integer),
        Column("superseded_at", _integer),
        Column("retired_at", _integer),
        _required("compromised", _integer),
        _required("version", _integer),
        Index(None, "issuer", "state"),
        Index(
            "uq_signing_keys_leading",
            "issuer",
            "state",
            unique=True,
            sqlite_where=text(_LEADING),
            postgresql_where=text(_LEADING),
        ),
        CheckConstraint("state IN ('next', 'current', 'previous', 'retired')", name="state"),
        CheckConstraint("compromised IN (0, 1)", name="compromised"),
    ),
    _table(
        "opaque_tokens",
        _id(),
        _required("secret_digest", LargeBinary()),
        _required("issuer", _text),
        _required("subject", _text),
        _required("client_id", _text),
        _required("audience", _text),
        _required("scopes", _text),
        _required("claims", _text),
        Column("grant_id", _text),
        Column("session_id", _text),
        Column("organization_id", _text),
        _required("issued_at", _integer),
        _required("expires_at", _integer),
        _required("watermark", _text),
        _required("state", _text),
        _required("version", _integer),
        Index(None, "expires_at"),
        CheckConstraint("state IN ('active', 'revoked')", name="state"),
        CheckConstraint("length(secret_digest) = 32", name="secret_digest"),
    ),
    _table("pairwise_sectors", _id("sector"), _required("created_at", _integer)),
)


def upgrade() -> None:
    """Add columns to the feed, and the tables."""
    if op.get_context().dialect.name == "sqlite":
        _remake_feed()
    else:
        op.execute('ALTER TABLE feed ADD COLUMN audience TEXT COLLATE "C", ADD COLUMN owner TEXT COLLATE "C"')
        op.execute("CREATE INDEX ix_feed_owner ON feed (owner)")
        op.execute("CREATE INDEX ix_feed_kind_id ON feed (kind, id)")
    for table in _NEW:
        op.execute(CreateTable(table))
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            op.execute(CreateIndex(index))


def _remake_feed() -> None:
    # SQLite writes an added column behind the constraints: the table would not be what `schema.py` says.
    op.execute("ALTER TABLE feed RENAME TO feed_before")
    op.execute(CreateTable(feed))
    op.execute(
        "INSERT INTO feed (position, kind, id, changed_version, leave_at, committed_at)"
        " SELECT position, kind, id, changed_version, leave_at, committed_at FROM feed_before"
    )
    op.execute("DROP TABLE feed_before")
    for index in sorted(feed.indexes, key=lambda index: str(index.name)):
        op.execute(CreateIndex(index))
