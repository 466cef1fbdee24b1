"""A store of signing keys in memory, and a KMS: real cryptography, private halves that never leave."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias, final

from tests.simulators.clock import ManualClock

from doorward.crypto.jose.algorithms import Algorithm
from doorward.crypto.jose.signing import SigningKey, generate_signing_key
from doorward.errors import Misconfigured, Rejected, Unavailable
from doorward.keys.config import RingPolicy
from doorward.keys.keyring_port import SigningKeyInserted, SigningKeyRecord, SigningKeyState, SigningKeyUpdated
from doorward.keys.signer import NewSigningKey
from doorward.revocation.port import FeedPage, FeedRow
from doorward.revocation.view import View
from doorward.values import Change, Event, Revocation

__all__ = ["ISSUER", "SimulatedKms", "SimulatedRingStore", "policy_of"]

ISSUER: Final = "https://id.example"
Meanwhile: TypeAlias = Callable[[], Awaitable[object]]
_LEADING: Final = frozenset({SigningKeyState.CURRENT, SigningKeyState.NEXT})


def policy_of(algorithm: Algorithm = Algorithm.ES256, **more: int) -> RingPolicy:
    """The ring of `ISSUER`."""
    return RingPolicy(issuer=ISSUER, algorithm=algorithm, **more)


@final
class SimulatedRingStore:
    """Implements `RingStore` and its ports; feed rows reach `view` at once, as the follower would bring them."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.view = View()
        self.keys: dict[str, SigningKeyRecord] = {}
        self.events: list[Event] = []
        self.revocations: list[Revocation] = []
        self.reads = 0
        self.away = False
        self.before_answer: list[Meanwhile] = []
        """Each runs once, after a ring was read and before the reader has it: somebody else's change in between."""
        self._rows: list[FeedRow] = []
        self.follow()

    @property
    def signing_keys(self) -> "SimulatedRingStore":
        return self

    @property
    def changes(self) -> "SimulatedRingStore":
        return self

    def in_state(self, state: SigningKeyState) -> list[SigningKeyRecord]:
        """The keys in a state."""
        return [key for key in self.keys.values() if key.state is state]

    @property
    def current(self) -> SigningKeyRecord:
        """The one that signs."""
        (current,) = self.in_state(SigningKeyState.CURRENT)
        return current

    async def list_ring(self, issuer: str) -> tuple[SigningKeyRecord, ...]:
        await self._ask()
        alive = (key for key in self.keys.values() if key.state is not SigningKeyState.RETIRED)
        found = tuple(key for key in alive if key.issuer == issuer)
        while self.before_answer:
            await self.before_answer.pop()()
        return found

    async def list_signing_keys(
        self, *, issuer: str | None = None, after: str = "", limit: int = 100
    ) -> tuple[SigningKeyRecord, ...]:
        await self._ask()
        listed = sorted((key for key in self.keys.values() if issuer in {None, key.issuer}), key=lambda key: key.kid)
        return tuple(key for key in listed if key.kid > after)[:limit]

    async def find_signing_key(self, kid: str) -> SigningKeyRecord | None:
        await self._ask()
        return self.keys.get(kid)

    async def commit(self, change: Change) -> int:
        await self._ask()
        keys = dict(self.keys)
        for write in change.writes:
            assert isinstance(write, SigningKeyInserted | SigningKeyUpdated)
            _apply(keys, write)
        self.keys = keys
        self.events += change.events
        self.revocations += change.revocations
        for revocation in change.revocations:
            self._rows.append(
                FeedRow(
                    position=len(self._rows) + 1,
                    handle=revocation.handle,
                    committed_at=int(self.clock()),
                    leave_at=revocation.leave_at,
                    changed_version=revocation.changed_version,
                )
            )
        self.follow()
        return len(self._rows)

    def follow(self) -> None:
        """Bring everything to the view."""
        page = FeedPage(
            generation="g",
            rows=tuple(row for row in self._rows if row.position > self.view.read_after),
            watermark=len(self._rows),
            as_of=int(self.clock()),
            complete=True,
        )
        self.view.apply(page, 0.0)

    async def _ask(self) -> None:
        self.reads += 1
        await asyncio.sleep(0)  # as a real store, it lets others run in between
        if self.away:
            raise Unavailable("store_unavailable", "away, as the test says")


def _apply(keys: dict[str, SigningKeyRecord], write: SigningKeyInserted | SigningKeyUpdated) -> None:
    record = write.record
    stored = keys.get(record.kid)
    if isinstance(write, SigningKeyInserted):
        if stored is not None:
            raise Rejected("object_exists", record.kid)
    elif stored is None:
        raise Rejected("object_unknown", record.kid)
    elif stored.version != record.version - 1 or (
        stored.state is SigningKeyState.RETIRED and record.state is not SigningKeyState.RETIRED
    ):
        raise Rejected("object_conflict", record.kid)
    if record.state in _LEADING and any(
        key.kid != record.kid and key.state is record.state and key.issuer == record.issuer for key in keys.values()
    ):
        raise Rejected("object_exists", record.state.value)
    keys[record.kid] = record


@final
class SimulatedKms:
    """Implements `Signer`. `away` is what the test says."""

    def __init__(self) -> None:
        self._private: Final[dict[str, SigningKey]] = {}
        self.away = False
        self.signatures = 0

    async def create_key(self, algorithm: Algorithm) -> NewSigningKey:
        self._require_there()
        key = generate_signing_key(algorithm, secrets.token_bytes, kid=f"kms-{secrets.token_hex(8)}")
        self._private[key.kid] = key
        return NewSigningKey(
            kid=key.kid, algorithm=algorithm, public_jwk=key.verification.public_jwk(), sealed_private=None
        )

    async def open_key(self, record: SigningKeyRecord) -> None:
        if record.kid not in self._private:
            raise Misconfigured("The KMS has no such key.", cure="Use the KMS that made it.")

    async def sign(self, kid: str, algorithm: Algorithm, signing_input: bytes) -> bytes:
        await asyncio.sleep(0)
        self._require_there()
        assert self._private[kid].algorithm is algorithm
        self.signatures += 1
        return self._private[kid].sign(signing_input)

    def _require_there(self) -> None:
        if self.away:
            raise Unavailable("keys_unavailable", "the KMS is away, as the test says")
