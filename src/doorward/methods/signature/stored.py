"""The keys of the store, as a door asks for them: found by their id, their secrets opened.

Rules:

* A revoked secret is erased, so its key is not there any more: whoever signs with it gets the answer of an unknown key.
* A secret that does not open is ours to mend, and no fault of whoever signs: sealed again under a master key that this
  process was not given yet, or damaged. It is told as what passes, with the key's id for the log. The master keys have
  proven themselves when the store was opened, so this is about single rows and never stops a start.
* An id nobody has, or whose secret is erased, takes the time of one that is known: a decoy, sealed at start, is opened
  for it. Whether an id names a public key does show; such ids are published anyway.
* Whether a key that verifies may be used is not decided here: only who has proven it learns its state.
"""

from typing import Final, Protocol, final, runtime_checkable

from doorward.crypto.registered_keys import UnusableKey, verifier_of_jwk
from doorward.crypto.sealing import MasterKeys, UnsealError
from doorward.crypto.signatures import SignatureAlgorithm, SignatureKey
from doorward.errors import Unavailable
from doorward.methods.owned_credential import barred_by_state
from doorward.methods.signature.port import SignatureKeyPort, SignatureKeyRecord
from doorward.methods.signature.sealed import open_secret, require_master_keys, seal_secret
from doorward.methods.signature.sources import LoadedKey
from doorward.values import CredentialId

__all__ = ["StoredKeys", "StoredKeysStore", "open_verifier"]

# No row has it: ids of keys begin with their prefix.
_NOBODY: Final = CredentialId("nobody")


@runtime_checkable
class StoredKeysStore(Protocol):
    """What is needed of a store to verify with its keys."""

    @property
    def signature_keys(self) -> SignatureKeyPort:
        """Finds keys."""
        ...

    @property
    def master_keys(self) -> MasterKeys | None:
        """What secrets are sealed under."""
        ...


def open_verifier(record: SignatureKeyRecord, master_keys: MasterKeys | None) -> SignatureKey | None:
    """What verifies with this key; None when nothing can: its secret is erased, or there are no master keys.

    Raises:
        Unavailable: `keys_unavailable`: what is stored does not open, or is no such key.
    """
    try:
        if record.public_jwk is not None:
            return verifier_of_jwk(record.public_jwk, record.algorithm)
        if record.sealed_secret is None or master_keys is None:
            return None
        return SignatureKey(record.algorithm, open_secret(master_keys, record.id, record.sealed_secret))
    except (UnusableKey, UnsealError) as error:
        raise Unavailable("keys_unavailable", f"the signature key {record.id} cannot be used: {error}") from None


@final
class StoredKeys:
    """`SignatureKeySource` over a store.

    Args:
        store: with master keys, as secrets rest sealed.
        public_keys_only: know only keys that were registered; then the process needs no master key, and a thief of it
            has nothing to sign with.

    Raises:
        Misconfigured: the store has no master keys, and secrets are to be known.
    """

    __slots__ = ("_decoy", "_master_keys", "_store")

    def __init__(self, store: StoredKeysStore, *, public_keys_only: bool = False) -> None:
        self._store: Final = store
        self._master_keys: Final = None if public_keys_only else require_master_keys(store.master_keys)
        # Of the length of a real one, and random: nothing is signed with it, and nothing could be.
        self._decoy: Final = (
            None
            if self._master_keys is None
            else seal_secret(self._master_keys, _NOBODY, self._master_keys.derive("nobody's signature key"))
        )

    def __repr__(self) -> str:
        return f"StoredKeys(public_keys_only={self._master_keys is None})"

    async def find_key(self, key_id: CredentialId) -> LoadedKey | None:
        """See `SignatureKeySource`."""
        record = await self._store.signature_keys.find_signature_key(key_id)
        verifier = None if record is None else open_verifier(record, self._master_keys)
        if record is None or verifier is None:
            self._open_decoy()
            return None
        return LoadedKey(
            id=record.id,
            verifier=verifier,
            app_id=record.app_id,
            app_name=record.app_name,
            organization_id=record.organization_id,
            scopes=record.scopes,
            networks=record.networks,
            rate=record.rate,
            expires_at=record.expires_at,
            barred=barred_by_state(record),
            metadata=record.metadata,
        )

    def _open_decoy(self) -> None:
        if self._master_keys is not None and self._decoy is not None:
            SignatureKey(SignatureAlgorithm.HMAC_SHA256, open_secret(self._master_keys, _NOBODY, self._decoy))
