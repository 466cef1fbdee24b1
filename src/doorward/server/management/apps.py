"""`/api/v1/apps`."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from doorward.apps.operations import create_app, resume_app, revoke_app, suspend_app
from doorward.apps.port import AppRecord
from doorward.errors import Rejected
from doorward.server.management.asking import Asking, PageQuery, parse_app_id
from doorward.server.management.doors import AdministratorScope, Doors
from doorward.server.management.models import AppAction, AppOrderIn, AppPage, AppView
from doorward.server.management.views import view_app
from doorward.values import Principal

__all__ = ["add_app_routes"]


def add_app_routes(router: APIRouter, doors: Doors, asking: Asking) -> None:
    """Read, create, suspend, resume, revoke."""
    reader = doors.of(AdministratorScope.APPS_READ)
    writer = doors.of(AdministratorScope.APPS_WRITE)

    @router.get("/apps")
    async def list_apps(
        request: Request, principal: Annotated[Principal, Depends(reader)], page: Annotated[PageQuery, Query()]
    ) -> AppPage:
        """Apps in reach, by id."""
        found = await asking.reach(request, principal).apps.list_apps(after=page.after, limit=page.limit)
        return AppPage(items=[view_app(app) for app in found], next=found[-1].id if len(found) == page.limit else None)

    @router.post("/apps", status_code=201)
    async def create(
        request: Request, response: Response, principal: Annotated[Principal, Depends(writer)], order: AppOrderIn
    ) -> AppView:
        """A new app."""
        reach = asking.reach(request, principal)
        record = await create_app(
            reach,
            name=order.name,
            organization_id=reach.place(order.organization_id),
            metadata=order.metadata,
            actor=asking.actor(request, principal),
        )
        return _shown(response, record)

    @router.get("/apps/{app_id}")
    async def read(
        request: Request, response: Response, principal: Annotated[Principal, Depends(reader)], app_id: str
    ) -> AppView:
        """One app."""
        record = await asking.reach(request, principal).apps.find_app(parse_app_id(app_id))
        if record is None:
            raise Rejected("object_unknown", "no such app in reach")
        return _shown(response, record)

    # Any: each operation has keyword arguments of its own.
    moves: tuple[tuple[str, Callable[..., Awaitable[Any]], bool, str], ...] = (
        ("suspend", suspend_app, False, "None of its credentials opens a door until it is resumed."),
        ("resume", resume_app, True, "Lift the suspension."),
        # For good: suspending is enough to stop a leak, and can be lifted when the app was the administrators' own.
        ("revoke", revoke_app, True, "None of its credentials opens a door ever again."),
    )
    for name, operation, empowering, text in moves:

        def bind(operation: Callable[..., Awaitable[Any]], *, empowering: bool) -> Callable[..., Awaitable[AppView]]:
            async def move(
                request: Request,
                response: Response,
                principal: Annotated[Principal, Depends(writer)],
                app_id: str,
                action: AppAction,
            ) -> AppView:
                record = await operation(
                    asking.reach(request, principal, empowering=empowering),
                    parse_app_id(app_id),
                    reason=action.reason,
                    actor=asking.actor(request, principal),
                )
                return _shown(response, record)

            return move

        router.add_api_route(
            f"/apps/{{app_id}}/{name}",
            bind(operation, empowering=empowering),
            methods=["POST"],
            name=f"{name}_app",
            description=text,
        )


def _shown(response: Response, record: AppRecord) -> AppView:
    response.headers["etag"] = f'"{record.version}"'
    return view_app(record)
