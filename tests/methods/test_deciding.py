"""Read, decide, commit: once more when somebody was faster, and then no more."""

import pytest

from doorward.errors import Rejected
from doorward.methods.deciding import decide
from doorward.values import Change, Write


class _Written:
    """A write no store has to understand."""


class _Store:
    """Refuses so many commits as conflicts."""

    def __init__(self, conflicts: int = 0) -> None:
        self.conflicts = conflicts
        self.commits = 0
        self.finds = 0

    @property
    def changes(self) -> "_Store":
        return self

    def clock(self) -> float:
        return 1_000.9

    async def find(self) -> str | None:
        self.finds += 1
        return f"version {self.finds}"

    async def commit(self, change: Change) -> int:
        assert change.writes
        self.commits += 1
        if self.commits <= self.conflicts:
            raise Rejected("object_conflict", "another version is stored")
        return 1


def _rewrite(record: str, now: int) -> tuple[str, Change]:
    write: Write = _Written()
    return f"{record} at {now}", Change(writes=(write,))


async def test_what_was_read_is_decided_on_at_this_second() -> None:
    store = _Store()
    assert await decide(store, store.find, _rewrite, unknown="none") == "version 1 at 1000"
    assert (store.finds, store.commits) == (1, 1)


async def test_a_conflict_is_read_and_decided_anew_once() -> None:
    store = _Store(conflicts=1)
    assert await decide(store, store.find, _rewrite, unknown="none") == "version 2 at 1000"
    store = _Store(conflicts=2)
    with pytest.raises(Rejected, match="object_conflict"):
        await decide(store, store.find, _rewrite, unknown="none")
    assert (store.finds, store.commits) == (2, 2)


async def test_another_refusal_is_not_tried_again() -> None:
    store = _Store()

    def refuse(record: str, now: int) -> tuple[str, Change]:
        raise Rejected("state_final", f"{record} at {now}")

    with pytest.raises(Rejected, match="state_final"):
        await decide(store, store.find, refuse, unknown="none")
    assert (store.finds, store.commits) == (1, 0)


async def test_what_changes_nothing_is_not_committed() -> None:
    store = _Store()
    assert await decide(store, store.find, lambda record, _: (record, Change()), unknown="none") == "version 1"
    assert store.commits == 0


async def test_what_is_not_there_is_said_in_the_callers_words() -> None:
    async def nothing() -> None:
        return None

    with pytest.raises(Rejected) as caught:
        await decide(_Store(), nothing, _rewrite, unknown="no such key")
    assert (caught.value.code, caught.value.detail) == ("object_unknown", "no such key")
