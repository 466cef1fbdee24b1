"""Read, decide, commit: how every operation on a stored object goes.

What is decided is decided on the record that was read, and the change holds only while that is the stored one. When
somebody else changed it in between, it is read and decided once more; then the conflict is reported.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from doorward.errors import Rejected
from doorward.methods.owner import OwnerPort
from doorward.values import Change, ChangePort, Clock, Entropy

__all__ = ["DecidingStore", "OwnersStore", "decide"]

_RecordT = TypeVar("_RecordT")
_ResultT = TypeVar("_ResultT")


class DecidingStore(Protocol):
    """What is needed of a store to change what is in it."""

    @property
    def changes(self) -> ChangePort:
        """Commits."""
        ...

    @property
    def clock(self) -> Clock:
        """Epoch seconds."""
        ...


class OwnersStore(DecidingStore, Protocol):
    """What is needed of a store to manage credentials of apps, whatever they are."""

    @property
    def apps(self) -> OwnerPort:
        """Finds the apps that own them."""
        ...

    @property
    def entropy(self) -> Entropy:
        """Where secrets come from."""
        ...


async def decide(
    store: DecidingStore,
    find: Callable[[], Awaitable[_RecordT | None]],
    decision: Callable[[_RecordT, int], tuple[_ResultT, Change]],
    *,
    unknown: str,
) -> _ResultT:
    """Find the record, decide on it at this moment, and commit what was decided. A change without writes is none.

    Args:
        store: see `DecidingStore`.
        find: reads the record anew each time.
        decision: pure; given the record and the epoch second.
        unknown: what is said when there is no such record.

    Raises:
        Rejected: `object_unknown`, `object_conflict`, and whatever the decision refuses.
        Unavailable: `store_unavailable`.
    """
    try:
        return await _decide_once(store, find, decision, unknown)
    except Rejected as error:
        if error.code != "object_conflict":
            raise
    return await _decide_once(store, find, decision, unknown)


async def _decide_once(
    store: DecidingStore,
    find: Callable[[], Awaitable[_RecordT | None]],
    decision: Callable[[_RecordT, int], tuple[_ResultT, Change]],
    unknown: str,
) -> _ResultT:
    record = await find()
    if record is None:
        raise Rejected("object_unknown", unknown)
    result, change = decision(record, int(store.clock()))
    if change.writes:
        await store.changes.commit(change)
    return result
