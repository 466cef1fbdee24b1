"""Who is asking for what: from a request and its principal to the reach and the actor of an operation."""

import re
from typing import Annotated, Final, final

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field

from doorward.errors import Rejected
from doorward.frameworks.asgi import PRINCIPAL
from doorward.methods.rotation import GrantChanges
from doorward.server.management.reach import ManagedStore, Reach
from doorward.server.sites import peer_of
from doorward.values import Actor, AppId, CredentialId, Principal
from doorward.wire.hops import TrustedHops

__all__ = ["Asking", "CredentialPageQuery", "PageQuery", "parse_app_id", "parse_credential_id"]

PAGE_ITEMS: Final = 100
PAGE_ITEMS_MAX: Final = 1_000
REQUEST_LINE_CHARACTERS_MAX: Final = 200
_VERSION: Final = re.compile(r'"([0-9]{1,9})"')
_APP_ID: Final = re.compile(r"app_[0-9A-Za-z]{12}")
_CREDENTIAL_ID: Final = re.compile(r"(?:sig_)?[0-9A-Za-z]{12}")


class PageQuery(BaseModel):
    """One page of a list: what comes after an id, and how much of it."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    after: Annotated[str, Field(max_length=64, pattern=r"^[0-9A-Za-z_]*$")] = ""
    limit: Annotated[int, Field(ge=1, le=PAGE_ITEMS_MAX)] = PAGE_ITEMS


@final
class CredentialPageQuery(PageQuery):
    """One page of credentials, of one app when it is named."""

    app_id: Annotated[str, Field(max_length=64, pattern=r"^[0-9A-Za-z_]+$")] | None = None

    @property
    def app(self) -> AppId | None:
        """The app, by its type."""
        return None if self.app_id is None else AppId(self.app_id)


def parse_app_id(presented_id: str) -> AppId:
    """An app's id; one of another form names nothing. Raises `Rejected("object_unknown")`."""
    if _APP_ID.fullmatch(presented_id) is None:
        raise Rejected("object_unknown", "not the form of an app's id")
    return AppId(presented_id)


def parse_credential_id(presented_id: str) -> CredentialId:
    """A credential's id; one of another form names nothing. Raises `Rejected("object_unknown")`."""
    if _CREDENTIAL_ID.fullmatch(presented_id) is None:
        raise Rejected("object_unknown", "not the form of a credential's id")
    return CredentialId(presented_id)


@final
class Asking:
    """Built once, used by every handler."""

    def __init__(self, store: ManagedStore, hops: TrustedHops) -> None:
        self._store: Final = store
        self._hops: Final = hops

    def reach(
        self,
        request: Request,
        principal: Principal,
        *,
        empowering: bool = False,
        intended: GrantChanges | None = None,
    ) -> Reach:
        """The store as this principal may use it, for the version named in `If-Match` (RFC 9110 section 13.1.1).

        Raises:
            Rejected: `input_invalid` for an `If-Match` we never gave out.
        """
        return Reach(
            self._store,
            principal,
            empowering=empowering,
            expected_version=_parse_if_match(request.headers.get("if-match")),
            intended=intended,
        )

    def actor(self, request: Request, principal: Principal) -> Actor:
        """Who is to be written into the audit log."""
        hop = self._hops.resolve(peer_of(request.scope), request.scope["scheme"], request.scope["headers"])
        return Actor(
            kind=principal.kind.value,
            id=principal.id,
            credential_id=principal.credential_id,
            source=None if hop.client is None else str(hop.client),
        )

    def record_refusal(self, request: Request, code: str) -> None:
        """Tell the log of verifications what a proven administrator was refused *behind* the door.

        Not the chain of changes: nothing changed, and whoever holds any key could fill the database with refusals.
        What the door itself refused, it has told the log already.
        """
        principal: Principal | None = request.scope.get(PRINCIPAL)
        if principal is None:
            return
        self._store.plane.verifications.record(
            int(self._store.clock()),
            principal.method,
            principal.credential_id,
            principal.id,
            principal.organization_id,
            self.actor(request, principal).source,
            code,
            f"{request.method} {request.scope['path']}"[:REQUEST_LINE_CHARACTERS_MAX],
        )


def _parse_if_match(presented: str | None) -> int | None:
    if presented is None or presented == "*":
        return None
    match = _VERSION.fullmatch(presented)
    if match is None:
        raise Rejected("input_invalid", "If-Match is not an ETag of ours")
    return int(match[1])
