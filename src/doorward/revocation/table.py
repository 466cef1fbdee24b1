"""What one reading of the feed has brought together: ids that are revoked, ids to load again, and how far it got.

Rules of this file:

* Sizes follow the live rows: an id costs one dict entry and its text, so a million rows fit (DESIGN section 7).
* A row leaves later than its `leave_at`, by as long as a cached record may live: the clock that expires the
  credential and the clock that lets the row go are not the same, and between the two nothing revoked may open.
* Rows may come twice and out of order. A row counts as known only when it lies below the contiguous point or has
  been applied already.
"""

import heapq
from collections import deque
from typing import Final, final

from doorward.revocation.port import FeedPage, FeedRow
from doorward.values import FeedKind

__all__ = ["LEAVE_BUCKET_S", "LEAVING_PER_PAGE_MAX", "FeedTable"]

LEAVE_BUCKET_S: Final = 600
"""Rows leave together in steps of ten minutes, so that no queue entry per row is needed."""
LEAVING_PER_PAGE_MAX: Final = 10_000
"""How many ids leave with one page at most: the event loop must not stand still for a million."""

_NEVER: Final = -1


@final
class FeedTable:
    """Everything known from one generation of the feed.

    Args:
        cache_life_s: how long a record loaded from the store may be used without loading it again.
    """

    __slots__ = ("_ahead", "_buckets", "_cache_life_s", "_changes", "_leaving", "changed", "cursor", "known", "revoked")

    def __init__(self, *, cache_life_s: int) -> None:
        self._cache_life_s: Final = cache_life_s
        self.revoked: Final[dict[FeedKind, dict[str, int]]] = {kind: {} for kind in FeedKind}
        self.changed: Final[dict[FeedKind, dict[str, int]]] = {kind: {} for kind in FeedKind}
        self.known = 0
        """The watermark: every row at or below it has been applied."""
        self.cursor = 0
        """Where the next page is to be read from."""
        self._ahead: set[int] = set()
        self._leaving: Final[dict[int, list[tuple[FeedKind, list[str]]]]] = {}
        self._buckets: Final[list[int]] = []  # a heap of the keys of _leaving
        self._changes: Final[deque[tuple[int, int, tuple[tuple[FeedKind, str], ...]]]] = deque()

    def __len__(self) -> int:
        return sum(map(len, self.revoked.values())) + sum(map(len, self.changed.values()))

    def unseen_rows(self, page: FeedPage) -> list[FeedRow]:
        """The rows of a page that have not been applied."""
        known, ahead = self.known, self._ahead
        return [row for row in page.rows if row.position > known and row.position not in ahead]

    def apply(self, rows: list[FeedRow], *, mark: int, as_of: int) -> None:
        """Take in rows that `unseen_rows` answered; `mark` is what `changed` ids are remembered with."""
        changes: list[tuple[FeedKind, str]] = []
        leaving: dict[tuple[int, FeedKind], list[str]] = {}
        for row in rows:
            kind, id_ = row.handle
            self._ahead.add(row.position)
            if row.changed_version is not None:
                self.changed[kind][id_] = mark
                changes.append((kind, id_))
            elif (bucket := self._hold(kind, id_, row.leave_at)) is not None:
                leaving.setdefault((bucket, kind), []).append(id_)
        for (bucket, kind), ids in leaving.items():
            if bucket not in self._leaving:
                self._leaving[bucket] = []
                heapq.heappush(self._buckets, bucket)
            self._leaving[bucket].append((kind, ids))
        if changes:
            self._changes.append((as_of + self._cache_life_s, mark, tuple(changes)))

    def _hold(self, kind: FeedKind, id_: str, leave_at: int | None) -> int | None:
        """Note a revoked id; answers the bucket it newly leaves in, when it leaves at all."""
        held = self.revoked[kind]
        before = held.get(id_)
        if before == _NEVER:
            return None
        if leave_at is None:
            held[id_] = _NEVER
            return None
        # Rounded up, and a cache's life later than the row says.
        bucket = -(-(leave_at + self._cache_life_s) // LEAVE_BUCKET_S)
        if before is not None and before >= bucket:
            return None
        held[id_] = bucket
        return bucket

    def advance(self, page: FeedPage) -> None:
        """Move the contiguous point and the cursor past a page whose rows have been applied.

        A page that started beyond the contiguous point proves nothing about the gap before it: a transaction that
        took its number first may commit last. Then the next reading starts at the gap again.
        """
        last = max(self.cursor, page.scanned_to, page.rows[-1].position if page.rows else 0)
        if self.cursor <= self.known:
            self.known = max(self.known, page.watermark if page.complete else min(page.watermark, last))
        self.cursor = self.known if page.complete else last
        known = self.known
        self._ahead = {position for position in self._ahead if position > known}

    def remove_left(self, as_of: int) -> None:
        """Let go of what can no longer matter, by the store's clock; at most `LEAVING_PER_PAGE_MAX` ids at a time."""
        self._remove_changes(as_of)
        budget = LEAVING_PER_PAGE_MAX
        while budget > 0 and self._buckets and self._buckets[0] * LEAVE_BUCKET_S <= as_of:
            bucket = self._buckets[0]
            batches = self._leaving[bucket]
            if not batches:
                del self._leaving[heapq.heappop(self._buckets)]
                continue
            kind, ids = batches[-1]
            held = self.revoked[kind]
            for id_ in ids[-budget:]:
                # A later row may have prolonged it, or made it final.
                if held.get(id_) == bucket:
                    del held[id_]
            taken = min(budget, len(ids))
            budget -= taken
            del ids[len(ids) - taken :]
            if not ids:
                batches.pop()

    def _remove_changes(self, as_of: int) -> None:
        # Once it has been held for as long as a cache entry may live, no cached record is older than the change.
        while self._changes and self._changes[0][0] <= as_of:
            _, mark, handles = self._changes.popleft()
            for kind, id_ in handles:
                if self.changed[kind].get(id_) == mark:
                    del self.changed[kind][id_]
