"""Doors for Starlette: `Route("/orders", door(orders))`, and `guard(app)` to refuse whatever no door admits.

`request.scope["doorward.principal"]`, also `request.state.principal`, says who was proven.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import BaseRoute, Mount, Route, request_response

from doorward.door import Door as CoreDoor
from doorward.errors import Misconfigured
from doorward.frameworks.asgi import (
    DOORS,
    ASGIApp,
    DoorMiddleware,
    Receive,
    Scope,
    Send,
    run_behind,
)
from doorward.frameworks.gate import (
    GUARDED,
    Keeper,
    Planner,
    Resolver,
    open_route,
    plan_starlette,
    resolve_starlette,
)
from doorward.frameworks.peer import check_peer_once
from doorward.wire.hops import TrustedHops

__all__ = ["Door", "guard", "guard_with", "open_route", "survey_starlette"]

AppT = TypeVar("AppT", bound=Starlette)


class Door(CoreDoor):
    """A door that wraps endpoints. Call it with a function, an `HTTPEndpoint` class or an ASGI application.

    Several doors around one endpoint must all admit; each proves on its own and each counts.
    """

    def __call__(self, endpoint: Callable[..., Any]) -> Callable[..., Any]:  # Starlette's own type for endpoints
        """The endpoint behind this door."""
        innermost = endpoint
        while isinstance(innermost, functools.partial):
            innermost = innermost.func
        # As Starlette tells them apart: functions take a request, everything else is an ASGI application.
        if not (inspect.isfunction(innermost) or inspect.ismethod(innermost)):
            return DoorMiddleware(endpoint, self)
        inner = request_response(endpoint)

        @functools.wraps(endpoint)
        async def guarded(request: Request) -> ASGIApp:
            # Not a Response yet: Starlette awaits what is returned with (scope, receive, send), so that the refusal
            # and the answer headers are sent by one function, exceptions of the endpoint included.
            del request
            return functools.partial(_run_behind, self, inner)

        setattr(guarded, DOORS, (self, *getattr(endpoint, DOORS, ())))
        return guarded


async def _run_behind(door: Door, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    check_peer_once(door, scope)
    await run_behind((door,), app, scope, receive, send)


def guard(app: AppT, *, hops: TrustedHops | None = None) -> AppT:
    """Refuse whatever no door admits: unmarked routes, mounts, WebSockets, everything added later.

    Also starts the doors' stores with the application and closes them (flushing what was counted) when it shuts down.

    Args:
        app: the application; it is changed in place and returned.
        hops: which proxies are believed about the client's address; nobody by default.

    Raises:
        Misconfigured: the application is already running, or already guarded.
    """
    guard_with(app, resolve_starlette, plan_starlette, survey_starlette, hops=hops)
    return app


def guard_with(
    app: Starlette,
    resolver: Resolver,
    planner: Planner,
    survey: Callable[[Sequence[BaseRoute], Keeper], Iterable[CoreDoor]],
    *,
    hops: TrustedHops | None = None,
) -> Keeper:
    """As `guard`, for a framework that adds its own kinds of routes."""
    if isinstance(getattr(app, GUARDED, None), Keeper):
        raise Misconfigured("The application is guarded twice.", cure="Call guard(app) once.")
    if app.middleware_stack is not None:
        raise Misconfigured(
            "The application has started already; what it has been asked cannot be guarded any more.",
            cure="Call guard(app) where the application is made.",
        )
    keeper = Keeper(resolver, planner, TrustedHops() if hops is None else hops)
    keeper.survey = lambda: survey(app.routes, keeper)
    keeper.install(app.router)
    build = app.build_middleware_stack

    def build_guarded() -> ASGIApp:
        # Again, now that it counts: the application may have been given another router since.
        keeper.install(app.router)
        return keeper.wrap(build())

    # Instance attributes: Starlette asks the instance for its stack when it is first called.
    setattr(app, "build_middleware_stack", build_guarded)  # noqa: B010  # a method, which mypy keeps from assignment
    setattr(app, GUARDED, keeper)
    return keeper


def survey_starlette(routes: Sequence[BaseRoute], keeper: Keeper) -> Iterator[CoreDoor]:
    """The doors of all routes, mounted ones included."""
    for route in routes:
        if isinstance(route, Route):
            yield from getattr(route.endpoint, DOORS, ())
        elif isinstance(route, Mount):
            mounted = getattr(route, "_base_app", None)
            yield from getattr(mounted, "doors", ())
            other = getattr(mounted, GUARDED, None)
            if isinstance(other, Keeper) and other is not keeper:
                # A mounted application is sent no lifespan: its doors start and close with ours.
                yield from other
            yield from survey_starlette(route.routes, keeper)
