"""Opaque tokens, wired: over a real store on both engines, and over a real server that is asked."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.app.conftest import Eventually, Start
from tests.simulators.request import view_of

from doorward import Door, Introspection, Opaque, Scopes, issue_access_token, issue_opaque_token, open_store
from doorward.app.master_key import load_master_keys
from doorward.app.store import Store
from doorward.apps.operations import create_app
from doorward.crypto.sealing import MasterKeys
from doorward.errors import Misconfigured, Rejected
from doorward.methods.apikey.operations import create_key
from doorward.methods.apikey.order import KeyOrder
from doorward.methods.opaque import IntrospectedTokens, OpaqueTokens
from doorward.methods.opaque.operations import revoke_opaque_token
from doorward.methods.token_order import TokenOrder
from doorward.revocation.operations import revoke_session, revoke_subject, revoke_token
from doorward.server.own_tokens import OwnTokens
from doorward.values import Actor, CredentialId
from doorward.wire.request import RequestView

API = "https://api.example"
OPERATOR = Actor(kind="operator", id="test")
ORDER = TokenOrder(client_id="web", subject="alice", audience=(API,), session_id="s1")


def _bearing(text: str) -> RequestView:
    return view_of((b"authorization", b"Bearer " + text.encode()))


@pytest.fixture
async def store(sql_url: str) -> AsyncIterator[Store]:
    keys = MasterKeys({"k1": bytes(range(32))}, current="k1", entropy=secrets.token_bytes)
    opened = open_store(sql_url, master_keys=keys, issuer="https://id.example")
    await opened.plane.start()
    yield opened
    await opened.aclose()


async def _caught_up(store: Store, eventually: Eventually) -> None:
    head = await store.feed.read_watermark()

    async def caught_up() -> bool:
        return store.plane.view.read_after >= head.position

    await eventually(caught_up, deadline_s=5.0)


async def _code(door: Door, text: str) -> str | None:
    try:
        await door.admit(_bearing(text))
    except Rejected as refused:
        return refused.code
    return None


@pytest.mark.slow
async def test_of_tokens_issued_around_a_revocation_none_survives(store: Store, eventually: Eventually) -> None:
    door = Door(Opaque(store, audience=API))
    inherited = await store.feed.read_watermark()

    async def issue() -> str | None:
        try:
            return (await issue_opaque_token(store, ORDER, watermark=inherited)).text
        except Rejected:
            return None

    for _ in range(5):
        revoking = asyncio.create_task(revoke_subject(store, "alice", reason="r", actor=OPERATOR))
        issued = [text for text in await asyncio.gather(*(issue() for _ in range(20))) if text is not None]
        await revoking
        await _caught_up(store, eventually)
        assert [await _code(door, text) for text in issued] == ["credential_revoked"] * len(issued)
    # And whoever signs in now is let in.
    assert (
        await _code(door, (await issue_opaque_token(store, ORDER, watermark=await store.feed.read_watermark())).text)
        is None
    )


@pytest.mark.slow
async def test_a_token_that_is_revoked_while_it_is_used_is_refused_from_then_on(
    store: Store, eventually: Eventually
) -> None:
    door = Door(Opaque(store, audience=API))
    issued = await issue_opaque_token(store, ORDER, watermark=await store.feed.read_watermark())
    done = asyncio.Event()

    async def use() -> list[str | None]:
        seen: list[str | None] = []
        while not done.is_set() and len(seen) < 20_000:
            seen.append(await _code(door, issued.text))
            await asyncio.sleep(0)
        return seen

    users = [asyncio.create_task(use()) for _ in range(5)]
    await revoke_opaque_token(store, CredentialId(issued.jti), reason="r", actor=OPERATOR)
    await _caught_up(store, eventually)
    assert await _code(door, issued.text) == "credential_revoked"
    done.set()
    for seen in await asyncio.gather(*users):
        # Admitted, and from one moment on refused: never admitted again.
        first = seen.index("credential_revoked") if "credential_revoked" in seen else len(seen)
        assert set(seen[:first]) <= {None}
        assert set(seen[first:]) <= {"credential_revoked"}


@pytest.mark.slow
async def test_a_session_ends_with_every_opaque_token_of_it(store: Store, eventually: Eventually) -> None:
    door = Door(Opaque(store, audience=API))
    mine = [
        (await issue_opaque_token(store, ORDER, watermark=await store.feed.read_watermark())).text for _ in range(3)
    ]
    other = TokenOrder(client_id="web", subject="alice", audience=(API,), session_id="s2")
    kept = (await issue_opaque_token(store, other, watermark=await store.feed.read_watermark())).text
    for text in (*mine, kept):
        assert await _code(door, text) is None
    await revoke_session(store, "s1", reason="r", actor=OPERATOR)
    await _caught_up(store, eventually)
    assert [await _code(door, text) for text in mine] == ["credential_revoked"] * 3
    assert await _code(door, kept) is None
    with pytest.raises(Rejected, match="credential_revoked"):
        await issue_opaque_token(store, ORDER, watermark=await store.feed.read_watermark())


@pytest.mark.slow
async def test_a_service_without_a_store_asks_a_real_server(
    start: Start, tmp_path: Path, eventually: Eventually
) -> None:
    issuer = "https://id.example"
    served = await start(dev="true", issuer=issuer)
    keys = load_master_keys(tmp_path / ".doorward" / "master.key", None, entropy=secrets.token_bytes)
    url = f"sqlite:///{tmp_path}/.doorward/doorward.db"
    async with open_store(url, master_keys=keys, issuer=issuer) as store:
        owner = await create_app(store, name="orders-api", actor=OPERATOR)
        order = KeyOrder(
            app_id=owner.id, name="k", scopes=Scopes("doorward:tokens:introspect"), metadata={"audience": API}
        )
        key = await create_key(store, order, actor=OPERATOR)
        asking = Introspection(
            served.url, key=key.text, audience=API, issuer=issuer, answer_lifetime_s=0.05, danger_plain_http=True
        )
        door = Door(Opaque(asking))
        opaque = await issue_opaque_token(store, ORDER, watermark=await store.feed.read_watermark(), actor=OPERATOR)
        signed = await issue_access_token(store, ORDER, watermark=await store.feed.read_watermark(), actor=OPERATOR)
        admitted = await door.admit(_bearing(opaque.text))
        assert admitted.principal.claims == {**opaque.claims, "token_type": "Bearer"}
        assert await asking.confirm(signed.text.encode()) is True
        for jti in (opaque.jti, signed.jti):
            await revoke_token(store, jti, reason="r", actor=OPERATOR)

        async def refused() -> bool:
            return await _code(door, opaque.text) == "credential_unknown"

        async def not_confirmed() -> bool:
            return not await asking.confirm(signed.text.encode())

        await eventually(refused, deadline_s=5.0)
        await eventually(not_confirmed, deadline_s=5.0)
        await door.aclose()


async def test_tokens_of_another_issuer_over_the_same_database_are_unknown(
    sql_url: str, store: Store, eventually: Eventually
) -> None:
    async with open_store(sql_url, issuer="https://staging.example") as staging:
        await staging.plane.start()
        text = (await issue_opaque_token(staging, ORDER, watermark=await staging.feed.read_watermark())).text
        assert await _code(Door(Opaque(staging, audience=API)), text) is None
    await _caught_up(store, eventually)
    assert await _code(Door(Opaque(store, audience=API)), text) == "credential_unknown"
    with pytest.raises(Rejected, match="credential_unknown"):
        await OwnTokens(store, prefix="dw").prove(text, frozenset({API}), int(time.time()), time.monotonic())


def test_what_a_door_stands_on_is_said_once(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/x.db", issuer="https://id.example")
    assert isinstance(Opaque(store, audience=API), OpaqueTokens)
    with pytest.raises(Misconfigured, match="issuer"):
        Opaque(open_store(f"sqlite:///{tmp_path}/x.db"), audience=API)
    asking = Introspection("https://id.example", key="dw_live_x", audience=API)
    assert isinstance(Opaque(asking), IntrospectedTokens)
    with pytest.raises(Misconfigured, match="audience"):
        Opaque(store)  # type: ignore[call-overload]  # what no type checker lets pass
    with pytest.raises(Misconfigured, match="twice"):
        Opaque(asking, audience=API)  # type: ignore[call-overload]  # as above
    with pytest.raises(Misconfigured, match="needs a store"):
        Opaque("sqlite:///x.db", audience=API)  # type: ignore[call-overload]  # as above
