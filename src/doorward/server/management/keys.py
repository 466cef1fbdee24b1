"""`/api/v1/keys`."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from msgspec import UNSET

from doorward.errors import Rejected
from doorward.frameworks.fastapi import Door
from doorward.methods.apikey.config import NEVER
from doorward.methods.apikey.operations import (
    change_key,
    create_key,
    disable_key,
    enable_key,
    revoke_key,
    rotate_key,
)
from doorward.methods.apikey.order import KeyChanges, KeyOrder
from doorward.methods.apikey.port import KeyRecord
from doorward.server.management.asking import Asking, CredentialPageQuery, parse_credential_id
from doorward.server.management.doors import AdministratorScope, Doors
from doorward.server.management.models import (
    KeyAction,
    KeyChangesIn,
    KeyIssued,
    KeyOrderIn,
    KeyPage,
    KeyRotation,
    KeyView,
)
from doorward.server.management.shapes import Rate
from doorward.server.management.views import view_key
from doorward.values import AppId, Environment, Principal, RateLimit, Scopes

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
        wanted = _changes(changes)
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

    _add_moves(router, writer, asking)


def _add_moves(router: APIRouter, writer: Door, asking: Asking) -> None:
    moves: tuple[tuple[str, Callable[..., Awaitable[KeyRecord]], bool, str], ...] = (
        ("disable", disable_key, False, "The key opens no door until it is enabled."),
        ("enable", enable_key, True, "Undo disabling."),
        ("revoke", revoke_key, False, "The key opens no door ever again."),
    )
    for name, operation, empowering, text in moves:

        def bind(
            operation: Callable[..., Awaitable[KeyRecord]], *, empowering: bool
        ) -> Callable[..., Awaitable[KeyView]]:
            async def move(
                request: Request,
                response: Response,
                principal: Annotated[Principal, Depends(writer)],
                key_id: str,
                action: KeyAction,
            ) -> KeyView:
                record = await operation(
                    asking.reach(request, principal, empowering=empowering),
                    parse_credential_id(key_id),
                    reason=action.reason,
                    actor=asking.actor(request, principal),
                )
                return _shown(response, record)

            return move

        router.add_api_route(
            f"/keys/{{key_id}}/{name}",
            bind(operation, empowering=empowering),
            methods=["POST"],
            name=f"{name}_key",
            description=text,
        )


def _ordered(order: KeyOrderIn, key_prefix: str, environment: Environment) -> KeyOrder:
    return KeyOrder(
        app_id=AppId(order.app_id),
        name=order.name,
        environment=order.environment or environment,
        scopes=Scopes(*order.scopes),
        networks=tuple(order.networks),
        rate=_rate(order.rate),
        expires_in_s=NEVER if order.expires_in_s == "never" else order.expires_in_s,
        metadata=order.metadata,
        prefix=key_prefix,
    )


def _changes(changes: KeyChangesIn) -> KeyChanges:
    return KeyChanges(
        name=UNSET if changes.name is None else changes.name,
        scopes=UNSET if changes.scopes is None else Scopes(*changes.scopes),
        networks=UNSET if changes.networks is None else tuple(changes.networks),
        # Null and left out are two things here: one lifts the limit, the other leaves it.
        rate=_rate(changes.rate) if "rate" in changes.model_fields_set else UNSET,
        metadata=UNSET if changes.metadata is None else changes.metadata,
    )


def _rate(rate: Rate | None) -> RateLimit | None:
    return None if rate is None else RateLimit(rate.requests, rate.window_s)


def _shown(response: Response, record: KeyRecord) -> KeyView:
    response.headers["etag"] = f'"{record.version}"'
    return view_key(record)
