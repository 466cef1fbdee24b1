"""An issuer of signed tokens with real keys, and a source of its keys that a test can empty, fill and take away."""

import secrets
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, final

import msgspec

from doorward.crypto.jose.algorithms import Algorithm
from doorward.crypto.jose.base64url import encode_base64url
from doorward.crypto.jose.key_set import KeySet
from doorward.crypto.jose.signing import SigningKey, generate_signing_key
from doorward.crypto.jose.verification import VerificationKey
from doorward.errors import Unavailable
from doorward.methods.bearer.config import ALGORITHMS, IssuerPolicy
from doorward.methods.bearer.profiles import RFC9068, Profile

__all__ = ["API", "ISSUER", "NOW", "SimulatedIssuer", "SimulatedKeys", "encode_raw"]

NOW: Final = 1_800_000_000
ISSUER: Final = "https://id.example"
API: Final = "https://api.example"


@cache
def _key(algorithm: Algorithm, number: int) -> SigningKey:
    # RSA keys take a second to find; nobody changes one.
    return generate_signing_key(algorithm, secrets.token_bytes, kid=f"{algorithm.value}-{number}")


class SimulatedKeys:
    """Implements `KeySource`. `fetches` is how often it was asked to look again; `upstream` is what it then finds."""

    def __init__(self, *keys: VerificationKey) -> None:
        self.generation = 0
        self.upstream: tuple[VerificationKey, ...] | None = keys
        self.fetches = 0
        self.starts = 0
        self.closes = 0
        self._keys = KeySet(keys)

    def find(self, kid: str | None, algorithm: str) -> VerificationKey | None:
        return self._keys.find(kid, algorithm)

    async def refresh(self, kid: str | None) -> None:
        del kid
        self.fetches += 1
        if self.upstream is None:
            raise Unavailable("keys_unavailable")
        self._keys = KeySet(self.upstream)

    def replace(self, *keys: VerificationKey) -> None:
        """Some keys have left."""
        self.upstream = keys
        self._keys = KeySet(keys)
        self.generation += 1

    async def start(self) -> None:
        self.starts += 1

    async def aclose(self) -> None:
        self.closes += 1


@final
class SimulatedIssuer:
    """Signs whatever a test wants to be signed."""

    def __init__(self, name: str = ISSUER, *, algorithm: Algorithm = Algorithm.ES256, number: int = 1) -> None:
        self.name: Final = name
        self.key: Final = _key(algorithm, number)
        self.keys: Final = SimulatedKeys(self.key.verification)

    def claims(self, **changes: object) -> dict[str, Any]:
        """The claims of a good access token of ours; `...` takes one away."""
        claims: dict[str, object] = {
            "iss": self.name,
            "sub": "alice",
            "aud": API,
            "exp": NOW + 600,
            "iat": NOW,
            "jti": "tok1",
            "client_id": "shop",
            "scope": "orders:read orders:write",
            "dw_wm": "g1.0",
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not ...}

    def issue(self, header: Mapping[str, object] | None = None, /, **changes: object) -> bytes:
        """A token with these changes to its claims and its header (`typ` at+jwt)."""
        return self.sign(msgspec.json.encode(self.claims(**changes)), header)

    def sign(self, payload: bytes, header: Mapping[str, object] | None = None) -> bytes:
        """A token with that very payload. A header member of None is left out; `alg` and `kid` may be lies."""
        members = {"alg": self.key.algorithm.value, "kid": self.key.kid, "typ": "at+jwt", **(header or {})}
        members = {name: value for name, value in members.items() if value is not None}
        return encode_raw(members, payload, self.key)

    def policy(self, **said: Any) -> IssuerPolicy:  # Any: the policy's own parameters
        """A policy that takes this issuer's tokens."""
        algorithms: frozenset[Algorithm] = said.pop("algorithms", ALGORITHMS)
        profile: Profile = said.pop("profile", RFC9068)
        audiences: frozenset[str] = said.pop("audiences", frozenset({API}))
        return IssuerPolicy(
            issuer=self.name, audiences=audiences, keys=self.keys, algorithms=algorithms, profile=profile, **said
        )


def encode_raw(header: Mapping[str, object], payload: bytes, key: SigningKey) -> bytes:
    """A token with exactly these header members, signed with `key` whatever they say."""
    signing_input = encode_base64url(msgspec.json.encode(header)) + b"." + encode_base64url(payload)
    return signing_input + b"." + encode_base64url(key.sign(signing_input))
