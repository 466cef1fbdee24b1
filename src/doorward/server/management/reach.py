"""What one administrator can reach: a store that looks smaller, handed to the operations instead of the real one.

Rules of this file:

* An administrator whose app belongs to an organization sees that organization's objects and no others; anything else
  does not exist for it (the same answer as for an id nobody ever had).
* A scope that begins with `doorward:` is power over Doorward itself: nobody grants, hands out anew, changes or wakes a
  credential that has more of it than they have. (Taking away is always allowed: a leaked key must be stoppable.)
  Beside such a scope the audiences of a key are power too (`server/audiences.py`).
* Because the operations read through this, what is checked is the very record the change is made from, and the
  change holds only while that record is still the stored one.
"""

from collections.abc import Mapping
from typing import Final, Protocol, TypeVar, final

from msgspec import UNSET

from doorward.apps.port import AppPort, AppRecord
from doorward.audit.port import AuditFilter, AuditPort, StoredEvent
from doorward.crypto.sealing import MasterKeys
from doorward.errors import Rejected
from doorward.methods.apikey.port import KeyPort, KeyRecord
from doorward.methods.basic.port import PasswordPort, PasswordRecord
from doorward.methods.plane import Plane
from doorward.methods.rotation import GrantChanges, RotatableCredential
from doorward.methods.signature.port import SignatureKeyPort, SignatureKeyRecord
from doorward.methods.webhook.port import SenderPort, SenderRecord
from doorward.revocation.sectors import SectorSource
from doorward.revocation.writes import HoldingsPort
from doorward.server.audiences import require_own_audiences
from doorward.server.management.confined import (
    ConfinedApps,
    ConfinedHoldings,
    ConfinedKeys,
    ConfinedPasswords,
    ConfinedSenders,
    ConfinedSignatureKeys,
)
from doorward.values import (
    AppId,
    ChangePort,
    Clock,
    Entropy,
    OrganizationId,
    Principal,
    Scopes,
)

__all__ = ["OWN_SCOPES_PREFIX", "ManagedStore", "Reach"]

OWN_SCOPES_PREFIX: Final = "doorward:"
_PAGE: Final = 1_000

_RecordT = TypeVar("_RecordT", AppRecord, KeyRecord, PasswordRecord, SignatureKeyRecord, SenderRecord)
_CredentialT = TypeVar("_CredentialT", KeyRecord, PasswordRecord, SignatureKeyRecord)


class ManagedStore(Protocol):
    """What the management API needs of a store; `app.open_store` gives it."""

    @property
    def keys(self) -> KeyPort:
        """Finds keys."""
        ...

    @property
    def passwords(self) -> PasswordPort:
        """Finds app passwords."""
        ...

    @property
    def signature_keys(self) -> SignatureKeyPort:
        """Finds signature keys."""
        ...

    @property
    def senders(self) -> SenderPort:
        """Finds senders of webhooks."""
        ...

    @property
    def apps(self) -> AppPort:
        """Finds apps."""
        ...

    @property
    def sectors(self) -> SectorSource:
        """Who knows subjects by another name."""
        ...

    @property
    def holdings(self) -> HoldingsPort:
        """What is revoked along."""
        ...

    @property
    def changes(self) -> ChangePort:
        """Commits."""
        ...

    @property
    def audit(self) -> AuditPort:
        """Reads events."""
        ...

    @property
    def master_keys(self) -> MasterKeys | None:
        """What opens secrets that must be known again."""
        ...

    @property
    def plane(self) -> Plane:
        """What the methods share."""
        ...

    @property
    def clock(self) -> Clock:
        """Epoch seconds."""
        ...

    @property
    def entropy(self) -> Entropy:
        """Where secrets come from."""
        ...


@final
class Reach:
    """The store as `principal` may see and use it. See the module.

    Args:
        store: the real one.
        principal: who was proven at the management door.
        empowering: whether what is about to be done hands out power, or takes a whole app's away for good:
            credentials, and apps with all of theirs, are then found only when the principal holds all their
            `doorward:` scopes.
        expected_version: the version a change was made for (`If-Match`); None when nobody said.
        intended: what is about to be changed of the key that is found: it must be within the principal's power before
            and after.
    """

    def __init__(
        self,
        store: ManagedStore,
        principal: Principal,
        *,
        empowering: bool = False,
        expected_version: int | None = None,
        intended: GrantChanges | None = None,
    ) -> None:
        self.principal: Final = principal
        self.changes: Final = store.changes
        self.clock: Final = store.clock
        self.entropy: Final = store.entropy
        self.apps: Final[AppPort] = ConfinedApps(store.apps, self)
        self.keys: Final[KeyPort] = ConfinedKeys(store.keys, self)
        self.passwords: Final[PasswordPort] = ConfinedPasswords(store.passwords, self)
        self.signature_keys: Final[SignatureKeyPort] = ConfinedSignatureKeys(store.signature_keys, self)
        self.senders: Final[SenderPort] = ConfinedSenders(store.senders, self)
        self.master_keys: Final = store.master_keys
        self.sectors: Final = store.sectors
        self.holdings: Final[HoldingsPort] = ConfinedHoldings(store.holdings, self)
        self._audit: Final = store.audit
        self._empowering: Final = empowering
        self._expected_version: Final = expected_version
        self._intended: Final = intended

    @property
    def organization_id(self) -> OrganizationId | None:
        """The only organization in reach; None when all are."""
        return self.principal.organization_id

    def require_grantable(self, scopes: Scopes) -> None:
        """Raise `scope_escalation` when `scopes` hold more power over Doorward than the principal has."""
        held = self.principal.scopes
        beyond = [token for token in scopes if token.startswith(OWN_SCOPES_PREFIX) and token not in held]
        if beyond:
            raise Rejected("scope_escalation", f"not held: {' '.join(beyond)}")

    def require_makeable(self, scopes: Scopes, metadata: Mapping[str, str]) -> None:
        """Raise `scope_escalation` when a key of these would have more power over Doorward than the principal has."""
        self.require_grantable(scopes)
        if any(token.startswith(OWN_SCOPES_PREFIX) for token in scopes):
            require_own_audiences(self.principal, scopes, metadata)

    async def require_wakeable(self, app_id: AppId) -> None:
        """When power is about to be handed out, raise `scope_escalation` for an app whose credentials have more of it.

        A suspended app keeps its credentials: whoever resumes it hands out all they may do. Revoked ones stay revoked.
        """
        if not self._empowering:
            return
        lists = (self.keys.list_keys, self.passwords.list_passwords, self.signature_keys.list_signature_keys)
        for list_page in lists:
            after = ""
            while found := await list_page(app_id=app_id, after=after, limit=_PAGE):
                for credential in found:
                    if credential.state.value != "revoked":
                        self._require_within_power(credential)
                after = found[-1].id

    def place(self, presented_organization_id: str | None) -> OrganizationId | None:
        """Where a new app goes: the principal's organization, when it has one.

        Raises:
            Rejected: `object_unknown` for another one.
        """
        own = self.organization_id
        if own is None:
            return None if presented_organization_id is None else OrganizationId(presented_organization_id)
        if presented_organization_id not in {None, own}:
            raise Rejected("object_unknown", "no such organization in reach")
        return own

    async def list_events(self, wanted: AuditFilter, *, after_sequence: int, limit: int) -> tuple[StoredEvent, ...]:
        """Events in reach, in order. `wanted.organization_id` must be `organization_id` when that is set."""
        assert self.organization_id in {None, wanted.organization_id}, "an audit filter that reaches too far"
        return await self._audit.list_events(wanted, after_sequence=after_sequence, limit=limit)

    def within(self, record: _RecordT | None) -> _RecordT | None:
        """The record, or None when it is out of reach. Raises `object_conflict` for an unexpected version."""
        if record is None or self.organization_id not in {None, record.organization_id}:
            return None
        if self._expected_version not in {None, record.version}:
            raise Rejected("object_conflict", "not the version this was meant for")
        return record

    def within_power(self, credential: _CredentialT | None) -> _CredentialT | None:
        """As `within`; raises `scope_escalation` when power is about to be handed out that the principal lacks."""
        found = self.within(credential)
        if found is not None and self._empowering:
            self._require_within_power(found)
        return found

    def _require_within_power(self, credential: KeyRecord | PasswordRecord | SignatureKeyRecord) -> None:
        if not isinstance(credential, RotatableCredential):
            self.require_grantable(credential.scopes)
            return
        self.require_makeable(credential.scopes, credential.metadata)
        changes = self._intended
        if changes is not None:
            # Together: the one half may be there already, and be harmless until the other joins it.
            self.require_makeable(
                credential.scopes if changes.scopes is UNSET else changes.scopes,
                credential.metadata if changes.metadata is UNSET else changes.metadata,
            )
