"""`/api/v1/keys`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from doorward.errors import Rejected
from doorward.methods.apikey.operations import (
    change_key,
    create_key,
    disable_key,
    enable_key,
    revoke_key,
    rotate_key,
)
from doorward.methods.apikey.order import KeyOrder
from doorward.methods.apikey.port import KeyRecord
from doorward.server.management.asking import Asking, CredentialPageQuery, parse_credential_id
from doorward.server.management.doors import AdministratorScope, Doors
from doorward.server.management.grants import changes_of, lifetime_of, rate_of
from doorward.server.management.models import (
    KeyChangesIn,
    KeyIssued,
    KeyOrderIn,
    KeyPage,
    KeyRotation,
    KeyView,
)
from doorward.server.management.moves import Move, add_moves
from doorward.server.management.views import view_key
from doorward.values import AppId, Environment, Principal, Scopes

__all__ = ["add_key_routes"]


def add_key_routes(
    router: APIRouter, doors: Doors, asking: Asking, *, key_prefix: str, environment: Environment
) -> None:
    """Read, create, change, rotate, disable, enable, revoke. `environment` is what new keys are for unless said."""
    reader = doors.of(AdministratorScope.KEYS_READ)
    writer = doors.of(AdministratorScope.KEYS_WRITE)

    @router.get("/keys")
    async def list_keys(
        request: Request,
        principal: Annotated[Principal, Depends(reader)],
        page: Annotated[CredentialPageQuery, Query()],
    ) -> KeyPage:
        """Keys in reach, by id; with `app_id` those of one app."""
        keys = asking.reach(request, principal).keys
        found = await keys.list_keys(app_id=page.app, after=page.after, limit=page.limit)
        return KeyPage(items=[view_key(key) for key in found], next=found[-1].id if len(found) == page.limit else None)

    @router.post("/keys", status_code=201)
    async def create(
        request: Request, response: Response, principal: Annotated[Principal, Depends(writer)], order: KeyOrderIn
    ) -> KeyIssued:
        """A new key of an app. The secret is in this answer and nowhere else."""
        reach = asking.reach(request, principal)
        wanted = _ordered(order, key_prefix, environment)
        reach.require_makeable(wanted.scopes, wanted.metadata)
        issued = await create_key(reach, wanted, actor=asking.actor(request, principal))
        return KeyIssued(key=_shown(response, issued.record), secret=issued.text)

    @router.get("/keys/{key_id}")
    async def read(
        request: Request, response: Response, principal: Annotated[Principal, Depends(reader)], key_id: str
    ) -> KeyView:
        """One key."""
        record = await asking.reach(request, principal).keys.find_key(parse_credential_id(key_id))
        if record is None:
            raise Rejected("object_unknown", "no such key in reach")
        return _shown(response, record)

    @router.patch("/keys/{key_id}")
    async def change(
        request: Request,
        response: Response,
        principal: Annotated[Principal, Depends(writer)],
        key_id: str,
        changes: KeyChangesIn,
    ) -> KeyView:
        """Other grants, in force everywhere within the feed's bound."""
        wanted = changes_of(changes)
        record = await change_key(
            asking.reach(request, principal, empowering=True, intended=wanted),
            parse_credential_id(key_id),
            wanted,
            reason=changes.reason,
            actor=asking.actor(request, principal),
        )
        return _shown(response, record)

    @router.post("/keys/{key_id}/rotate", status_code=201)
    async def rotate(
        request: Request,
        response: Response,
        principal: Annotated[Principal, Depends(writer)],
        key_id: str,
        rotation: KeyRotation,
    ) -> KeyIssued:
        """A successor with the same grants. The secret is in this answer and nowhere else."""
        issued = await rotate_key(
            asking.reach(request, principal, empowering=True),
            parse_credential_id(key_id),
            overlap_s=rotation.overlap_s,
            reason=rotation.reason,
            actor=asking.actor(request, principal),
        )
        return KeyIssued(key=_shown(response, issued.record), secret=issued.text)

    add_moves(
        router,
        writer,
        asking,
        (
            Move("disable", disable_key, empowering=False, description="The key opens no door until it is enabled."),
            Move("enable", enable_key, empowering=True, description="Undo disabling."),
            Move("revoke", revoke_key, empowering=False, description="The key opens no door ever again."),
        ),
        path="/keys",
        noun="key",
        parse_id=parse_credential_id,
        show=_shown,
        view=KeyView,
    )


def _ordered(order: KeyOrderIn, key_prefix: str, environment: Environment) -> KeyOrder:
    return KeyOrder(
        app_id=AppId(order.app_id),
        name=order.name,
        environment=order.environment or environment,
        scopes=Scopes(*order.scopes),
        networks=tuple(order.networks),
        rate=rate_of(order.rate),
        expires_in_s=lifetime_of(order.expires_in_s),
        metadata=order.metadata,
        prefix=key_prefix,
    )


def _shown(response: Response, record: KeyRecord) -> KeyView:
    response.headers["etag"] = f'"{record.version}"'
    return view_key(record)
