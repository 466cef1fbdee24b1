"""The management API over a real store, spoken to in process."""

import json
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from typing import Any

import httpx2
import pytest
from starlette.types import ASGIApp

from doorward.app.administration import create_first_admin
from doorward.app.store import Store, open_store
from doorward.apps.operations import create_app
from doorward.crypto.sealing import MasterKeys
from doorward.methods.apikey.operations import create_key
from doorward.methods.apikey.order import KeyOrder
from doorward.server.edge import Edge
from doorward.server.management import build_management
from doorward.server.metrics import Metrics
from doorward.values import Actor, Environment, OrganizationId, Scopes
from doorward.wire.hops import TrustedHops

OPERATOR = Actor(kind="operator", id="test")

# Any: JSON.
Json = Any
Ask = Callable[..., Coroutine[Any, Any, "Answered"]]


class Answered:
    """Status, headers and JSON of one answer; every body must be JSON, and a refusal a problem."""

    def __init__(self, response: httpx2.Response) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self.text = response.text
        self.json: Json = json.loads(response.text)
        assert self.status < 500 or self.status == 503, response.text
        if self.status >= 400:
            assert response.headers["content-type"] == "application/problem+json"
            assert self.json["status"] == self.status

    @property
    def code(self) -> str | None:
        code: str | None = self.json.get("code")
        return code


@pytest.fixture
def master_keys() -> MasterKeys:
    return MasterKeys({"k1": bytes(range(32))}, current="k1", entropy=secrets.token_bytes)


@pytest.fixture
async def store(sqlite_url: str, master_keys: MasterKeys) -> AsyncIterator[Store]:
    async with open_store(sqlite_url, master_keys=master_keys) as opened:
        yield opened


@pytest.fixture
def management(store: Store) -> ASGIApp:
    built = build_management(
        store,
        hops=TrustedHops(),
        key_prefix="dw",
        environment=Environment.LIVE,
        version="0",
        open_docs=False,
    )
    return Edge(built, Metrics())


@pytest.fixture
async def admin(store: Store) -> str:
    """The key of the first administrator."""
    return (await create_first_admin(store, actor=OPERATOR)).text


@pytest.fixture
async def client(management: ASGIApp) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=management, raise_app_exceptions=True)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as opened:
        yield opened


@pytest.fixture
def ask(client: httpx2.AsyncClient, admin: str) -> Ask:
    """Ask the API one thing, as the first administrator unless another key is named."""

    async def _ask(
        method: str, path: str, body: Json = None, *, key: str | None = None, headers: Mapping[str, str] | None = None
    ) -> Answered:
        sent = {"authorization": f"Bearer {key or admin}", **(headers or {})}
        content = None if body is None else json.dumps(body)
        if content is not None:
            sent.setdefault("content-type", "application/json")
        return Answered(await client.request(method, f"/api/v1{path}", content=content, headers=sent))

    return _ask


@pytest.fixture
def make_admin(store: Store) -> Callable[..., Coroutine[Any, Any, str]]:
    """Another administrator's key, with the scopes, of the organization and for the resources that are named."""
    made = 0

    async def _make(*scopes: str, organization: str | None = None, audience: str | None = None) -> str:
        nonlocal made
        made += 1
        owner = None if organization is None else OrganizationId(organization)
        app = await create_app(store, name=f"administrators {made}", organization_id=owner, actor=OPERATOR)
        metadata = {} if audience is None else {"audience": audience}
        order = KeyOrder(app_id=app.id, name="admin", scopes=Scopes(*scopes), metadata=metadata)
        return (await create_key(store, order, actor=OPERATOR)).text

    return _make
