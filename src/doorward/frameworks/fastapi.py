"""Doors for FastAPI: `Annotated[Principal, Depends(door)]`, and `guard(app)` to refuse whatever no door admits.

Rules of this file:

* In a guarded application the door is passed before FastAPI reads the body: bad JSON without a key is 401, not 422.
* In an application that is not guarded the dependency itself proves, after the body was parsed. It is as safe, later.
* Several doors on one route (on the router and on the route, say) must all admit; each proves on its own and each
  counts. For one limit and one count, give the route one door.
* In a guarded application `app.dependency_overrides[door]` lets nobody in, nor does it change what the handler gets.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import fastapi.routing
from fastapi import FastAPI, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException, WebSocketException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response as PlainResponse
from starlette.routing import BaseRoute, Match

from doorward.door import Door as CoreDoor
from doorward.errors import Misconfigured
from doorward.frameworks.asgi import ADMITTED, SETTLEMENTS, Scope, admit_all
from doorward.frameworks.body import Body
from doorward.frameworks.gate import REFUSE, Keeper, Plan, is_marked_open, open_route, plan_starlette
from doorward.frameworks.injection import inject_principals
from doorward.frameworks.openapi import describe_doors
from doorward.frameworks.peer import check_peer_once
from doorward.frameworks.settling import release_all
from doorward.frameworks.starlette import guard_with, survey_starlette
from doorward.values import Principal
from doorward.wire.hops import TrustedHops
from doorward.wire.render import Answer

__all__ = ["Door", "guard", "open_route"]

# Since FastAPI 0.13x an included router stays a router of its own; before that, its routes were copied.
_IncludedRouter: Final = getattr(fastapi.routing, "_IncludedRouter", None)
_FrontendRouteGroup: Final = getattr(fastapi.routing, "_FrontendRouteGroup", None)


# A dependency is asked when the body has been read by others, and does not learn how the handler ends.
_NOT_GUARDED: Final = Misconfigured(
    "This door proves the body or claims what may be used once, which it can do in a guarded application only.",
    cure="Call guard(app) where the application is made.",
)


class RefusedByDoor(HTTPException):
    """A refusal of a door in an application that is not guarded, on its way through FastAPI's exception handling."""

    def __init__(self, answer: Answer) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in answer.headers}
        for name in ("content-type", "content-length"):
            headers.pop(name, None)
        super().__init__(answer.status, headers=headers)
        self.answer: Final = answer


class Door(CoreDoor):
    """A door that is a dependency. Arguments as in `doorward.door.Door`."""

    async def __call__(self, connection: HTTPConnection, response: Response) -> Principal:
        """The principal: of the proof the guard has made, or of one made now.

        Raises:
            RefusedByDoor: in an application that is not guarded.
        """
        scope = connection.scope
        admitted = scope.get(ADMITTED)
        if admitted is None or self not in admitted:
            if not isinstance(connection, Request):
                raise WebSocketException(code=1008)
            await _prove(self, connection, response)
            admitted = scope[ADMITTED]
        principal: Principal = admitted[self].principal
        return principal


async def _prove(door: Door, request: Request, response: Response) -> None:
    check_peer_once(door, request.scope)
    if door.reads_body:
        raise _NOT_GUARDED
    outcome = await admit_all((door,), request.scope, Body(request.receive))
    if isinstance(outcome, Answer):
        handlers = request.scope.get("starlette.exception_handlers")
        if handlers is not None:
            # FastAPI would render an HTTPException as its own JSON; a problem body is what callers are promised.
            handlers[0].setdefault(RefusedByDoor, _answer_refusal)
        raise RefusedByDoor(outcome)
    response.headers.raw.extend(outcome)
    if SETTLEMENTS in request.scope:
        await release_all(request.scope.pop(SETTLEMENTS))
        raise _NOT_GUARDED


async def _answer_refusal(_request: Request, error: Exception) -> PlainResponse:
    assert isinstance(error, RefusedByDoor), "registered for this class only"
    response = PlainResponse(error.answer.body, status_code=error.answer.status)
    response.raw_headers = list(error.answer.headers)
    return response


def guard(app: FastAPI, *, hops: TrustedHops | None = None, docs: CoreDoor | None = None) -> FastAPI:
    """Refuse whatever no door admits, before any body is read: routes without a door, `/docs` and `/openapi.json`,
    mounts, static files, WebSockets, everything added later.

    Also starts the doors' stores with the application and closes them (flushing what was counted) when it shuts down,
    and describes the doors in the OpenAPI document.

    Args:
        app: the application; it is changed in place and returned.
        hops: which proxies are believed about the client's address; nobody by default.
        docs: who may read `/docs`, `/redoc` and `/openapi.json`; nobody by default.

    Raises:
        Misconfigured: the application is already running, or already guarded.
    """
    docs_paths = {app.openapi_url, app.docs_url, app.redoc_url, app.swagger_ui_oauth2_redirect_url}

    def plan(target: object, keeper: Keeper) -> Plan:
        planned = _plan(target, keeper)
        own = getattr(target, "endpoint", None)
        if docs is None or planned.doors or getattr(own, "__qualname__", "") not in _DOCS_ENDPOINTS:
            return planned
        return Plan((docs,), methods=("GET", "HEAD")) if getattr(target, "path", None) in docs_paths else planned

    keeper = guard_with(app, _resolve, plan, _survey, hops=hops)
    describe = app.openapi

    def describe_with_doors() -> dict[str, Any]:
        return describe_doors(describe(), _operations(app.routes, keeper))

    # The documented way to change the description: https://fastapi.tiangolo.com/how-to/extending-openapi/
    setattr(app, "openapi", describe_with_doors)  # noqa: B010  # a method, which mypy keeps from assignment
    return app


_DOCS_ENDPOINTS: Final = frozenset(
    f"FastAPI.setup.<locals>.{name}" for name in ("openapi", "swagger_ui_html", "swagger_ui_redirect", "redoc_html")
)


def _resolve(route: BaseRoute, scope: Scope) -> object:
    """Follow included routers to the route they choose, by their own matching."""
    target: Any = route  # FastAPI's own classes for this are private
    context: object = None
    while _IncludedRouter is not None and isinstance(target, _IncludedRouter):
        match, _, target, context = target._match(scope)  # noqa: SLF001  # there is no public way to ask
        if match is Match.NONE or target is None:
            return None
    return target if context is None else context


def _plan(target: object, keeper: Keeper) -> Plan:
    original = getattr(target, "original_route", target)
    if isinstance(original, APIRoute) or (
        _FrontendRouteGroup is not None and isinstance(original, _FrontendRouteGroup)
    ):
        endpoint = getattr(target, "endpoint", None)
        dependant = getattr(target, "dependant", None)
        doors = tuple(dict.fromkeys(_doors_of(dependant)))
        if isinstance(original, APIRoute) and dependant is not None:
            inject_principals(dependant, _is_plain)
        methods = getattr(target, "methods", None)
        return Plan(doors, methods=methods, is_open=is_marked_open(endpoint) and not doors)
    if original is not target:
        target = getattr(target, "starlette_route", None)
    return REFUSE if target is None else plan_starlette(target, keeper)


def _doors_of(dependant: Dependant | None) -> Iterator[CoreDoor]:
    if dependant is None:
        return
    call: object = dependant.call
    if isinstance(call, CoreDoor):
        yield call
    for inner in dependant.dependencies:
        yield from _doors_of(inner)


def _is_plain(call: object) -> bool:
    return isinstance(call, Door) and type(call).__call__ is Door.__call__


def _operations(
    routes: Sequence[BaseRoute], keeper: Keeper
) -> Iterator[tuple[str, frozenset[str], tuple[CoreDoor, ...]]]:
    """Every route with doors that the description shows: its path, methods and doors."""
    contexts: Any = getattr(fastapi.routing, "iter_route_contexts", iter)(routes)
    for context in contexts:
        original = getattr(context, "original_route", context)
        if isinstance(original, APIRoute):
            doors = keeper.plan(getattr(context, "_route_context", None) or original).doors
            if doors:
                yield context.path_format, frozenset(context.methods), doors


def _survey(routes: Sequence[BaseRoute], keeper: Keeper) -> Iterator[CoreDoor]:
    for _, _, doors in _operations(routes, keeper):
        yield from doors
    yield from survey_starlette(routes, keeper)
