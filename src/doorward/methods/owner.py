"""What a method must know of the app that owns a credential. Apps live above the methods; `app` wires the two."""

from typing import Protocol

from doorward.errors import Rejected
from doorward.values import AppId, OrganizationId

__all__ = ["APP_ACTIVE", "APP_REVOKED", "APP_SUSPENDED", "Owner", "OwnerPort", "barred_by_owner"]
__all__ += ["require_living_owner"]

APP_ACTIVE = "active"
APP_SUSPENDED = "suspended"
APP_REVOKED = "revoked"


class Owner(Protocol):
    """An app, as far as its credentials go."""

    @property
    def id(self) -> AppId:
        """Its id."""
        ...

    @property
    def name(self) -> str:
        """For people to read."""
        ...

    @property
    def organization_id(self) -> OrganizationId | None:
        """Whose it is, when it is a customer's."""
        ...

    @property
    def state(self) -> str:
        """`active`, `suspended` or `revoked`."""
        ...


class OwnerPort(Protocol):
    """Finds the owner of a credential that is to be made."""

    async def find_app(self, app_id: AppId) -> Owner | None:
        """The app, in any state."""
        ...


def barred_by_owner(app_state: str) -> str | None:
    """The refusal code for credentials of an app in this state; None when it bars nothing."""
    if app_state == APP_ACTIVE:
        return None
    # A state that is not known here bars too: a newer release may have added one (invariant 11).
    return "credential_revoked" if app_state == APP_REVOKED else "app_suspended"


def require_living_owner(owner: Owner) -> None:
    """Raise `Rejected("state_final")` for an app that is revoked: nothing new is made for it."""
    if owner.state == APP_REVOKED:
        raise Rejected("state_final", "the app is revoked")
