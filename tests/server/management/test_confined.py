"""The ports as an administrator of an organization is given them, asked past the routes."""

import pytest
from tests.server.management.conftest import OPERATOR

from doorward.app.store import Store
from doorward.methods.webhook.operations import add_secret, add_sender
from doorward.methods.webhook.order import SecretOrder, SenderOrder
from doorward.server.management.reach import Reach
from doorward.values import CredentialId, MethodName, OrganizationId, Principal, PrincipalKind, Scopes

ACME = OrganizationId("acme")


def reach_of(store: Store, organization_id: OrganizationId | None) -> Reach:
    principal = Principal(
        kind=PrincipalKind.APP,
        id="app_000000000000",
        name="administrators",
        method=MethodName("apikey"),
        credential_id=CredentialId("000000000000"),
        scopes=Scopes(),
        organization_id=organization_id,
    )
    return Reach(store, principal)


@pytest.mark.parametrize("organization", [None, "rival"])
async def test_the_secrets_of_senders_out_of_reach_are_not_there(store: Store, organization: str | None) -> None:
    owner = None if organization is None else OrganizationId(organization)
    await add_sender(store, SenderOrder(name="theirs", scheme="github", organization_id=owner), actor=OPERATOR)
    secret = (await add_secret(store, SecretOrder(sender="theirs"), actor=OPERATOR)).record
    senders = reach_of(store, ACME).senders
    assert await senders.find_sender("theirs") is None
    assert await senders.list_senders(organization_id=owner) == ()
    assert await senders.find_secret(secret.id) is None
    assert await senders.list_secrets("theirs") == ()
    assert await senders.list_held_secrets("theirs") == ()
    assert await senders.list_all_secrets() == ()
    everything = reach_of(store, None).senders
    assert await everything.find_secret(secret.id) == secret
    assert await everything.list_secrets("theirs") == await everything.list_held_secrets("theirs") == (secret,)
    # Sealing anew is not done from here.
    assert await everything.list_all_secrets() == ()


async def test_ones_own_are_there(store: Store) -> None:
    await add_sender(store, SenderOrder(name="ours", scheme="github", organization_id=ACME), actor=OPERATOR)
    secret = (await add_secret(store, SecretOrder(sender="ours"), actor=OPERATOR)).record
    senders = reach_of(store, ACME).senders
    assert await senders.find_secret(secret.id) == secret
    assert await senders.list_secrets("ours") == await senders.list_held_secrets("ours") == (secret,)
