"""Claims: what may be used once, in a store all processes share.

Revision ID: 0003
Revises: 0002

A frozen copy of what `schema.py` had gained by then.
"""

from typing import Final

from alembic import op
from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table, Text
from sqlalchemy.schema import CreateIndex, CreateTable

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision: Final = "0003"
down_revision: Final = "0002"
branch_labels: Final = None
depends_on: Final = None

metadata: Final = MetaData(naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"})

_text: Final = Text().with_variant(Text(collation="C"), "postgresql")
_integer: Final = BigInteger().with_variant(Integer(), "sqlite")

claims: Final = Table(
    "claims",
    metadata,
    Column("id", _text, primary_key=True),
    Column("owner", _text, nullable=False),
    Column("fence", _integer, nullable=False),
    Column("leased_until_ms", _integer),
    Column("keep_until", _integer, nullable=False),
    Index(None, "owner"),
    Index(None, "keep_until"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)


def upgrade() -> None:
    """Add the table."""
    op.execute(CreateTable(claims))
    for index in sorted(claims.indexes, key=lambda index: str(index.name)):
        op.execute(CreateIndex(index))
