"""Senders of webhooks and their secrets in SQL. A secret's text is opaque here: it comes and goes sealed."""

from typing import Final, final

from sqlalchemy import Column, ColumnElement, bindparam, insert, literal_column, null, select, update

from doorward.adapters.sql import schema
from doorward.adapters.sql.script import Engine, Row, Script, Step
from doorward.adapters.sql.statements import Statement, Value, limited, require_page
from doorward.adapters.sql.updates import VersionedTable
from doorward.errors import Rejected
from doorward.methods.webhook.config import SECRETS_LISTED_MAX
from doorward.methods.webhook.port import (
    SecretInserted,
    SecretRecord,
    SecretState,
    SecretUpdated,
    SenderInserted,
    SenderRecord,
    SenderUpdated,
)
from doorward.values import CredentialId, OrganizationId

__all__ = ["SqlSenders", "insert_secret", "insert_sender", "update_secret", "update_sender"]

_senders: Final = schema.webhook_senders.c
_secrets: Final = schema.webhook_secrets.c
_usage: Final = schema.usage.c

_SENDER: Final = select(_senders.name, _senders.scheme, _senders.organization_id, _senders.created_at, _senders.version)
_FIND_SENDER: Final = Statement(_SENDER.where(_senders.name == bindparam("name")))
_SENDERS: Final = _SENDER.where(_senders.name > bindparam("after")).order_by(_senders.name).limit(limited("limit"))
_LIST_SENDERS: Final = Statement(_SENDERS)
_LIST_OF_ORGANIZATION: Final = Statement(_SENDERS.where(_senders.organization_id == bindparam("organization_id")))
_INSERT_SENDER: Final = Statement(
    insert(schema.webhook_senders).values(
        {name: bindparam(name, type_=_senders[name].type) for name in _senders.keys()}  # noqa: SIM118  # not a dict
    )
)
# How a sender signs and whose it is are settled when it is made: only its version moves.
_UPDATE_SENDER: Final = Statement(
    update(schema.webhook_senders)
    .where(
        _senders.name == bindparam("sender_name", type_=_senders.name.type),
        _senders.version == bindparam("expected_version", type_=_senders.version.type),
    )
    .values(version=bindparam("version", type_=_senders.version.type))
    .returning(_senders.version)
)

_COLUMNS: Final[tuple[Column[str] | Column[int] | Column[bytes], ...]] = (
    _secrets.id,
    _secrets.sender,
    _secrets.sealed_text,
    _secrets.state,
    _secrets.created_at,
    _secrets.not_before,
    _secrets.not_after,
    _secrets.version,
)
_WITH_USE: Final = select(*_COLUMNS, _usage.last_used_at, _usage.use_count).select_from(
    schema.webhook_secrets.outerjoin(schema.usage, _usage.credential_id == _secrets.id)
)
_HELD: Final[ColumnElement[bool]] = _secrets.state != literal_column("'retired'")
_OF_SENDER: Final[ColumnElement[bool]] = _secrets.sender == bindparam("sender")
_NEWEST: Final = (
    _WITH_USE.where(_OF_SENDER).order_by(_secrets.created_at.desc(), _secrets.id.desc()).limit(limited("limit"))
)
_LIST: Final = Statement(_NEWEST)
_LIST_HELD: Final = Statement(_NEWEST.where(_HELD))
_FIND: Final = Statement(_WITH_USE.where(_secrets.id == bindparam("id")))
_LIST_ALL: Final = Statement(
    select(*_COLUMNS, null(), null())
    .where(_secrets.id > bindparam("after"))
    .order_by(_secrets.id)
    .limit(limited("limit"))
)
_TABLE: Final = VersionedTable(
    schema.webhook_secrets, fixed=frozenset({"sender", "created_at", "not_before"}), final_state="retired"
)


@final
class SqlSenders:
    """`SenderPort`."""

    def __init__(self, engine: Engine) -> None:
        self._engine: Final = engine

    async def find_sender(self, name: str) -> SenderRecord | None:
        """See the port."""
        rows = await self._engine.read(_FIND_SENDER, {"name": name})
        return _sender(rows[0]) if rows else None

    async def list_senders(
        self, *, organization_id: OrganizationId | None = None, after: str = "", limit: int = 100
    ) -> tuple[SenderRecord, ...]:
        """See the port."""
        require_page(limit)
        page: dict[str, Value] = {"after": after, "limit": limit}
        if organization_id is None:
            return tuple(map(_sender, await self._engine.read(_LIST_SENDERS, page)))
        asked = {**page, "organization_id": organization_id}
        return tuple(map(_sender, await self._engine.read(_LIST_OF_ORGANIZATION, asked)))

    async def list_secrets(self, sender: str) -> tuple[SecretRecord, ...]:
        """See the port."""
        return await self._newest(_LIST, sender)

    async def list_held_secrets(self, sender: str) -> tuple[SecretRecord, ...]:
        """See the port."""
        return await self._newest(_LIST_HELD, sender)

    async def find_secret(self, secret_id: CredentialId) -> SecretRecord | None:
        """See the port."""
        rows = await self._engine.read(_FIND, {"id": secret_id})
        return _secret(rows[0]) if rows else None

    async def list_all_secrets(self, *, after: str = "", limit: int = 100) -> tuple[SecretRecord, ...]:
        """See the port."""
        require_page(limit)
        return tuple(map(_secret, await self._engine.read(_LIST_ALL, {"after": after, "limit": limit})))

    async def _newest(self, statement: Statement, sender: str) -> tuple[SecretRecord, ...]:
        rows = await self._engine.read(statement, {"sender": sender, "limit": SECRETS_LISTED_MAX})
        return tuple(map(_secret, reversed(rows)))


def insert_sender(write: SenderInserted) -> Script[None]:
    """A new sender."""
    record = write.record
    yield Step(
        _INSERT_SENDER,
        {
            "name": record.name,
            "scheme": record.scheme,
            "organization_id": record.organization_id,
            "created_at": record.created_at,
            "version": record.version,
        },
    )


def update_sender(write: SenderUpdated) -> Script[None]:
    """A sender one version on.

    Raises:
        Rejected: `object_conflict`; `object_unknown` when there is no such sender.
    """
    record = write.record
    expected = record.version - 1
    moved: dict[str, Value] = {
        "sender_name": record.name,
        "expected_version": expected,
        "version": record.version,
    }
    if (yield Step(_UPDATE_SENDER, moved)):
        return
    if (yield Step(_FIND_SENDER, {"name": record.name})):
        raise Rejected("object_conflict", f"the sender {record.name!r} is not at version {expected}")
    raise Rejected("object_unknown", f"there is no sender {record.name!r}")


def insert_secret(write: SecretInserted) -> Script[None]:
    """A new secret. A sender that is not there is a broken constraint: the driver says so."""
    return _TABLE.insert(_row(write.record))


def update_secret(write: SecretUpdated) -> Script[None]:
    """A secret one version on."""
    return _TABLE.update(_row(write.record))


def _sender(row: Row) -> SenderRecord:
    return SenderRecord(name=row[0], scheme=row[1], organization_id=row[2], created_at=row[3], version=row[4])


def _secret(row: Row) -> SecretRecord:
    return SecretRecord(
        id=row[0],
        sender=row[1],
        sealed_text=None if row[2] is None else bytes(row[2]),
        state=SecretState(row[3]),
        created_at=row[4],
        not_before=row[5],
        not_after=row[6],
        version=row[7],
        last_used_at=row[8],
        use_count=row[9] or 0,
    )


def _row(record: SecretRecord) -> dict[str, Value]:
    return {
        "id": record.id,
        "sender": record.sender,
        "sealed_text": record.sealed_text,
        "state": record.state.value,
        "created_at": record.created_at,
        "not_before": record.not_before,
        "not_after": record.not_after,
        "version": record.version,
    }
