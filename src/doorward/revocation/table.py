"""What one reading of the feed has brought together: ids that are revoked, ids to load again, and how far it got.

Rules of this file:

* Sizes follow the live rows: an id costs one dictionary entry, so a million rows fit (DESIGN section 7, `held.py`).
* A row of a kind in `EPOCH_KINDS` voids what was issued before it; a row of any other kind is final.
* A row leaves later than its `leave_at`, by as long as a cached record may live: the clock that expires the
  credential and the clock that lets the row go are not the same, and between the two nothing revoked may open.
* Rows may come twice and out of order. A row counts as known only when it lies below the contiguous point or has
  been applied already.
"""

import heapq
from collections import deque
from typing import Final, final

from doorward.revocation.epochs import LEAVES_NEVER, later_epoch, pack_epoch, voids
from doorward.revocation.held import SHARD_MASK, SHARDS, Key, KeysHeld, key_of
from doorward.revocation.port import FeedPage, FeedRow
from doorward.values import EPOCH_KINDS, FeedKind, Handle, RestsOn, Since

__all__ = ["LEAVE_BUCKET_S", "LOOKED_AT_PER_PAGE_MAX", "FeedTable"]

LEAVE_BUCKET_S: Final = 600
"""Rows leave together in steps of ten minutes, so that no queue entry per row is needed."""
LOOKED_AT_PER_PAGE_MAX: Final = 10_000
"""How many ids are looked at with one page before the rest must wait for the next: the event loop must not stand still
for a million. (What is due is found by looking, every ten minutes: a list of what leaves when would be 8 MB more.)"""

_TOKEN: Final = FeedKind.TOKEN
_KINDS: Final = tuple(FeedKind)


@final
class FeedTable:
    """Everything known from one generation of the feed.

    Args:
        generation: of the feed; positions of another one mean nothing here. None: nothing was ever read.
        reader: for whom it was read; see `FeedPage.reader`.
        cache_life_s: how long a record loaded from the store may be used without loading it again.
    """

    __slots__ = (
        "_ahead",
        "_buckets",
        "_cache_life_s",
        "_changes",
        "_due",
        "_revoked",
        "_shards",
        "_steps",
        "_swept",
        "changed",
        "cursor",
        "generation",
        "known",
        "reader",
    )

    def __init__(self, generation: str | None, reader: str, *, cache_life_s: int) -> None:
        self.generation: Final = generation
        self.reader: Final = reader
        self._cache_life_s: Final = cache_life_s
        self._revoked: Final[dict[FeedKind, KeysHeld]] = {kind: KeysHeld() for kind in FeedKind}
        # Only of kinds of which something was ever revoked: where nobody signs out grants, none is looked for.
        self._shards: Final[dict[FeedKind, list[dict[Key, int]]]] = {}
        self.changed: Final[dict[FeedKind, dict[str, int]]] = {kind: {} for kind in FeedKind}
        self.known = 0
        """The watermark: every row at or below it has been applied."""
        self.cursor = 0
        """Where the next page is to be read from."""
        self._ahead: set[int] = set()
        self._steps: Final[dict[int, int]] = {}
        self._buckets: Final[list[int]] = []  # a heap of the keys of _steps
        self._due = 0
        self._swept = len(_KINDS) * SHARDS
        self._changes: Final[deque[tuple[int, int, tuple[Handle, ...]]]] = deque()

    def rows_by_kind(self) -> dict[FeedKind, int]:
        """How many ids of each kind are held as revoked."""
        return {kind: len(held) for kind, held in self._revoked.items()}

    def __len__(self) -> int:
        return sum(map(len, self._revoked.values())) + sum(map(len, self.changed.values()))

    def is_revoked(self, handles: tuple[RestsOn, ...], since: Since | None) -> bool:
        """See `RevocationView`."""
        # Asked of every warm credential whenever anything was revoked anywhere: `KeysHeld.find`, written out.
        shards = self._shards
        for kind, id_ in handles:
            if kind not in shards:
                continue
            key = key_of(id_) if kind is _TOKEN else id_
            found = shards[kind][hash(key) & SHARD_MASK].get(key)
            if found is not None and (kind not in EPOCH_KINDS or voids(found, since, self.generation)):
                return True
        return False

    def unseen_rows(self, page: FeedPage) -> list[FeedRow]:
        """The rows of a page that have not been applied."""
        known, ahead = self.known, self._ahead
        return [row for row in page.rows if row.position > known and row.position not in ahead]

    def apply(self, rows: list[FeedRow], *, mark: int, as_of: int, in_force: bool) -> None:
        """Take in rows that `unseen_rows` answered.

        Args:
            rows: of one page.
            mark: what ids to load again are remembered with.
            as_of: the store's clock.
            in_force: whether anybody relies on this table yet. When it comes into force, every record is loaded again
                whatever is remembered here; a million epochs must not be remembered twice for that.
        """
        changes: list[Handle] = []
        for row in rows:
            self._ahead.add(row.position)
            if row.changed_version is None:
                self._hold(row)
            if row.changed_version is not None or row.handle.kind in EPOCH_KINDS:
                changes.append(row.handle)
        if in_force and changes:
            for kind, id_ in changes:
                self.changed[kind][id_] = mark
            self._changes.append((as_of + self._cache_life_s, mark, tuple(changes)))

    def _hold(self, row: FeedRow) -> None:
        """Note a revoked id, and when it leaves."""
        kind, id_ = row.handle
        key = key_of(id_) if kind is FeedKind.TOKEN else id_
        held = self._revoked[kind]
        self._shards[kind] = held.shards
        bucket = self._bucket(row.leave_at)
        before = held.find(key)
        if kind in EPOCH_KINDS:
            epoch = pack_epoch(row.position, row.committed_at, bucket)
            held.hold(key, epoch if before is None else later_epoch(before, epoch))
        # A later row may prolong it or make it final, and none brings forward when it leaves.
        elif before is None or before < bucket:
            held.hold(key, bucket)

    def _bucket(self, leave_at: int | None) -> int:
        """The step a row leaves in: rounded up, and a cache's life later than the row says."""
        if leave_at is None:
            return LEAVES_NEVER
        bucket = min(max(-(-(leave_at + self._cache_life_s) // LEAVE_BUCKET_S), 0), LEAVES_NEVER)
        if bucket == LEAVES_NEVER:
            return LEAVES_NEVER
        # The very same number object for all: a million equal ones would take 32 MB.
        found = self._steps.setdefault(bucket, bucket)
        if found is bucket:
            heapq.heappush(self._buckets, bucket)
        return found

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
        """Let go of what can no longer matter, by the store's clock; a part of it at a time."""
        self._remove_changes(as_of)
        looked_at = 0
        while looked_at < LOOKED_AT_PER_PAGE_MAX and self._begin_sweep(as_of):
            kind, place = _KINDS[self._swept // SHARDS], self._swept % SHARDS
            looked_at += self._revoked[kind].let_leave(place, self._due)
            self._swept += 1

    def _begin_sweep(self, as_of: int) -> bool:
        """Whether there is something to look through: the sweep that is under way, or a new one when a step is over."""
        if self._swept < len(_KINDS) * SHARDS:
            return True
        due = as_of // LEAVE_BUCKET_S
        if not self._buckets or self._buckets[0] > due:
            return False
        # Forgotten before the sweep: a row of such a step that comes during it must cause another.
        while self._buckets and self._buckets[0] <= due:
            del self._steps[heapq.heappop(self._buckets)]
        self._due, self._swept = due, 0
        return True

    def _remove_changes(self, as_of: int) -> None:
        # Once it has been held for as long as a cache entry may live, no cached record is older than the change.
        while self._changes and self._changes[0][0] <= as_of:
            _, mark, handles = self._changes.popleft()
            for kind, id_ in handles:
                if self.changed[kind].get(id_) == mark:
                    del self.changed[kind][id_]
