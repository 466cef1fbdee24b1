"""A method in memory, with real hashing: `X-Secret: <id>.<secret>`, or `Bearer sim.<id>.<secret>`."""

import asyncio
from typing import final

import msgspec
from tests.simulators.plane import SimulatedPlane

from doorward.crypto.hashing import constant_time_equal, sha256_digest
from doorward.errors import Rejected, Unavailable
from doorward.methods.claims import Claim
from doorward.methods.contract import OpenApiScheme, Presented, Verified
from doorward.values import (
    CredentialId,
    FeedKind,
    Handle,
    MethodName,
    Principal,
    PrincipalKind,
    RateLimit,
    Scopes,
)
from doorward.wire.request import RequestView

__all__ = ["SimulatedMethod", "SimulatedRecord"]


@final
class _Presented(Presented, frozen=True):
    secret: bytes


@final
class SimulatedRecord(msgspec.Struct, frozen=True):
    """What is stored."""

    digest: bytes
    verified: Verified
    state: str = "active"


@final
class SimulatedMethod:
    """Implements `Method`. `loads` counts store reads; `hold` makes them wait."""

    def __init__(
        self,
        plane: SimulatedPlane | None = None,
        *,
        name: str = "simulated",
        header: bytes = b"x-secret",
        bearer_carried: bool = False,
    ) -> None:
        self.name = MethodName(name)
        self.plane = plane
        self.bearer_carried = bearer_carried
        self.counts_use = True
        self.header = header
        self.records: dict[str, SimulatedRecord] = {}
        self.loads = 0
        self.hold: asyncio.Event | None = None
        self.loading = asyncio.Event()
        self.store_is_away = False
        self.secret_refused: str | None = None

    def add(
        self,
        key_id: str,
        secret: str = "right",
        *,
        scopes: Scopes | None = None,
        rate: RateLimit | None = None,
        answer_headers: tuple[tuple[bytes, bytes], ...] = (),
        kind: PrincipalKind = PrincipalKind.APP,
        claim: Claim | None = None,
    ) -> bytes:
        """Store a credential; answers the header value that presents it."""
        principal = Principal(
            kind=kind,
            id="app_simulated000",
            name="simulated",
            method=self.name,
            credential_id=CredentialId(key_id),
            scopes=Scopes() if scopes is None else scopes,
        )
        verified = Verified(
            principal=principal,
            handles=(Handle(FeedKind.CREDENTIAL, key_id), Handle(FeedKind.APP, principal.id)),
            rate=rate,
            answer_headers=answer_headers,
            claim=claim,
        )
        self.records[key_id] = SimulatedRecord(sha256_digest(secret.encode()), verified)
        return f"{key_id}.{secret}".encode()

    def extract(self, request: RequestView) -> _Presented | None:
        value = request.value(self.header)
        if value is None and self.bearer_carried:
            authorization = request.value(b"authorization")
            if authorization is not None and authorization.startswith(b"Bearer sim."):
                value = authorization.removeprefix(b"Bearer sim.")
        if value is None:
            return None
        key_id, dot, secret = value.partition(b".")
        if not dot or not key_id.isalnum():
            raise Rejected("credential_malformed")
        return _Presented(CredentialId(key_id.decode()), secret)

    async def load(self, presented: _Presented) -> SimulatedRecord | None:
        if presented.secret == b"not-genuine":
            return None
        self.loads += 1
        record = self.records.get(presented.lookup_id)
        self.loading.set()
        if self.hold is not None:
            await self.hold.wait()
        if self.store_is_away:
            raise Unavailable("store_unavailable")
        return record

    def verify(
        self,
        presented: _Presented,
        record: SimulatedRecord | None,
        request: RequestView,  # noqa: ARG002  # the contract's parameter
        now: int,  # noqa: ARG002  # the contract's parameter
    ) -> Verified:
        digest = sha256_digest(presented.secret)
        if not constant_time_equal(digest, bytes(32) if record is None else record.digest):
            raise Rejected("credential_unknown" if record is None else "credential_secret_mismatch")
        assert record is not None
        if record.state != "active":
            raise Rejected("credential_disabled", answer_headers=((b"deprecation", b"@1"),))
        return record.verified

    def challenges(self, request: RequestView | None) -> tuple[bytes, ...]:  # noqa: ARG002  # the same by any way
        return (f'Bearer realm="{self.name}"'.encode() if self.bearer_carried else b"Secret",)

    def openapi_schemes(self) -> tuple[OpenApiScheme, ...]:
        return (
            OpenApiScheme(
                f"{self.name}Header", {"type": "apiKey", "in": "header", "name": self.header.decode().title()}
            ),
        )
