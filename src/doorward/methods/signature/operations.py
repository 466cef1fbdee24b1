"""What can be done to signature keys, from the management API and the command line alike.

Each operation reads, decides in `issue.py`, and commits one `Change` (`deciding.py`). That a public key is held by
another id is read before: two who register one pair in the same moment are both let in, and both show in the list.
"""

from functools import partial
from typing import Final, Protocol

from doorward.crypto.registered_keys import RegisteredKey
from doorward.crypto.sealing import MasterKeys
from doorward.errors import Rejected
from doorward.methods.deciding import OwnersStore, decide
from doorward.methods.owner import Owner
from doorward.methods.rotation import OVERLAP_S
from doorward.methods.signature.issue import (
    change_signature_key_of,
    issue_secret_key,
    move_signature_key,
    register_public_key,
    succeed_public_key,
    succeed_secret_key,
)
from doorward.methods.signature.order import IssuedSignatureKey, SignatureKeyChanges, SignatureKeyOrder
from doorward.methods.signature.port import SignatureKeyPort, SignatureKeyRecord, SignatureKeyState
from doorward.methods.signature.sealed import require_master_keys
from doorward.values import Actor, AppId, Change, CredentialId, OrganizationId

__all__ = [
    "SealingStore",
    "SignatureKeyStore",
    "change_signature_key",
    "create_signature_key",
    "disable_signature_key",
    "enable_signature_key",
    "register_signature_key",
    "revoke_signature_key",
    "rotate_signature_key",
]

_UNKNOWN: Final = "no such signature key"


class SignatureKeyStore(OwnersStore, Protocol):
    """What is needed of a store to manage signature keys, as long as no secret is made."""

    @property
    def signature_keys(self) -> SignatureKeyPort:
        """Finds keys."""
        ...


class SealingStore(SignatureKeyStore, Protocol):
    """What is needed of a store to make secrets as well."""

    @property
    def master_keys(self) -> MasterKeys | None:
        """What they are sealed under; None: none can be made."""
        ...


async def create_signature_key(store: SealingStore, order: SignatureKeyOrder, *, actor: Actor) -> IssuedSignatureKey:
    """A new key of an app with a secret that is minted here, for hmac-sha256.

    Raises:
        Rejected: `input_invalid`; `object_unknown` without the app, `state_final` when it is revoked.
        Misconfigured: there is no master key to seal with.
        Unavailable: `store_unavailable`.
    """
    master_keys = require_master_keys(store.master_keys)
    owner = await _owner(store, order.app_id)
    issued, change = issue_secret_key(
        order, owner, master_keys, actor=actor, now=int(store.clock()), entropy=store.entropy
    )
    await store.changes.commit(change)
    return issued


async def register_signature_key(
    store: SignatureKeyStore, order: SignatureKeyOrder, key: RegisteredKey, *, actor: Actor
) -> SignatureKeyRecord:
    """A new key of an app that verifies with a public key (`crypto.registered_keys.parse_public_key`).

    Raises:
        Rejected: `input_invalid`; `object_unknown` without the app, `state_final` when it or this public key is
            revoked, `object_exists` when the public key has an id already.
        Unavailable: `store_unavailable`.
    """
    owner = await _owner(store, order.app_id)
    now = int(store.clock())
    await _refuse_held(store, key, owner.organization_id, now)
    issued, change = register_public_key(order, owner, key, actor=actor, now=now, entropy=store.entropy)
    await store.changes.commit(change)
    return issued.record


async def rotate_signature_key(
    store: SealingStore,
    key_id: CredentialId,
    *,
    public_key: RegisteredKey | None = None,
    overlap_s: int = OVERLAP_S,
    reason: str,
    actor: Actor,
) -> IssuedSignatureKey:
    """A successor with the same grants; the old key works for `overlap_s` more (0 revokes it at once).

    Args:
        store: see `SealingStore`.
        key_id: the old one.
        public_key: the new one, when the old one is public; None: a secret is minted.
        overlap_s: 0 to 30 days.
        reason: 1 to 500 characters.
        actor: who rotates.

    Raises:
        Rejected: `input_invalid`, `object_unknown`, `state_final`, `state_expired`, `object_conflict`, `object_exists`.
        Misconfigured: a secret is to be made and there is no master key.
        Unavailable: `store_unavailable`.
    """

    def decision(record: SignatureKeyRecord, now: int) -> tuple[IssuedSignatureKey, Change]:
        if public_key is not None:
            return succeed_public_key(
                record, public_key, overlap_s=overlap_s, reason=reason, actor=actor, now=now, entropy=store.entropy
            )
        return succeed_secret_key(
            record,
            require_master_keys(store.master_keys),
            overlap_s=overlap_s,
            reason=reason,
            actor=actor,
            now=now,
            entropy=store.entropy,
        )

    find = partial(store.signature_keys.find_signature_key, key_id)
    old = None if public_key is None else await find()
    if public_key is not None and old is not None and old.public_jwk is not None:
        await _refuse_held(store, public_key, old.organization_id, int(store.clock()), unless=key_id)
    return await decide(store, find, decision, unknown=_UNKNOWN)


async def disable_signature_key(
    store: SignatureKeyStore, key_id: CredentialId, *, reason: str, actor: Actor
) -> SignatureKeyRecord:
    """The key admits nobody until it is enabled. Raises as `revoke_signature_key`."""
    return await _move(store, key_id, SignatureKeyState.DISABLED, reason=reason, actor=actor)


async def enable_signature_key(
    store: SignatureKeyStore, key_id: CredentialId, *, reason: str, actor: Actor
) -> SignatureKeyRecord:
    """Undo disabling. Raises as `revoke_signature_key`."""
    return await _move(store, key_id, SignatureKeyState.ACTIVE, reason=reason, actor=actor)


async def revoke_signature_key(
    store: SignatureKeyStore, key_id: CredentialId, *, reason: str, actor: Actor
) -> SignatureKeyRecord:
    """The key admits nobody ever again, and its secret is erased.

    Raises:
        Rejected: `input_invalid`, `object_unknown`, `state_final` when it is revoked, `object_conflict`.
        Unavailable: `store_unavailable`.
    """
    return await _move(store, key_id, SignatureKeyState.REVOKED, reason=reason, actor=actor)


async def change_signature_key(
    store: SignatureKeyStore, key_id: CredentialId, changes: SignatureKeyChanges, *, reason: str, actor: Actor
) -> SignatureKeyRecord:
    """Other grants, effective wherever the key is cached within the feed's bound. Raises as `revoke_signature_key`."""

    def decision(record: SignatureKeyRecord, now: int) -> tuple[SignatureKeyRecord, Change]:
        return change_signature_key_of(record, changes, reason=reason, actor=actor, now=now)

    return await decide(store, partial(store.signature_keys.find_signature_key, key_id), decision, unknown=_UNKNOWN)


async def _move(
    store: SignatureKeyStore, key_id: CredentialId, state: SignatureKeyState, *, reason: str, actor: Actor
) -> SignatureKeyRecord:
    def decision(record: SignatureKeyRecord, now: int) -> tuple[SignatureKeyRecord, Change]:
        return move_signature_key(record, state, reason=reason, actor=actor, now=now)

    return await decide(store, partial(store.signature_keys.find_signature_key, key_id), decision, unknown=_UNKNOWN)


async def _refuse_held(
    store: SignatureKeyStore,
    key: RegisteredKey,
    organization_id: OrganizationId | None,
    now: int,
    *,
    unless: CredentialId | None = None,
) -> None:
    """Refuse a public key that was revoked: whoever stole its private half would be let in again. And one that has an
    id already: revoking one of two leaves the other open. Within the organization only, or somebody who registers
    another's public key, and revokes it, would lock that one out.
    """
    held = await store.signature_keys.find_holder_of_public_key(
        key.public_jwk, organization_id=organization_id, now=now
    )
    if held is None or held.id == unless:
        return
    if held.state is SignatureKeyState.REVOKED:
        raise Rejected("state_final", f"this public key was revoked as {held.id}: make a new pair")
    raise Rejected("object_exists", f"this public key is {held.id} already, and a pair has one id")


async def _owner(store: SignatureKeyStore, app_id: AppId) -> Owner:
    owner = await store.apps.find_app(app_id)
    if owner is None:
        raise Rejected("object_unknown", "no such app")
    return owner
