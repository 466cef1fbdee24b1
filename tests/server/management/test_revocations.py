"""`POST /api/v1/revocations`: what is taken back, and by whom it is not."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from tests.server.management.conftest import OPERATOR, Ask, Json
from tests.simulators.opaque import insert_opaque

from doorward.app.store import Store
from doorward.apps.operations import create_app
from doorward.audit.port import AuditFilter
from doorward.methods.apikey.operations import create_key
from doorward.methods.apikey.order import KeyOrder
from doorward.values import FeedKind, Handle, OrganizationId, Scopes

MakeAdmin = Callable[..., Coroutine[Any, Any, str]]
JWT = "eyJhbGciOiJFUzI1NiJ9.e30.c2ln"
NAMED = ("subject", "token", "session", "grant", "client", "organization")


def order(kind: str, id_: str, **more: str) -> Json:
    return {"kind": kind, "id": id_, "reason": "phone stolen", **more}


async def make_key(store: Store, organization: str | None, *scopes: str) -> str:
    owner = None if organization is None else OrganizationId(organization)
    app = await create_app(store, name=f"app of {organization} {scopes}", organization_id=owner, actor=OPERATOR)
    issued = await create_key(store, KeyOrder(app_id=app.id, name="k", scopes=Scopes(*scopes)), actor=OPERATOR)
    return issued.record.id


async def handles(store: Store) -> list[Handle]:
    return [row.handle for row in (await store.feed.read_feed(0)).rows if row.changed_version is None]


@pytest.mark.parametrize("kind", NAMED)
async def test_whatever_is_named_is_revoked_and_on_record(ask: Ask, store: Store, kind: str) -> None:
    answered = await ask("POST", "/revocations", order(kind, "abc"))
    assert answered.status == 200
    view = answered.json
    assert (view["kind"], view["id"], view["issuer"]) == (kind, "abc", None)
    assert view["kept_until"] > view["revoked_at"]
    assert view["later_is_good"] == (kind in {"subject", "client", "organization"})
    assert await handles(store) == [Handle(FeedKind(kind), "abc")]
    (stored,) = await store.audit.list_events(AuditFilter(action=f"{kind}.revoked"))
    assert stored.event.reason == "phone stolen"
    assert stored.event.actor.credential_id is not None


async def test_a_foreign_issuers_subject_is_named_with_its_issuer(ask: Ask, store: Store) -> None:
    answered = await ask("POST", "/revocations", order("subject", "abc", issuer="https://i.example"))
    assert answered.json["issuer"] == "https://i.example"
    assert await handles(store) == [Handle(FeedKind.SUBJECT, "https://i.example abc")]


async def test_a_credential_of_any_kind_is_revoked_once_and_twice(ask: Ask, store: Store) -> None:
    key_id = await make_key(store, None)
    for _ in range(2):
        answered = await ask("POST", "/revocations", order("credential", key_id))
        assert (answered.status, answered.json["kept_until"]) == (200, None)
    assert await handles(store) == [Handle(FeedKind.CREDENTIAL, key_id)]
    assert (await ask("GET", f"/keys/{key_id}")).json["state"] == "revoked"
    refused = await ask("POST", "/revocations", order("credential", "000000000000"))
    assert (refused.status, refused.code) == (404, "object_unknown")


async def test_an_organization_takes_its_keys_along(ask: Ask, store: Store) -> None:
    ours, theirs = await make_key(store, "acme"), await make_key(store, "other")
    answered = await ask("POST", "/revocations", order("organization", "acme"))
    assert (answered.json["keys"], answered.json["passwords"]) == (1, 0)
    assert (await ask("GET", f"/keys/{ours}")).json["state"] == "revoked"
    assert (await ask("GET", f"/keys/{theirs}")).json["state"] == "active"


@pytest.mark.parametrize(
    "body",
    [
        order("subject", JWT),
        order("token", JWT),
        order("credential", JWT),
        order("client", "dw_live_" + "a" * 50),
        order("subject", "x" * 513),
        order("subject", ""),
        order("subject", "a", issuer="https://i.example x"),
        order("credential", "000000000000", issuer="https://i.example"),
        order("signing_key", "kid"),
        order("app", "app_000000000000"),
        order("client_subject", "shop alice"),
        {"kind": "subject", "id": "alice"},
        {**order("subject", "alice"), "leave_at": 1},
    ],
)
async def test_what_is_no_revocation_is_refused_and_not_repeated(ask: Ask, store: Store, body: Json) -> None:
    refused = await ask("POST", "/revocations", body)
    assert refused.status in {400, 404, 422}
    assert JWT not in refused.text
    assert await handles(store) == []


async def test_revoking_demands_its_scope(ask: Ask, make_admin: MakeAdmin) -> None:
    lesser = await make_admin("doorward:revocations:read", "doorward:keys:write", "doorward:apps:write")
    refused = await ask("POST", "/revocations", order("subject", "alice"), key=lesser)
    assert (refused.status, refused.code) == (403, "scope_insufficient")
    assert refused.json["missing_scopes"] == ["doorward:revocations:write"]
    allowed = await ask(
        "POST", "/revocations", order("subject", "alice"), key=await make_admin("doorward:revocations:write")
    )
    assert allowed.status == 200


async def test_an_organizations_administrator_reaches_its_own_and_nothing_else(
    ask: Ask, store: Store, make_admin: MakeAdmin
) -> None:
    acme = await make_admin("doorward:revocations:write", organization="acme")
    ours, theirs, nobodys = [await make_key(store, name) for name in ("acme", "other", None)]
    for kind in NAMED:
        for issuer in ({}, {"issuer": "https://i.example"}):
            for id_ in ("alice", "other", *(["acme"] if kind != "organization" or issuer else [])):
                refused = await ask("POST", "/revocations", order(kind, id_, **issuer), key=acme)
                assert (refused.status, refused.code) == (404, "object_unknown"), (kind, id_, issuer)
    for id_ in (theirs, nobodys):
        refused = await ask("POST", "/revocations", order("credential", id_), key=acme)
        assert (refused.status, refused.code) == (404, "object_unknown")
    assert await handles(store) == []
    assert (await ask("POST", "/revocations", order("credential", ours), key=acme)).status == 200
    # His own key is among those that end.
    assert (await ask("POST", "/revocations", order("organization", "acme"), key=acme)).status == 200
    assert (await ask("GET", f"/keys/{theirs}")).json["state"] == "active"
    assert set(await handles(store)) == {Handle(FeedKind.CREDENTIAL, ours), Handle(FeedKind.ORGANIZATION, "acme")}


async def test_who_ends_an_organization_has_all_the_power_it_has(ask: Ask, store: Store, make_admin: MakeAdmin) -> None:
    mighty = await make_key(store, "acme", "doorward:audit:read")
    for organization in ("acme", None):
        lesser = await make_admin("doorward:revocations:write", organization=organization)
        refused = await ask("POST", "/revocations", order("organization", "acme"), key=lesser)
        assert (refused.status, refused.code) == (403, "scope_escalation")
    assert (await ask("GET", f"/keys/{mighty}")).json["state"] == "active"
    assert (await ask("POST", "/revocations", order("organization", "acme"))).status == 200


async def test_an_opaque_token_of_another_organization_is_out_of_reach(
    ask: Ask, store: Store, make_admin: MakeAdmin
) -> None:
    acme = await make_admin("doorward:revocations:write", organization="acme")
    for token_id, organization in (("00000000000a", "acme"), ("00000000000b", "other"), ("00000000000c", None)):
        await insert_opaque(store, token_id, organization_id=organization)
    for token_id in ("00000000000b", "00000000000c"):
        refused = await ask("POST", "/revocations", order("credential", token_id), key=acme)
        assert (refused.status, refused.code) == (404, "object_unknown")
    assert (await ask("POST", "/revocations", order("credential", "00000000000a"), key=acme)).status == 200
    assert await handles(store) == [Handle(FeedKind.TOKEN, "00000000000a")]
    (stored,) = await store.audit.list_events(
        AuditFilter(organization_id=OrganizationId("acme"), action="token.revoked")
    )
    assert stored.event.object_id == "00000000000a"
    for token_id in ("00000000000a", "00000000000b"):
        assert (await ask("POST", "/revocations", order("credential", token_id))).status == 200


async def test_the_answer_says_how_many_secrets_of_senders_were_erased(ask: Ask) -> None:
    order_of_sender = {"name": "till", "scheme": "standard", "organization_id": "acme"}
    assert (await ask("POST", "/webhook-senders", order_of_sender)).status == 201
    for _ in range(2):
        assert (await ask("POST", "/webhook-senders/till/secrets", {})).status == 201
    answered = await ask("POST", "/revocations", order("organization", "acme"))
    assert (answered.status, answered.json["webhook_secrets"]) == (200, 2)
