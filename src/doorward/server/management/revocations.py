"""`/api/v1/revocations`: take back whatever is named.

Rules of this file:

* An administrator of an organization takes back what is provably its own: the organization itself, and credentials in
  its reach. A subject, a client, a session or a token is a name; nothing here says whose it is, so he is refused.
* Whoever ends an organization ends all its credentials for good. As with an app, that takes all the power they have.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request

from doorward.apps.credentials import revoke_credential
from doorward.errors import Rejected
from doorward.revocation.operations import revoke_named
from doorward.server.management.asking import Asking, parse_credential_id
from doorward.server.management.doors import AdministratorScope, Doors
from doorward.server.management.models import RevocationIn, RevocationView
from doorward.server.management.reach import Reach
from doorward.values import Actor, FeedKind, OrganizationId, Principal

__all__ = ["add_revocation_routes"]

_PAGE: Final = 1_000


def add_revocation_routes(router: APIRouter, doors: Doors, asking: Asking) -> None:
    """Revoke."""
    writer = doors.of(AdministratorScope.REVOCATIONS_WRITE)

    @router.post("/revocations")
    async def revoke(
        request: Request, principal: Annotated[Principal, Depends(writer)], order: RevocationIn
    ) -> RevocationView:
        """Refused everywhere within the stated bound. Doing it twice is fine."""
        reach, actor = asking.reach(request, principal), asking.actor(request, principal)
        kind = FeedKind(order.kind)
        if kind is FeedKind.CREDENTIAL:
            return await _revoke_credential(reach, order, actor)
        await _require_reach(reach, kind, order)
        done = await revoke_named(reach, kind, order.id, issuer=order.issuer, reason=order.reason, actor=actor)
        return RevocationView(
            kind=done.kind.value,
            id=done.id,
            issuer=done.issuer,
            revoked_at=done.at,
            kept_until=done.leave_at,
            later_is_good=done.later_is_good,
            keys=done.keys,
            passwords=done.passwords,
            signature_keys=done.signature_keys,
            webhook_secrets=done.webhook_secrets,
        )


async def _revoke_credential(reach: Reach, order: RevocationIn, actor: Actor) -> RevocationView:
    if order.issuer is not None:
        raise Rejected("input_invalid", "credentials are always ours")
    # Found through the reach: another organization's is not there.
    done = await revoke_credential(reach, parse_credential_id(order.id), reason=order.reason, actor=actor)
    return RevocationView(
        kind=order.kind,
        id=done.id,
        issuer=None,
        revoked_at=int(reach.clock()),
        kept_until=None,
        later_is_good=False,
        keys=0,
        passwords=0,
    )


async def _require_reach(reach: Reach, kind: FeedKind, order: RevocationIn) -> None:
    own = reach.organization_id
    ours = kind is FeedKind.ORGANIZATION and order.issuer is None
    if own is not None and not (ours and order.id == own):
        raise Rejected("object_unknown", "not provably of this administrator's organization")
    if ours:
        await _require_power_of(reach, OrganizationId(order.id))


async def _require_power_of(reach: Reach, organization_id: OrganizationId) -> None:
    """Raise `scope_escalation` when a credential of the organization has power that the principal lacks."""
    lists = (reach.keys.list_keys, reach.passwords.list_passwords, reach.signature_keys.list_signature_keys)
    for list_page in lists:
        after = ""
        while found := await list_page(organization_id=organization_id, after=after, limit=_PAGE):
            for credential in found:
                if credential.state.value != "revoked":
                    reach.require_grantable(credential.scopes)
            after = found[-1].id
