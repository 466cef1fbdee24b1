"""A feed in memory that keeps `FeedPort`'s promises, and can lose its push channel, its store or its past."""

import asyncio
from collections.abc import AsyncIterator

from doorward.errors import Unavailable
from doorward.revocation.folding import EPOCH_LIFETIME_S, must_fold, owner_of, owner_text
from doorward.revocation.port import FeedPage, FeedRow
from doorward.revocation.withholding import names_person
from doorward.values import FeedKind, Handle, Revocation, Watermark

__all__ = ["FeedSimulator"]


class FeedSimulator:
    """`leave` and `as_of` are epoch seconds set by the test."""

    def __init__(self) -> None:
        self.rows: dict[int, FeedRow] = {}
        self.position = 0
        self.held_back: dict[int, FeedRow] = {}
        """Rows that have their number, in transactions that have not been committed."""
        self.generation = "first"
        self.as_of = 1_700_000_000
        self.away = False
        self.hangs = False
        self.broken = False
        self.push_cut = False
        self.reads = 0
        self.reads_in_flight = 0
        self.reads_in_flight_max = 0
        self.streams_opened = 0
        self.removals: list[int] = []
        self.page_rows_max = 10_000
        self.sectors: set[str] = set()
        self.owners: dict[int, str] = {}
        self._listeners: set[asyncio.Queue[bool]] = set()

    def revoke(self, kind: FeedKind, id_: str, *, leave_at: int | None = None, owner: Handle | None = None) -> FeedRow:
        """A row for everybody, as the database writes, folds and replaces it."""
        whose = owner_of(Revocation(handle=Handle(kind, id_), leave_at=leave_at, owner=owner))
        text = None if whose is None else owner_text(whose, None)
        owned = [] if text is None else [position for position, other in self.owners.items() if other == text]
        folds = owner is not None and must_fold([self.rows[position].handle.kind.value for position in owned])
        if folds or (owner is None and owned):
            for position in owned:
                del self.rows[position], self.owners[position]
        if folds and owner is not None:
            kind, id_, leave_at = owner.kind, owner.id, self.as_of + EPOCH_LIFETIME_S
        row = self._number(kind, id_, leave_at, None)
        if text is not None:
            self.owners[row.position] = text
        return self._commit(row)

    def change(self, kind: FeedKind, id_: str, *, version: int = 2, leave_at: int | None = None) -> FeedRow:
        return self._commit(self._number(kind, id_, leave_at, version))

    def begin(self, kind: FeedKind, id_: str, *, version: int | None = None) -> FeedRow:
        """A transaction that has taken its number and is not committed."""
        row = self._number(kind, id_, None, version)
        self.held_back[row.position] = row
        return row

    def finish(self, row: FeedRow) -> None:
        """Commit what `begin` began."""
        self._commit(self.held_back.pop(row.position))

    def restore(self, generation: str, rows: tuple[FeedRow, ...] = ()) -> None:
        """Another database takes the place of this one."""
        self.generation = generation
        self.rows = {row.position: row for row in rows}
        self.position = max(self.rows, default=0)
        self.wake()

    def cut_push(self) -> None:
        """End every open channel, and every one opened from now on, without a word."""
        self.push_cut = True
        for queue in self._listeners:
            queue.put_nowait(False)

    def wake(self) -> None:
        for queue in self._listeners:
            queue.put_nowait(True)

    async def read_feed(self, after: int, *, limit: int = 10_000, audiences: frozenset[str] | None = None) -> FeedPage:
        self.reads += 1
        self.reads_in_flight += 1
        self.reads_in_flight_max = max(self.reads_in_flight_max, self.reads_in_flight)
        try:
            await asyncio.sleep(0)
            if self.hangs:
                await asyncio.sleep(3_600)
            if self.broken:
                raise RuntimeError("a bug in a driver")
            if self.away:
                raise Unavailable("store_unavailable", "simulated")
            return self._page(after, min(limit, self.page_rows_max), audiences)
        finally:
            self.reads_in_flight -= 1

    async def read_watermark(self) -> Watermark:
        if self.away:
            raise Unavailable("store_unavailable", "simulated")
        return Watermark(self.generation, self.position)

    async def wakeups(self) -> AsyncIterator[None]:
        self.streams_opened += 1
        if self.away:
            raise Unavailable("store_unavailable", "simulated")
        queue: asyncio.Queue[bool] = asyncio.Queue()
        if self.push_cut:
            return
        self._listeners.add(queue)
        try:
            while await queue.get():
                yield
        finally:
            self._listeners.discard(queue)

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    async def remove_left(self, now: int) -> int:
        self.removals.append(now)
        left = [p for p, row in self.rows.items() if row.leave_at is not None and row.leave_at <= now]
        for position in left:
            del self.rows[position]
            self.owners.pop(position, None)
        return len(left)

    def _number(self, kind: FeedKind, id_: str, leave_at: int | None, version: int | None) -> FeedRow:
        self.position += 1
        return FeedRow(
            position=self.position,
            handle=Handle(kind, id_),
            committed_at=self.as_of,
            leave_at=leave_at,
            changed_version=version,
        )

    def _commit(self, row: FeedRow) -> FeedRow:
        self.rows[row.position] = row
        self.wake()
        return row

    def _is_for(self, row: FeedRow, audiences: frozenset[str] | None) -> bool:
        if audiences is None:
            return True
        if row.audience is None:
            plain_names = not audiences or not audiences <= self.sectors
            return plain_names or not names_person(row.handle)
        return row.audience in audiences

    def _page(self, after: int, limit: int, audiences: frozenset[str] | None) -> FeedPage:
        rows = sorted((row for row in self.rows.values() if row.position > after), key=lambda row: row.position)
        complete = len(rows) <= limit
        return FeedPage(
            rows=tuple(row for row in rows[:limit] if self._is_for(row, audiences)),
            watermark=min(self.held_back, default=self.position + 1) - 1,
            generation=self.generation,
            as_of=self.as_of,
            complete=complete,
            scanned_to=self.position if complete else rows[limit - 1].position,
        )
