"""The ring of our own issuer, in memory: it verifies without waiting, signs without reading, and is read again when
the feed says so.

Rules of this file:

* `find` never waits and never reads. What it may find too long is refused by the feed's own rows: a key that is retired
  while tokens of it live, or compromised, is named there (`lifecycle.py`).
* Signing reads nothing while the ring is known: it is read again when the feed names it, once a minute in any case
  (a process that follows no feed issues too), and when something is due.
* A process that issues keeps the ring: it rotates when that is due, with or without a server beside it.
* A store that is away does not stop signing before `UNREAD_S_MAX`: the key that signed a minute ago still may.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, final

from doorward.crypto.jose.jwk import VerificationKey
from doorward.crypto.sealing import MasterKeys
from doorward.errors import DoorwardError, Misconfigured, Unavailable
from doorward.keys.config import RingPolicy
from doorward.keys.issuing import CurrentSigner
from doorward.keys.jwks import PublishedKeys
from doorward.keys.keyring_port import SigningKeyRecord
from doorward.keys.lifecycle import Step
from doorward.keys.moves import ring_handle
from doorward.keys.operations import RingStore, keep_ring
from doorward.keys.port import FeedMarks
from doorward.keys.signer import Signer
from doorward.keys.snapshot import RingSnapshot, read_ring

__all__ = ["Keyring"]

REREAD_S: Final = 60.0
"""How old a reading of the ring may become before it is read again, whatever the feed says."""
UNREAD_S_MAX: Final = 3_600.0
"""How long a ring that cannot be read again goes on signing."""
COOLDOWN_S: Final = 1.0
"""At least this long between two readings that strangers can cause: random key ids must not become database reads."""
RETRY_S: Final = 30.0
"""How long after something that was due could not be done it is tried again."""
LOOK_S: Final = 1.0
"""How often the background task looks whether there is anything to do."""

OPENINGS_MAX: Final = 4
"""How many keys are opened one after another while the ring changes under whoever wants to sign."""

_LOG: Final = logging.getLogger("doorward.keys")


@final
class Keyring:
    """Implements `KeySource` for our own issuer, signs for it, and says what is published. Belongs to one event loop.

    Args:
        policy: of the issuer.
        store: the ports of the ring.
        view: what the view of revocations says of the feed, followed or not.
        signer: who holds the private halves.
        master_keys: None can verify (not with HMAC keys), and keeps no ring.
        monotonic: seconds, for ages.
    """

    def __init__(
        self,
        policy: RingPolicy,
        *,
        store: RingStore,
        view: FeedMarks,
        signer: Signer,
        master_keys: MasterKeys | None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.policy: Final = policy
        self.signer: Final = signer
        self._store: Final = store
        self._view: Final = view
        self._master_keys: Final = master_keys
        self._monotonic: Final = monotonic
        self._handles: Final = (ring_handle(policy.issuer),)
        self._snapshot: RingSnapshot | None = None
        self._current: CurrentSigner | None = None
        self._position = 0
        self._read_at = float("-inf")
        self._tried_at = float("-inf")
        self._generation = 0
        self._readings_begun = self._reading_done = 0
        self._reading = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        kids = sorted(self._snapshot.kids) if self._snapshot else []
        return f"Keyring(issuer={self.issuer!r}, kids={kids})"

    @property
    def issuer(self) -> str:
        """Whose keys these are."""
        return self.policy.issuer

    @property
    def generation(self) -> int:
        """See `KeySource`."""
        return self._generation

    def find(self, kid: str | None, algorithm: str) -> VerificationKey | None:
        """See `KeySource`."""
        snapshot = self._snapshot
        return None if snapshot is None else snapshot.keys.find(kid, algorithm)

    async def refresh(self, kid: str | None) -> None:
        """See `KeySource`."""
        del kid  # the whole ring is read; what a token calls its key decides nothing
        await self._read_if_useful()

    async def start(self) -> None:
        """Read the ring, and keep it from now on in the background. Idempotent.

        Raises:
            Unavailable: `store_unavailable`; nothing runs then.
        """
        if self._task is not None:
            return
        await self._look(may_found=False)
        if self._task is None:  # another may have started it meanwhile
            self._task = asyncio.create_task(self._keep(), name="doorward-keyring")

    async def aclose(self) -> None:
        """See `KeySource`. What was read stays; another loop may start it again."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._reading = asyncio.Lock()  # a lock belongs to the loop it was first waited for in

    async def found(self) -> None:
        """Make the ring when there is none, and have its current key ready to sign.

        Raises:
            Unavailable: `store_unavailable`.
            Misconfigured: there is no master key, or it does not open the key.
        """
        await self.current_signer()

    async def current_signer(self) -> CurrentSigner:
        """Who signs now. Without waiting while the ring is known; makes or rotates it when that is due.

        Raises:
            Unavailable: `store_unavailable`, `keys_unavailable`.
            Misconfigured: there is no master key, or it does not open the key.
        """
        current = self._current
        if current is not None and not self._must_look():
            return current
        await self._look(may_found=True)
        for _ in range(OPENINGS_MAX):
            record = self._signing_record()
            if self._current is not None and self._current.kid == record.kid:
                return self._current
            await self.signer.open_key(record)
            # A KMS takes its time, and meanwhile somebody else may have read that this key was compromised.
            if self._signing_record().kid == record.kid:
                self._current = CurrentSigner(record.kid, record.algorithm, self.signer)
        raise Unavailable("keys_unavailable", "the ring changes faster than its key can be opened")

    async def sign_token(self, claims: Mapping[str, object], *, typ: str = "at+jwt") -> str:
        """A signed token (JWS compact). Raises as `current_signer`, and what the signer raises."""
        signer = await self.current_signer()
        return await signer.sign_token(claims, typ=typ)

    async def published(self) -> PublishedKeys:
        """What the JWKS holds, as far as the feed has brought us.

        Raises:
            Unavailable: the ring was never read.
        """
        snapshot = self._snapshot
        if snapshot is None or self._is_outdated():
            await self._read_if_useful()
            snapshot = self._snapshot
        if snapshot is None:
            raise Unavailable("keys_unavailable", "the ring has not been read")
        return snapshot.published

    def _is_outdated(self) -> bool:
        return self._view.changed_since(self._handles, self._position)

    def _must_look(self) -> bool:
        snapshot, now = self._snapshot, self._monotonic()
        if snapshot is None or now - self._read_at >= REREAD_S:
            # Too old to sign with is asked for every time: the answer in between must not be a signature.
            return now - self._tried_at >= COOLDOWN_S or now - self._read_at > UNREAD_S_MAX
        if self._is_outdated():
            return True
        if snapshot.due.step is not Step.WAIT:
            # It was due, and could not be done.
            return now - self._tried_at >= RETRY_S
        return self._store.clock() >= snapshot.due.at

    async def _read_if_useful(self) -> None:
        if self._snapshot is not None and self._monotonic() - self._tried_at < COOLDOWN_S:
            return
        try:
            await self._once(self._read_only)
        except Unavailable as error:
            if self._snapshot is None:
                raise Unavailable("keys_unavailable", error.detail) from error
            _LOG.warning("the ring of %s could not be read: %s", self.issuer, error.detail or error.code)

    async def _look(self, *, may_found: bool) -> None:
        """Read the ring and do what is due."""

        async def keep() -> tuple[SigningKeyRecord, ...]:
            if self._master_keys is None:
                return await self._read_only()
            return await keep_ring(self._store, self.policy, self.signer, may_found=may_found)

        try:
            await self._once(keep)
        except Unavailable as error:
            if self._current is None or self._monotonic() - self._read_at > UNREAD_S_MAX:
                raise
            _LOG.warning("the ring of %s could not be read: %s", self.issuer, error.detail or error.code)

    async def _read_only(self) -> tuple[SigningKeyRecord, ...]:
        return await self._store.signing_keys.list_ring(self.issuer)

    async def _once(self, reading: Callable[[], Awaitable[tuple[SigningKeyRecord, ...]]]) -> None:
        """One reading at a time; who waited for another's takes that."""
        begun = self._readings_begun
        async with self._reading:
            if self._reading_done > begun:
                return
            self._readings_begun = number = self._readings_begun + 1
            self._tried_at = began = self._monotonic()
            # Read before the ring is: a change that commits in between is seen again rather than missed.
            position = self._view.position
            self._take(await reading(), position, began)
            self._reading_done = number

    def _take(self, ring: tuple[SigningKeyRecord, ...], position: int, began: float) -> None:
        before = self._snapshot
        snapshot = read_ring(ring, self.policy, self._master_keys, int(self._store.clock()))
        if before is not None and before.kids - snapshot.kids:
            self._generation += 1
        if self._current is not None and (snapshot.current is None or snapshot.current.kid != self._current.kid):
            self._current = None
        self._snapshot, self._position, self._read_at = snapshot, position, began

    def _signing_record(self) -> SigningKeyRecord:
        record = None if self._snapshot is None else self._snapshot.current
        if record is None:
            raise self._no_key()
        return record

    def _no_key(self) -> DoorwardError:
        if self._master_keys is None:
            return Misconfigured(
                "There is no signing key yet, and no master key to seal one under.",
                cure="Set DOORWARD_MASTER_KEY_FILE (or DOORWARD_MASTER_KEY) to the deployment's master key.",
            )
        return Unavailable("keys_unavailable", "the ring has no key that signs")

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                if self._must_look():
                    await self._look(may_found=False)
            except DoorwardError as error:
                _LOG.warning("the ring of %s could not be kept: %s", self.issuer, error)
            except Exception:  # noqa: BLE001  # the edge of a task nobody awaits: a bug must not stop rotation for good
                _LOG.exception("the ring of %s could not be kept", self.issuer)
