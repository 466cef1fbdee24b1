"""Signatures: senders of webhooks with their secrets, and the keys apps sign requests with.

Revision ID: 0004
Revises: 0003

A frozen copy of what `schema.py` had gained by then.
"""

from typing import Any, Final

from alembic import op
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.schema import CreateIndex, CreateTable

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision: Final = "0004"
down_revision: Final = "0003"
branch_labels: Final = None
depends_on: Final = None

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_text: Final = Text().with_variant(Text(collation="C"), "postgresql")
_integer: Final = BigInteger().with_variant(Integer(), "sqlite")


def _table(name: str, *parts: Any) -> Table:  # Any: columns, constraints and indexes
    return Table(name, metadata, *parts, sqlite_strict=True, sqlite_with_rowid=False)


def _required(name: str, kind: Any) -> Column[Any]:  # Any: text, integer or bytes
    return Column(name, kind, nullable=False)


# Named by the foreign key of the keys, and there since the first migration.
Table("apps", metadata, Column("id", _text, primary_key=True))

webhook_senders: Final = _table(
    "webhook_senders",
    Column("name", _text, primary_key=True),
    _required("scheme", _text),
    Column("organization_id", _text),
    _required("created_at", _integer),
    _required("version", _integer),
    Index(None, "organization_id", "name"),
)

webhook_secrets: Final = _table(
    "webhook_secrets",
    Column("id", _text, primary_key=True),
    Column("sender", _text, ForeignKey("webhook_senders.name"), nullable=False),
    Column("sealed_text", LargeBinary()),
    _required("state", _text),
    _required("created_at", _integer),
    Column("not_before", _integer),
    Column("not_after", _integer),
    _required("version", _integer),
    Index(None, "sender", "id"),
    CheckConstraint("state IN ('active', 'retired')", name="state"),
    CheckConstraint("(state = 'retired') = (sealed_text IS NULL)", name="erased"),
)

signature_keys: Final = _table(
    "signature_keys",
    Column("id", _text, primary_key=True),
    Column("app_id", _text, ForeignKey("apps.id"), nullable=False),
    Column("organization_id", _text),
    _required("name", _text),
    _required("algorithm", _text),
    Column("public_jwk", _text),
    Column("sealed_secret", LargeBinary()),
    _required("scopes", _text),
    _required("networks", _text),
    Column("rate_requests", _integer),
    Column("rate_window_s", _integer),
    _required("state", _text),
    _required("created_at", _integer),
    Column("expires_at", _integer),
    Column("rotated_from", _text),
    Column("rotated_to", _text),
    _required("version", _integer),
    _required("metadata", _text),
    Index(None, "app_id", "id"),
    Index(None, "organization_id", "id"),
    CheckConstraint("state IN ('active', 'disabled', 'revoked')", name="state"),
    CheckConstraint("public_jwk IS NULL OR sealed_secret IS NULL", name="one_half"),
    CheckConstraint("state = 'revoked' OR public_jwk IS NOT NULL OR sealed_secret IS NOT NULL", name="has_key"),
)

_TABLES: Final = (webhook_senders, webhook_secrets, signature_keys)


def upgrade() -> None:
    """Add the tables."""
    for table in _TABLES:
        op.execute(CreateTable(table))
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            op.execute(CreateIndex(index))
