"""One unit of work in one transaction: the writes, then the feed, then the record.

The order is the point. The row of `heads` is locked last, so the lock is short, no two changes can deadlock on it,
and everything before it may still fail without a gap in either sequence.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, final

from sqlalchemy import bindparam, select, update

from doorward.adapters.sql import schema
from doorward.adapters.sql.apikey import insert_key, update_key
from doorward.adapters.sql.appending import append_revocations
from doorward.adapters.sql.apps import insert_app, update_app
from doorward.adapters.sql.audit import append_event
from doorward.adapters.sql.basic import insert_password, update_password
from doorward.adapters.sql.holdings import erase_app_secrets, revoke_opaque_tokens, revoke_organization_credentials
from doorward.adapters.sql.opaque import insert_opaque_token
from doorward.adapters.sql.script import Engine, Script, Step
from doorward.adapters.sql.sectors import expect_sectors, insert_sector
from doorward.adapters.sql.signature_keys import insert_signature_key, update_signature_key
from doorward.adapters.sql.signing_keys import insert_signing_key, update_signing_key
from doorward.adapters.sql.statements import Statement, announced
from doorward.adapters.sql.webhooks import insert_secret, insert_sender, update_secret, update_sender
from doorward.apps.port import AppInserted, AppUpdated
from doorward.audit.chain import ChainKey
from doorward.errors import Misconfigured, Rejected
from doorward.keys.keyring_port import SigningKeyInserted, SigningKeyUpdated
from doorward.methods.apikey.port import KeyInserted, KeyUpdated
from doorward.methods.basic.port import PasswordInserted, PasswordUpdated
from doorward.methods.opaque.port import OpaqueInserted
from doorward.methods.signature.port import AppSecretsErased, SignatureKeyInserted, SignatureKeyUpdated
from doorward.methods.webhook.port import SecretInserted, SecretUpdated, SenderInserted, SenderUpdated
from doorward.revocation.writes import (
    OpaqueTokensRevoked,
    OrganizationCredentialsRevoked,
    SectorInserted,
    SectorsExpected,
)
from doorward.values import Change, Event

__all__ = ["CHANGE_ROWS_MAX", "SqlChanges"]

CHANGE_ROWS_MAX: Final = 1_000
"""How many rows one change may write, all kinds together: it is one transaction, and others wait for it."""

# Any: each function takes the one type of write it is listed under.
_WRITES: Final[Mapping[type, Callable[[Any], Script[None]]]] = {
    AppInserted: insert_app,
    AppUpdated: update_app,
    AppSecretsErased: erase_app_secrets,
    KeyInserted: insert_key,
    KeyUpdated: update_key,
    OpaqueTokensRevoked: revoke_opaque_tokens,
    OrganizationCredentialsRevoked: revoke_organization_credentials,
    PasswordInserted: insert_password,
    PasswordUpdated: update_password,
    OpaqueInserted: insert_opaque_token,
    SignatureKeyInserted: insert_signature_key,
    SignatureKeyUpdated: update_signature_key,
    SigningKeyInserted: insert_signing_key,
    SigningKeyUpdated: update_signing_key,
    SenderInserted: insert_sender,
    SenderUpdated: update_sender,
    SecretInserted: insert_secret,
    SecretUpdated: update_secret,
}

# These are about what nobody else may change meanwhile: they run when the head is locked.
_LOCKED_WRITES: Final[Mapping[type, Callable[[Any], Script[None]]]] = {
    SectorInserted: insert_sector,
    SectorsExpected: expect_sectors,
}

_heads: Final = schema.heads.c
_POSITION: Final = Statement(select(_heads.feed_position))
_LOCK: Final = Statement(select(_heads.feed_position, _heads.audit_sequence, _heads.audit_link).with_for_update())
_MOVE: Final = Statement(
    update(schema.heads)
    .values(
        feed_position=bindparam("feed_position"),
        audit_sequence=bindparam("audit_sequence"),
        audit_link=bindparam("audit_link"),
    )
    .returning(announced())
)


@final
class SqlChanges:
    """`ChangePort`. Without a chain key it writes nothing that would have to be recorded."""

    def __init__(self, engine: Engine, chain_key: ChainKey | None) -> None:
        self._engine: Final = engine
        self._chain_key: Final = chain_key

    async def commit(self, change: Change) -> int:
        """See the port.

        Raises:
            Misconfigured: the change has events and there is no master key to chain them with.
            Rejected: also `input_invalid`, for what no column can hold or more than `CHANGE_ROWS_MAX` rows.
        """
        _require_known(change)
        if change.events and self._chain_key is None:
            raise Misconfigured(
                "A change must be recorded, and there is no master key to chain the record with.",
                cure="Set DOORWARD_MASTER_KEY_FILE (or DOORWARD_MASTER_KEY) to the deployment's master key.",
            )
        return await self._engine.write(lambda: _commit(change, self._chain_key))


def _require_known(change: Change) -> None:
    if change.deliveries:
        raise TypeError("there is no statement for deliveries")
    for write in change.writes:
        if type(write) not in _WRITES and type(write) not in _LOCKED_WRITES:
            raise TypeError(f"there is no statement for a {type(write).__name__}")
    rows = len(change.writes) + len(change.revocations) + len(change.events)
    if rows > CHANGE_ROWS_MAX:
        raise Rejected("input_invalid", f"a change of {rows} rows; at most {CHANGE_ROWS_MAX}")


def _commit(change: Change, chain_key: ChainKey | None) -> Script[int]:
    locked = [write for write in change.writes if type(write) in _LOCKED_WRITES]
    for write in change.writes:
        if type(write) in _WRITES:
            yield from _WRITES[type(write)](write)
    if not (locked or change.revocations or change.events):
        ((position,),) = yield Step(_POSITION, {})
        return int(position)
    ((position, sequence, link),) = yield Step(_LOCK, {})
    for write in locked:
        yield from _LOCKED_WRITES[type(write)](write)
    position = yield from append_revocations(change.revocations, position)
    sequence, link = yield from _record(change.events, chain_key, sequence, link)
    yield Step(_MOVE, {"feed_position": position, "audit_sequence": sequence, "audit_link": link})
    return int(position)


def _record(
    events: tuple[Event, ...], chain_key: ChainKey | None, sequence: int, link: bytes
) -> Script[tuple[int, bytes]]:
    for event in events:
        assert chain_key is not None, "commit refuses events without a chain key"
        sequence += 1
        link = yield from append_event(chain_key, link, sequence, event)
    return sequence, link
