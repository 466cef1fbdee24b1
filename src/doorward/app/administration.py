"""The first administrator, and everything a development server needs, made when it is missing."""

import os
import secrets
from collections.abc import AsyncIterator
from typing import Final

from doorward.adapters.sql.maintenance import SchemaState, schema_state, upgrade
from doorward.app.master_key import create_master_key_file
from doorward.app.settings import Settings
from doorward.app.store import Store
from doorward.apps.operations import create_app
from doorward.apps.port import AppState
from doorward.errors import Misconfigured, Rejected
from doorward.methods.apikey.config import NEVER, Never
from doorward.methods.apikey.operations import create_key, revoke_key
from doorward.methods.apikey.order import IssuedKey, KeyOrder
from doorward.methods.apikey.port import KeyRecord, KeyState
from doorward.server.management.doors import ADMINISTRATOR_SCOPES
from doorward.server.management.reach import OWN_SCOPES_PREFIX
from doorward.values import Actor, AppId, Environment

__all__ = ["ADMINISTRATION_APP", "create_first_admin", "find_other_administrators", "prepare_dev", "prepare_dev_files"]

ADMINISTRATION_APP: Final = "doorward-administration"
"""The name of the app whose keys are administrators'."""
ADMIN_KEY_LIFETIME_S: Final = 90 * 86_400
_PAGE: Final = 1_000


async def create_first_admin(
    store: Store,
    *,
    actor: Actor,
    key_prefix: str = "dw",
    expires_in_s: int | Never = ADMIN_KEY_LIFETIME_S,
    replace_existing: bool = False,
) -> IssuedKey:
    """An app for administration and a key with every `doorward:` scope; its text is in the answer and nowhere else.

    Args:
        store: open, with a master key.
        actor: who asked, usually the operator at the command line.
        key_prefix: what keys of this deployment start with.
        expires_in_s: the key's life.
        replace_existing: revoke every key that app has and make a new one, when the only one was lost or leaked.

    Raises:
        Misconfigured: there is an administrator already, or the store has no master key.
        Rejected: `state_final` when the app was revoked.
        Unavailable: `store_unavailable`.
    """
    app = await store.apps.find_app_by_name(ADMINISTRATION_APP)
    if app is None:
        try:
            app = await create_app(store, name=ADMINISTRATION_APP, actor=actor)
        except Rejected as error:
            if error.code != "object_exists":
                raise
            raise _already() from None
    elif app.state is not AppState.ACTIVE:
        raise Rejected("state_final", f"the app {ADMINISTRATION_APP} is {app.state.value}")
    alive = [key async for key in _keys(store, app_id=app.id) if key.state is not KeyState.REVOKED]
    if alive and not replace_existing:
        raise _already()
    order = KeyOrder(
        app_id=app.id,
        name="first administrator",
        environment=Environment.LIVE,
        scopes=ADMINISTRATOR_SCOPES,
        expires_in_s=expires_in_s,
        prefix=key_prefix,
    )
    # The new one first: a crash in between must not leave nobody.
    issued = await create_key(store, order, actor=actor)
    for key in alive:
        await revoke_key(store, key.id, reason="replaced by a new first administrator", actor=actor)
    return issued


async def find_other_administrators(store: Store) -> tuple[KeyRecord, ...]:
    """Keys of other apps with power over Doorward: whoever held a leaked administrator's key may have made them."""
    return tuple(
        [
            key
            async for key in _keys(store)
            if key.app_name != ADMINISTRATION_APP
            and key.state is not KeyState.REVOKED
            and any(scope.startswith(OWN_SCOPES_PREFIX) for scope in key.scopes)
        ]
    )


async def _keys(store: Store, *, app_id: AppId | None = None) -> AsyncIterator[KeyRecord]:
    after = ""
    while page := await store.keys.list_keys(app_id=app_id, after=after, limit=_PAGE):
        for key in page:
            yield key
        after = page[-1].id


async def prepare_dev(settings: Settings, store: Store) -> IssuedKey | None:
    """The first administrator of a development database, when it has none yet; `store` is open."""
    actor = Actor(kind="operator", id=f"dev-{os.getuid()}")
    try:
        return await create_first_admin(store, actor=actor, key_prefix=settings.key_prefix, expires_in_s=NEVER)
    except Misconfigured:
        return None


def prepare_dev_files(settings: Settings) -> None:
    """A master key, a schema and a folder for the log, when they are missing. For `--dev` only."""
    assert settings.dev, "only a development server makes what it needs by itself"
    key_file = settings.master_key_file
    if key_file is not None and not key_file.exists():
        create_master_key_file(key_file, entropy=secrets.token_bytes)
    if settings.audit_log_dir is not None:
        settings.audit_log_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    url = settings.database_url.get_secret_value()
    if schema_state(url) is SchemaState.MISSING:
        if settings.database_path is not None:
            settings.database_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        upgrade(url)


def _already() -> Misconfigured:
    return Misconfigured(
        "There is an administrator already.",
        cure="Use its key; if it is lost, run `doorward init --replace-admin`, which revokes it.",
    )
