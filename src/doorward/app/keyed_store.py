"""What the life of the master key needs of an open store: everything that rests sealed, and the probe."""

from typing import Protocol

from doorward.keys.keyring_port import SigningKeyPort
from doorward.methods.signature.port import SignatureKeyPort
from doorward.methods.webhook.operations import SenderStore

__all__ = ["KeyedStore", "MetaPort"]


class MetaPort(Protocol):
    """Small named values in the database; the last writer wins."""

    async def read_meta(self, name: str) -> bytes | None:
        """The value, or None."""
        ...

    async def write_meta(self, name: str, value: bytes) -> None:
        """Write it."""
        ...


class KeyedStore(SenderStore, Protocol):
    """What rotation and recovery need of an open store."""

    @property
    def meta(self) -> MetaPort:
        """Where the probe is."""
        ...

    @property
    def signing_keys(self) -> SigningKeyPort:
        """Where private halves rest sealed."""
        ...

    @property
    def signature_keys(self) -> SignatureKeyPort:
        """Where secrets of signature keys do."""
        ...
