"""Our own signing keys as they are stored. A private half is there sealed, or not at all.

Of one issuer at most one key is `current` and at most one is `next`: the store refuses a second one, so of many
processes that found or rotate a ring at the same moment exactly one does.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol, final

import msgspec

from doorward.crypto.jose.algorithms import Algorithm

__all__ = ["SigningKeyInserted", "SigningKeyPort", "SigningKeyRecord", "SigningKeyState", "SigningKeyUpdated"]


class SigningKeyState(StrEnum):
    """The life of a key, in order. A retired key never comes back."""

    NEXT = "next"
    """Published, so that verifiers know it by the time it signs."""
    CURRENT = "current"
    """Signs."""
    PREVIOUS = "previous"
    """Signs no more; still published, for what it has signed lives on."""
    RETIRED = "retired"
    """Verifies nothing."""


@final
class SigningKeyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One signing key of one issuer. Times are epoch seconds.

    `public_jwk` holds public members only; for an HMAC key, which has no public half, its kind and a slow hash.
    `sealed_private` is sealed for the purpose `signing key` and this `kid`; None once it is erased, or when the private
    half lives elsewhere (a KMS). `compromised`: refused for good, through the feed. `version` grows by one with every
    update.
    """

    kid: str
    issuer: str
    algorithm: Algorithm
    state: SigningKeyState
    public_jwk: Mapping[str, str]
    sealed_private: bytes | None
    created_at: int
    published_at: int
    activated_at: int | None = None
    superseded_at: int | None = None
    retired_at: int | None = None
    compromised: bool = False
    version: int = 1

    def __repr__(self) -> str:
        return f"SigningKeyRecord(kid={self.kid!r}, issuer={self.issuer!r}, state={self.state.value!r})"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        # msgspec gives every struct one that shows all fields; rich prefers it to `__repr__`, in tracebacks too.
        return [("kid", self.kid), ("issuer", self.issuer), ("state", self.state.value)]


@final
class SigningKeyInserted(msgspec.Struct, frozen=True):
    """Write: a new key. Refused as `object_exists` when its `kid` is taken, or its issuer has one in that state."""

    record: SigningKeyRecord


@final
class SigningKeyUpdated(msgspec.Struct, frozen=True):
    """Write: the whole new record; holds only while the stored version is `record.version - 1`.

    It brings no retired key back.
    """

    record: SigningKeyRecord


class SigningKeyPort(Protocol):
    """Finds signing keys."""

    async def list_ring(self, issuer: str) -> tuple[SigningKeyRecord, ...]:
        """The keys of an issuer that are not retired, oldest first; at most `RING_KEYS_MAX` are ever made."""
        ...

    async def list_signing_keys(
        self, *, issuer: str | None = None, after: str = "", limit: int = 100
    ) -> tuple[SigningKeyRecord, ...]:
        """Keys in any state by `kid`, at most `limit` (≤ 1,000), of one issuer or of all."""
        ...

    async def find_signing_key(self, kid: str) -> SigningKeyRecord | None:
        """The key in any state."""
        ...
