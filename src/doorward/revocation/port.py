"""The feed as the store keeps it, and the view as the pipeline asks it."""

from collections.abc import AsyncIterator
from typing import Protocol, final

import msgspec

from doorward.values import Handle, RestsOn, Since, Watermark

__all__ = ["FeedPage", "FeedPort", "FeedRow", "RevocationView"]


@final
class FeedRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the feed. `changed_version` None means revoked; otherwise: load the record again.

    `audience` is the only resource the row is for; None: every one.
    """

    position: int
    handle: Handle
    committed_at: int
    leave_at: int | None
    changed_version: int | None = None
    audience: str | None = None


@final
class FeedPage(msgspec.Struct, frozen=True, kw_only=True):
    """Rows after a position, and how far everything is known.

    `watermark` is the position up to which no row can still appear; `generation` changes when the database was
    restored, and then everything known must be thrown away; `as_of` is the store's clock at the read.
    """

    rows: tuple[FeedRow, ...]
    watermark: int
    generation: str
    as_of: int
    complete: bool
    """False when more rows wait behind this page."""
    scanned_to: int = 0
    """How far a page that is cut short looked: rows that were withheld may lie behind its last one. The next reading
    goes on from the greater of the two."""
    age_s: float = 0.0
    """How old the reading was already when it was answered: above 0 where somebody answers from memory."""
    reader: str = ""
    """For whom rows were withheld, as a mark without meaning. Who may see more than before has been passed over with
    rows that are now his: another mark means that everything is to be read again."""


class FeedPort(Protocol):
    """Reads the feed.

    Atomicity: rows, watermark and generation of a page come from one snapshot. A position is visible only together
    with all positions before it that are still kept.
    """

    async def read_feed(self, after: int, *, limit: int = 10_000, audiences: frozenset[str] | None = None) -> FeedPage:
        """Live rows with a position above `after`, in order.

        Args:
            after: a position; 0 is the beginning.
            limit: how many rows are looked at, withheld ones included.
            audiences: who reads: only rows for everybody and for one of them. When all of them know subjects by a
                derived name (and have for `SECTOR_SETTLES_S`), rows for everybody that tell the plain name of a person
                (`names_person`) are withheld too. The watermark passes what is withheld. Empty: rows for everybody.
                None: all, for a process of our own.

        Raises:
            Rejected: `input_invalid` for a page that is empty or too long.
            Unavailable: `store_unavailable`.
        """
        ...

    async def read_watermark(self) -> Watermark:
        """How far the feed is, read before a sign-in is checked: what is issued afterwards inherits it unchanged.

        Raises:
            Unavailable: `store_unavailable`.
        """
        ...

    def wakeups(self) -> AsyncIterator[None]:
        """Yields whenever something may have been committed (LISTEN/NOTIFY, `data_version`).

        Only speed depends on it: the follower also reads at a fixed interval. Ends or raises `Unavailable` when the
        channel is cut; the follower opens it anew.
        """
        ...

    async def remove_left(self, now: int) -> int:
        """Remove rows whose `leave_at` has passed; answers how many. Never lowers the watermark."""
        ...


class RevocationView(Protocol):
    """What the pipeline asks: in memory, O(1), never waits."""

    @property
    def generation(self) -> int:
        """Grows by one with every applied batch that holds a row; a warm credential compares it and nothing else."""
        ...

    @property
    def position(self) -> int:
        """A mark of what has been applied: read before a record is loaded, and kept with the record.

        Never below the highest feed position applied, and never moves back, not even when the feed's numbers do.
        """
        ...

    def require_fresh(self, now_monotonic: float) -> None:
        """Raise `Unavailable("revocation_stale")` when the last full read is older than `max_staleness_s`."""
        ...

    def is_revoked(self, handles: tuple[RestsOn, ...], since: Since | None = None) -> bool:
        """Whether any of them is revoked: by a final row, or by an epoch that is later than `since`.

        `since` None belongs to a record of the store: no epoch revokes it, `changed_since` has it loaded again.
        """
        ...

    def changed_since(self, handles: tuple[RestsOn, ...], position: int) -> bool:
        """Whether any of them has a `changed` row or an epoch above `position` (or the view was reset): load again."""
        ...
