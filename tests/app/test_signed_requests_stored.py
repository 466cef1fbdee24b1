"""Keys of the store at doors of two processes' stores: taken by both, taken back from both, each nonce once in all."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator

import pytest
from tests.app.conftest import Eventually
from tests.simulators.signed_door import Arriving, hmac_signer, signed_view
from tests.simulators.store import OPERATOR

from doorward import Door, Scopes, SignedRequests, open_store
from doorward.app.store import Store
from doorward.apps.operations import create_app, revoke_app
from doorward.crypto.sealing import MasterKeys
from doorward.errors import Misconfigured, Rejected
from doorward.methods.signature.operations import (
    create_signature_key,
    disable_signature_key,
    enable_signature_key,
    revoke_signature_key,
)
from doorward.methods.signature.order import IssuedSignatureKey, SignatureKeyOrder
from doorward.revocation.operations import revoke_organization
from doorward.values import FeedKind, Handle, OrganizationId
from doorward.wire.request import RequestView

pytestmark = pytest.mark.slow

BODY = b'{"amount":100}'


@pytest.fixture
async def stores(sql_url: str) -> AsyncIterator[tuple[Store, Store]]:
    keys = MasterKeys({"k1": bytes(32)}, current="k1", entropy=secrets.token_bytes)
    async with open_store(sql_url, master_keys=keys) as one, open_store(sql_url, master_keys=keys) as other:
        yield one, other


async def make_key(store: Store, name: str = "shop", organization: str | None = None) -> IssuedSignatureKey:
    organization_id = None if organization is None else OrganizationId(organization)
    app = await create_app(store, name=name, organization_id=organization_id, actor=OPERATOR)
    order = SignatureKeyOrder(app_id=app.id, name="k", scopes=Scopes("orders:write"))
    return await create_signature_key(store, order, actor=OPERATOR)


def signed(issued: IssuedSignatureKey) -> RequestView:
    assert issued.secret is not None
    return signed_view(issued.record.id, hmac_signer(issued.secret), body=BODY, at=int(time.time()))


async def code_of(door: Door, view: RequestView) -> str:
    try:
        await door.admit(view)
    except Rejected as refused:
        return refused.code
    return ""


async def test_a_nonce_that_one_store_has_seen_the_other_refuses(stores: tuple[Store, Store]) -> None:
    one, other = stores
    issued = await make_key(one)
    view = signed(issued)
    doors = [Door(SignedRequests(store), require=Scopes("orders:write")) for store in (one, other)]
    admitted = await doors[0].admit(view)
    assert (admitted.principal.id, admitted.principal.name) == (issued.record.app_id, "shop")
    assert [await code_of(door, view) for door in doors] == ["replayed", "replayed"]
    codes = await asyncio.gather(
        *(code_of(doors[number % 2], again) for number, again in enumerate([signed(issued)] * 100))
    )
    assert codes.count("") == 1
    assert set(codes) == {"", "replayed", "request_arriving"}


@pytest.mark.parametrize("taken_back", ["key", "app", "organization"])
async def test_what_is_taken_back_is_refused_everywhere(
    stores: tuple[Store, Store], eventually: Eventually, taken_back: str
) -> None:
    one, other = stores
    issued = await make_key(one, organization="acme")
    doors = [Door(SignedRequests(store)) for store in stores]
    for door in doors:
        await door.admit(signed(issued))
    if taken_back == "key":
        await revoke_signature_key(other, issued.record.id, reason="leaked", actor=OPERATOR)
    elif taken_back == "app":
        await revoke_app(other, issued.record.app_id, reason="gone", actor=OPERATOR)
    else:
        await revoke_organization(other, OrganizationId("acme"), reason="left", actor=OPERATOR)

    async def all_refuse() -> bool:
        # An erased secret proves nothing any more; until the record is loaded again, the feed says that it is revoked.
        refusals = {"credential_revoked", "signature_key_unknown"}
        return all([await code_of(door, signed(issued)) in refusals for door in doors])

    await eventually(all_refuse)


async def test_a_key_that_is_disabled_opens_again_when_it_is_enabled(
    stores: tuple[Store, Store], eventually: Eventually
) -> None:
    one, other = stores
    issued = await make_key(one)
    door = Door(SignedRequests(other))
    await door.admit(signed(issued))

    async def answers(code: str) -> bool:
        return await code_of(door, signed(issued)) == code

    await disable_signature_key(one, issued.record.id, reason="holiday", actor=OPERATOR)
    await eventually(lambda: answers("credential_disabled"))
    await enable_signature_key(one, issued.record.id, reason="back", actor=OPERATOR)
    await eventually(lambda: answers(""))


async def test_a_key_that_is_revoked_while_a_body_arrives_elsewhere_is_refused(
    stores: tuple[Store, Store], eventually: Eventually
) -> None:
    one, other = stores
    issued = await make_key(one)
    door = Door(SignedRequests(other))
    await door.admit(signed(issued))

    async def is_known() -> bool:
        return other.plane.view.is_revoked((Handle(FeedKind.CREDENTIAL, issued.record.id),), None)

    async def revoke() -> None:
        await revoke_signature_key(one, issued.record.id, reason="leaked", actor=OPERATOR)
        await eventually(is_known)

    code = await code_of(door, Arriving(signed(issued), revoke).view)
    assert code in {"credential_revoked", "signature_key_unknown"}


def test_a_store_without_a_master_key_says_what_to_do(sqlite_url: str) -> None:
    with pytest.raises(Misconfigured, match="master key"):
        SignedRequests(open_store(sqlite_url))
