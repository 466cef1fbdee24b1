"""The examples answer as their comments say."""

import asyncio
import base64
import importlib.util
import secrets
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Final

import httpx2
import pytest
from tests.fixtures_cli import Shell

from doorward.methods.webhook import find_scheme, parse_secret, sign_delivery

EXAMPLES: Final = Path(__file__).resolve().parents[2] / "examples"
HOOKS_SECRET: Final = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


@pytest.fixture
def loaded(shell: Shell, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[ModuleType]:
    """The example named by the parameter, over the shell's database."""
    monkeypatch.setenv("DOORWARD_DATABASE_URL", f"sqlite:///{shell.folder}/doorward.db")
    monkeypatch.setenv("DOORWARD_ISSUER", "http://127.0.0.1:8700")
    monkeypatch.setenv("HOOKS_SECRET", HOOKS_SECRET)
    name: str = request.param
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # FastAPI looks annotations up in the module a handler comes from.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def _ask(module: ModuleType, *requests: httpx2.Request) -> list[httpx2.Response]:
    async def ask() -> list[httpx2.Response]:
        transport = httpx2.ASGITransport(app=module.app, client=("127.0.0.1", 50_000))
        async with httpx2.AsyncClient(transport=transport) as client:
            answers = [await client.send(request) for request in requests]
        await module.store.aclose()
        return answers

    return asyncio.run(ask())


def _get(path: str, key: str = "", method: str = "GET") -> httpx2.Request:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    return httpx2.Request(method, f"http://127.0.0.1{path}", headers=headers)


def _key(shell: Shell, scope: str) -> str:
    secret: str = shell.json("keys", "create", "shop", "--scope", scope)["secret"]
    return secret


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("loaded", ["asgi_app"], indirect=True)
def test_plain_asgi(shell: Shell, loaded: ModuleType) -> None:
    good, bad = _key(shell, "hello"), _key(shell, "other")
    answers = _ask(loaded, _get("/", good), _get("/", bad), _get("/"))
    assert [answer.status_code for answer in answers] == [200, 403, 401]
    assert answers[0].text == "Hello, shop.\n"


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("loaded", ["starlette_app"], indirect=True)
def test_starlette(shell: Shell, loaded: ModuleType) -> None:
    key = _key(shell, "hello")
    answers = _ask(loaded, _get("/", key), _get("/"), _get("/health"), _get("/forgotten", key))
    assert [answer.status_code for answer in answers] == [200, 401, 200, 403]
    assert answers[0].json() == {"hello": "shop"}
    assert answers[3].json()["code"] == "no_door"


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("loaded", ["orders"], indirect=True)
def test_orders(shell: Shell, loaded: ModuleType) -> None:
    key = _key(shell, "orders:read")
    answers = _ask(loaded, _get("/orders", key), _get("/orders"), _get("/orders", key, "POST"), _get("/health"))
    assert [answer.status_code for answer in answers] == [200, 401, 403, 200]


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("loaded", ["orders"], indirect=True)
def test_orders_take_tokens_too(shell: Shell, loaded: ModuleType) -> None:
    order = ("--client", "web", "--subject", "alice", "--scope", "orders:read")
    good, elsewhere, opaque = (
        shell.json("tokens", "issue", *order, *more, "--audience", audience)["secret"]
        for audience, more in (
            (loaded.AUDIENCE, ()), ("https://else.example", ()), (loaded.AUDIENCE, ("--opaque",))
        )
    )  # fmt: skip
    requests = [_get("/orders", token) for token in (good, opaque, elsewhere)]
    answers = _ask(loaded, *requests, _get("/orders", good, "POST"))
    assert [answer.status_code for answer in answers] == [200, 200, 401, 403]
    assert answers[0].json()["for"] == "alice"


def _payment(body: bytes, *, signs: bytes | None = None) -> httpx2.Request:
    scheme = find_scheme("standard")
    secret = parse_secret(scheme, HOOKS_SECRET, secret_id="payments")
    signed = body if signs is None else signs
    headers = dict(sign_delivery(scheme, [secret], signed, now=int(time.time()), delivery_id=f"m{len(signed)}"))
    headers["content-type"] = "application/json"
    return httpx2.Request("POST", "http://127.0.0.1/payments", headers=headers, content=body)


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("loaded", ["hooks"], indirect=True)
def test_hooks_handle_a_delivery_once_and_lose_none(shell: Shell, loaded: ModuleType) -> None:
    write, read = _key(shell, "orders:write"), _key(shell, "orders:read")
    paid = b'{"order":"7","amount":4200}'
    answers = _ask(
        loaded,
        _payment(paid),
        _get("/orders/7", write, "PUT"),
        _payment(paid),
        _payment(paid),
        _payment(paid + b" ", signs=paid),
        _get("/orders/7", read),
        _get("/orders/7"),
        _get("/health"),
    )
    assert [answer.status_code for answer in answers] == [503, 204, 200, 200, 401, 200, 401, 200]
    assert answers[2].json() == {"from": "payments", "delivery": f"m{len(paid)}"}
    assert answers[3].content == b""
    assert answers[5].json() == {"order": "7", "payments": [4200]}


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_is_short_enough_to_read(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 80
