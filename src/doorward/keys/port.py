"""What a verifier needs of an issuer's keys, wherever they come from: our keyring, a JWKS over HTTP, a file."""

from typing import Protocol

from doorward.crypto.jose.jwk import VerificationKey
from doorward.values import Handle

__all__ = ["FeedMarks", "KeySource"]


class FeedMarks(Protocol):
    """What a ring asks of the view of revocations: whether it must be read again."""

    @property
    def position(self) -> int:
        """A mark of what has been applied; never moves back."""
        ...

    def changed_since(self, handles: tuple[Handle, ...], position: int) -> bool:
        """Whether any of them must be loaded again if it was loaded at `position`."""
        ...


class KeySource(Protocol):
    """The verification keys of one issuer, in memory. `kid` selects among *these*, and nothing else (invariant 4)."""

    @property
    def generation(self) -> int:
        """Grows whenever a key has left or has been replaced: what was verified with it must be verified again."""
        ...

    def find(self, kid: str | None, algorithm: str) -> VerificationKey | None:
        """The key of that id whose own algorithm has that name; without a `kid`, the only key of that algorithm.

        Never waits. `kid` and `algorithm` are unverified text of a token.
        """
        ...

    async def refresh(self, kid: str | None) -> None:
        """Called when `find` found nothing: fetch again if that may help. One fetch at a time, at most one a cooldown.

        Raises:
            Unavailable: `keys_unavailable`, when no set of keys was ever had (or it is too old to be used).
        """
        ...

    async def start(self) -> None:
        """Have a set of keys, in the loop that serves. Idempotent. Raises as `refresh`."""
        ...

    async def aclose(self) -> None:
        """Stop what runs in the background. Idempotent."""
        ...
