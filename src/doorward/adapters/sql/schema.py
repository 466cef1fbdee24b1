"""The tables, once, for both engines.

Rules of this file:

* Columns hold integers (epoch seconds), bytes and text, so that a row comes back as it is kept and no result processor
  runs. Small collections are text: scopes and networks joined by spaces, metadata as JSON.
* No column holds a secret that can be presented (invariant 1): `secret_digest` is a SHA-256.
* Text that is sorted or compared is in the order of its bytes (`COLLATE "C"`), so pages are the same on both engines.
* SQLite tables are STRICT: a value of the wrong kind is refused there as it is on PostgreSQL.
* What is here is what the migrations make; `tests/adapters/sql/test_migrations.py` compares them.
"""

from typing import Any, Final

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
    text,
)

__all__ = ["SCHEMA_REVISION", "api_keys", "app_passwords", "apps", "claims", "events", "feed", "heads", "meta"]
__all__ += ["metadata", "opaque_tokens", "pairwise_sectors", "rate_leases", "signature_keys", "signing_keys", "usage"]
__all__ += ["webhook_secrets", "webhook_senders"]

SCHEMA_REVISION: Final = "0004"
"""The migration this version of Doorward works with; a database at any other is not served."""

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
    # A text key is its own B-tree in SQLite (WITHOUT ROWID): a point read walks one tree, not two.
    return Table(name, metadata, *parts, sqlite_strict=True, sqlite_with_rowid=not keyed_by_text)


def _id(name: str = "id") -> Column[str]:
    return Column(name, _text, primary_key=True)


def _position(name: str) -> Column[int]:
    return Column(name, _integer, primary_key=True, autoincrement=False)


def _required(name: str, kind: Any) -> Column[Any]:  # Any: text, integer or bytes
    return Column(name, kind, nullable=False)


def _state(*states: str) -> CheckConstraint:
    return CheckConstraint(f"state IN ({', '.join(map(repr, states))})", name="state")


apps: Final = _table(
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

api_keys: Final = _table(
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

app_passwords: Final = _table(
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

# A table of its own, so that counting use never touches (or locks, or bloats) the row a verification reads.
usage: Final = _table(
    "usage",
    _id("credential_id"),
    _required("method", _text),
    _required("use_count", _integer),
    _required("last_used_at", _integer),
    Column("last_source", _text),
)

rate_leases: Final = _table(
    "rate_leases",
    _id("credential_id"),
    _required("window_s", _integer),
    _required("bucket", _integer),
    _required("counts", LargeBinary()),
)

# One row: where the feed and the audit chain end. Locked last by every change, so both grow in commit order.
heads: Final = _table(
    "heads",
    _position("id"),
    _required("feed_position", _integer),
    _required("feed_generation", _text),
    _required("audit_sequence", _integer),
    _required("audit_link", LargeBinary()),
    CheckConstraint("id = 1", name="one_row"),
    keyed_by_text=False,
)

feed: Final = _table(
    "feed",
    _position("position"),
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

events: Final = _table(
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

_LEADING: Final = "state IN ('next', 'current')"
# Private halves are sealed under the master key, with purpose and row bound to them (crypto/sealing.py).
signing_keys: Final = _table(
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
    # One key of an issuer signs and one follows it, whatever several processes believe at once.
    Index(
        "uq_signing_keys_leading",
        "issuer",
        "state",
        unique=True,
        sqlite_where=text(_LEADING),
        postgresql_where=text(_LEADING),
    ),
    _state("next", "current", "previous", "retired"),
    CheckConstraint("compromised IN (0, 1)", name="compromised"),
)

# Only digests, and rows that expire: the one kind of token that is stored at all (invariant 6).
opaque_tokens: Final = _table(
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
    _state("active", "revoked"),
    CheckConstraint("length(secret_digest) = 32", name="secret_digest"),
)

# Resources that know subjects under a derived name only; a revocation of a subject names every one of them.
pairwise_sectors: Final = _table("pairwise_sectors", _id("sector"), _required("created_at", _integer))

# What may be used once. The id is a digest of owner and key; without a lease it is used up (methods/claims.py).
claims: Final = _table(
    "claims",
    _id(),
    _required("owner", _text),
    _required("fence", _integer),
    Column("leased_until_ms", _integer),
    _required("keep_until", _integer),
    Index(None, "owner"),
    Index(None, "keep_until"),
)

# Whose webhooks are taken. Every change of a sender's secrets moves the version on, so two changes meet here.
webhook_senders: Final = _table(
    "webhook_senders",
    _id("name"),
    _required("scheme", _text),
    Column("organization_id", _text),
    _required("created_at", _integer),
    _required("version", _integer),
    Index(None, "organization_id", "name"),
)

# The text of a secret is sealed under the master key, with purpose and row bound to it; a retired one is erased.
webhook_secrets: Final = _table(
    "webhook_secrets",
    _id(),
    Column("sender", _text, ForeignKey("webhook_senders.name"), nullable=False),
    Column("sealed_text", LargeBinary()),
    _required("state", _text),
    _required("created_at", _integer),
    Column("not_before", _integer),
    Column("not_after", _integer),
    _required("version", _integer),
    Index(None, "sender", "id"),
    _state("active", "retired"),
    CheckConstraint("(state = 'retired') = (sealed_text IS NULL)", name="erased"),
)

# Keys that apps sign requests with: a secret, sealed, or a public key.
signature_keys: Final = _table(
    "signature_keys",
    _id(),
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
    _state("active", "disabled", "revoked"),
    CheckConstraint("public_jwk IS NULL OR sealed_secret IS NULL", name="one_half"),
    CheckConstraint("state = 'revoked' OR public_jwk IS NOT NULL OR sealed_secret IS NOT NULL", name="has_key"),
)

meta: Final = _table("meta", _id("name"), _required("value", LargeBinary()))
