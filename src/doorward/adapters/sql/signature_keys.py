"""Signature keys in SQL, read together with their app and their use. A revoked row holds no secret."""

from collections.abc import Mapping
from typing import Final, final

from sqlalchemy import bindparam, or_

from doorward.adapters.sql import schema
from doorward.adapters.sql.columns import decode_metadata, encode_metadata
from doorward.adapters.sql.owned import (
    OWN_AFTER_GRANTS,
    CredentialRows,
    grant_columns,
    grant_fields,
    owned_columns,
    owned_fields,
)
from doorward.adapters.sql.script import Engine, Row, Script
from doorward.adapters.sql.statements import Value
from doorward.adapters.sql.updates import VersionedTable
from doorward.crypto.signatures import JOSE_NAMES, SignatureAlgorithm
from doorward.methods.signature.port import (
    SignatureKeyInserted,
    SignatureKeyRecord,
    SignatureKeyState,
    SignatureKeyUpdated,
)
from doorward.values import AppId, CredentialId, OrganizationId

__all__ = ["SqlSignatureKeys", "insert_signature_key", "update_signature_key"]

# Not the sealed secret: it is erased with its key, and sealed again under another master key. Swapped for another
# row's it does not open.
_TABLE: Final = VersionedTable(
    schema.signature_keys,
    fixed=frozenset({"app_id", "organization_id", "algorithm", "public_jwk", "created_at", "rotated_from"}),
)


@final
class SqlSignatureKeys:
    """`SignatureKeyPort`."""

    def __init__(self, engine: Engine) -> None:
        self._engine: Final = engine

    async def find_signature_key(self, key_id: CredentialId) -> SignatureKeyRecord | None:
        """See the port."""
        return await _ROWS.find(self._engine, key_id)

    async def find_holder_of_public_key(
        self, public_jwk: Mapping[str, str], *, organization_id: OrganizationId | None, now: int
    ) -> SignatureKeyRecord | None:
        """See the port. Reads the whole table: public keys are registered by people, and seldom."""
        given: dict[str, Value] = {"now": now, **_spellings(public_jwk)}
        if organization_id is None:
            rows = await self._engine.read(_HOLDER_WITHOUT_ORGANIZATION, given)
        else:
            rows = await self._engine.read(_HOLDER, {**given, "organization_id": organization_id})
        return _record(rows[0]) if rows else None

    async def list_signature_keys(
        self,
        *,
        app_id: AppId | None = None,
        organization_id: OrganizationId | None = None,
        after: str = "",
        limit: int = 100,
    ) -> tuple[SignatureKeyRecord, ...]:
        """See the port."""
        return await _ROWS.list(self._engine, app_id=app_id, organization_id=organization_id, after=after, limit=limit)


def insert_signature_key(write: SignatureKeyInserted) -> Script[None]:
    """A new key."""
    return _TABLE.insert(_row(write.record))


def update_signature_key(write: SignatureKeyUpdated) -> Script[None]:
    """A key one version on."""
    return _TABLE.update(_row(write.record))


def _record(row: Row) -> SignatureKeyRecord:
    algorithm, public_jwk, sealed_secret = row[OWN_AFTER_GRANTS:]
    return SignatureKeyRecord(
        **owned_fields(row),
        **grant_fields(row),
        algorithm=SignatureAlgorithm(algorithm),
        public_jwk=None if public_jwk is None else decode_metadata(public_jwk),
        sealed_secret=None if sealed_secret is None else bytes(sealed_secret),
    )


_ROWS: Final = CredentialRows(schema.signature_keys, ("algorithm", "public_jwk", "sealed_secret"), _record)


_columns: Final = schema.signature_keys.c
# As the column holds a public key under each algorithm: an RSA key is the same pair with either padding.
_ALGORITHMS: Final = {f"spelling_{place}": name.value for place, name in enumerate(JOSE_NAMES.values())}
_HOLDS: Final = (
    _columns.public_jwk.in_([bindparam(name) for name in _ALGORITHMS]),
    or_(
        _columns.state == SignatureKeyState.REVOKED.value,
        _columns.expires_at.is_(None),
        _columns.expires_at > bindparam("now"),
    ),
)
_HOLDER: Final = _ROWS.where(*_HOLDS, _columns.organization_id == bindparam("organization_id"))
_HOLDER_WITHOUT_ORGANIZATION: Final = _ROWS.where(*_HOLDS, _columns.organization_id.is_(None))


def _spellings(public_jwk: Mapping[str, str]) -> dict[str, Value]:
    return {name: encode_metadata({**public_jwk, "alg": algorithm}) for name, algorithm in _ALGORITHMS.items()}


def _row(record: SignatureKeyRecord) -> dict[str, Value]:
    return {
        **owned_columns(record),
        **grant_columns(record),
        "algorithm": record.algorithm.value,
        "public_jwk": None if record.public_jwk is None else encode_metadata(record.public_jwk),
        "sealed_secret": record.sealed_secret,
    }
