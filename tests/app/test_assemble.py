"""The server put together, over a database that somebody else changes meanwhile."""

import secrets

import httpx2

from doorward.app.administration import create_first_admin
from doorward.app.assemble import build_server
from doorward.app.master_key import record_rotation
from doorward.app.settings import load_settings
from doorward.app.store import open_store
from doorward.apps.operations import create_app
from doorward.crypto.sealing import MasterKeys
from doorward.methods.apikey.operations import create_key
from doorward.methods.apikey.order import KeyOrder
from doorward.revocation.sectors import register_sector
from doorward.server.metrics import Metrics
from doorward.values import Actor, Scopes

ADA = Actor(kind="operator", id="ada")
ISSUER = "https://id.example"
SECTOR = "https://photos.example"


async def test_a_master_key_rotated_elsewhere_does_not_silence_the_feed(sqlite_url: str) -> None:
    """The key of derived names is then sealed under one this process does not have. The feed asks for names alone."""
    old, new = secrets.token_bytes(32), secrets.token_bytes(32)
    store = open_store(
        sqlite_url, master_keys=MasterKeys({"k1": old}, current="k1", entropy=secrets.token_bytes), issuer=ISSUER
    )
    both = MasterKeys({"k1": old, "k2": new}, current="k2", entropy=secrets.token_bytes)
    await store.plane.start()
    try:
        app = build_server(load_settings(None, dev=True, database_url=sqlite_url, issuer=ISSUER), store, Metrics())
        await register_sector(store, SECTOR, actor=ADA)
        owner = await create_app(store, name="verifiers", actor=ADA)
        scopes = Scopes("doorward:revocations:read")
        order = KeyOrder(app_id=owner.id, name="photos", scopes=scopes, metadata={"audience": SECTOR})
        key = await create_key(store, order, actor=ADA)
        async with open_store(sqlite_url, master_keys=both) as elsewhere:
            await record_rotation(elsewhere, both, actor=ADA)
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            answer = await client.get("/revocations", headers={"authorization": f"Bearer {key.text}"})
        assert answer.status_code == 200
    finally:
        await store.aclose()


async def test_what_is_to_be_explained_may_be_larger_than_other_bodies(sqlite_url: str) -> None:
    keys = MasterKeys({"k1": secrets.token_bytes(32)}, current="k1", entropy=secrets.token_bytes)
    store = open_store(sqlite_url, master_keys=keys)
    await store.plane.start()
    try:
        admin = (await create_first_admin(store, actor=ADA)).text
        settings = load_settings(None, dev=True, database_url=sqlite_url, body_bytes_max=1_024)
        transport = httpx2.ASGITransport(app=build_server(settings, store, Metrics()))
        headers = {"authorization": f"Bearer {admin}"}
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            content = {"headers": [], "body_base64": "A" * 100_000}
            for path, status in (("/api/v1/webhook-senders/main/explain", 404), ("/api/v1/apps", 413)):
                assert (await client.post(path, json=content, headers=headers)).status_code == status
                assert (await client.post(path, json=content)).status_code == (401 if status == 404 else 413)
    finally:
        await store.aclose()
