"""Whatever stands in a text, every operation of management over a real database does it or refuses it.

Half a surrogate is no Unicode text and NUL is none PostgreSQL can hold, and JSON can carry both: what is not refused
before it is encoded or stored is a 500.
"""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, NamedTuple

import pytest
from tests.simulators.stored_signature_keys import registered_key

from doorward.app.store import Store, open_store
from doorward.apps.credentials import revoke_credential
from doorward.apps.operations import create_app, resume_app, revoke_app, suspend_app
from doorward.crypto.sealing import MasterKeys
from doorward.errors import Rejected
from doorward.methods.apikey.operations import change_key, create_key, disable_key, enable_key, revoke_key, rotate_key
from doorward.methods.apikey.order import KeyOrder
from doorward.methods.basic.operations import create_password, disable_password, enable_password, revoke_password
from doorward.methods.basic.order import PasswordOrder
from doorward.methods.opaque.operations import issue_opaque_token, revoke_opaque_token
from doorward.methods.rotation import GrantChanges
from doorward.methods.signature.operations import (
    change_signature_key,
    create_signature_key,
    disable_signature_key,
    enable_signature_key,
    register_signature_key,
    revoke_signature_key,
    rotate_signature_key,
)
from doorward.methods.signature.order import SignatureKeyOrder
from doorward.methods.token_order import TokenOrder
from doorward.methods.webhook.operations import add_secret, add_sender, retire_secret, rotate_secret
from doorward.methods.webhook.order import SecretOrder, SenderOrder
from doorward.revocation.operations import revoke_named
from doorward.values import Actor, AppId, CredentialId, FeedKind, OrganizationId, Scopes

ADA: Final = Actor(kind="operator", id="ada")
HOSTILE: Final = ("\ud800", "a\udfffb", "\udcff" * 40, "\0", "a\0b" * 12, "whsec_\ud800" + "A" * 40)


class World(NamedTuple):
    """A store with one of everything."""

    store: Store
    app: AppId
    key: CredentialId
    password: CredentialId
    signature_key: CredentialId
    secret: CredentialId


Operation = Callable[[World, str], Awaitable[object]]


@pytest.fixture
async def world(sql_url: str) -> AsyncIterator[World]:
    keys = MasterKeys({"k1": secrets.token_bytes(32)}, current="k1", entropy=secrets.token_bytes)
    async with open_store(sql_url, master_keys=keys) as store:
        app = await create_app(store, name="shop", actor=ADA)
        key = await create_key(store, KeyOrder(app_id=app.id, name="k"), actor=ADA)
        password = await create_password(store, PasswordOrder(app_id=app.id, name="p"), actor=ADA)
        signature_key = await create_signature_key(store, SignatureKeyOrder(app_id=app.id, name="s"), actor=ADA)
        await add_sender(store, SenderOrder(name="acme", scheme="plain"), actor=ADA)
        await add_sender(store, SenderOrder(name="corp", scheme="standard"), actor=ADA)
        secret = await add_secret(store, SecretOrder(sender="acme"), actor=ADA)
        await add_secret(store, SecretOrder(sender="corp"), actor=ADA)
        yield World(store, app.id, key.record.id, password.record.id, signature_key.record.id, secret.record.id)


def _id(text: str) -> CredentialId:
    return CredentialId(text)


OPERATIONS: Final[dict[str, Operation]] = {
    "app name": lambda w, t: create_app(w.store, name=t, actor=ADA),
    "app organization": lambda w, t: create_app(w.store, name="n", organization_id=OrganizationId(t), actor=ADA),
    "app metadata": lambda w, t: create_app(w.store, name="n", metadata={"a": t}, actor=ADA),
    "app metadata key": lambda w, t: create_app(w.store, name="n", metadata={t: "a"}, actor=ADA),
    "suspend app": lambda w, t: suspend_app(w.store, AppId(t), reason="r", actor=ADA),
    "suspend reason": lambda w, t: suspend_app(w.store, w.app, reason=t, actor=ADA),
    "resume app": lambda w, t: resume_app(w.store, AppId(t), reason="r", actor=ADA),
    "resume reason": lambda w, t: resume_app(w.store, w.app, reason=t, actor=ADA),
    "revoke app": lambda w, t: revoke_app(w.store, AppId(t), reason="r", actor=ADA),
    "revoke app reason": lambda w, t: revoke_app(w.store, w.app, reason=t, actor=ADA),
    "key app": lambda w, t: create_key(w.store, KeyOrder(app_id=AppId(t), name="n"), actor=ADA),
    "key name": lambda w, t: create_key(w.store, KeyOrder(app_id=w.app, name=t), actor=ADA),
    "key network": lambda w, t: create_key(w.store, KeyOrder(app_id=w.app, name="n", networks=(t,)), actor=ADA),
    "key metadata": lambda w, t: create_key(w.store, KeyOrder(app_id=w.app, name="n", metadata={t: t}), actor=ADA),
    "key prefix": lambda w, t: create_key(w.store, KeyOrder(app_id=w.app, name="n", prefix=t), actor=ADA),
    "rotate key": lambda w, t: rotate_key(w.store, _id(t), reason="r", actor=ADA),
    "rotate key reason": lambda w, t: rotate_key(w.store, w.key, reason=t, actor=ADA),
    "disable key": lambda w, t: disable_key(w.store, _id(t), reason="r", actor=ADA),
    "disable key reason": lambda w, t: disable_key(w.store, w.key, reason=t, actor=ADA),
    "enable key": lambda w, t: enable_key(w.store, _id(t), reason="r", actor=ADA),
    "revoke key": lambda w, t: revoke_key(w.store, _id(t), reason="r", actor=ADA),
    "revoke key reason": lambda w, t: revoke_key(w.store, w.key, reason=t, actor=ADA),
    "change key": lambda w, t: change_key(w.store, w.key, GrantChanges(name=t), reason="r", actor=ADA),
    "change key metadata": lambda w, t: change_key(
        w.store, w.key, GrantChanges(metadata={"a": t}), reason="r", actor=ADA
    ),
    "change key reason": lambda w, t: change_key(w.store, w.key, GrantChanges(name="n"), reason=t, actor=ADA),
    "password app": lambda w, t: create_password(w.store, PasswordOrder(app_id=AppId(t), name="n"), actor=ADA),
    "password name": lambda w, t: create_password(w.store, PasswordOrder(app_id=w.app, name=t), actor=ADA),
    "disable password": lambda w, t: disable_password(w.store, _id(t), reason="r", actor=ADA),
    "disable password reason": lambda w, t: disable_password(w.store, w.password, reason=t, actor=ADA),
    "enable password": lambda w, t: enable_password(w.store, _id(t), reason="r", actor=ADA),
    "revoke password reason": lambda w, t: revoke_password(w.store, w.password, reason=t, actor=ADA),
    "signature key app": lambda w, t: create_signature_key(
        w.store, SignatureKeyOrder(app_id=AppId(t), name="n"), actor=ADA
    ),
    "signature key name": lambda w, t: create_signature_key(
        w.store, SignatureKeyOrder(app_id=w.app, name=t), actor=ADA
    ),
    "registered key name": lambda w, t: register_signature_key(
        w.store, SignatureKeyOrder(app_id=w.app, name=t), registered_key(), actor=ADA
    ),
    "registered key metadata": lambda w, t: register_signature_key(
        w.store, SignatureKeyOrder(app_id=w.app, name="n", metadata={"a": t}), registered_key(), actor=ADA
    ),
    "rotate signature key": lambda w, t: rotate_signature_key(w.store, _id(t), reason="r", actor=ADA),
    "rotate signature key reason": lambda w, t: rotate_signature_key(w.store, w.signature_key, reason=t, actor=ADA),
    "change signature key": lambda w, t: change_signature_key(
        w.store, w.signature_key, GrantChanges(networks=(t,)), reason="r", actor=ADA
    ),
    "disable signature key": lambda w, t: disable_signature_key(w.store, _id(t), reason="r", actor=ADA),
    "enable signature key reason": lambda w, t: enable_signature_key(w.store, w.signature_key, reason=t, actor=ADA),
    "revoke signature key reason": lambda w, t: revoke_signature_key(w.store, w.signature_key, reason=t, actor=ADA),
    "sender name": lambda w, t: add_sender(w.store, SenderOrder(name=t, scheme="plain"), actor=ADA),
    "sender scheme": lambda w, t: add_sender(w.store, SenderOrder(name="n", scheme=t), actor=ADA),
    "sender organization": lambda w, t: add_sender(
        w.store, SenderOrder(name="n", scheme="plain", organization_id=OrganizationId(t)), actor=ADA
    ),
    "secret sender": lambda w, t: add_secret(w.store, SecretOrder(sender=t), actor=ADA),
    "secret text": lambda w, t: add_secret(w.store, SecretOrder(sender="acme", text=t), actor=ADA),
    "secret text of a form": lambda w, t: add_secret(w.store, SecretOrder(sender="corp", text=t), actor=ADA),
    "secret prefix": lambda w, t: add_secret(w.store, SecretOrder(sender="acme", prefix=t), actor=ADA),
    "rotate secret": lambda w, t: rotate_secret(w.store, SecretOrder(sender=t), reason="r", actor=ADA),
    "rotate secret text": lambda w, t: rotate_secret(
        w.store, SecretOrder(sender="acme", text=t), reason="r", actor=ADA
    ),
    "rotate secret reason": lambda w, t: rotate_secret(w.store, SecretOrder(sender="acme"), reason=t, actor=ADA),
    "retire secret": lambda w, t: retire_secret(w.store, _id(t), reason="r", actor=ADA),
    "retire secret reason": lambda w, t: retire_secret(w.store, w.secret, anyway=True, reason=t, actor=ADA),
    "opaque client": lambda w, t: issue_opaque_token(w.store, TokenOrder(client_id=t, audience=("https://a.example",))),
    "opaque audience": lambda w, t: issue_opaque_token(w.store, TokenOrder(client_id="c", audience=(t,))),
    "opaque subject": lambda w, t: issue_opaque_token(
        w.store, TokenOrder(client_id="c", audience=("https://a.example",), subject=t)
    ),
    "revoke opaque token": lambda w, t: revoke_opaque_token(w.store, _id(t), reason="r", actor=ADA),
    "revoke credential": lambda w, t: revoke_credential(w.store, _id(t), reason="r", actor=ADA),
    "revoke credential reason": lambda w, t: revoke_credential(w.store, w.key, reason=t, actor=ADA),
    "revoke named": lambda w, t: revoke_named(w.store, FeedKind.SUBJECT, t, reason="r", actor=ADA),
    "revoke named issuer": lambda w, t: revoke_named(w.store, FeedKind.SUBJECT, "s", issuer=t, reason="r", actor=ADA),
    "revoke named reason": lambda w, t: revoke_named(w.store, FeedKind.SUBJECT, "s", reason=t, actor=ADA),
}


async def test_every_text_is_refused_by_every_operation(world: World) -> None:
    for name, operation in OPERATIONS.items():
        for text in HOSTILE:
            with pytest.raises(Rejected) as caught:
                await operation(world, text)
            assert caught.value.code in {"input_invalid", "object_unknown"}, (name, text)


async def test_no_scope_is_such_a_text(world: World) -> None:
    for text in HOSTILE:
        with pytest.raises(Rejected, match="input_invalid"):
            await create_key(world.store, KeyOrder(app_id=world.app, name="n", scopes=Scopes(text)), actor=ADA)
