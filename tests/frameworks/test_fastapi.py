"""`Door` and `guard` in FastAPI."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, Form, HTTPException, Request, Response, WebSocket
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.staticfiles import StaticFiles
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect
from tests.simulators.method import SimulatedMethod
from tests.simulators.plane import SimulatedPlane

from doorward.door.passage import NO_DOORS
from doorward.errors import Misconfigured
from doorward.frameworks.asgi import DoorMiddleware
from doorward.frameworks.fastapi import Door, guard, open_route
from doorward.values import Principal, Scopes

Key = dict[str, str]


class Order(BaseModel):
    amount: int


@pytest.fixture
def door(method: SimulatedMethod) -> Door:
    return Door(method, require=Scopes("orders:read"))


@pytest.fixture
def app() -> FastAPI:
    return guard(FastAPI())


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def code(response: Any) -> str:  # httpx's or its successor's, whichever the test client uses
    assert response.headers["content-type"] == "application/problem+json"
    return str(response.json()["code"])


def test_five_lines(app: FastAPI, client: TestClient, door: Door, key: Key, plane: SimulatedPlane) -> None:
    @app.get("/orders")
    async def orders(principal: Annotated[Principal, Depends(door)]) -> str:
        return principal.credential_id

    assert client.get("/orders", headers=key).json() == "k1"
    refused = client.get("/orders")
    assert (refused.status_code, code(refused)) == (401, "credential_missing")
    assert refused.headers["www-authenticate"] == "Secret"
    assert code(client.get("/orders", headers={"x-secret": "k1.wrong"})) == "credential_invalid"
    assert len(plane.usage.counted) == 1


def test_handlers_of_every_kind_get_their_principal(
    app: FastAPI, client: TestClient, door: Door, method: SimulatedMethod, key: Key
) -> None:
    other = Door(method)

    @app.get("/sync")
    def in_a_thread(principal: Annotated[Principal, Depends(door)], request: Request, limit: int = 3) -> str:
        return f"{principal.credential_id} {request.url.path} {limit}"

    @app.get("/both")
    async def both(
        one: Annotated[Principal, Depends(door)], two: Annotated[Principal, Depends(other)], q: str = "q"
    ) -> str:
        return f"{one.credential_id} {two.credential_id} {q}"

    @app.get("/stream")
    async def stream(principal: Annotated[Principal, Depends(door)]) -> AsyncIterator[str]:
        yield principal.credential_id

    router = APIRouter(prefix="/routed")
    router.add_api_route("/sync", in_a_thread)
    app.include_router(router)
    app.include_router(router, prefix="/twice")
    assert client.get("/sync?limit=4", headers=key).json() == "k1 /sync 4"
    assert client.get("/both", headers=key).json() == "k1 k1 q"
    assert client.get("/stream", headers=key).text.strip() == '"k1"'
    assert client.get("/routed/sync", headers=key).json() == "k1 /routed/sync 3"
    assert client.get("/twice/routed/sync", headers=key).json() == "k1 /twice/routed/sync 3"
    assert client.get("/both").status_code == client.get("/stream").status_code == 401


@pytest.mark.parametrize("named", [True, False])
def test_a_guarded_route_that_is_served_elsewhere_too_fails_closed(named: bool, door: Door, key: Key) -> None:  # noqa: FBT001  # a column
    guarded, plain = guard(FastAPI()), FastAPI()

    async def orders() -> str:
        return "reached"

    async def orders_of(principal: Annotated[Principal, Depends(door)]) -> str:
        return principal.id

    if named:
        plain.add_api_route("/orders", orders_of)
    else:
        plain.add_api_route("/orders", orders, dependencies=[Depends(door)])
    guarded.router.routes.extend(plain.router.routes)
    TestClient(guarded, raise_server_exceptions=False).get("/orders", headers=key)
    assert TestClient(plain, raise_server_exceptions=False).get("/orders").status_code == 500


def test_sync_endpoints_and_request_state(app: FastAPI, client: TestClient, door: Door, key: Key) -> None:
    @app.get("/orders", dependencies=[Depends(door)])
    def orders(request: Request) -> str:
        assert request.scope["doorward.principal"] is request.state.principal
        return str(request.state.principal.id)

    assert client.get("/orders", headers=key).json() == "app_simulated000"


def test_bad_json_without_a_key_is_401(app: FastAPI, client: TestClient, door: Door, key: Key) -> None:
    @app.post("/orders", dependencies=[Depends(door)])
    async def create(order: Order) -> int:
        return order.amount

    json = {"content-type": "application/json"}
    assert client.post("/orders", content=b"{", headers=json).status_code == 401
    assert client.post("/orders", content=b"{", headers={**key, **json}).status_code == 422


class BodyReader(Door):
    """A door whose method needs the raw bytes, as a signature does."""

    seen: bytes = b""

    async def admit(self, request: Any, before: Any = NO_DOORS) -> Any:  # as in Door; the types do not matter here
        self.seen = await request.read_body(1000)
        return await super().admit(request, before)


def test_a_form_still_sees_its_body(app: FastAPI, client: TestClient, method: SimulatedMethod, key: Key) -> None:
    door = BodyReader(method)

    @app.post("/orders", dependencies=[Depends(door)])
    async def create(amount: Annotated[int, Form()], request: Request) -> list[str]:
        del request
        return [str(amount)]

    assert client.post("/orders", data={"amount": "7"}, headers=key).json() == ["7"]
    assert door.seen == b"amount=7"
    assert code(client.post("/orders", content=b"x" * 1001, headers=key)) == "body_too_large"


def test_answer_headers_survive_every_answer(  # noqa: C901  # one small handler per kind of answer
    app: FastAPI, door: Door, key: Key
) -> None:
    router = APIRouter(dependencies=[Depends(door)])

    @router.get("/returned")
    async def returned() -> Response:
        return PlainTextResponse("x")

    @router.get("/streamed")
    async def streamed() -> StreamingResponse:
        return StreamingResponse(iter(("a", "b")))

    @router.get("/raised")
    async def raised() -> None:
        raise HTTPException(418)

    @router.get("/handled")
    async def handled() -> None:
        raise LookupError

    @router.get("/broken")
    async def broken() -> None:
        raise RuntimeError

    @router.get("/invalid")
    async def invalid(number: int) -> int:
        return number

    @app.exception_handler(LookupError)
    async def handle(_request: Request, _error: Exception) -> Response:
        return JSONResponse({}, 404)

    app.include_router(router)
    client = TestClient(app, raise_server_exceptions=False)
    statuses = {}
    for path in ("returned", "streamed", "raised", "handled", "broken", "invalid"):
        response = client.get(f"/{path}", headers=key)
        statuses[path] = response.status_code
        assert response.headers["deprecation"] == "@1", path
    assert statuses == {
        "returned": 200, "streamed": 200, "raised": 418, "handled": 404, "broken": 500, "invalid": 422,
    }  # fmt: skip


def test_exception_handlers_of_the_app_do_not_see_refusals(app: FastAPI, door: Door) -> None:
    @app.get("/orders", dependencies=[Depends(door)])
    async def orders() -> str:
        return "secret"

    @app.exception_handler(Exception)
    @app.exception_handler(HTTPException)
    @app.exception_handler(401)
    async def let_in(_request: Request, _error: Exception) -> Response:
        return JSONResponse("let in", 200)

    assert TestClient(app).get("/orders").status_code == 401


def test_what_has_no_door_is_refused(app: FastAPI, client: TestClient, tmp_path: Any) -> None:
    (tmp_path / "file.txt").write_text("secret")

    @app.get("/doorless")
    async def doorless() -> str:
        raise AssertionError

    async def plain(_request: Request) -> Response:
        raise AssertionError

    app.add_route("/plain", plain)
    app.mount("/static", StaticFiles(directory=tmp_path))
    sub = FastAPI()
    sub.add_api_route("/x", doorless)
    app.mount("/sub", sub)
    nested, outer = APIRouter(), APIRouter()
    nested.add_api_route("/x", doorless)
    nested.mount("/static", StaticFiles(directory=tmp_path))
    nested.add_route("/plain", plain)
    outer.include_router(nested, prefix="/nested")
    app.include_router(outer, prefix="/outer")
    paths = (
        "/doorless", "/plain", "/static/file.txt", "/sub/x", "/sub/docs", "/docs", "/redoc", "/openapi.json",
        "/docs/oauth2-redirect", "/outer/nested/x", "/outer/nested/static/file.txt", "/outer/nested/plain",
    )  # fmt: skip
    for path in paths:
        for verb in ("GET", "HEAD", "POST", "OPTIONS"):
            response = client.request(verb, path)
            assert response.status_code == 403, (verb, path)
        assert code(client.get(path)) == "no_door"
    unknown = client.get("/nowhere")
    assert (unknown.status_code, code(unknown)) == (404, "route_unknown")


def test_a_router_that_is_put_in_later_is_guarded(key: Key) -> None:
    app = guard(FastAPI())
    app.router = APIRouter()

    @app.router.get("/doorless")
    async def doorless() -> str:
        raise AssertionError

    assert TestClient(app).get("/doorless", headers=key).status_code == 403


def test_routes_added_before_the_guard(door: Door, key: Key) -> None:
    app = FastAPI()

    @app.get("/orders", dependencies=[Depends(door)])
    async def orders() -> str:
        return "x"

    @app.get("/doorless")
    async def doorless() -> str:
        raise AssertionError

    client = TestClient(guard(app))
    assert client.get("/orders", headers=key).status_code == 200
    assert client.get("/orders").status_code == 401
    assert client.get("/doorless").status_code == 403


@pytest.mark.parametrize("in_place", [True, False])
def test_an_equal_route_that_replaces_another_has_its_own_doors(
    in_place: bool,  # noqa: FBT001  # a column
    app: FastAPI,
    client: TestClient,
    door: Door,
    method: SimulatedMethod,
    key: Key,
) -> None:
    seen: list[object] = []

    async def orders(request: Request) -> str:
        seen.append(request.scope["route"])
        return "x"

    app.add_api_route("/orders", orders, dependencies=[Depends(door)])
    assert client.get("/orders", headers=key).status_code == 200
    stricter = Door(method, require=Scopes("orders:write"))
    route = APIRoute("/orders", orders, dependencies=[Depends(stricter)])
    assert app.router.routes[-1] == route
    if in_place:
        app.router.routes[-1] = route
    else:
        app.router.routes = [*app.router.routes[:-1], route]
    refused = client.get("/orders", headers=key)
    assert (refused.status_code, code(refused)) == (403, "scope_insufficient")
    allowed = {"x-secret": method.add("k2", scopes=Scopes("orders:write")).decode()}
    assert client.get("/orders", headers=allowed).status_code == 200
    assert seen[-1] is route
    assert len(seen) == 2


def test_doors_of_the_app_the_router_and_nested_dependencies(method: SimulatedMethod, key: Key) -> None:
    door = Door(method)
    inner = APIRouter()

    @inner.get("/x")
    async def x() -> str:
        return "x"

    def current(principal: Annotated[Principal, Depends(door)]) -> str:
        return principal.id

    @inner.get("/y")
    async def y(who: Annotated[str, Depends(current)]) -> str:
        return who

    app_wide = guard(FastAPI(dependencies=[Depends(door)]))
    app_wide.include_router(inner)
    router_wide = guard(FastAPI())
    router_wide.include_router(inner, dependencies=[Depends(door)])
    middle = APIRouter()
    middle.include_router(inner)
    nested = guard(FastAPI())
    nested.include_router(middle, dependencies=[Depends(door)])
    for app in (app_wide, router_wide, nested):
        for path in ("/x", "/y"):
            assert TestClient(app).get(path).status_code == 401
            assert TestClient(app).get(path, headers=key).status_code == 200
    doorless = guard(FastAPI())
    doorless.include_router(inner)
    assert TestClient(doorless).get("/x", headers=key).status_code == 403
    assert TestClient(doorless).get("/y", headers=key).status_code == 200
    # A router that was used already may grow.
    inner.add_api_route("/late", x)
    assert TestClient(nested).get("/late").status_code == 401
    assert TestClient(doorless).get("/late", headers=key).status_code == 403


def test_two_doors_must_both_admit(app: FastAPI, client: TestClient, method: SimulatedMethod, key: Key) -> None:
    reads, writes = Door(method, require=Scopes("orders:read")), Door(method, require=Scopes("orders:write"))
    router = APIRouter(dependencies=[Depends(reads)])

    @router.get("/orders", dependencies=[Depends(writes)])
    async def orders() -> str:
        return "x"

    app.include_router(router)
    assert code(client.get("/orders", headers=key)) == "scope_insufficient"
    both = method.add("k2", scopes=Scopes("orders:read", "orders:write")).decode()
    assert client.get("/orders", headers={"x-secret": both}).status_code == 200


def test_overriding_the_door_lets_nobody_in(app: FastAPI, client: TestClient, door: Door, key: Key) -> None:
    @app.get("/orders")
    async def orders(principal: Annotated[Principal, Depends(door)]) -> str:
        return str(principal)

    app.dependency_overrides[door] = lambda: "fake"
    assert client.get("/orders").status_code == 401
    assert client.get("/orders", headers=key).json() != "fake"


def test_methods_a_route_does_not_have(app: FastAPI, client: TestClient, door: Door, key: Key) -> None:
    @app.get("/orders", dependencies=[Depends(door)])
    async def orders() -> str:
        return "x"

    assert client.post("/orders").status_code == 401
    refused = client.post("/orders", headers=key)
    assert (refused.status_code, code(refused), refused.headers["allow"]) == (405, "method_not_allowed", "GET")
    assert client.head("/orders").status_code == 401
    assert client.head("/orders", headers=key).status_code == 405


def test_preflight_reaches_nobody(app: FastAPI, client: TestClient, door: Door, key: Key) -> None:
    calls = []

    @app.options("/orders", dependencies=[Depends(door)])
    async def options() -> str:
        calls.append(1)
        return "x"

    preflight = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    for path in ("/orders", "/nowhere", "/docs"):
        response = client.options(path, headers=preflight)
        assert (response.status_code, response.content) == (204, b"")
        assert not [name for name in response.headers if name.startswith("access-control")]
    assert client.options("/orders", headers={"origin": "https://evil.example"}).status_code == 401
    assert not calls
    assert client.options("/orders", headers=key).status_code == 200


def test_a_cors_middleware_answers_first(door: Door, key: Key) -> None:
    app = guard(FastAPI())
    app.add_middleware(CORSMiddleware, allow_origins=["https://good.example"], allow_headers=["x-secret"])

    @app.get("/orders", dependencies=[Depends(door)])
    async def orders() -> str:
        return "x"

    client = TestClient(app)
    origin = {"origin": "https://good.example"}
    preflight = {**origin, "access-control-request-method": "GET"}
    assert client.options("/orders", headers=preflight).headers["access-control-allow-origin"] == origin["origin"]
    refused = client.get("/orders", headers=origin)
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, origin["origin"])
    assert client.get("/orders", headers={**key, **origin}).headers["deprecation"] == "@1"


def test_websockets_are_refused(app: FastAPI, client: TestClient, door: Door, key: Key) -> None:
    @app.websocket("/ws", dependencies=[Depends(door)])
    async def ws(_socket: WebSocket) -> None:
        raise AssertionError

    for path in ("/ws", "/nowhere"):
        with (
            pytest.raises(WebSocketDenialResponse) as caught,
            client.websocket_connect(path, headers=key),
        ):  # the client's own class for it differs
            raise AssertionError
        assert caught.value.status_code == 403


def test_websockets_without_a_guard_are_refused_too(door: Door, key: Key) -> None:
    app = FastAPI()

    @app.websocket("/ws")
    async def ws(_socket: WebSocket, _principal: Annotated[Principal, Depends(door)]) -> None:
        raise AssertionError

    with pytest.raises(WebSocketDisconnect) as caught, TestClient(app).websocket_connect("/ws", headers=key):
        raise AssertionError
    assert caught.value.code == 1008


def test_open_routes_are_open_by_mark(app: FastAPI, client: TestClient, door: Door, tmp_path: Any) -> None:
    (tmp_path / "file.txt").write_text("public")

    @app.get("/healthz")
    @open_route
    async def health() -> str:
        return "fine"

    @app.get("/both", dependencies=[Depends(door)])
    @open_route
    async def both() -> str:
        return "x"

    app.mount("/static", open_route(StaticFiles(directory=tmp_path)))
    assert client.get("/healthz").status_code == 200
    assert client.get("/static/file.txt").text == "public"
    assert client.get("/both").status_code == 401


def test_what_cannot_be_marked_says_so() -> None:
    with pytest.raises(Misconfigured):
        open_route("text")


def test_mounts_that_are_behind_doors_themselves(app: FastAPI, client: TestClient, door: Door, key: Key) -> None:
    async def raw(scope: Any, _receive: Any, send: Any) -> None:
        await PlainTextResponse(scope["doorward.principal"].id)(scope, _receive, send)

    sub = guard(FastAPI())

    @sub.get("/x", dependencies=[Depends(door)])
    async def x() -> str:
        return "x"

    app.mount("/raw", DoorMiddleware(raw, door))
    app.mount("/sub", sub)
    for path in ("/raw/anything", "/sub/x"):
        assert client.get(path).status_code == 401
        response = client.get(path, headers=key)
        assert (response.status_code, response.headers.get_list("deprecation")) == (200, ["@1"])
    assert client.get("/sub/docs", headers=key).status_code == 403


def test_docs_behind_a_door(method: SimulatedMethod, key: Key) -> None:
    door = Door(method)
    app = guard(FastAPI(), docs=door)
    client = TestClient(app)
    for path in ("/docs", "/openapi.json", "/redoc"):
        assert client.get(path).status_code == 401
        assert client.get(path, headers=key).status_code == 200


def test_the_description_shows_the_doors(app: FastAPI, plane: SimulatedPlane, method: SimulatedMethod) -> None:
    door = Door(method, SimulatedMethod(plane, name="other", header=b"x-other"), require=Scopes("orders:read"))

    @app.get("/orders/{number}", dependencies=[Depends(door)])
    async def order(number: int) -> int:
        return number

    @app.get("/healthz")
    @open_route
    async def health() -> str:
        return "fine"

    for _ in range(2):
        document = app.openapi()
        operation = document["paths"]["/orders/{number}"]["get"]
        assert operation["security"] == [{"simulatedHeader": ["orders:read"]}, {"otherHeader": ["orders:read"]}]
        assert set(operation["responses"]) == {"200", "422", "401", "403", "429"}
        assert list(operation["responses"]["401"]["content"]) == ["application/problem+json"]
        assert set(document["components"]["securitySchemes"]) == {"simulatedHeader", "otherHeader"}
        assert "security" not in document["paths"]["/healthz"]["get"]


def test_the_plane_starts_and_closes_with_the_app(method: SimulatedMethod, plane: SimulatedPlane) -> None:
    states = []

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, int]]:
        states.append(("up", plane.started))
        yield {"mine": 1}
        states.append(("down", plane.started))

    app = guard(FastAPI(lifespan=lifespan))
    door = Door(method)

    @app.get("/orders", dependencies=[Depends(door)])
    async def orders(request: Request) -> int:
        return int(request.state.mine)

    with TestClient(app) as client:
        assert plane.started
        assert client.get("/orders", headers={"x-secret": method.add("k1").decode()}).json() == 1
    assert states == [("up", False), ("down", True)]
    assert (plane.starts, plane.closes) == (1, 1)


def test_the_doors_of_a_mounted_app_start_and_close_with_ours(method: SimulatedMethod, plane: SimulatedPlane) -> None:
    app, sub = guard(FastAPI()), guard(FastAPI(dependencies=[Depends(Door(method))]))
    sub.add_api_route("/x", lambda: "x")
    app.mount("/sub", sub)
    with TestClient(app):
        assert plane.started
    assert plane.closes == 1


def test_a_store_that_cannot_start_stops_the_start(plane: SimulatedPlane, method: SimulatedMethod) -> None:
    async def start() -> None:
        raise Misconfigured("The schema is missing.", cure="Run doorward db upgrade.")

    plane.start = start  # type: ignore[method-assign]  # a store that refuses
    app = guard(FastAPI(dependencies=[Depends(Door(method))]))
    app.add_api_route("/x", lambda: "x")
    with pytest.raises(Misconfigured), TestClient(app):
        raise AssertionError


def test_background_tasks_run_after_admitted_requests_only(
    app: FastAPI, client: TestClient, door: Door, key: Key
) -> None:
    ran: list[str] = []

    @app.get("/orders")
    async def orders(principal: Annotated[Principal, Depends(door)], tasks: BackgroundTasks) -> str:
        tasks.add_task(ran.append, principal.id)
        return "x"

    client.get("/orders")
    assert not ran
    client.get("/orders", headers=key)
    assert ran == ["app_simulated000"]


def test_without_a_guard_the_dependency_proves(door: Door, key: Key) -> None:
    app = FastAPI()
    reached = []

    @app.get("/orders")
    async def orders(principal: Annotated[Principal, Depends(door)]) -> str:
        reached.append(1)
        return principal.id

    client = TestClient(app)
    refused = client.get("/orders")
    assert (refused.status_code, code(refused), refused.headers["www-authenticate"]) == (
        401,
        "credential_missing",
        "Secret",
    )
    assert not reached
    admitted = client.get("/orders", headers=key)
    assert (admitted.status_code, admitted.headers["deprecation"]) == (200, "@1")


def test_guarding_too_late_or_twice(app: FastAPI) -> None:
    with pytest.raises(Misconfigured):
        guard(app)
    running = FastAPI()
    TestClient(running).get("/")
    with pytest.raises(Misconfigured):
        guard(running)


def test_an_app_with_body_limits_is_guarded(method: SimulatedMethod, key: Key) -> None:
    app = guard(FastAPI(dependencies=[Depends(Door(method))], max_body_size=10))

    @app.post("/orders")
    async def orders(order: Order) -> int:
        return order.amount

    client = TestClient(app)
    assert client.post("/orders", content=b"{").status_code == 401
    assert client.post("/orders", json={"amount": 1000000000}, headers=key).status_code == 413


def test_a_frontend_needs_a_door(method: SimulatedMethod, key: Key, tmp_path: Any) -> None:
    (tmp_path / "index.html").write_text("secret")
    for app, expected in ((guard(FastAPI()), 403), (guard(FastAPI(dependencies=[Depends(Door(method))])), 200)):
        app.frontend("/ui", directory=tmp_path)
        client = TestClient(app)
        assert client.get("/ui/index.html").status_code in {401, 403}
        assert client.get("/ui/index.html", headers=key).status_code == expected
