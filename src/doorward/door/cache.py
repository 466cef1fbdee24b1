"""Records of credentials that have been proven before, and the one load that concurrent strangers share.

Rules of this file:

* Keyed by the *presented* id, and filled only after a proof with the record: what is not proven costs no memory, and
  what a record says about its own id decides nothing.
* An entry says how far the feed was when its record was loaded (read *before* the load: a change that commits in
  between is seen again rather than missed) and for which generation of the view it was last found good.
* Never older than an hour, whatever the feed says.
* A shared load that found nothing is not shared: it may have found nothing because of *that* presented text, and a
  stranger with a bad copy of a key must not shut out its holder.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Final, final

from doorward.methods.contract import Method, Presented
from doorward.methods.plane import Plane
from doorward.values import RestsOn

__all__ = ["AGE_S_MAX", "ENTRIES_MAX", "Entry", "Loaded", "RecordCache"]

AGE_S_MAX: Final = 3600.0
"""How long a record is kept, by the monotonic clock, unless its method says less."""
ENTRIES_MAX: Final = 262_144
"""How many records one method keeps; the oldest leaves first."""

# Records and presented credentials are the method's own types: the pipeline hands them back unread.
AnyMethod = Method[Any, Any]
Record = Any


@final
class Loaded:
    """A record (or None), and the feed position read before it was loaded."""

    __slots__ = ("position", "record")

    def __init__(self, record: Record | None, position: int) -> None:
        self.record: Final = record
        self.position: Final = position


@final
class Entry:
    """A proven record. `generation` is the view's when it was last found unrevoked and unchanged."""

    __slots__ = ("generation", "handles", "loaded_at", "position", "record")

    def __init__(
        self, record: Record, handles: tuple[RestsOn, ...], *, position: int, generation: int, loaded_at: float
    ) -> None:
        self.record: Final = record
        self.handles: Final = handles
        self.loaded_at: Final = loaded_at
        self.position = position
        self.generation = generation


@final
class RecordCache:
    """The records of one method, in one event loop."""

    __slots__ = ("_age_s_max", "_entries", "_loading", "_method", "_plane", "entries_max")

    def __init__(self, method: AnyMethod, plane: Plane | None, *, entries_max: int = ENTRIES_MAX) -> None:
        self._method: Final = method
        self._plane: Final = plane
        self._entries: Final[dict[str, Entry]] = {}
        self._loading: Final[dict[str, asyncio.Task[Loaded]]] = {}
        self.entries_max: Final = entries_max
        # A method that asks somebody else (introspection) knows how long an answer may be believed.
        self._age_s_max: Final[float] = min(AGE_S_MAX, getattr(method, "record_age_s_max", AGE_S_MAX))

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, presented_id: str, now_monotonic: float) -> Entry | None:
        """The entry of an id, unless it is too old."""
        entry = self._entries.get(presented_id)
        if entry is not None and now_monotonic - entry.loaded_at > self._age_s_max:
            del self._entries[presented_id]
            return None
        return entry

    def keep(self, proven_id: str, entry: Entry) -> None:
        """Keep a record that has just been proven with."""
        entries = self._entries
        entries.pop(proven_id, None)
        if len(entries) >= self.entries_max:
            del entries[next(iter(entries))]
        entries[proven_id] = entry

    def forget(self, proven_id: str) -> None:
        """Drop a record that has changed."""
        self._entries.pop(proven_id, None)

    async def load(self, presented: Presented) -> Loaded:
        """The record from the store, together with everybody who asks for the same id at the moment.

        Raises:
            Unavailable: `store_unavailable`.
        """
        presented_id = presented.lookup_id
        pending = self._loading.get(presented_id)
        if pending is not None:
            loaded = await asyncio.shield(pending)
            return loaded if loaded.record is not None else await self._load(presented)
        pending = asyncio.get_running_loop().create_task(self._load(presented))
        self._loading[presented_id] = pending
        pending.add_done_callback(partial(_finished, self._loading.pop, presented_id))
        # Shielded: the caller who began the load may hang up, and the others still want it.
        return await asyncio.shield(pending)

    async def _load(self, presented: Presented) -> Loaded:
        position = 0 if self._plane is None else self._plane.view.position
        return Loaded(await self._method.load(presented), position)


def _finished(forget: Callable[[str, None], object], presented_id: str, pending: "asyncio.Task[Loaded]") -> None:
    forget(presented_id, None)
    if not pending.cancelled():
        # Seen by whoever still waits; when nobody does, asyncio would complain that nobody looked.
        pending.exception()
