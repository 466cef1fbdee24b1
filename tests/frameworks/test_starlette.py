"""`Door` and `guard` in Starlette."""

import functools
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Host, Match, Mount, Route, Router, WebSocketRoute
from starlette.testclient import TestClient
from tests.simulators.method import SimulatedMethod
from tests.simulators.plane import SimulatedPlane

from doorward.frameworks.starlette import Door, guard, open_route
from doorward.values import Scopes

Key = dict[str, str]


@pytest.fixture
def door(method: SimulatedMethod) -> Door:
    return Door(method, require=Scopes("orders:read"))


async def who(request: Request) -> Response:
    return PlainTextResponse(request.state.principal.credential_id)


def who_in_a_thread(request: Request) -> Response:
    return PlainTextResponse(request.state.principal.credential_id)


class Who(HTTPEndpoint):
    async def get(self, request: Request) -> Response:
        return PlainTextResponse(request.state.principal.credential_id)


async def teapot(_request: Request) -> Response:
    raise HTTPException(418)


async def never(_request: Any) -> Response:
    raise AssertionError


@pytest.mark.parametrize("guarded", [True, False])
def test_endpoints_of_every_kind(guarded: bool, door: Door, key: Key, plane: SimulatedPlane) -> None:  # noqa: FBT001  # a column
    app = Starlette(
        routes=[
            Route("/function", door(who)),
            Route("/thread", door(who_in_a_thread)),
            Route("/class", door(Who)),
            Route("/partial", door(functools.partial(who))),
            Route("/teapot", door(teapot)),
        ]
    )
    client = TestClient(guard(app) if guarded else app)
    for path, status in (("function", 200), ("thread", 200), ("class", 200), ("partial", 200), ("teapot", 418)):
        refused = client.get(f"/{path}")
        assert (refused.status_code, refused.headers["content-type"]) == (401, "application/problem+json")
        admitted = client.get(f"/{path}", headers=key)
        assert (admitted.status_code, admitted.headers.get_list("deprecation")) == (status, ["@1"])
        assert client.head(f"/{path}").status_code == 401
        assert client.post(f"/{path}", headers=key).status_code == 405
    assert len(plane.usage.counted) == (10 if guarded else 6)


def test_doors_of_one_endpoint_must_all_admit(method: SimulatedMethod, door: Door, key: Key) -> None:
    writes = Door(method, require=Scopes("orders:write"))
    app = Starlette(routes=[Route("/x", writes(door(who)))])
    assert TestClient(app).get("/x", headers=key).status_code == 403
    both = guard(Starlette(routes=[Route("/x", writes(door(who)))]))
    assert TestClient(both).get("/x", headers=key).status_code == 403


def test_a_decorator_around_a_door_runs_after_the_proof(door: Door, key: Key) -> None:
    calls = []
    inner = door(who)

    @functools.wraps(inner)
    async def logged(request: Request) -> Any:
        calls.append(1)
        return await inner(request)

    client = TestClient(guard(Starlette(routes=[Route("/x", logged)])))
    assert client.get("/x").status_code == 401
    assert not calls
    assert client.get("/x", headers=key).text == "k1"


class OwnRoute(BaseRoute):
    """A kind of route nobody knows."""

    def matches(self, scope: Any) -> tuple[Match, Any]:
        return (Match.FULL if scope["path"] == "/own" else Match.NONE), {}

    async def handle(self, *_: Any) -> None:
        raise AssertionError


def test_everything_else_is_refused(door: Door, key: Key) -> None:
    async def never_asgi(_scope: Any, _receive: Any, _send: Any) -> None:
        raise AssertionError

    app = guard(
        Starlette(
            routes=[
                Route("/doorless", never),
                Mount("/mounted", never_asgi),
                Host("other.example", never_asgi),
                OwnRoute(),
                WebSocketRoute("/ws", never),
                Mount("/deep", routes=[Route("/doorless", never), Mount("/deeper", routes=[Route("/x", never)])]),
                Mount("/router", Router(routes=[Route("/doorless", never), Route("/who", door(who))])),
                Mount(
                    "/squeezed",
                    routes=[Route("/doorless", never), Route("/who", door(who))],
                    middleware=[Middleware(GZipMiddleware)],
                ),
            ]
        )
    )
    app.add_route("/late", never)
    client = TestClient(app)
    for path in (
        "/doorless", "/mounted/x", "/own", "/late", "/deep/doorless", "/deep/deeper/x", "/router/doorless",
        "/squeezed/doorless",
    ):  # fmt: skip
        assert client.get(path, headers=key).status_code == 403, path
    assert TestClient(app, base_url="http://other.example").get("/x", headers=key).status_code == 403
    assert client.get("/router/who").status_code == 401
    assert client.get("/router/who", headers=key).text == "k1"
    assert client.get("/squeezed/who", headers=key).text == "k1"
    for path in ("/nowhere", "/deep/nowhere", "/router/nowhere"):
        unknown = client.get(path)
        assert (unknown.status_code, unknown.json()["code"]) == (404, "route_unknown")


def test_a_default_application_is_no_way_in(key: Key) -> None:
    async def default(_scope: Any, _receive: Any, _send: Any) -> None:
        raise AssertionError

    app = Starlette()
    app.router.default = default
    assert TestClient(guard(app)).get("/x", headers=key).status_code == 404


def test_open_routes(door: Door) -> None:
    @open_route
    async def health(_request: Request) -> Response:
        return PlainTextResponse("fine")

    client = TestClient(guard(Starlette(routes=[Route("/healthz", health)])))
    assert client.get("/healthz").text == "fine"
    preflight = {"origin": "https://x.example", "access-control-request-method": "GET"}
    assert client.options("/healthz", headers=preflight).status_code == 204


def test_url_for_still_works(door: Door, key: Key) -> None:
    async def link(request: Request) -> Response:
        return PlainTextResponse(f"{request.url_for('link')} {type(request.scope.get('route')).__name__}")

    client = TestClient(guard(Starlette(routes=[Route("/link", door(link), name="link")])))
    assert client.get("/link", headers=key).text == "http://testserver/link Route"


def test_the_plane_starts_and_closes_with_the_app(door: Door, plane: SimulatedPlane) -> None:
    app = guard(Starlette(routes=[Mount("/deep", routes=[Route("/x", door(who))])]))
    with TestClient(app):
        assert plane.started
    assert (plane.starts, plane.closes) == (1, 1)


def test_what_derives_from_an_open_endpoint_is_not_open() -> None:
    @open_route
    class Health(HTTPEndpoint):
        async def get(self, _request: Request) -> Response:
            return PlainTextResponse("fine")

    class Accounts(Health):
        pass

    app = guard(Starlette(routes=[Route("/health", Health), Route("/accounts", Accounts)]))
    with TestClient(app) as client:
        assert client.get("/health").text == "fine"
        assert client.get("/accounts").json()["code"] == "no_door"
