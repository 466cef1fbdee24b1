"""Default deny inside a Starlette or FastAPI application, decided on the framework's own routing result.

Rules of this file:

* The framework matches, as it always does; then, instead of the route it has matched, a gate is entered. There is no
  second parser of paths that could disagree with the first: whatever spelling leads to a handler leads to its gate.
* A gate opens after every door of its route has admitted the request. A route without a door, a WebSocket, a mounted
  application that is not itself behind a door, and every kind of route this file does not know are refused.
* A route is public only by a mark on its handler (`open_route`), never by a path.
* What only hands on is a plain function that returns what it was given to await: each `async def` on the way is a
  coroutine more per request, and one more to go through at every suspension of the handler.
* The doors of a route are those it was declared with. Overriding a dependency in a test changes what the handler
  gets, never who is let in.
"""

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from typing import Any, Final, TypeVar, final

from starlette.routing import BaseRoute, Host, Mount, Route, Router, WebSocketRoute

from doorward.door import Door
from doorward.errors import Misconfigured, Rejected
from doorward.frameworks.asgi import (
    ANSWER_HEADERS,
    DOORS,
    ASGIApp,
    DoorMiddleware,
    Message,
    Receive,
    Scope,
    Send,
    is_preflight,
    refuse_websocket,
    run_behind,
    send_answer,
    send_preflight,
)
from doorward.frameworks.lifespan import run_lifespan
from doorward.frameworks.peer import refuse_rewritten_peer
from doorward.wire.hops import TrustedHops
from doorward.wire.render import render_refusal

__all__ = [
    "GUARDED",
    "REFUSE",
    "Keeper",
    "Plan",
    "Planner",
    "Resolver",
    "is_marked_open",
    "open_route",
    "plan_starlette",
    "resolve_starlette",
]

OPEN: Final = "__doorward_open__"
GUARDED: Final = "__doorward_guarded__"
"""Attribute of an application or a router that is guarded: by which keeper."""

EndpointT = TypeVar("EndpointT")


def open_route(endpoint: EndpointT) -> EndpointT:
    """Mark a handler, or an application that is mounted, as deliberately public: `@open_route` under `@app.get`.

    Raises:
        Misconfigured: it cannot be marked.
    """
    try:
        setattr(endpoint, OPEN, True)
    except AttributeError as error:
        raise Misconfigured(
            f"{endpoint!r} cannot be marked as open.", cure="Mark a plain function or class instead."
        ) from error
    return endpoint


def is_marked_open(target: object) -> bool:
    """Whether `open_route` was called with `target` itself: a class that derives from an open one is not open."""
    if isinstance(target, type):
        return vars(target).get(OPEN) is True
    return getattr(target, OPEN, False) is True


@final
class Plan:
    """What a gate does: `passes` lets everything through to something that decides itself, or is open."""

    __slots__ = ("doors", "is_open", "methods", "passes")

    def __init__(
        self,
        doors: tuple[Door, ...] = (),
        *,
        methods: Iterable[str] | None = None,
        passes: bool = False,
        is_open: bool = False,
    ) -> None:
        self.doors: Final = doors
        self.methods: Final = frozenset(methods) if methods else None
        self.passes: Final = passes
        self.is_open: Final = is_open


REFUSE: Final = Plan()

Resolver = Callable[[BaseRoute, Scope], object]
"""What a matched route leads to: itself, or what a framework's own kind of route has chosen within it."""
Planner = Callable[[object, "Keeper"], Plan]


def resolve_starlette(route: BaseRoute, _scope: Scope) -> object:
    """Starlette's routes lead to themselves."""
    return route


def plan_starlette(route: object, keeper: "Keeper") -> Plan:
    """The plan of a route of Starlette's own kinds; refuses every other."""
    if isinstance(route, Mount | Host):
        return _plan_mounted(getattr(route, "_base_app", route.app), keeper)
    if isinstance(route, Route | WebSocketRoute):
        is_open = is_marked_open(route.endpoint)
        if isinstance(route, WebSocketRoute):
            return Plan(passes=is_open)
        return Plan(getattr(route.endpoint, DOORS, ()), methods=route.methods, is_open=is_open)
    return REFUSE


def _plan_mounted(app: ASGIApp, keeper: "Keeper") -> Plan:
    if isinstance(app, DoorMiddleware):
        return Plan(app.doors, passes=True)
    if is_marked_open(app):
        return Plan(passes=True)
    if isinstance(getattr(app, GUARDED, None), Keeper):
        return Plan(passes=True)
    if isinstance(app, Router):
        keeper.install(app)
        return Plan(passes=True)
    return REFUSE


@final
class _Gate(BaseRoute):
    """Stands in for one route of a list while requests are dispatched."""

    def __init__(self, routes: list[BaseRoute], position: int, keeper: "Keeper") -> None:
        self.route: Final = routes[position]
        self._routes: Final = routes
        self._position: Final = position
        self._keeper: Final = keeper
        # The route's own matching, without a call in between: it is asked for every route of every request.
        self.matches = self.route.matches  # type: ignore[method-assign]

    def url_path_for(self, name: str, /, **path_params: Any) -> Any:  # as in Starlette
        return self.route.url_path_for(name, **path_params)

    def handle(self, scope: Scope, receive: Receive, send: Send) -> Coroutine[Any, Any, None]:
        # Another route may have been put here that is equal (same path, endpoint, methods) but has other doors.
        route = self._routes[self._position]
        named = scope.get("route")
        if named is self or named is self.route:
            scope["route"] = route
        return self._keeper.handle(route, scope, receive, send)

    def __getattr__(self, name: str) -> Any:  # whatever the route has
        return getattr(self.route, name)


@final
class _Gates:
    """The gates of a list of routes that may grow at any time."""

    __slots__ = ("_gates", "_keeper", "_list", "_seen")

    def __init__(self, keeper: "Keeper") -> None:
        self._keeper: Final = keeper
        self._list: list[BaseRoute] | None = None
        self._seen: list[BaseRoute] = []
        self._gates: list[BaseRoute] = []

    def of(self, routes: list[BaseRoute]) -> list[BaseRoute]:
        # Identical routes are compared as such, in C; equal ones match alike, and their gate looks which it leads to.
        if self._list is not routes or self._seen != routes:
            self._list, self._seen = routes, list(routes)
            self._gates = [_Gate(routes, position, self._keeper) for position in range(len(routes))]
        return self._gates


@final
class Keeper:
    """What guards one application.

    Args:
        resolver: follows a matched route to what will handle the request.
        planner: knows the framework's kinds of routes.
        hops: which proxies are believed.
    """

    def __init__(self, resolver: Resolver, planner: Planner, hops: TrustedHops) -> None:
        self._resolver: Final = resolver
        self._planner: Final = planner
        self._hops: Final = hops
        self._plans: Final[dict[int, tuple[object, Plan]]] = {}
        self._doors: Final[dict[Door, None]] = {}
        self._peer_is_checked = False
        self.survey: Callable[[], Iterable[Door]] = tuple

    def __iter__(self) -> Iterator[Door]:
        """Every door known: of the routes there are now, and of those that have been asked for."""
        self._doors.update(dict.fromkeys(self.survey()))
        return iter(tuple(self._doors))

    def plan(self, route: object) -> Plan:
        """The plan of a route. Routes are kept with their plans, so a number never names another route."""
        found = self._plans.get(id(route))
        if found is None:
            found = self._plans[id(route)] = (route, self._planner(route, self))
            self._doors.update(dict.fromkeys(found[1].doors))
        return found[1]

    def handle(self, route: BaseRoute, scope: Scope, receive: Receive, send: Send) -> Coroutine[Any, Any, None]:
        """Hand a matched request to its route, if it may go there; what comes back is to be awaited."""
        plan = self.plan(self._resolver(route, scope))
        if plan.passes:
            return route.handle(scope, receive, send)
        if scope["type"] != "http":
            return refuse_websocket(scope, receive, send)
        if is_preflight(scope):
            return send_preflight(send)
        if plan.is_open:
            return route.handle(scope, receive, send)
        if not plan.doors:
            return send_answer(send, render_refusal(Rejected("no_door")))
        handle: ASGIApp = route.handle
        if plan.methods is not None and scope["method"] not in plan.methods:
            handle = _refuser_of_methods(plan.methods)
        return run_behind(plan.doors, handle, scope, receive, send, self._hops)

    async def nothing_here(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What no route matches."""
        if scope["type"] != "http":
            await refuse_websocket(scope, receive, send)
        elif is_preflight(scope):
            await send_preflight(send)
        else:
            await send_answer(send, render_refusal(Rejected("route_unknown")))

    def install(self, router: Router) -> None:
        """Put gates before all routes of a router, present and future.

        Raises:
            Misconfigured: the router's dispatch is wrapped in a way that cannot be guarded.
        """
        if isinstance(getattr(router, GUARDED, None), Keeper):
            return
        view = _dispatch_of(router, self)
        plain = router.app

        def dispatch(scope: Scope, receive: Receive, send: Send) -> Coroutine[Any, Any, None]:
            if scope["type"] == "lifespan":
                return plain(scope, receive, send)
            scope.setdefault("router", router)
            return view.app(scope, receive, send)

        if router.middleware_stack == plain:
            router.middleware_stack = dispatch
        else:
            _replace_innermost(router.middleware_stack, plain, dispatch)
        setattr(router, GUARDED, self)

    def wrap(self, stack: ASGIApp) -> ASGIApp:
        """The outermost layer: the lifespan, the check of the server, and headers for whatever answers."""

        def outermost(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
            if scope["type"] == "lifespan":
                return run_lifespan(stack, self, scope, receive, send)
            if not self._peer_is_checked:
                refuse_rewritten_peer(scope)
                self._peer_is_checked = True
            if scope["type"] != "http" or ANSWER_HEADERS in scope:
                return stack(scope, receive, send)
            headers = scope[ANSWER_HEADERS] = []

            def send_with_headers(message: Message) -> Awaitable[None]:
                if headers and message["type"] == "http.response.start":
                    message = {**message, "headers": [*message.get("headers", ()), *headers]}
                return send(message)

            return stack(scope, receive, send_with_headers)

        return outermost


def _refuser_of_methods(methods: frozenset[str]) -> ASGIApp:
    def refuse(_scope: Scope, _receive: Receive, send: Send) -> Awaitable[None]:
        allow = ((b"allow", ", ".join(sorted(methods)).encode()),)
        return send_answer(send, render_refusal(Rejected("method_not_allowed", answer_headers=allow)))

    return refuse


def _dispatch_of(router: Router, keeper: Keeper) -> Router:
    """The same router, sharing all its state, but with gates where its routes are."""
    routes, low_priority_routes = _Gates(keeper), _Gates(keeper)
    namespace = {
        "routes": property(lambda self: routes.of(self.__dict__["routes"])),
        "_low_priority_routes": property(lambda self: low_priority_routes.of(self.__dict__["_low_priority_routes"])),
        "default": property(lambda _: keeper.nothing_here),
    }
    # Any: the class is made from whatever subclass of Router the application has.
    gated: Any = type("GatedRouter", (type(router),), namespace)
    view: Router = object.__new__(gated)
    view.__dict__ = router.__dict__
    return view


def _replace_innermost(layer: Any, plain: ASGIApp, dispatch: ASGIApp) -> None:  # layers are of any class
    while layer is not None:
        inner = getattr(layer, "app", None)
        if inner == plain:
            layer.app = dispatch
            return
        layer = inner
    raise Misconfigured(
        "The application's router is wrapped in a middleware that hides it.",
        cure="Add middleware to the application instead of the router, or guard first.",
    )
