"""A store in memory that keeps the promises of `KeyPort`, `PasswordPort`, `SignatureKeyPort`, `AppPort`, `ChangePort`.

Writes hold only on the version they expect, a change is committed whole or not at all, and feed rows reach the plane
at once, as the follower would bring them.
"""

import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar, final

import msgspec
from msgspec.structs import replace
from tests.simulators.plane import SimulatedPlane
from tests.simulators.senders import SimulatedSenders

from doorward.apps.port import AppInserted, AppRecord, AppUpdated
from doorward.crypto.jose.algorithms import Algorithm
from doorward.crypto.jose.jws import sign_compact
from doorward.crypto.jose.signing import generate_signing_key
from doorward.crypto.sealing import MasterKeys
from doorward.errors import Rejected, Unavailable
from doorward.methods.apikey.port import KeyInserted, KeyRecord, KeyUpdated
from doorward.methods.basic.port import PasswordInserted, PasswordRecord, PasswordUpdated
from doorward.methods.opaque.port import OpaqueInserted, OpaqueRecord, OpaqueState
from doorward.methods.owned_credential import CredentialState
from doorward.methods.signature.port import (
    AppSecretsErased,
    SignatureKeyInserted,
    SignatureKeyRecord,
    SignatureKeyUpdated,
)
from doorward.methods.standing import HANDLES_ASKED_MAX, Standing
from doorward.revocation.pairwise import Sectors
from doorward.revocation.writes import HeldCredentials, OpaqueHolding, OpaqueTokensRevoked
from doorward.values import (
    EPOCH_KINDS,
    Actor,
    AppId,
    Change,
    CredentialId,
    Event,
    FeedKind,
    Handle,
    OrganizationId,
    Revocation,
    Watermark,
    Write,
)

__all__ = ["GENERATION", "NOW", "OPERATOR", "SimulatedStore"]

NOW = 1_800_000_000
GENERATION = "g1"
"""The feed's, as the simulated plane says it."""
OPERATOR = Actor(kind="operator", id="ada")
_ROWS = ("app_rows", "key_rows", "password_rows", "signature_key_rows", "opaque_rows")

_RecordT = TypeVar("_RecordT", AppRecord, KeyRecord, PasswordRecord, SignatureKeyRecord, OpaqueRecord)


@final
class SimulatedRing:
    """The issuer's name, and a real ES256 key under it."""

    def __init__(self) -> None:
        self.issuer = "https://id.example"
        self.key = generate_signing_key(Algorithm.ES256, secrets.token_bytes)
        self.signed: list[Mapping[str, object]] = []

    async def sign_token(self, claims: Mapping[str, object]) -> str:
        self.signed.append(claims)
        return sign_compact({"typ": "at+jwt"}, msgspec.json.encode(claims), self.key).decode("ascii")


@final
class SimulatedStore:
    """All ports in one object; `now` is the clock, and a test may set it."""

    def __init__(self) -> None:
        self.now = float(NOW)
        self.entropy: Callable[[int], bytes] = secrets.token_bytes
        self.plane = SimulatedPlane(lambda: self.now)
        self.app_rows: dict[str, AppRecord] = {}
        self.key_rows: dict[str, KeyRecord] = {}
        self.password_rows: dict[str, PasswordRecord] = {}
        self.signature_key_rows: dict[str, SignatureKeyRecord] = {}
        self.opaque_rows: dict[str, OpaqueRecord] = {}
        self.senders = SimulatedSenders()
        self.master_keys: MasterKeys | None = MasterKeys({"k1": bytes(32)}, current="k1", entropy=secrets.token_bytes)
        self.sector_names: set[str] = set()
        self.keyring = SimulatedRing()
        self.events: list[Event] = []
        self.revocations: list[Revocation] = []
        self.reads = 0
        self.away = False
        self.before_commit: list[Callable[[], None]] = []
        """Each runs once before a commit: somebody else's change in between."""

    def clock(self) -> float:
        return self.now

    @property
    def issuer(self) -> str | None:
        return self.keyring.issuer

    @property
    def apps(self) -> "SimulatedStore":
        return self

    @property
    def keys(self) -> "SimulatedStore":
        return self

    @property
    def passwords(self) -> "SimulatedStore":
        return self

    @property
    def signature_keys(self) -> "SimulatedStore":
        return self

    @property
    def opaque_tokens(self) -> "SimulatedStore":
        return self

    @property
    def standing(self) -> "SimulatedStore":
        return self

    @property
    def sectors(self) -> "SimulatedStore":
        return self

    @property
    def holdings(self) -> "SimulatedStore":
        return self

    @property
    def changes(self) -> "SimulatedStore":
        return self

    async def find_app(self, app_id: AppId) -> AppRecord | None:
        self._read()
        return self.app_rows.get(app_id)

    async def find_app_by_name(self, name: str) -> AppRecord | None:
        self._read()
        return next((app for app in self.app_rows.values() if app.name == name), None)

    async def list_apps(
        self, *, organization_id: OrganizationId | None = None, after: str = "", limit: int = 100
    ) -> tuple[AppRecord, ...]:
        return _page(self.app_rows.values(), None, organization_id, after, limit)

    async def find_key(self, key_id: CredentialId) -> KeyRecord | None:
        self._read()
        key = self.key_rows.get(key_id)
        return None if key is None else self._join(key)

    async def list_keys(
        self,
        *,
        app_id: AppId | None = None,
        organization_id: OrganizationId | None = None,
        after: str = "",
        limit: int = 100,
    ) -> tuple[KeyRecord, ...]:
        return _page(map(self._join, self.key_rows.values()), app_id, organization_id, after, limit)

    async def find_password(self, password_id: CredentialId) -> PasswordRecord | None:
        self._read()
        password = self.password_rows.get(password_id)
        return None if password is None else self._join(password)

    async def list_passwords(
        self,
        *,
        app_id: AppId | None = None,
        organization_id: OrganizationId | None = None,
        after: str = "",
        limit: int = 100,
    ) -> tuple[PasswordRecord, ...]:
        return _page(map(self._join, self.password_rows.values()), app_id, organization_id, after, limit)

    async def find_signature_key(self, key_id: CredentialId) -> SignatureKeyRecord | None:
        self._read()
        key = self.signature_key_rows.get(key_id)
        return None if key is None else self._join(key)

    async def find_holder_of_public_key(
        self, public_jwk: Mapping[str, str], *, organization_id: OrganizationId | None, now: int
    ) -> SignatureKeyRecord | None:
        self._read()
        for key in self.signature_key_rows.values():
            stands = key.state is CredentialState.REVOKED or key.expires_at is None or key.expires_at > now
            same = key.public_jwk is not None and {**key.public_jwk, "alg": ""} == {**public_jwk, "alg": ""}
            if same and stands and key.organization_id == organization_id:
                return self._join(key)
        return None

    async def list_signature_keys(
        self,
        *,
        app_id: AppId | None = None,
        organization_id: OrganizationId | None = None,
        after: str = "",
        limit: int = 100,
    ) -> tuple[SignatureKeyRecord, ...]:
        return _page(map(self._join, self.signature_key_rows.values()), app_id, organization_id, after, limit)

    async def find_opaque_token(self, token_id: CredentialId) -> OpaqueRecord | None:
        self._read()
        return self.opaque_rows.get(token_id)

    async def read_watermark(self) -> Watermark:
        """What a sign-in at this moment inherits."""
        return Watermark(GENERATION, len(self.revocations))

    async def read_standing(
        self, handles: tuple[Handle, ...], inherited: Watermark | None, audiences: tuple[str, ...] = ()
    ) -> Standing:
        self._read()
        assert len(handles) <= HANDLES_ASKED_MAX
        watermark = Watermark(GENERATION, len(self.revocations))
        sectors = frozenset(audiences) & self.sector_names
        for position, row in enumerate(self.revocations, start=1):
            if row.handle not in handles or row.changed_version is not None:
                continue
            older = inherited is not None and (inherited.generation != GENERATION or position > inherited.position)
            if row.handle.kind not in EPOCH_KINDS or older:
                return Standing(watermark, row.handle, sectors)
        return Standing(watermark, None, sectors)

    async def read_sectors(self) -> Sectors:
        self._read()
        return Sectors(names=tuple(sorted(self.sector_names)), key=bytes(32) if self.sector_names else None)

    async def count_credentials(self, organization_id: OrganizationId) -> HeldCredentials:
        raise AssertionError(f"organizations are revoked in a database: {organization_id}")

    async def find_opaque(self, token_id: CredentialId) -> OpaqueHolding | None:
        raise AssertionError(f"holdings are found in a database: {token_id}")

    async def commit(self, change: Change) -> int:
        self._read()
        if self.before_commit:
            self.before_commit.pop()()
        kept = {name: dict(getattr(self, name)) for name in _ROWS}
        senders_kept = self.senders.kept()
        try:
            for write in change.writes:
                self._write(write)
        except Rejected:
            for name, rows in kept.items():
                setattr(self, name, rows)
            self.senders.rows, self.senders.secrets = senders_kept
            raise
        self.events += change.events
        for row in change.revocations:
            self.revocations.append(row)
            if row.changed_version is None:
                self.plane.revoke(row.handle)
            else:
                self.plane.change(row.handle, row.changed_version)
        return len(self.revocations)

    def _read(self) -> None:
        self.reads += 1
        if self.away:
            raise Unavailable("store_unavailable")

    def _join(self, record: _RecordT) -> _RecordT:
        if isinstance(record, AppRecord | OpaqueRecord):
            return record
        app = self.app_rows[record.app_id]
        return replace(record, app_name=app.name, app_state=app.state.value)

    def _write(self, write: Write) -> None:
        match write:
            case AppInserted(record=app):
                if any(other.name == app.name for other in self.app_rows.values()):
                    raise Rejected("object_exists", "the name is taken")
                _insert(self.app_rows, app)
            case KeyInserted(record=key):
                self._require_app(key.app_id)
                _insert(self.key_rows, key)
            case PasswordInserted(record=password):
                self._require_app(password.app_id)
                _insert(self.password_rows, password)
            case AppUpdated(record=app):
                _update(self.app_rows, app)
            case KeyUpdated(record=key):
                _update(self.key_rows, key)
            case PasswordUpdated(record=password):
                _update(self.password_rows, password)
            case _:
                self._write_signed_or_token(write)

    def _write_signed_or_token(self, write: Write) -> None:
        match write:
            case SignatureKeyInserted(record=signature_key):
                self._require_app(signature_key.app_id)
                _insert(self.signature_key_rows, signature_key)
            case SignatureKeyUpdated(record=signature_key):
                _update(self.signature_key_rows, signature_key)
            case AppSecretsErased(app_id=app_id):
                for key_id, held in list(self.signature_key_rows.items()):
                    if held.app_id == app_id and held.sealed_secret is not None:
                        ended = replace(held, state=CredentialState.REVOKED, sealed_secret=None)
                        self.signature_key_rows[key_id] = replace(ended, version=held.version + 1)
            case OpaqueInserted(record=token):
                _insert(self.opaque_rows, token)
            case OpaqueTokensRevoked(kind=FeedKind.TOKEN, id=token_id) if token_id in self.opaque_rows:
                token = self.opaque_rows[token_id]
                self.opaque_rows[token_id] = replace(token, state=OpaqueState.REVOKED, version=token.version + 1)
            case _:
                self.senders.write(write)

    def _require_app(self, app_id: AppId) -> None:
        if app_id not in self.app_rows:
            raise Rejected("object_unknown", "no such app")


def _insert(rows: dict[str, _RecordT], record: _RecordT) -> None:
    if record.id in rows:
        raise Rejected("object_exists", "the id is taken")
    rows[record.id] = record


def _update(rows: dict[str, _RecordT], record: _RecordT) -> None:
    stored = rows.get(record.id)
    if stored is None:
        raise Rejected("object_unknown", "no such row")
    if stored.version != record.version - 1:
        raise Rejected("object_conflict", "another version is stored")
    rows[record.id] = record


def _page(
    records: Iterable[_RecordT], app_id: AppId | None, organization_id: OrganizationId | None, after: str, limit: int
) -> tuple[_RecordT, ...]:
    wanted = [
        record
        for record in records
        if record.id > after
        and app_id in {None, getattr(record, "app_id", None)}
        and (organization_id is None or record.organization_id == organization_id)
    ]
    return tuple(sorted(wanted, key=lambda record: record.id)[:limit])
