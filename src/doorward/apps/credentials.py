"""A credential of any kind by its public id: found, and taken back by the operation of its kind.

Ids are unique over a deployment, so whoever holds an id from a log need not know of what. An API key is looked for
first, then an app password, a signature key, and an opaque token.
"""

from collections.abc import Awaitable
from typing import Literal, Protocol, final

import msgspec

from doorward.errors import Rejected
from doorward.methods.apikey.operations import KeyStore, revoke_key
from doorward.methods.apikey.port import KeyState
from doorward.methods.basic.operations import PasswordStore, revoke_password
from doorward.methods.basic.port import PasswordState
from doorward.methods.signature.operations import SignatureKeyStore, revoke_signature_key
from doorward.methods.signature.port import SignatureKeyState
from doorward.revocation.folding import narrowest_owner
from doorward.revocation.operations import RevocationStore, revoke_token
from doorward.values import Actor, CredentialId

__all__ = ["CredentialRevoked", "CredentialStore", "revoke_credential"]


class CredentialStore(KeyStore, PasswordStore, SignatureKeyStore, RevocationStore, Protocol):
    """What is needed of a store that holds every kind."""


@final
class CredentialRevoked(msgspec.Struct, frozen=True, kw_only=True):
    """What was taken back. `whose` is the app's name, or the client's id; `again`: it was revoked before."""

    what: Literal["key", "password", "signature_key", "token"]
    id: CredentialId
    whose: str
    again: bool


async def revoke_credential(
    store: CredentialStore, credential_id: CredentialId, *, reason: str, actor: Actor
) -> CredentialRevoked:
    """It opens no door ever again. One that is revoked already is left as it is.

    Raises:
        Rejected: `input_invalid`, `object_unknown`, `object_conflict`.
        Unavailable: `store_unavailable`.
    """
    key = await store.keys.find_key(credential_id)
    if key is not None:
        again = key.state is KeyState.REVOKED or await _is_final(
            revoke_key(store, credential_id, reason=reason, actor=actor)
        )
        return CredentialRevoked(what="key", id=credential_id, whose=key.app_name, again=again)
    password = await store.passwords.find_password(credential_id)
    if password is not None:
        again = password.state is PasswordState.REVOKED or await _is_final(
            revoke_password(store, credential_id, reason=reason, actor=actor)
        )
        return CredentialRevoked(what="password", id=credential_id, whose=password.app_name, again=again)
    signature_key = await store.signature_keys.find_signature_key(credential_id)
    if signature_key is not None:
        again = signature_key.state is SignatureKeyState.REVOKED or await _is_final(
            revoke_signature_key(store, credential_id, reason=reason, actor=actor)
        )
        return CredentialRevoked(what="signature_key", id=credential_id, whose=signature_key.app_name, again=again)
    return await _revoke_opaque(store, credential_id, reason=reason, actor=actor)


async def _revoke_opaque(
    store: CredentialStore, token_id: CredentialId, *, reason: str, actor: Actor
) -> CredentialRevoked:
    token = await store.holdings.find_opaque(token_id)
    if token is None:
        raise Rejected("object_unknown", f"no API key, app password, signature key or opaque token {token_id!r}")
    if not token.is_revoked:
        owner = narrowest_owner(
            grant_id=token.grant_id, session_id=token.session_id, client_id=token.client_id, subject=token.subject
        )
        await revoke_token(
            store,
            token.id,
            expires_at=token.expires_at,
            owner=owner,
            # Folded without it, what a sector was sent would become a row that it is not.
            audience=None if " " in token.audience else token.audience,
            organization_id=token.organization_id,
            reason=reason,
            actor=actor,
        )
    return CredentialRevoked(what="token", id=token.id, whose=token.client_id, again=token.is_revoked)


async def _is_final(revoking: Awaitable[object]) -> bool:
    """Revoke; answers whether somebody else was faster."""
    try:
        await revoking
    except Rejected as error:
        if error.code != "state_final":
            raise
        return True
    return False
