"""What all methods over one store share, wired: the view and its follower, usage, the log of verifications, leases.

Rules of this file:

* Nothing runs until the first request (or an explicit start), and then in the loop that serves (`running.py`).
* Closing flushes everything that was counted, whatever else goes wrong (SIGTERM loses nothing).
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, Protocol, final

from doorward.app.running import Running, survives
from doorward.audit.port import VerificationLog
from doorward.door.usage import UsageCounter
from doorward.methods.claims import ClaimPort
from doorward.methods.plane import RateLeasePort, UsagePort
from doorward.revocation.follower import Follower
from doorward.revocation.hub import Take, TappedFeed
from doorward.revocation.port import FeedPage, FeedPort
from doorward.revocation.view import View
from doorward.values import AppId, Clock, CredentialId, MethodName, OrganizationId, Watermark

__all__ = ["ClosingLog", "PlanePorts", "PullOnlyFeed", "StorePlane", "VerificationLogs"]


class PlanePorts(Protocol):
    """What the plane needs of an opened database."""

    @property
    def feed(self) -> FeedPort:
        """Revocations."""
        ...

    @property
    def usage(self) -> UsagePort:
        """Counts."""
        ...

    @property
    def rate_leases(self) -> RateLeasePort:
        """Shares of limits."""
        ...

    @property
    def claims(self) -> ClaimPort:
        """What may be used once."""
        ...


class ClosingLog(VerificationLog, Protocol):
    """A log of verifications that runs in the background."""

    async def start(self) -> None:
        """Begin to write."""
        ...

    async def aclose(self) -> None:
        """Write what is left."""
        ...


class Companion(Protocol):
    """Something that runs beside the plane, in the same loop, and needs the open store."""

    async def start(self) -> None:
        """Begin."""
        ...

    async def aclose(self) -> None:
        """End. Idempotent."""
        ...


@final
class VerificationLogs:
    """Tells every one of several logs."""

    def __init__(self, logs: tuple[VerificationLog, ...]) -> None:
        self._logs: Final = logs

    def record(
        self,
        at: int,
        method: MethodName | None,
        credential_id: CredentialId | None,
        app_id: AppId | str | None,
        organization_id: OrganizationId | None,
        source: str | None,
        code: str | None,
        request_line: str,
    ) -> None:
        """See `VerificationLog`."""
        for log in self._logs:
            log.record(at, method, credential_id, app_id, organization_id, source, code, request_line)


@final
class PullOnlyFeed:
    """A feed without its push channel: for networks that cut idle connections, and to measure the pull alone."""

    def __init__(self, feed: FeedPort) -> None:
        self._feed: Final = feed

    async def read_feed(self, after: int, *, limit: int = 10_000, audiences: frozenset[str] | None = None) -> FeedPage:
        """See `FeedPort`."""
        return await self._feed.read_feed(after, limit=limit, audiences=audiences)

    async def read_watermark(self) -> Watermark:
        """See `FeedPort`."""
        return await self._feed.read_watermark()

    async def wakeups(self) -> AsyncIterator[None]:
        """Never yields."""
        await asyncio.Event().wait()
        yield

    async def remove_left(self, now: int) -> int:
        """See `FeedPort`."""
        return await self._feed.remove_left(now)


@final
class StorePlane:
    """Implements `Plane`.

    Args:
        ports: of the database; used only after `open_ports` has returned.
        open_ports: connects, and proves that the master key is the right one.
        close_ports: disconnects.
        clock: epoch seconds.
        observers: told of every decision.
        open_log: makes a log of verifications, told of every decision as well; called at each start.
        max_staleness_s: how old the view may be.
        pull_interval_s: how often the feed is read when nothing is pushed.
        push: whether to listen for wake-ups.
    """

    def __init__(
        self,
        ports: PlanePorts,
        *,
        open_ports: Callable[[], Awaitable[None]],
        close_ports: Callable[[], Awaitable[None]],
        clock: Clock,
        observers: tuple[VerificationLog, ...],
        open_log: Callable[[], ClosingLog] | None,
        max_staleness_s: float,
        pull_interval_s: float,
        push: bool,
    ) -> None:
        self._feed: Final = TappedFeed(ports.feed if push else PullOnlyFeed(ports.feed))
        self.clock: Final = clock
        self.view: Final = View(max_staleness_s)
        self.rate_leases: Final = ports.rate_leases
        self.claims: Final = ports.claims
        self._usage_port: Final = ports.usage
        self.usage = UsageCounter(ports.usage)
        self.verifications: VerificationLog = VerificationLogs(observers)
        self._follower: Final = Follower(self._feed, self.view, pull_interval_s=pull_interval_s)
        self._observers: Final = observers
        self._open_log: Final = open_log
        self._log: ClosingLog | None = None
        self._companions: Final[list[Companion]] = []
        self._open_ports: Final = open_ports
        self._close_ports: Final = close_ports
        self._state: Final = Running("The store")

    def accompany(self, companion: Companion) -> None:
        """Have it started after the follower and ended before it, with every start and end of this plane."""
        self._companions.append(companion)

    @property
    def running(self) -> bool:
        """Whether it runs, in whatever loop."""
        return self._state.anywhere

    @property
    def started(self) -> bool:
        """See `Plane`."""
        return self._state.here

    def watch_feed(self, take: Take) -> None:
        """Have `take` told of every page of the feed that is read from now on."""
        self._feed.listeners.append(take)

    async def start(self) -> None:
        """See `Plane`.

        Raises:
            Misconfigured: it runs in another event loop, or the database or the master key is not the right one.
            Unavailable: `store_unavailable`.
        """
        await self._state.start(self._start_all)

    async def aclose(self) -> None:
        """See `Plane`."""
        await self._state.aclose(self._stop_all)

    async def _stop_all(self, running: bool) -> None:  # noqa: FBT001  # the shape `Running` calls
        if running:
            for companion in self._companions:
                await survives("ending what runs beside the plane", companion.aclose)
            await survives("stopping the follower", self._follower.aclose)
            await survives("storing usage", self.usage.aclose)
            if self._log is not None:
                await survives("writing the log of verifications", self._log.aclose)
        await survives("closing the store", self._close_ports)

    async def _start_all(self) -> None:
        async with contextlib.AsyncExitStack() as undo:
            undo.push_async_callback(survives, "closing the store", self._close_ports)
            await self._open_ports()
            if self._open_log is not None:
                self._log = self._open_log()
                await self._log.start()
                undo.push_async_callback(survives, "closing the log", self._log.aclose)
                logs = (*self._observers, self._log)
                self.verifications = self._log if len(logs) == 1 else VerificationLogs(logs)
            await self._follower.start()
            undo.push_async_callback(survives, "stopping the follower", self._follower.aclose)
            for companion in self._companions:
                undo.push_async_callback(survives, "ending what runs beside the plane", companion.aclose)
                await companion.start()
            # A counter that was closed is not opened again.
            self.usage = UsageCounter(self._usage_port)
            await self.usage.start()
            undo.pop_all()
