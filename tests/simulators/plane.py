"""A plane in memory: the real view, and lists where the store's ports would be."""

import time
from typing import final

from tests.simulators.claims import SimulatedClaims

from doorward.methods.plane import Lease
from doorward.revocation.port import FeedPage, FeedRow
from doorward.revocation.view import View
from doorward.values import AppId, Clock, CredentialId, Handle, MethodName, OrganizationId, RateLimit

__all__ = ["Recorded", "SimulatedPlane"]

Recorded = tuple[MethodName | None, CredentialId | None, str | None, str | None, str | None, str]


@final
class _Usage:
    def __init__(self) -> None:
        self.counted: list[tuple[MethodName, CredentialId, int, str | None]] = []

    def count(self, method: MethodName, credential_id: CredentialId, now: int, source: str | None) -> None:
        self.counted.append((method, credential_id, now, source))


@final
class _Log:
    def __init__(self) -> None:
        self.recorded: list[Recorded] = []

    def record(
        self,
        at: int,  # noqa: ARG002  # the port's parameter
        method: MethodName | None,
        credential_id: CredentialId | None,
        app_id: AppId | str | None,
        organization_id: OrganizationId | None,  # noqa: ARG002  # the port's parameter
        source: str | None,
        code: str | None,
        request_line: str,
    ) -> None:
        self.recorded.append((method, credential_id, app_id, source, code, request_line))


@final
class _Leases:
    """Grants until a credential's limit is used up; the window never ends."""

    def __init__(self) -> None:
        self.granted: dict[CredentialId, int] = {}

    async def lease(
        self,
        credential_id: CredentialId,
        limit: RateLimit,
        *,
        want: int,
        give_back: int,
        give_back_bucket: int,  # noqa: ARG002  # the port's parameter
    ) -> tuple[Lease, int]:
        used = self.granted.get(credential_id, 0) - give_back
        granted = max(0, min(want, limit.requests - used))
        self.granted[credential_id] = used + granted
        remaining = limit.requests - used - granted
        return Lease(granted=granted, usable_s=3600.0, remaining=remaining, reset_s=float(limit.window_s)), 1


@final
class SimulatedPlane:
    """Implements `Plane`. `revoke` and `change` act at once, as the follower would after a commit."""

    def __init__(self, clock: Clock = time.time) -> None:
        self.clock = clock
        self.view = View()
        self.usage = _Usage()
        self.verifications = _Log()
        self.rate_leases = _Leases()
        self.claims = SimulatedClaims(clock)
        self.started = False
        self.starts = 0
        self.closes = 0
        self._position = 0

    async def start(self) -> None:
        self.starts += 1
        self.started = True
        self.read()

    async def aclose(self) -> None:
        self.closes += 1
        self.started = False

    def read(self, *rows: FeedRow, generation: str = "g1") -> None:
        """Apply a page that is whole as of now."""
        page = FeedPage(
            rows=rows, watermark=self._position, generation=generation, as_of=int(self.clock()), complete=True
        )
        while not self.view.apply(page, time.monotonic()):
            pass

    def revoke(self, handle: Handle) -> None:
        self._add(handle, None)

    def change(self, handle: Handle, version: int = 2) -> None:
        self._add(handle, version)

    def _add(self, handle: Handle, changed_version: int | None) -> None:
        self._position += 1
        self.read(
            FeedRow(
                position=self._position,
                handle=handle,
                committed_at=int(self.clock()),
                leave_at=None,
                changed_version=changed_version,
            )
        )
