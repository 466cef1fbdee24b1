"""Records of credentials that have been proven before, and the one load that concurrent strangers share.

Rules of this file:

* Keyed by the *presented* id, and filled only after a proof with the record: what is not proven costs no memory, and
  what a record says about its own id decides nothing.
* An entry says how far the feed was when its record was loaded (read *before* the load: a change that commits in
  between is seen again rather than missed) and for which generation of the view it was last found good.
* Bounded in number, and in what the credentials weigh that bring their own record along: a hundred thousand tokens of
  8 KB are a few GB once they are taken apart.
* Never older than an hour, whatever the feed says.
* A shared load that found nothing is not shared: it may have found nothing because of *that* presented text, and a
  stranger with a bad copy of a key must not shut out its holder.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Final, final

from doorward.methods.contract import OCTETS_KEPT_MAX, Method, Presented
from doorward.methods.plane import Plane
from doorward.values import RestsOn

__all__ = ["AGE_S_MAX", "ENTRIES_MAX", "Entry", "Loaded", "RecordCache"]

AGE_S_MAX: Final = 3600.0
"""How long a record is kept, by the monotonic clock, unless its method says less."""
LATELY_S: Final = 1.0
"""How old a record may be that is proven with for a source without failures left: so often it makes us look one up."""
LATELY_MAX: Final = 64
"""How many such records are kept."""
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

    __slots__ = ("generation", "handles", "loaded_at", "octets", "position", "record")

    def __init__(
        self,
        record: Record,
        handles: tuple[RestsOn, ...],
        *,
        position: int,
        generation: int,
        loaded_at: float,
        octets: int = 0,
    ) -> None:
        self.octets: Final = octets
        self.record: Final = record
        self.handles: Final = handles
        self.loaded_at: Final = loaded_at
        self.position = position
        self.generation = generation


@final
class RecordCache:
    """The records of one method, in one event loop."""

    __slots__ = (
        "_age_s_max",
        "_entries",
        "_lately",
        "_loading",
        "_method",
        "_plane",
        "entries_max",
        "octets",
        "octets_max",
    )

    def __init__(
        self,
        method: AnyMethod,
        plane: Plane | None,
        *,
        entries_max: int = ENTRIES_MAX,
        octets_max: int = OCTETS_KEPT_MAX,
    ) -> None:
        self._method: Final = method
        self._plane: Final = plane
        self._entries: Final[dict[str, Entry]] = {}
        self._loading: Final[dict[str, asyncio.Task[Loaded]]] = {}
        self._lately: Final[dict[str, tuple[float, Loaded]]] = {}
        self.entries_max: Final = entries_max
        self.octets_max: Final = octets_max
        self.octets = 0
        """What is kept weighs, in octets of the credentials."""
        # A method that asks somebody else (introspection) knows how long an answer may be believed.
        self._age_s_max: Final[float] = min(AGE_S_MAX, getattr(method, "record_age_s_max", AGE_S_MAX))

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, presented_id: str, now_monotonic: float) -> Entry | None:
        """The entry of an id, unless it is too old."""
        entry = self._entries.get(presented_id)
        if entry is not None and now_monotonic - entry.loaded_at > self._age_s_max:
            self.forget(presented_id)
            return None
        return entry

    def keep(self, proven_id: str, entry: Entry) -> None:
        """Keep a record that has just been proven with."""
        entries = self._entries
        self.forget(proven_id)
        while entries and (len(entries) >= self.entries_max or self.octets + entry.octets > self.octets_max):
            self.forget(next(iter(entries)))
        entries[proven_id] = entry
        self.octets += entry.octets

    def forget(self, proven_id: str) -> None:
        """Drop a record that has changed."""
        entry = self._entries.pop(proven_id, None)
        if entry is not None:
            self.octets -= entry.octets

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

    async def load_lately(self, presented: Presented, now_monotonic: float) -> Loaded:
        """As `load`, and at most once a second: for ids that are the door's own, whoever presents them.

        What has changed in that second shows as it does for any load: the position is the one before it.

        Raises:
            Unavailable: `store_unavailable`.
        """
        presented_id = presented.lookup_id
        loaded_at, loaded = self._lately.get(presented_id, (0.0, None))
        if loaded is None or now_monotonic - loaded_at > LATELY_S:
            if len(self._lately) >= LATELY_MAX:
                self._lately.clear()
            loaded = await self.load(presented)
            self._lately[presented_id] = now_monotonic, loaded
        return loaded

    async def _load(self, presented: Presented) -> Loaded:
        position = 0 if self._plane is None else self._plane.view.position
        return Loaded(await self._method.load(presented), position)


def _finished(forget: Callable[[str, None], object], presented_id: str, pending: "asyncio.Task[Loaded]") -> None:
    forget(presented_id, None)
    if not pending.cancelled():
        # Seen by whoever still waits; when nobody does, asyncio would complain that nobody looked.
        pending.exception()
