"""Where the keys of signed requests come from. The port; keys of the program are one source, a store another.

A source finds a key by the id a stranger has written, so it answers for ids it knows and for no others. Whether the key
may be used is not decided here: only who has proven it learns that it is revoked, disabled or expired (invariant 3).
"""

from collections.abc import Mapping
from typing import Final, Protocol, final, runtime_checkable

import msgspec

from doorward.crypto.signatures import SignatureKey
from doorward.errors import Misconfigured
from doorward.values import ID_PREFIXES_TAKEN, AppId, CredentialId, OrganizationId, RateLimit, Scopes

__all__ = ["FixedKeys", "LoadedKey", "SignatureKeySource"]


@final
class LoadedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that can verify, and what whoever proves it is. Times are epoch seconds.

    The principal, and the handles the proof rests on (this credential, its app, its organization), are made of it.
    """

    id: CredentialId
    """The `keyid`, and whose a nonce is."""
    verifier: SignatureKey
    nonces_of: str = ""
    """Whose a nonce is besides: where other keys may have the same id in the same store, something made of the key, of
    1 to 64 printable characters. Empty: the id is the key's alone."""
    app_id: AppId | None = None
    """Whose it is; None: a key of the program, which is its own principal."""
    app_name: str = ""
    organization_id: OrganizationId | None = None
    scopes: Scopes = Scopes()
    networks: tuple[str, ...] = ()
    """CIDR networks it may be used from; empty means any."""
    rate: RateLimit | None = None
    expires_at: int | None = None
    """Exclusive; None means never."""
    barred: str | None = None
    """The refusal code everybody who proves it is told: `credential_revoked`, `credential_disabled`,
    `app_suspended`. None: it may be used."""
    metadata: Mapping[str, str] = msgspec.field(default_factory=dict)

    def __repr__(self) -> str:
        return f"LoadedKey(id={self.id!r}, {self.verifier!r})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        # msgspec gives every struct one that shows all fields; rich prefers it to `__repr__`, in tracebacks too.
        return [("id", self.id), ("verifier", self.verifier)]


@runtime_checkable
class SignatureKeySource(Protocol):
    """Finds the keys of signed requests."""

    async def find_key(self, key_id: CredentialId) -> LoadedKey | None:
        """The key of that id, unverified, 1 to 256 printable characters; None when there is none that can verify.

        Raises:
            Unavailable: `store_unavailable`.
        """
        ...


@final
class FixedKeys:
    """Keys the program has.

    Args:
        keys: by their ids, each with its one algorithm.
        scopes: what each of them may be used for.

    Raises:
        Misconfigured: an id that begins as those of the house do: whoever signs with it would be taken for an app, or
            share the use, the rate and the revocation of a key of the store.
    """

    __slots__ = ("_found",)

    def __init__(self, keys: Mapping[str, SignatureKey], *, scopes: Scopes | None = None) -> None:
        granted = Scopes() if scopes is None else scopes
        for key_id in keys:
            if key_id.startswith(ID_PREFIXES_TAKEN):
                raise Misconfigured(
                    f"The id of a key, {key_id}, could be that of an app or a credential of the store.",
                    cure=f"Choose a kid that does not begin with {', '.join(ID_PREFIXES_TAKEN)}.",
                )
        self._found: Final = {
            key_id: LoadedKey(
                id=CredentialId(key_id),
                verifier=verifier,
                # Another program with the same store may call another key the same.
                nonces_of=verifier.fingerprint,
                app_name=key_id,
                scopes=granted,
            )
            for key_id, verifier in keys.items()
        }

    def __repr__(self) -> str:
        return f"FixedKeys({len(self._found)})"

    async def find_key(self, key_id: CredentialId) -> LoadedKey | None:
        """See `SignatureKeySource`."""
        return self._found.get(key_id)
