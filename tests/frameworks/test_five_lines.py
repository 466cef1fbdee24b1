"""The five lines of the README, with a real store: what is counted is there after the shutdown."""

import asyncio
import secrets
from pathlib import Path
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI
from starlette.testclient import TestClient

from doorward import ApiKeys, Principal, Scopes, open_store
from doorward.adapters.sql.maintenance import upgrade
from doorward.apps.operations import create_app
from doorward.crypto.sealing import MasterKeys
from doorward.frameworks.fastapi import Door, guard
from doorward.methods.apikey.operations import create_key
from doorward.methods.apikey.order import KeyOrder
from doorward.methods.apikey.port import KeyRecord
from doorward.values import Actor, CredentialId

KEYS = MasterKeys({"m": bytes(range(32))}, current="m", entropy=secrets.token_bytes)
OPERATOR = Actor(kind="operator", id="test")


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    upgrade("sqlite:///doorward.db")
    return "sqlite:///doorward.db"


async def make_key(url: str) -> tuple[str, CredentialId]:
    async with open_store(url, master_keys=KEYS) as store:
        app = await create_app(store, name="shop", actor=OPERATOR)
        order = KeyOrder(app_id=app.id, name="till", scopes=Scopes("orders:read"))
        issued = await create_key(store, order, actor=OPERATOR)
        return issued.text, issued.record.id


async def find_key(url: str, key_id: CredentialId) -> KeyRecord | None:
    async with open_store(url, master_keys=KEYS) as store:
        return await store.keys.find_key(key_id)


def test_five_lines(url: str) -> None:
    text, key_id = asyncio.run(make_key(url))
    door = Door(ApiKeys(open_store("sqlite:///doorward.db")), require=Scopes("orders:read"))
    app = guard(FastAPI())

    @app.get("/orders")
    async def orders(principal: Annotated[Principal, Depends(door)]) -> str:
        return principal.name

    with TestClient(app) as client:
        for carrier in ({"authorization": f"Bearer {text}"}, {"x-api-key": text}):
            assert client.get("/orders", headers=carrier).json() == "shop"
        refused = client.get("/orders", headers={"x-api-key": text[:-1] + ("1" if text[-1] == "0" else "0")})
        assert (refused.status_code, refused.json()["code"]) == (401, "credential_invalid")
        assert client.get("/orders").headers["www-authenticate"].startswith("Bearer")
    record = asyncio.run(find_key(url, key_id))
    assert record is not None
    assert record.use_count == 2
