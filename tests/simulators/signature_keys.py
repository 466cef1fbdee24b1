"""Keys of signed requests in memory, with real cryptography: what a store would find."""

import secrets
from typing import Any, final

from msgspec.structs import replace

from doorward.crypto.signatures import SignatureAlgorithm, SignatureKey
from doorward.methods.signature.sources import LoadedKey
from doorward.values import CredentialId

__all__ = ["SimulatedKeys"]


@final
class SimulatedKeys:
    """Implements `SignatureKeySource`. `finds` counts what was asked for."""

    def __init__(self) -> None:
        self.keys: dict[str, LoadedKey] = {}
        self.finds = 0

    def add(self, key_id: str | None = None, secret: bytes | None = None, **grants: Any) -> tuple[CredentialId, bytes]:
        """A key with an HMAC secret; answers its id and the secret."""
        found = CredentialId(f"sig_{secrets.token_hex(6)}" if key_id is None else key_id)
        octets = secrets.token_bytes(32) if secret is None else secret
        verifier = SignatureKey(SignatureAlgorithm.HMAC_SHA256, octets)
        self.keys[found] = LoadedKey(id=found, verifier=verifier, **grants)
        return found, octets

    def bar(self, key_id: CredentialId, code: str) -> None:
        """As an operator would who disables or revokes it."""
        self.keys[key_id] = replace(self.keys[key_id], barred=code)

    async def find_key(self, key_id: CredentialId) -> LoadedKey | None:
        self.finds += 1
        return self.keys.get(key_id)
