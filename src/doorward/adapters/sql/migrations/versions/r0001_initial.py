"""The first schema: apps, their keys and passwords, use, rate leases, the feed and the record.

Revision ID: 0001
Revises: nothing

A frozen copy of `schema.py` as it was: what `schema.py` becomes later is the business of later revisions.
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
    UniqueConstraint,
)
from sqlalchemy.schema import CreateIndex, CreateTable

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision: Final = "0001"
down_revision: Final = None
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


def _position(name: str) -> Column[int]:
    return Column(name, _integer, primary_key=True, autoincrement=False)


def _required(name: str, kind: Any) -> Column[Any]:  # Any: text, integer or bytes
    return Column(name, kind, nullable=False)


def _state(*states: str) -> CheckConstraint:
    return CheckConstraint(f"state IN ({', '.join(map(repr, states))})", name="state")


_table(
    "apps",
    _id(),
    _required("name", _text),
    Column("organization_id", _text),
    _required("state", _text),
    _required("created_at", _integer),
    _required("version", _integer),
    _required("metadata", _text),
    UniqueConstraint("name"),
    Index(None, "organization_id", "id"),
    _state("active", "suspended", "revoked"),
)

_table(
    "api_keys",
    _id(),
    Column("app_id", _text, ForeignKey("apps.id"), nullable=False),
    Column("organization_id", _text),
    _required("name", _text),
    _required("prefix", _text),
    _required("environment", _text),
    _required("secret_digest", LargeBinary()),
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
    _state("active", "disabled", "revoked"),
    CheckConstraint("environment IN ('live', 'test')", name="environment"),
    CheckConstraint("length(secret_digest) = 32", name="secret_digest"),
)

_table(
    "app_passwords",
    _id(),
    Column("app_id", _text, ForeignKey("apps.id"), nullable=False),
    Column("organization_id", _text),
    _required("name", _text),
    _required("secret_digest", LargeBinary()),
    _required("scopes", _text),
    _required("state", _text),
    _required("created_at", _integer),
    _required("expires_at", _integer),
    _required("version", _integer),
    Index(None, "app_id", "id"),
    Index(None, "organization_id", "id"),
    _state("active", "disabled", "revoked"),
    CheckConstraint("length(secret_digest) = 32", name="secret_digest"),
)

_table(
    "usage",
    _id("credential_id"),
    _required("method", _text),
    _required("use_count", _integer),
    _required("last_used_at", _integer),
    Column("last_source", _text),
)

_table(
    "rate_leases",
    _id("credential_id"),
    _required("window_s", _integer),
    _required("bucket", _integer),
    _required("counts", LargeBinary()),
)

_table(
    "heads",
    _position("id"),
    _required("feed_position", _integer),
    _required("feed_generation", _text),
    _required("audit_sequence", _integer),
    _required("audit_link", LargeBinary()),
    CheckConstraint("id = 1", name="one_row"),
    keyed_by_text=False,
)

_table(
    "feed",
    _position("position"),
    _required("kind", _text),
    _required("id", _text),
    Column("changed_version", _integer),
    Column("leave_at", _integer),
    _required("committed_at", _integer),
    Index(None, "leave_at"),
    keyed_by_text=False,
)

_table(
    "events",
    _position("sequence"),
    _required("at", _integer),
    _required("action", _text),
    Column("app_id", _text),
    Column("organization_id", _text),
    Column("credential_id", _text),
    Column("code", _text),
    _required("object_kind", _text),
    _required("object_id", _text),
    _required("record", LargeBinary()),
    _required("previous_link", LargeBinary()),
    _required("link", LargeBinary()),
    _required("key_id", _text),
    Index(None, "app_id", "sequence"),
    Index(None, "organization_id", "sequence"),
    Index(None, "credential_id", "sequence"),
    Index(None, "object_id", "sequence"),
    Index(None, "at"),
    keyed_by_text=False,
)

_table("meta", _id("name"), _required("value", LargeBinary()))


def upgrade() -> None:
    """Make every table and index."""
    for table in metadata.sorted_tables:
        op.execute(CreateTable(table))
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            op.execute(CreateIndex(index))
