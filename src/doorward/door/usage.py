"""Counts what credentials are used for: in memory on the request path, flushed at most once a minute.

Rules of this file:

* The request path adds to a counter and never waits; a verified request costs no write (invariant 6).
* What was counted is given to the store at least once: a flush whose answer is lost counts twice rather than never.
* Bounded: more credentials than `entries_max` in a minute are flushed early; when the store is away as well, further
  credentials go uncounted, and how many times is said in `lost`.
* One count the store will never take must not stand in the way of the others: it is found, dropped and said.
"""

import asyncio
import contextlib
import logging
from typing import Final, final

from doorward.errors import Rejected, Unavailable
from doorward.methods.plane import UsageDelta, UsagePort
from doorward.values import CredentialId, MethodName

__all__ = ["FLUSH_INTERVAL_S", "UsageCounter"]

FLUSH_INTERVAL_S: Final = 60.0
CLOSE_TIMEOUT_S: Final = 5.0
DELTAS_PER_FLUSH: Final = 1_000
"""How many credentials one transaction takes: a writer is not held up longer."""

_LOG: Final = logging.getLogger("doorward.usage")


@final
class UsageCounter:
    """Implements `UsageRecorder`. Belongs to the event loop it is started in.

    Args:
        port: where the counts go.
        flush_interval_s: at least this long between two flushes of one credential.
        entries_max: how many credentials are held between flushes.
    """

    def __init__(
        self, port: UsagePort, *, flush_interval_s: float = FLUSH_INTERVAL_S, entries_max: int = 100_000
    ) -> None:
        self._port: Final = port
        self._flush_interval_s: Final = flush_interval_s
        self._entries_max: Final = entries_max
        # (method, credential) → [count, last used at, last source]
        self._entries: dict[tuple[MethodName, CredentialId], list[int | str | None]] = {}
        self._full: Final = asyncio.Event()
        self._flushing: Final = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self.lost = 0
        """Uses that were not counted because the table was full and the store away."""
        self.rejected = 0
        """Uses that were not counted because the store does not take them."""

    def count(self, method: MethodName, credential_id: CredentialId, now: int, source: str | None) -> None:
        """See `UsageRecorder`. `source` is at most 45 characters (an address)."""
        entry = self._entries.get((method, credential_id))
        if entry is None:
            self._begin(method, credential_id, now, source)
            return
        entry[0] += 1  # type: ignore[operator]  # a list of three kinds: a class would cost twice the time here
        entry[1] = now
        entry[2] = source

    def _begin(self, method: MethodName, credential_id: CredentialId, now: int, source: str | None) -> None:
        if len(self._entries) >= self._entries_max:
            self._full.set()
            self.lost += 1
            return
        self._entries[(method, credential_id)] = [1, now, source]
        if len(self._entries) * 2 >= self._entries_max:
            self._full.set()

    async def start(self) -> None:
        """Begin to flush in the background."""
        assert self._task is None, "started twice"
        self._task = asyncio.create_task(self._flush_again_and_again(), name="doorward-usage")

    async def aclose(self) -> None:
        """Stop, and flush what was counted. Idempotent; when the store is away, what was counted is lost, and said."""
        if self._task is not None:
            # Not cancelled at once: a flush that is under way would be counted again.
            self._closing = True
            self._full.set()
            await asyncio.wait({self._task}, timeout=CLOSE_TIMEOUT_S)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        try:
            await self.flush()
        except Unavailable as error:
            _LOG.warning("usage of %d credentials was not stored: %s", len(self._entries), error.detail or error.code)

    async def flush(self) -> None:
        """Give everything counted so far to the store.

        Raises:
            Unavailable: the store is away; the counts are kept for the next flush.
        """
        async with self._flushing:
            taken, self._entries = self._entries, {}
            self._full.clear()
            pending = [_delta(key, entry) for key, entry in taken.items()]
            try:
                while pending:
                    await self._store_batch(pending)
            finally:
                # Also when cancelled: SIGTERM loses nothing that was counted.
                for delta in pending:
                    self._put_back(delta)

    async def _store_batch(self, pending: list[UsageDelta]) -> None:
        """Store the first of what is pending; what was answered leaves the list at once, so nothing counts twice."""
        batch = tuple(pending[:DELTAS_PER_FLUSH])
        try:
            await self._port.add_usage(batch)
        except Rejected as error:
            # The batch is one transaction, so nothing of it was stored.
            before = self.rejected
            try:
                for delta in batch:
                    await self._store_alone(delta)
                    del pending[0]
            finally:
                # One line, whatever is in the batch, and no ids: what a store does not take may be anything.
                _LOG.error("%d uses cannot be stored and were dropped: %s", self.rejected - before, error.code)
            return
        del pending[: len(batch)]

    async def _store_alone(self, delta: UsageDelta) -> None:
        try:
            await self._port.add_usage((delta,))
        except Rejected:
            self.rejected += delta.count

    def _put_back(self, delta: UsageDelta) -> None:
        entry = self._entries.setdefault(
            (delta.method, delta.credential_id), [0, delta.last_used_at, delta.last_source]
        )
        entry[0] += delta.count  # type: ignore[operator]  # as in count

    async def _flush_again_and_again(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._flush_interval_s):
                    await self._full.wait()
            if self._closing:
                return
            try:
                await self.flush()
            except Unavailable as error:
                _LOG.warning("usage could not be stored, kept for later: %s", error.detail or error.code)
            except Exception:  # noqa: BLE001  # the edge of a task: one bad answer must not end the counting for good
                _LOG.exception("usage could not be stored, kept for later")
            if self._full.is_set() and not self._closing:
                # Full again at once, or the store is away: early flushes have a floor as well.
                await asyncio.sleep(min(1.0, self._flush_interval_s))


def _delta(key: tuple[MethodName, CredentialId], entry: list[int | str | None]) -> UsageDelta:
    count, last_used_at, last_source = entry
    assert isinstance(count, int)
    assert isinstance(last_used_at, int)
    assert not isinstance(last_source, int)
    return UsageDelta(
        method=key[0], credential_id=key[1], count=count, last_used_at=last_used_at, last_source=last_source
    )
