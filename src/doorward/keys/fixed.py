"""Keys that do not change while the process runs: from a file, or written into the configuration."""

from typing import Final, final

from doorward.crypto.jose.jwk import KeySet

__all__ = ["FixedKeys"]


@final
class FixedKeys:
    """Implements `KeySource` over one key set. There is nothing to fetch, so an unknown key stays unknown.

    Args:
        keys: of one issuer.
    """

    __slots__ = ("_keys", "find", "generation")

    def __init__(self, keys: KeySet) -> None:
        self._keys: Final = keys
        self.find: Final = keys.find
        self.generation: Final = 0

    def __repr__(self) -> str:
        return f"FixedKeys({self._keys!r})"

    async def refresh(self, kid: str | None) -> None:
        """See `KeySource`. There is nowhere to look."""

    async def start(self) -> None:
        """See `KeySource`."""

    async def aclose(self) -> None:
        """See `KeySource`."""
