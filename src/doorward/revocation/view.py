"""The view each process keeps of the feed: in memory, O(1), never waiting. DESIGN section 7.

Rules of this file:

* Nothing here trusts a clock of this machine to order events: rows are ordered by when they were applied here.
* A view that has not been read whole for `max_staleness_s` answers nothing: it refuses (fail closed).
* A restored database (another feed generation, or a watermark that went back) is read from the beginning *beside*
  the old view, which stays in force and ages until the new one is whole. There is no moment with half a view.
* A store whose clock has moved on by a cached record's life since the last full reading may have let rows go that were
  never seen here: a machine that was suspended, or resumed from a snapshot, wakes with a monotonic clock that says no
  time has passed. Then every record is to be loaded again.
* Rows leave by the store's clock as far as this process's own bears it out: a clock that is wrong for a moment would
  let revocations go, here and in the store, of tokens that are alive when it is right again. Too late costs memory.
"""

from math import isfinite
from typing import Final, final

from doorward.errors import Unavailable
from doorward.revocation.port import FeedPage
from doorward.revocation.table import FeedTable
from doorward.values import FeedKind, RestsOn, Since

__all__ = ["CACHE_LIFE_S", "View"]

CACHE_LIFE_S: Final = 3_600
"""How long a cached record may live at most; what the feed names stays known at least that much longer."""

LEAP_S: Final = 60
"""How far the store's clock may outrun this process's own before rows are kept by the latter."""


@final
class View:
    """Implements `RevocationView`.

    Args:
        max_staleness_s: how old the last full reading may be; above 0.
        cache_life_s: an upper bound of the life of every cached record that relies on this view.
    """

    def __init__(self, max_staleness_s: float = 60.0, *, cache_life_s: int = CACHE_LIFE_S) -> None:
        assert max_staleness_s > 0, "a view that is always stale"
        self.max_staleness_s: Final = max_staleness_s
        self._cache_life_s: Final = cache_life_s
        self._live = FeedTable(None, "", cache_life_s=cache_life_s)
        self._incoming: FeedTable | None = None
        self._generation = 0
        self._position = 0
        self._mark = 0
        self._reset_mark = 0
        self._read_at = float("-inf")
        self._as_of = 0
        self._ahead_s = float("inf")
        self._settled = 0

    @property
    def generation(self) -> int:
        """See `RevocationView`."""
        return self._generation

    @property
    def position(self) -> int:
        """See `RevocationView`. Never moves back, not even when the feed's own numbers do."""
        return self._position

    @property
    def watermark(self) -> int:
        """The feed position up to which every row has been applied."""
        return self._live.known

    @property
    def as_of(self) -> int:
        """The store's clock (epoch seconds) at the last full reading; 0 before the first."""
        return self._as_of

    @property
    def settled_as_of(self) -> int:
        """By when rows may leave: `as_of`, unless the store's clock has outrun this process's own."""
        return self._settled

    @property
    def rows_held(self) -> int:
        """How many ids are held in memory."""
        return len(self._live)

    @property
    def rows_by_kind(self) -> dict[FeedKind, int]:
        """How many revoked ids of each kind are held."""
        return self._live.rows_by_kind()

    @property
    def feed_generation(self) -> str | None:
        """The generation of the feed that is in force; None before the first full reading."""
        return self._live.generation

    @property
    def read_after(self) -> int:
        """The position the next page is to be read after."""
        return self._reading.cursor

    @property
    def _reading(self) -> FeedTable:
        return self._live if self._incoming is None else self._incoming

    def age_s(self, now_monotonic: float) -> float:
        """Seconds since the last full reading began; infinite before the first."""
        return now_monotonic - self._read_at

    def require_fresh(self, now_monotonic: float) -> None:
        """See `RevocationView`."""
        if now_monotonic - self._read_at > self.max_staleness_s:
            raise Unavailable("revocation_stale", f"the last full reading is over {self.max_staleness_s} s old")

    def is_revoked(self, handles: tuple[RestsOn, ...], since: Since | None = None) -> bool:
        """See `RevocationView`."""
        return self._live.is_revoked(handles, since)

    def changed_since(self, handles: tuple[RestsOn, ...], position: int) -> bool:
        """See `RevocationView`."""
        if position < self._reset_mark:
            return True
        changed = self._live.changed
        for kind, id_ in handles:  # noqa: SIM110  # any() builds a generator, at twice the cost of this loop
            if changed[kind].get(id_, 0) > position:
                return True
        return False

    def apply(self, page: FeedPage, monotonic: float) -> bool:
        """Take in a page that was read after `read_after`; answers whether the view is whole as of this page.

        False means: read on, after the new `read_after` (more pages, or everything again after a restore).

        Args:
            page: from the store.
            monotonic: when the reading this page belongs to *began*: what was committed later may be missing.
        """
        reading = self._reading
        moved = page.generation != reading.generation or page.reader != reading.reader
        if moved or page.watermark < reading.known:
            return self._begin_again(page, monotonic)
        table = self._reading
        rows = table.unseen_rows(page)
        if rows:
            # In order of arrival, not of number: a record loaded before this moment is older than these rows, even
            # when a row with a higher number came earlier. Strictly growing, and never below the feed's own number.
            self._mark = max(self._mark + 1, rows[-1].position)
            table.apply(rows, mark=self._mark, as_of=page.as_of, in_force=table is self._live)
            if table is self._live:
                self._position = self._mark
                self._generation += 1
        table.advance(page)
        if not page.complete:
            return False
        if table is not self._live:
            self._live = table
            self._incoming = None
            self._require_reload()
        elif page.as_of - self._as_of >= self._cache_life_s:
            self._require_reload()
        read_at = monotonic - page.age_s
        if isfinite(read_at):  # a saved view may be of no age that can be told: by it nothing leaves
            self._ahead_s = min(self._ahead_s, page.as_of - read_at)
            self._settled = min(page.as_of, int(read_at + self._ahead_s + LEAP_S))
        table.remove_left(self._settled)
        # A page that was pushed may be older than what was read meanwhile; what is known stays known.
        self._read_at = max(self._read_at, read_at)
        self._as_of = page.as_of
        return True

    def _begin_again(self, page: FeedPage, monotonic: float) -> bool:
        """Start a new table beside the live one. The page counts only when it was read from the beginning."""
        read_from_beginning = self._reading.cursor == 0
        self._incoming = FeedTable(page.generation, page.reader, cache_life_s=self._cache_life_s)
        return self.apply(page, monotonic) if read_from_beginning else False

    def _require_reload(self) -> None:
        """Every record loaded before now is to be loaded again."""
        self._mark = max(self._mark + 1, self._live.known)
        self._position = self._reset_mark = self._mark
        self._generation += 1
