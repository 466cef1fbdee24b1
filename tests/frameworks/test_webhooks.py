"""Signed deliveries in front of FastAPI, Starlette and ASGI: proven first, run once, settled by what is answered."""

import asyncio
import threading
from collections.abc import Callable
from typing import Annotated, Any

import anyio
import pytest
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from tests.simulators.store import SimulatedStore
from tests.simulators.webhook import Delivery, deliver, secret_text

from doorward import Door as CoreDoor
from doorward import Principal, Scopes, Webhooks
from doorward.door.claims import RETRY_AFTER_S_MAX
from doorward.errors import Misconfigured
from doorward.frameworks import fastapi, starlette
from doorward.frameworks.asgi import DoorMiddleware, run_behind
from doorward.frameworks.body import BODIES
from doorward.methods.claims import LEASE_S
from doorward.methods.webhook import SCHEMES
from doorward.methods.webhook.method import WebhookDeliveries

SECRET = secret_text(SCHEMES["standard"])


class Handler:
    """Says what it was given, and answers as it is told."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.status = 200
        self.fails = False

    def take(self, body: bytes) -> int:
        self.bodies.append(body)
        if self.fails:
            raise ZeroDivisionError
        return self.status


def fastapi_app(method: WebhookDeliveries, handler: Handler) -> Any:
    door = fastapi.Door(method)
    app = fastapi.guard(FastAPI())

    @app.post("/hook")
    async def hook(request: Request, principal: Annotated[Principal, Depends(door)]) -> Response:
        assert principal.credential_id == "standard"
        return Response(principal.id, status_code=handler.take(await request.body()))

    return app


def starlette_app(method: WebhookDeliveries, handler: Handler) -> Any:
    async def hook(request: Request) -> Response:
        async def parts() -> Any:
            yield request.state.principal.id.encode()

        return StreamingResponse(parts(), status_code=handler.take(await request.body()))

    return starlette.guard(Starlette(routes=[Route("/hook", starlette.Door(method)(hook), methods=["POST"])]))


def unguarded_starlette_app(method: WebhookDeliveries, handler: Handler) -> Any:
    async def hook(request: Request) -> Response:
        return PlainTextResponse(request.state.principal.id, status_code=handler.take(await request.body()))

    return Starlette(routes=[Route("/hook", starlette.Door(method)(hook), methods=["POST"])])


def asgi_app(method: WebhookDeliveries, handler: Handler) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        assert not message["more_body"]
        status = handler.take(message["body"])
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": scope["doorward.principal"].id.encode()})

    return DoorMiddleware(app, CoreDoor(method))


MAKERS = [fastapi_app, starlette_app, unguarded_starlette_app, asgi_app]
Maker = Callable[[WebhookDeliveries, Handler], Any]


@pytest.fixture
def handler() -> Handler:
    return Handler()


@pytest.fixture(params=MAKERS, ids=lambda maker: maker.__name__)
def client(request: Any, store: SimulatedStore, handler: Handler) -> TestClient:
    app = request.param(Webhooks(store, scheme="standard", secrets=SECRET), handler)
    return TestClient(app, raise_server_exceptions=False)


def fresh(store: SimulatedStore, body: bytes = b'{"paid":true}', **more: Any) -> Delivery:
    return deliver("standard", body, at=int(store.now), **more)


def post(client: TestClient, delivery: Delivery, body: bytes | None = None) -> Any:
    headers = {name.decode(): value.decode() for name, value in delivery.headers}
    return client.post("/hook", headers=headers, content=delivery.body if body is None else body)


def test_a_delivery_is_handled_once(client: TestClient, store: SimulatedStore, handler: Handler) -> None:
    delivery = fresh(store, b'{ "paid":\ttrue }\n')
    first = post(client, delivery)
    assert (first.status_code, first.text) == (200, "standard")
    again = post(client, delivery)
    assert (again.status_code, again.content) == (200, b"")
    assert handler.bodies == [delivery.body]


def test_nothing_runs_before_the_proof(client: TestClient, store: SimulatedStore, handler: Handler) -> None:
    delivery = fresh(store)
    altered = post(client, delivery, b'{"paid":false}')
    missing = client.post("/hook", content=delivery.body)
    assert (altered.status_code, missing.status_code) == (401, 401)
    assert altered.json()["code"] == "credential_invalid"
    assert missing.headers["www-authenticate"].startswith("Webhook")
    assert not handler.bodies
    assert not store.plane.claims.rows
    # Who has no secret cannot burn another's delivery either.
    assert post(client, delivery).status_code == 200


@pytest.mark.parametrize("status", [302, 400, 500])
def test_what_was_not_handled_is_handled_when_it_is_sent_again(
    client: TestClient, store: SimulatedStore, handler: Handler, status: int
) -> None:
    delivery = fresh(store)
    handler.status = status
    assert client.post("/hook").status_code == 401
    client.follow_redirects = False
    assert post(client, delivery).status_code == status
    handler.status = 204
    assert post(client, delivery).status_code == 204
    assert post(client, delivery).status_code == 200
    assert len(handler.bodies) == 2


def test_an_exception_is_no_success(client: TestClient, store: SimulatedStore, handler: Handler) -> None:
    delivery = fresh(store)
    handler.fails = True
    assert post(client, delivery).status_code == 500
    handler.fails = False
    assert post(client, delivery).status_code == 200
    assert len(handler.bodies) == 2


def test_a_delivery_somebody_works_on_is_told_to_wait(
    client: TestClient, store: SimulatedStore, handler: Handler
) -> None:
    delivery = fresh(store)
    assert post(client, delivery).status_code == 200
    ((key, row),) = store.plane.claims.rows.items()
    store.plane.claims.rows[key] = row._replace(leased_until=store.now + LEASE_S)
    waiting = post(client, delivery)
    assert (waiting.status_code, waiting.headers["retry-after"]) == (409, str(RETRY_AFTER_S_MAX))
    assert waiting.json()["code"] == "delivery_in_progress"
    # The process that had it has died: when its lease has ended the next attempt is handled.
    store.now += LEASE_S
    assert post(client, delivery).status_code == 200
    assert len(handler.bodies) == 2


def test_an_old_delivery_is_refused_although_its_claim_is_gone(
    client: TestClient, store: SimulatedStore, handler: Handler
) -> None:
    delivery = fresh(store)
    assert post(client, delivery).status_code == 200
    store.plane.claims.rows.clear()
    store.now += 301
    assert post(client, delivery).json()["code"] == "webhook_timestamp"
    assert len(handler.bodies) == 1


def test_a_claim_outlives_every_moment_its_delivery_is_fresh(client: TestClient, store: SimulatedStore) -> None:
    for _ in range(3):
        # Another attempt of the same delivery each time, by a sender whose clock is as far ahead as it may be.
        ahead = deliver("standard", at=int(store.now) + 300)
        assert post(client, ahead).status_code == 200
        # The last second it is fresh, by a clock of the store's that is half a minute ahead of ours.
        (row,) = store.plane.claims.rows.values()
        assert row.keep_until >= store.now + 600 + 30
        store.now += 100


def test_a_refusal_by_the_door_burns_nothing(store: SimulatedStore, handler: Handler) -> None:
    method = Webhooks(store, scheme="standard", secrets=SECRET)
    delivery = fresh(store)
    strict = DoorMiddleware(asgi_app(method, handler), CoreDoor(method, require=Scopes("orders:write")))
    assert post(TestClient(strict), delivery).status_code == 403
    assert not store.plane.claims.rows


def test_a_second_door_that_refuses_gives_back_what_the_first_has_claimed(
    store: SimulatedStore, handler: Handler
) -> None:
    method = Webhooks(store, scheme="standard", secrets=SECRET)
    app = fastapi.guard(FastAPI())
    first, second = fastapi.Door(method), fastapi.Door(method, require=Scopes("orders:write"))

    @app.post("/hook", dependencies=[Depends(first), Depends(second)])
    async def hook() -> None:
        handler.take(b"")

    assert post(TestClient(app), fresh(store)).status_code == 403
    assert not store.plane.claims.rows
    assert not handler.bodies


def test_two_doors_on_the_way_of_a_delivery_are_one_claim(store: SimulatedStore, handler: Handler) -> None:
    def method() -> WebhookDeliveries:
        return Webhooks(store, scheme="standard", secrets=SECRET)

    shared = method()
    # The same method at both doors, and one of its own at each; of one application, and one application in another.
    fast = fastapi.guard(FastAPI())
    for path, first, second in (("/same", shared, shared), ("/own", method(), method())):
        outer, inner = fastapi.Door(first), fastapi.Door(second)

        @fast.post(path, dependencies=[Depends(outer), Depends(inner)])
        async def hook(request: Request) -> None:
            handler.take(await request.body())

    nested = DoorMiddleware(asgi_app(method(), handler), CoreDoor(method()))
    for app, path in ((fast, "/same"), (fast, "/own"), (nested, "/hook")):
        delivery = fresh(store)
        headers = {name.decode(): value.decode() for name, value in delivery.headers}
        client = TestClient(app)
        assert client.post(path, headers=headers, content=delivery.body).status_code == 200
        assert client.post(path, headers=headers, content=delivery.body).content == b""
        assert handler.bodies == [delivery.body]
        assert store.plane.claims.completed == 1
        store.plane.claims.rows.clear()
        handler.bodies.clear()


def test_a_second_delivery_waits_at_the_first_of_two_doors(store: SimulatedStore, handler: Handler) -> None:
    method = Webhooks(store, scheme="standard", secrets=SECRET)
    answers: list[int] = []
    delivery = fresh(store)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        # While this one is handled it comes again.
        if not answers:
            answers.append(0)
            answers[0] = post(TestClient(doors), delivery).status_code
        await asgi_app(method, handler)(scope, receive, send)

    doors = DoorMiddleware(app, CoreDoor(method))
    assert post(TestClient(doors), delivery).status_code == 200
    assert answers == [409]
    assert handler.bodies == [delivery.body]


def test_a_method_the_route_does_not_have_burns_nothing(store: SimulatedStore, handler: Handler) -> None:
    client = TestClient(fastapi_app(Webhooks(store, scheme="standard", secrets=SECRET), handler))
    delivery = fresh(store)
    headers = {name.decode(): value.decode() for name, value in delivery.headers}
    assert client.put("/hook", headers=headers, content=delivery.body).status_code == 405
    assert post(client, delivery).status_code == 200
    assert len(handler.bodies) == 1


def test_fastapi_without_a_guard_cannot_prove_a_body(store: SimulatedStore) -> None:
    door = fastapi.Door(Webhooks(store, scheme="standard", secrets=SECRET))
    app = FastAPI()

    @app.post("/hook", dependencies=[Depends(door)])
    async def hook() -> None:
        raise AssertionError("not reached")

    with pytest.raises(Misconfigured, match="guard"):
        post(TestClient(app), fresh(store))


def test_a_body_that_is_too_large_is_refused_and_given_back(store: SimulatedStore, handler: Handler) -> None:
    method = Webhooks(store, scheme="standard", secrets=SECRET, body_bytes_max=10)
    client = TestClient(asgi_app(method, handler))
    before = BODIES.held
    assert post(client, fresh(store, b"x" * 11)).status_code == 413
    assert post(client, fresh(store, b"x" * 10)).status_code == 200
    assert BODIES.held <= before


async def test_many_slow_senders_at_one_address_keep_nobody_else_out(store: SimulatedStore, handler: Handler) -> None:
    app = asgi_app(Webhooks(store, scheme="standard", secrets=SECRET), handler)
    genuine, forged = fresh(store), fresh(store, b"x" * 1_048_575)
    statuses: list[int] = []
    silence = asyncio.Event()

    async def send_to_app(delivery: Delivery, client: str, *, slowly: bool) -> None:
        messages = [{"type": "http.request", "body": delivery.body, "more_body": slowly}]

        async def receive() -> dict[str, Any]:
            if messages:
                return messages.pop()
            arrived.set()
            await silence.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if "status" in message:
                statuses.append(message["status"])

        scope = {
            "type": "http", "method": "POST", "path": "/hook", "raw_path": b"/hook", "query_string": b"",
            "headers": delivery.headers, "scheme": "https", "client": (client, 1),
        }  # fmt: skip
        await app(scope, receive, send)

    arrived = asyncio.Event()
    before = BODIES.held
    slow = [asyncio.create_task(send_to_app(forged, "2001:db8::1", slowly=True)) for _ in range(64)]
    await arrived.wait()
    while len(statuses) < 56:
        await asyncio.wait([task for task in slow if not task.done()], return_when=asyncio.FIRST_COMPLETED)
    # He has his part, and was told so; another address of his is no other source.
    assert BODIES.held - before <= 8 * 1_048_576
    await send_to_app(forged, "2001:db8::2", slowly=True)
    assert set(statuses) == {503}
    statuses.clear()
    await send_to_app(genuine, "192.0.2.1", slowly=False)
    assert statuses == [200]
    silence.set()
    await asyncio.gather(*slow)
    assert BODIES.held == before


async def test_what_a_sender_has_proven_takes_nothing_of_its_sources_part(store: SimulatedStore) -> None:
    """Slow handlers of one busy sender keep none of its further deliveries out."""
    running: asyncio.Queue[int] = asyncio.Queue()
    finish = asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        del scope
        running.put_nowait(len((await receive())["body"]))
        await finish.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    door = DoorMiddleware(slow, CoreDoor(Webhooks(store, scheme="standard", secrets=SECRET)))
    statuses: list[int] = []

    async def deliver_one(number: int) -> None:
        delivery = deliver("standard", bytes(1_048_576), at=int(store.now), delivery_id=f"msg_{number}")
        messages = [{"type": "http.request", "body": delivery.body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            return messages.pop()

        async def send(message: Any) -> None:
            if "status" in message:
                statuses.append(message["status"])

        scope = {
            "type": "http", "method": "POST", "path": "/hook", "raw_path": b"/hook", "query_string": b"",
            "headers": delivery.headers, "scheme": "https", "client": ("192.0.2.1", 1),
        }  # fmt: skip
        await door(scope, receive, send)

    before = BODIES.held
    handled = []
    async with asyncio.timeout(20):
        for number in range(12):
            handled.append(asyncio.create_task(deliver_one(number)))
            assert await running.get() == 1_048_576
        finish.set()
        await asyncio.gather(*handled)
    assert statuses == [200] * 12
    assert BODIES.held == before


@pytest.mark.slow
async def test_a_timeout_does_not_let_a_second_handler_run_beside_the_first(store: SimulatedStore) -> None:
    """A handler in a thread goes on when whoever waits for it is cut off."""
    began, finish, runs = threading.Event(), threading.Event(), list[str]()

    def hook(_request: Request) -> Response:
        runs.append("began")
        began.set()
        assert finish.wait(20)
        runs.append("ended")
        return PlainTextResponse("done")

    method = Webhooks(store, scheme="standard", secrets=SECRET)
    app = starlette.guard(Starlette(routes=[Route("/hook", starlette.Door(method)(hook), methods=["POST"])]))
    delivery = fresh(store)
    statuses: list[int] = []

    async def send_to_app() -> None:
        messages = [{"type": "http.request", "body": delivery.body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            return messages.pop() if messages else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if "status" in message:
                statuses.append(message["status"])

        scope = {
            "type": "http", "method": "POST", "path": "/hook", "raw_path": b"/hook", "query_string": b"",
            "headers": delivery.headers, "scheme": "https", "client": ("192.0.2.1", 1), "root_path": "",
        }  # fmt: skip
        await app(scope, receive, send)

    first = asyncio.create_task(send_to_app())
    assert await asyncio.to_thread(began.wait, 20)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    await send_to_app()
    assert (statuses, runs) == ([409], ["began"])
    finish.set()


async def test_a_request_that_is_cut_off_between_two_doors_gives_its_bytes_back(store: SimulatedStore) -> None:
    class Undecided(CoreDoor):
        async def admit(self, *_: Any) -> Any:
            await asyncio.Event().wait()

    doors = [
        CoreDoor(Webhooks(store, scheme="standard", secrets=SECRET)),
        Undecided(Webhooks(store, scheme="github", secrets=secret_text(SCHEMES["github"]))),
    ]
    delivery = fresh(store, b"x" * 50_000)

    async def receive() -> Any:
        return {"type": "http.request", "body": delivery.body, "more_body": False}

    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": list(delivery.headers)}
    before = BODIES.held
    # In a scope of anyio that is cut off every further wait is cut off as well.
    with anyio.move_on_after(0.05) as cut:
        await run_behind(doors, None, scope, receive, None)  # type: ignore[arg-type]  # it comes to neither
    assert cut.cancelled_caught
    assert BODIES.held == before
