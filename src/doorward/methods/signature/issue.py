"""Mint, register, rotate and change signature keys: pure functions from what is stored to a `Change`.

Decisions:

* A secret is minted here and never handed in: 32 random octets, so that nobody signs with a word. It rests sealed for
  its own row, so that a sealed secret moved to another row does not open there. Its owner sees it once.
* A public key is registered as it is, by its public members. That its owner has the private half is proven by the first
  signature; until then it opens nothing.
* The id is random and ours: it is the `keyid`. What a file calls a key is not asked, or one app could take the name of
  another's.
* A successor is of the same sort: a secret follows a secret, a public key a public key (of any algorithm).
* Revocation erases the secret: from then on nobody can sign with what a thief finds in the database.
"""

from typing import Final

from msgspec.structs import replace

from doorward.crypto.registered_keys import RegisteredKey
from doorward.crypto.sealing import MasterKeys
from doorward.crypto.signatures import SignatureAlgorithm
from doorward.errors import Rejected
from doorward.methods.owned_credential import CredentialKind
from doorward.methods.owner import Owner, require_living_owner
from doorward.methods.rotation import (
    change_grants,
    expiry_of,
    grants_of,
    require_rotatable,
    rotation_of,
    successor_of,
)
from doorward.methods.signature.order import IssuedSignatureKey, SignatureKeyChanges, SignatureKeyOrder
from doorward.methods.signature.port import (
    SignatureKeyInserted,
    SignatureKeyRecord,
    SignatureKeyState,
    SignatureKeyUpdated,
)
from doorward.methods.signature.sealed import seal_secret
from doorward.values import Actor, Change, CredentialId, Entropy
from doorward.values.bounds import parse_metadata, parse_name, parse_networks, parse_rate
from doorward.wire.credential import ID_CHARACTERS, random_base62

__all__ = [
    "KEY_ID_PREFIX",
    "SECRET_BYTES",
    "change_signature_key_of",
    "issue_secret_key",
    "move_signature_key",
    "register_public_key",
    "succeed_public_key",
    "succeed_secret_key",
]

KEY_ID_PREFIX: Final = "sig_"
SECRET_BYTES: Final = 32
"""How long a minted secret is: as long as the hash it is used with (RFC 7518 section 3.2)."""


def _erased(record: SignatureKeyRecord) -> SignatureKeyRecord:
    return replace(record, sealed_secret=None)


_KEYS: Final = CredentialKind("the signature key", "signature_key", SignatureKeyUpdated, ended=_erased)


def issue_secret_key(
    order: SignatureKeyOrder, owner: Owner, master_keys: MasterKeys, *, actor: Actor, now: int, entropy: Entropy
) -> tuple[IssuedSignatureKey, Change]:
    """A new key of `owner` for hmac-sha256.

    Raises:
        Rejected: `input_invalid`, or `state_final` when the app is revoked.
    """
    bare = _ordered(order, owner, SignatureAlgorithm.HMAC_SHA256, now=now, entropy=entropy)
    issued = _with_secret(bare, master_keys, entropy)
    return issued, _inserted(issued.record, "created", actor, now)


def register_public_key(
    order: SignatureKeyOrder, owner: Owner, key: RegisteredKey, *, actor: Actor, now: int, entropy: Entropy
) -> tuple[IssuedSignatureKey, Change]:
    """A new key of `owner` that verifies with a public key it has handed in. Raises as `issue_secret_key`."""
    bare = _ordered(order, owner, key.algorithm, now=now, entropy=entropy)
    record = replace(bare, public_jwk=dict(key.public_jwk))
    return IssuedSignatureKey(record, None), _inserted(record, "registered", actor, now)


def succeed_secret_key(
    record: SignatureKeyRecord,
    master_keys: MasterKeys,
    *,
    overlap_s: int,
    reason: str,
    actor: Actor,
    now: int,
    entropy: Entropy,
) -> tuple[IssuedSignatureKey, Change]:
    """A successor with a new secret; the old key goes on working for `overlap_s` (0 to 30 days; 0 revokes it).

    Raises:
        Rejected: `input_invalid`, also for a public key, whose successor is one; `state_final`, `state_expired`,
            `object_conflict` as for any credential that is rotated.
    """
    said = require_rotatable(_KEYS, record, overlap_s=overlap_s, reason=reason, now=now)
    if record.sealed_secret is None:
        raise Rejected("input_invalid", "the successor of a public key is one: give the new public key")
    bare = replace(successor_of(record, now), id=_mint_id(entropy))
    issued = _with_secret(bare, master_keys, entropy)
    return issued, _rotation(record, issued.record, overlap_s, said, actor, now)


def succeed_public_key(
    record: SignatureKeyRecord,
    key: RegisteredKey,
    *,
    overlap_s: int,
    reason: str,
    actor: Actor,
    now: int,
    entropy: Entropy,
) -> tuple[IssuedSignatureKey, Change]:
    """A successor that verifies with another public key. Arguments and errors: as `succeed_secret_key`."""
    said = require_rotatable(_KEYS, record, overlap_s=overlap_s, reason=reason, now=now)
    if record.public_jwk is None:
        raise Rejected("input_invalid", "the successor of a secret is minted here: give no public key")
    if dict(key.public_jwk) == dict(record.public_jwk):
        raise Rejected("input_invalid", "that is the old public key: a successor is another one")
    successor = replace(
        successor_of(record, now), id=_mint_id(entropy), algorithm=key.algorithm, public_jwk=dict(key.public_jwk)
    )
    return IssuedSignatureKey(successor, None), _rotation(record, successor, overlap_s, said, actor, now)


def move_signature_key(
    record: SignatureKeyRecord, state: SignatureKeyState, *, reason: str, actor: Actor, now: int
) -> tuple[SignatureKeyRecord, Change]:
    """The key in another state. Moving to the state it has is no change at all.

    Raises:
        Rejected: `input_invalid`, or `state_final` when it is revoked.
    """
    return _KEYS.move(record, state, reason=reason, actor=actor, now=now)


def change_signature_key_of(
    record: SignatureKeyRecord, changes: SignatureKeyChanges, *, reason: str, actor: Actor, now: int
) -> tuple[SignatureKeyRecord, Change]:
    """The key with other grants.

    Raises:
        Rejected: `input_invalid` (also when nothing is to change), or `state_final` when it is revoked.
    """
    return change_grants(_KEYS, record, changes, details_of=_details, reason=reason, actor=actor, now=now)


def _ordered(
    order: SignatureKeyOrder, owner: Owner, algorithm: SignatureAlgorithm, *, now: int, entropy: Entropy
) -> SignatureKeyRecord:
    """The record of a new key, without what proves it."""
    require_living_owner(owner)
    return SignatureKeyRecord(
        id=_mint_id(entropy),
        app_id=owner.id,
        organization_id=owner.organization_id,
        name=parse_name(order.name),
        algorithm=algorithm,
        public_jwk=None,
        sealed_secret=None,
        scopes=order.scopes,
        networks=parse_networks(order.networks),
        rate=None if order.rate is None else parse_rate(order.rate),
        state=SignatureKeyState.ACTIVE,
        created_at=now,
        expires_at=expiry_of(order.expires_in_s, now),
        metadata=parse_metadata(order.metadata),
        app_name=owner.name,
        app_state=owner.state,
    )


def _mint_id(entropy: Entropy) -> CredentialId:
    return CredentialId(KEY_ID_PREFIX + random_base62(ID_CHARACTERS, entropy))


def _with_secret(bare: SignatureKeyRecord, master_keys: MasterKeys, entropy: Entropy) -> IssuedSignatureKey:
    secret = entropy(SECRET_BYTES)
    return IssuedSignatureKey(replace(bare, sealed_secret=seal_secret(master_keys, bare.id, secret)), secret)


def _inserted(record: SignatureKeyRecord, done: str, actor: Actor, now: int) -> Change:
    event = _KEYS.event(done, record, _details(record), reason=None, actor=actor, now=now)
    return Change(writes=(SignatureKeyInserted(record),), events=(event,))


def _rotation(
    record: SignatureKeyRecord, successor: SignatureKeyRecord, overlap_s: int, said: str, actor: Actor, now: int
) -> Change:
    return rotation_of(
        _KEYS,
        record,
        successor,
        inserted=SignatureKeyInserted(successor),
        created=_details(successor),
        done="created" if successor.public_jwk is None else "registered",
        overlap_s=overlap_s,
        reason=said,
        actor=actor,
        now=now,
    )


def _details(record: SignatureKeyRecord) -> dict[str, str | int | None]:
    return {"algorithm": record.algorithm.value, **grants_of(record)}
