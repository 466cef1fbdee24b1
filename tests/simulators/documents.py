"""An issuer's documents in memory, answered after a while of virtual time."""

import asyncio
import json
import secrets
from typing import Any

from doorward.crypto.jose.algorithms import Algorithm
from doorward.crypto.jose.signing import SigningKey, generate_signing_key
from doorward.errors import Unavailable
from doorward.keys.documents import Document

__all__ = ["DocumentsSimulator", "key_set_of", "new_key"]

ISSUER = "https://id.example"
KEYS_URL = "https://keys.example/jwks"


def new_key() -> SigningKey:
    """ES256, which is made quickly."""
    return generate_signing_key(Algorithm.ES256, secrets.token_bytes)


def key_set_of(*keys: SigningKey) -> bytes:
    return json.dumps({"keys": [key.verification.public_jwk() for key in keys]}).encode()


class DocumentsSimulator:
    """Implements `DocumentPort`."""

    def __init__(self, *keys: SigningKey) -> None:
        self.keys_body = key_set_of(*keys)
        self.discovery: dict[str, Any] = {"issuer": ISSUER, "jwks_uri": KEYS_URL}  # Any: JSON
        self.max_age_s: int | None = None
        self.age_s = 0.0
        self.away = False
        self.takes_s = 0.1
        self.asked: list[str] = []
        self.in_flight = 0
        self.in_flight_max = 0

    @property
    def key_fetches(self) -> int:
        return self.asked.count(KEYS_URL)

    def publish(self, *keys: SigningKey) -> None:
        self.keys_body = key_set_of(*keys)

    async def fetch(self, url: str, *, octets_max: int) -> Document:
        self.asked.append(url)
        self.in_flight += 1
        self.in_flight_max = max(self.in_flight, self.in_flight_max)
        try:
            await asyncio.sleep(self.takes_s)
        finally:
            self.in_flight -= 1
        if self.away:
            raise Unavailable("keys_unavailable", "simulated")
        body = self.keys_body if url == KEYS_URL else json.dumps(self.discovery).encode()
        if len(body) > octets_max:
            raise Unavailable("keys_unavailable", "too long")
        return Document(body, self.max_age_s, self.age_s)
