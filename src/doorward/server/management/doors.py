"""The doors of the management API: one for each scope, so that an administrator's key opens what it is for."""

from enum import StrEnum
from typing import Final, final

from doorward.frameworks.fastapi import Door
from doorward.methods.apikey import ApiKeys
from doorward.server.management.reach import ManagedStore
from doorward.values import Environment, PrincipalKind, Scopes

__all__ = ["ADMINISTRATOR_SCOPES", "AdministratorScope", "Doors"]


class AdministratorScope(StrEnum):
    """Every power over Doorward there is, as small as it makes sense to hand out."""

    APPS_READ = "doorward:apps:read"
    APPS_WRITE = "doorward:apps:write"
    KEYS_READ = "doorward:keys:read"
    KEYS_WRITE = "doorward:keys:write"
    PASSWORDS_READ = "doorward:passwords:read"  # a scope, not a secret
    PASSWORDS_WRITE = "doorward:passwords:write"  # as above
    WEBHOOKS_READ = "doorward:webhooks:read"
    WEBHOOKS_WRITE = "doorward:webhooks:write"
    SIGNATURES_READ = "doorward:signatures:read"
    SIGNATURES_WRITE = "doorward:signatures:write"
    AUDIT_READ = "doorward:audit:read"
    TOKENS_INTROSPECT = "doorward:tokens:introspect"  # a scope, not a secret
    REVOCATIONS_READ = "doorward:revocations:read"
    REVOCATIONS_WRITE = "doorward:revocations:write"


ADMINISTRATOR_SCOPES: Final = Scopes(*AdministratorScope)
"""All of them: what the first administrator holds."""


@final
class Doors:
    """Doors over one store. Administrators' keys are live keys of apps; app passwords open nothing here."""

    def __init__(self, store: ManagedStore, *, key_prefix: str) -> None:
        self._method: Final = ApiKeys(store, environment=Environment.LIVE, prefix=key_prefix)
        self._doors: Final[dict[AdministratorScope | None, Door]] = {}

    def of(self, scope: AdministratorScope | None) -> Door:
        """The door that demands `scope`; with None any administrator's or other live key opens it."""
        door = self._doors.get(scope)
        if door is None:
            require = None if scope is None else Scopes(scope)
            door = self._doors[scope] = Door(self._method, require=require, principal_kind=PrincipalKind.APP)
        return door
