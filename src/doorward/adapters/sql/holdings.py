"""What a revocation takes along in the store: one bulk write each, and what must be known before.

The rows of an organization are found by an index. Opaque tokens have none for what they rest on: such a row lives for
minutes and is written far more often than anything is revoked, so the revocation pays, with one pass over the table,
before the head of the feed is locked.
"""

from collections.abc import Mapping
from typing import Final, final

from sqlalchemy import Column, ColumnElement, Table, and_, bindparam, func, literal_column, null, select, update

from doorward.adapters.sql import schema
from doorward.adapters.sql.script import Engine, Script, Step
from doorward.adapters.sql.statements import Statement
from doorward.methods.signature.port import AppSecretsErased
from doorward.revocation.writes import (
    HeldCredentials,
    OpaqueHolding,
    OpaqueTokensRevoked,
    OrganizationCredentialsRevoked,
)
from doorward.values import CredentialId, FeedKind, OrganizationId

__all__ = ["SqlHoldings", "erase_app_secrets", "revoke_opaque_tokens", "revoke_organization_credentials"]

_tokens: Final = schema.opaque_tokens.c


def _revoke(table: Table, condition: ColumnElement[bool], *, erased: tuple[str, ...] = ()) -> Statement:
    columns = table.columns
    # What is revoked stays as it is: its version is what a reader may hold in his hand.
    alive = columns.state != literal_column("'revoked'")
    return Statement(
        update(table)
        .where(condition, alive)
        .values(state=literal_column("'revoked'"), version=columns.version + 1, **dict.fromkeys(erased, null()))
    )


def _of_organization(table: Table) -> ColumnElement[bool]:
    return table.columns.organization_id == bindparam("organization_id", type_=table.columns.organization_id.type)


def _revoke_opaque(column: Column[str]) -> Statement:
    return _revoke(schema.opaque_tokens, column == bindparam("rests_on", type_=column.type))


_REVOKE_CREDENTIALS: Final = (
    _revoke(schema.api_keys, _of_organization(schema.api_keys)),
    _revoke(schema.app_passwords, _of_organization(schema.app_passwords)),
    # As when a single one is revoked: what is over must not lie about to be signed with.
    _revoke(schema.signature_keys, _of_organization(schema.signature_keys), erased=("sealed_secret",)),
)
_signature_keys: Final = schema.signature_keys.c
_ERASE_OF_APP: Final = _revoke(
    schema.signature_keys,
    and_(
        _signature_keys.app_id == bindparam("app_id", type_=_signature_keys.app_id.type),
        _signature_keys.sealed_secret.is_not(null()),
    ),
    erased=("sealed_secret",),
)
_secrets: Final = schema.webhook_secrets.c
_HELD_SECRETS: Final = and_(
    _secrets.sender.in_(select(schema.webhook_senders.c.name).where(_of_organization(schema.webhook_senders))),
    _secrets.state != literal_column("'retired'"),
)
# Retired, as the state is called there, and erased.
_RETIRE_SECRETS: Final = Statement(
    update(schema.webhook_secrets)
    .where(_HELD_SECRETS)
    .values(state=literal_column("'retired'"), sealed_text=null(), version=_secrets.version + 1)
)
_REVOKE_OPAQUE: Final[Mapping[FeedKind, Statement]] = {
    FeedKind.TOKEN: _revoke_opaque(_tokens.id),
    FeedKind.GRANT: _revoke_opaque(_tokens.grant_id),
    FeedKind.SESSION: _revoke_opaque(_tokens.session_id),
    FeedKind.SUBJECT: _revoke_opaque(_tokens.subject),
    FeedKind.CLIENT: _revoke_opaque(_tokens.client_id),
    FeedKind.ORGANIZATION: _revoke_opaque(_tokens.organization_id),
}


def _count(table: Table) -> ColumnElement[int]:
    alive = table.columns.state != literal_column("'revoked'")
    return select(func.count()).select_from(table).where(_of_organization(table), alive).scalar_subquery()


_COUNT: Final = Statement(
    select(
        _count(schema.api_keys),
        _count(schema.app_passwords),
        _count(schema.signature_keys),
        select(func.count()).select_from(schema.webhook_secrets).where(_HELD_SECRETS).scalar_subquery(),
    )
)
_FIND_OPAQUE: Final = Statement(
    select(
        _tokens.id,
        _tokens.client_id,
        _tokens.subject,
        _tokens.audience,
        _tokens.grant_id,
        _tokens.session_id,
        _tokens.organization_id,
        _tokens.expires_at,
        _tokens.state,
    ).where(_tokens.id == bindparam("id"))
)


@final
class SqlHoldings:
    """`HoldingsPort`."""

    def __init__(self, engine: Engine) -> None:
        self._engine: Final = engine

    async def count_credentials(self, organization_id: OrganizationId) -> HeldCredentials:
        """See the port."""
        (counted,) = await self._engine.read(_COUNT, {"organization_id": organization_id})
        return HeldCredentials(**dict(zip(HeldCredentials.__struct_fields__, counted, strict=True)))

    async def find_opaque(self, token_id: CredentialId) -> OpaqueHolding | None:
        """See the port."""
        rows = await self._engine.read(_FIND_OPAQUE, {"id": token_id})
        if not rows:
            return None
        *said, state = rows[0]
        names = OpaqueHolding.__struct_fields__[:-1]
        return OpaqueHolding(**dict(zip(names, said, strict=True)), is_revoked=state == "revoked")


def revoke_organization_credentials(write: OrganizationCredentialsRevoked) -> Script[None]:
    """Every key, app password, signature key and secret of a webhook sender of an organization."""
    for statement in (*_REVOKE_CREDENTIALS, _RETIRE_SECRETS):
        yield Step(statement, {"organization_id": write.organization_id})


def erase_app_secrets(write: AppSecretsErased) -> Script[None]:
    """Every secret of an app that signs requests with it."""
    yield Step(_ERASE_OF_APP, {"app_id": write.app_id})


def revoke_opaque_tokens(write: OpaqueTokensRevoked) -> Script[None]:
    """Every opaque token that rests on something."""
    yield Step(_REVOKE_OPAQUE[write.kind], {"rests_on": write.id})
