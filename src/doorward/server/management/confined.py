"""The ports of a store as one administrator sees them: what is out of reach is not there.

They are handed to the operations by `reach.py`, which decides; nothing here does.
"""

from collections.abc import Mapping
from typing import Final, Protocol, TypeVar, final

from doorward.apps.port import AppPort, AppRecord
from doorward.methods.apikey.port import KeyPort, KeyRecord
from doorward.methods.basic.port import PasswordPort, PasswordRecord
from doorward.methods.signature.port import SignatureKeyPort, SignatureKeyRecord
from doorward.methods.webhook.port import SecretRecord, SenderPort, SenderRecord
from doorward.revocation.writes import HeldCredentials, HoldingsPort, OpaqueHolding
from doorward.values import AppId, CredentialId, OrganizationId

__all__ = [
    "ConfinedApps",
    "ConfinedHoldings",
    "ConfinedKeys",
    "ConfinedPasswords",
    "ConfinedSenders",
    "ConfinedSignatureKeys",
    "Confinement",
]

_RecordT = TypeVar("_RecordT", AppRecord, KeyRecord, PasswordRecord, SignatureKeyRecord, SenderRecord)
_CredentialT = TypeVar("_CredentialT", KeyRecord, PasswordRecord, SignatureKeyRecord)


class Confinement(Protocol):
    """What decides: `Reach`."""

    @property
    def organization_id(self) -> OrganizationId | None:
        """The only organization in reach; None when all are."""
        ...

    def within(self, record: _RecordT | None) -> _RecordT | None:
        """The record, or None when it is out of reach."""
        ...

    def within_power(self, credential: _CredentialT | None) -> _CredentialT | None:
        """As `within`; raises `scope_escalation` where power is about to be handed out that the principal lacks."""
        ...

    async def require_wakeable(self, app_id: AppId) -> None:
        """Raise `scope_escalation` for an app whose credentials have more power, when it is about to be woken."""
        ...


@final
class ConfinedApps:
    """Apps."""

    def __init__(self, apps: AppPort, reach: Confinement) -> None:
        self._apps: Final = apps
        self._reach: Final = reach

    async def find_app(self, app_id: AppId) -> AppRecord | None:
        """See `AppPort`."""
        found = self._reach.within(await self._apps.find_app(app_id))
        if found is not None:
            await self._reach.require_wakeable(found.id)
        return found

    async def find_app_by_name(self, name: str) -> AppRecord | None:
        """See `AppPort`."""
        return self._reach.within(await self._apps.find_app_by_name(name))

    async def list_apps(
        self, *, organization_id: OrganizationId | None = None, after: str = "", limit: int = 100
    ) -> tuple[AppRecord, ...]:
        """See `AppPort`."""
        confined = self._reach.organization_id or organization_id
        return await self._apps.list_apps(organization_id=confined, after=after, limit=limit)


@final
class ConfinedKeys:
    """API keys."""

    def __init__(self, keys: KeyPort, reach: Confinement) -> None:
        self._keys: Final = keys
        self._reach: Final = reach

    async def find_key(self, key_id: CredentialId) -> KeyRecord | None:
        """See `KeyPort`."""
        return self._reach.within_power(await self._keys.find_key(key_id))

    async def list_keys(
        self,
        *,
        app_id: AppId | None = None,
        organization_id: OrganizationId | None = None,
        after: str = "",
        limit: int = 100,
    ) -> tuple[KeyRecord, ...]:
        """See `KeyPort`."""
        confined = self._reach.organization_id or organization_id
        return await self._keys.list_keys(app_id=app_id, organization_id=confined, after=after, limit=limit)


@final
class ConfinedPasswords:
    """App passwords."""

    def __init__(self, passwords: PasswordPort, reach: Confinement) -> None:
        self._passwords: Final = passwords
        self._reach: Final = reach

    async def find_password(self, password_id: CredentialId) -> PasswordRecord | None:
        """See `PasswordPort`."""
        return self._reach.within_power(await self._passwords.find_password(password_id))

    async def list_passwords(
        self,
        *,
        app_id: AppId | None = None,
        organization_id: OrganizationId | None = None,
        after: str = "",
        limit: int = 100,
    ) -> tuple[PasswordRecord, ...]:
        """See `PasswordPort`."""
        confined = self._reach.organization_id or organization_id
        return await self._passwords.list_passwords(app_id=app_id, organization_id=confined, after=after, limit=limit)


@final
class ConfinedSignatureKeys:
    """Keys that apps sign requests with."""

    def __init__(self, keys: SignatureKeyPort, reach: Confinement) -> None:
        self._keys: Final = keys
        self._reach: Final = reach

    async def find_signature_key(self, key_id: CredentialId) -> SignatureKeyRecord | None:
        """See `SignatureKeyPort`."""
        return self._reach.within_power(await self._keys.find_signature_key(key_id))

    async def find_holder_of_public_key(
        self, public_jwk: Mapping[str, str], *, organization_id: OrganizationId | None, now: int
    ) -> SignatureKeyRecord | None:
        """See `SignatureKeyPort`. Not narrowed by power: a key one may not touch holds its pair all the same."""
        confined = self._reach.organization_id or organization_id
        return await self._keys.find_holder_of_public_key(public_jwk, organization_id=confined, now=now)

    async def list_signature_keys(
        self,
        *,
        app_id: AppId | None = None,
        organization_id: OrganizationId | None = None,
        after: str = "",
        limit: int = 100,
    ) -> tuple[SignatureKeyRecord, ...]:
        """See `SignatureKeyPort`."""
        confined = self._reach.organization_id or organization_id
        return await self._keys.list_signature_keys(app_id=app_id, organization_id=confined, after=after, limit=limit)


@final
class ConfinedHoldings:
    """What is revoked along."""

    def __init__(self, holdings: HoldingsPort, reach: Confinement) -> None:
        self._holdings: Final = holdings
        self._reach: Final = reach

    async def count_credentials(self, organization_id: OrganizationId) -> HeldCredentials:
        """See `HoldingsPort`."""
        return await self._holdings.count_credentials(self._reach.organization_id or organization_id)

    async def find_opaque(self, token_id: CredentialId) -> OpaqueHolding | None:
        """See `HoldingsPort`."""
        found = await self._holdings.find_opaque(token_id)
        own = self._reach.organization_id
        return found if found is not None and own in {None, found.organization_id} else None


@final
class ConfinedSenders:
    """Senders and their secrets. A secret is where its sender is."""

    def __init__(self, senders: SenderPort, reach: Confinement) -> None:
        self._senders: Final = senders
        self._reach: Final = reach

    async def find_sender(self, name: str) -> SenderRecord | None:
        """See `SenderPort`."""
        return self._reach.within(await self._senders.find_sender(name))

    async def list_senders(
        self, *, organization_id: OrganizationId | None = None, after: str = "", limit: int = 100
    ) -> tuple[SenderRecord, ...]:
        """See `SenderPort`."""
        confined = self._reach.organization_id or organization_id
        return await self._senders.list_senders(organization_id=confined, after=after, limit=limit)

    async def list_secrets(self, sender: str) -> tuple[SecretRecord, ...]:
        """See `SenderPort`."""
        return await self._senders.list_secrets(sender) if await self._reaches(sender) else ()

    async def list_held_secrets(self, sender: str) -> tuple[SecretRecord, ...]:
        """See `SenderPort`."""
        return await self._senders.list_held_secrets(sender) if await self._reaches(sender) else ()

    async def find_secret(self, secret_id: CredentialId) -> SecretRecord | None:
        """See `SenderPort`."""
        found = await self._senders.find_secret(secret_id)
        return found if found is not None and await self._reaches(found.sender) else None

    async def list_all_secrets(self, *, after: str = "", limit: int = 100) -> tuple[SecretRecord, ...]:  # noqa: ARG002  # the port's parameters
        """Nothing: sealing anew is done at the command line, where there is no reach."""
        return ()

    async def _reaches(self, sender: str) -> bool:
        own = self._reach.organization_id
        if own is None:
            return True
        found = await self._senders.find_sender(sender)
        return found is not None and found.organization_id == own
