"""Who holds the private halves and signs: this process by default, or a KMS that implements the same three calls.

The ring decides which key signs; a signer makes keys and signs with the one it is told. A private half never passes
through anything else of Doorward, so a KMS that lets none out is as good as our own.
"""

import asyncio
import base64
from collections.abc import Mapping
from typing import Final, Protocol, final

import msgspec

from doorward.crypto.hashing import recognise_hmac_key
from doorward.crypto.jose.algorithms import REQUIREMENTS, Algorithm
from doorward.crypto.jose.base64url import encode_base64url
from doorward.crypto.jose.material import UnusableKey
from doorward.crypto.jose.signing import SigningKey, generate_signing_key, load_signing_key
from doorward.crypto.sealing import MasterKeys, UnsealError
from doorward.errors import Misconfigured
from doorward.keys.jwks import RECOGNITION
from doorward.keys.keyring_port import SigningKeyRecord
from doorward.values import Entropy

__all__ = ["PURPOSE", "NewSigningKey", "SealedSigner", "Signer", "open_private", "seal_signing_key"]

PURPOSE: Final = "signing key"
"""What private halves are sealed for; with the `kid` as the row (`crypto/sealing.py`)."""
OPENED_MAX: Final = 2
"""How many private halves a process keeps open: the one that signs, and the one that did a moment ago."""

# 16 characters in every token, where a thumbprint takes 43; and none of them begins an option of a command.
_KID_OCTETS: Final = 10


@final
class NewSigningKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that was just made: its public half, and its private half sealed (None: the signer keeps it)."""

    kid: str
    algorithm: Algorithm
    public_jwk: Mapping[str, str]
    sealed_private: bytes | None

    def __repr__(self) -> str:
        return f"NewSigningKey(kid={self.kid!r}, algorithm={self.algorithm.value!r})"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        # As `SigningKeyRecord`.
        return [("kid", self.kid), ("algorithm", self.algorithm.value)]


class Signer(Protocol):
    """Makes keys and signs with them. Implement it over a KMS to keep private halves there."""

    async def create_key(self, algorithm: Algorithm) -> NewSigningKey:
        """Make a key of that algorithm. `kid` is 1 to 200 visible ASCII characters that no other key has.

        Raises:
            Unavailable: the KMS cannot be reached.
            Misconfigured: it cannot make such a key.
        """
        ...

    async def open_key(self, record: SigningKeyRecord) -> None:
        """Be ready to sign with this key: called when it is about to sign in this process, not per signature.

        Raises:
            Unavailable: the KMS cannot be reached.
            Misconfigured: the private half cannot be had.
        """
        ...

    async def sign(self, kid: str, algorithm: Algorithm, signing_input: bytes) -> bytes:
        """The signature as JWS has it (RFC 7518 section 3; for ECDSA the 64 octets r and s, never DER).

        Raises:
            Unavailable: the KMS cannot be reached.
        """
        ...


@final
class SealedSigner:
    """Signs in this process with keys that rest sealed under the master key.

    Args:
        master_keys: what private halves are sealed under. None: it can sign nothing, and says how to change that.
        entropy: where keys come from that are drawn here (HMAC).
    """

    def __init__(self, master_keys: MasterKeys | None, *, entropy: Entropy) -> None:
        self._master_keys: Final = master_keys
        self._entropy: Final = entropy
        self._opened: Final[dict[str, SigningKey]] = {}

    def __repr__(self) -> str:
        return f"SealedSigner(opened={sorted(self._opened)})"

    async def create_key(self, algorithm: Algorithm) -> NewSigningKey:
        """See `Signer`."""
        master_keys = self._require_master_keys()
        kid = base64.b32encode(self._entropy(_KID_OCTETS)).decode("ascii").lower()
        if REQUIREMENTS[algorithm].kty == "RSA":
            # Its primes take up to a second to find.
            key = await asyncio.to_thread(generate_signing_key, algorithm, self._entropy, kid=kid)
        else:
            key = generate_signing_key(algorithm, self._entropy, kid=kid)
        return await seal_signing_key(key, master_keys)

    async def open_key(self, record: SigningKeyRecord) -> None:
        """See `Signer`."""
        if record.kid in self._opened:
            return
        key = open_private(record, self._require_master_keys())
        while len(self._opened) >= OPENED_MAX:
            del self._opened[next(iter(self._opened))]
        self._opened[record.kid] = key

    async def sign(self, kid: str, algorithm: Algorithm, signing_input: bytes) -> bytes:
        """See `Signer`. Never waits."""
        key = self._opened[kid]
        assert key.algorithm is algorithm, "a key signs with its own algorithm"
        return key.sign(signing_input)

    def _require_master_keys(self) -> MasterKeys:
        if self._master_keys is None:
            raise Misconfigured(
                "Signing keys are sealed under the master key, and there is none: tokens can be verified, not issued.",
                cure="Set DOORWARD_MASTER_KEY_FILE (or DOORWARD_MASTER_KEY) to the deployment's master key, or "
                "say open_store(url, master_keys=…).",
            )
        return self._master_keys


async def seal_signing_key(key: SigningKey, master_keys: MasterKeys) -> NewSigningKey:
    """A key ready to be stored. Of an HMAC key, which has no public half, its kind and what it is known again by."""
    return NewSigningKey(
        kid=key.kid,
        algorithm=key.algorithm,
        public_jwk=await _describe_secret(key) if key.algorithm is Algorithm.HS256 else key.verification.public_jwk(),
        sealed_private=master_keys.seal(key.private_der(), purpose=PURPOSE, row=key.kid),
    )


async def _describe_secret(key: SigningKey) -> Mapping[str, str]:
    known_by = await asyncio.to_thread(recognise_hmac_key, key.private_der())
    return {"kty": "oct", RECOGNITION: encode_base64url(known_by).decode("ascii")}


def open_private(record: SigningKeyRecord, master_keys: MasterKeys) -> SigningKey:
    """The private half of a stored key.

    Raises:
        Misconfigured: it is not there, or sealed under a master key that is not here.
    """
    if record.sealed_private is None:
        raise Misconfigured(
            f"The private half of the signing key {record.kid} is not in this database.",
            cure="Give `open_store` the signer that keeps it, or rotate: `doorward keyring rotate`.",
        )
    try:
        der = master_keys.open(record.sealed_private, purpose=PURPOSE, row=record.kid)
    except UnsealError:
        raise Misconfigured(
            f"The signing key {record.kid} does not open under this master key.",
            cure="Give this process the current master key file; if that is lost, follow docs/master-key.md.",
        ) from None
    try:
        return load_signing_key(der, record.algorithm, kid=record.kid)
    except UnusableKey as error:
        raise Misconfigured(
            f"The signing key {record.kid} cannot be used: {error.reason}.", cure="Rotate: `doorward keyring rotate`."
        ) from None
