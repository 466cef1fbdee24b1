"""What an epoch voids and what it spares, in the view every process keeps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.revocation.epochs import LEAVES_NEVER, later_epoch, leaves_in, pack_epoch, voids
from doorward.revocation.port import FeedPage, FeedRow
from doorward.revocation.table import LEAVE_BUCKET_S
from doorward.revocation.view import CACHE_LIFE_S, View
from doorward.values import EPOCH_KINDS, FeedKind, Handle, IssuedAbroad, Watermark

AS_OF = 1_700_000_000
ALICE = Handle(FeedKind.SUBJECT, "alice")
BOB = Handle(FeedKind.SUBJECT, "bob")
LEAVES = AS_OF + 90 * 86_400


def row(position: int, handle: Handle = ALICE, *, at: int = AS_OF, leave_at: int | None = LEAVES) -> FeedRow:
    return FeedRow(position=position, handle=handle, committed_at=at, leave_at=leave_at)


def page(*rows: FeedRow, watermark: int | None = None, generation: str = "g", as_of: int = AS_OF) -> FeedPage:
    reached = watermark if watermark is not None else max((r.position for r in rows), default=0)
    return FeedPage(rows=rows, watermark=reached, generation=generation, as_of=as_of, complete=True)


def loaded(*rows: FeedRow) -> View:
    view = View()
    assert view.apply(page(*rows), 0.0)
    return view


def of(position: int, generation: str = "g") -> Watermark:
    return Watermark(generation, position)


@pytest.mark.parametrize("kind", sorted(EPOCH_KINDS))
def test_an_epoch_voids_what_was_issued_before_it_and_spares_what_came_after(kind: FeedKind) -> None:
    handle = Handle(kind, "alice")
    view = loaded(row(7, handle))
    assert view.is_revoked((BOB, handle), of(6))
    assert not view.is_revoked((BOB, handle), of(7))
    assert not view.is_revoked((BOB, handle), of(8))
    assert not view.is_revoked((BOB,), of(0))


@pytest.mark.parametrize("kind", sorted(set(FeedKind) - EPOCH_KINDS))
def test_a_row_of_any_other_kind_is_final(kind: FeedKind) -> None:
    handle = Handle(kind, "a")
    view = loaded(row(7, handle))
    for since in (None, of(6), of(8), of(99, "other"), IssuedAbroad(AS_OF + 10**6)):
        assert view.is_revoked((handle,), since)


def test_a_watermark_of_another_generation_is_older_than_every_epoch() -> None:
    view = loaded(row(7))
    assert view.feed_generation == "g"
    assert view.is_revoked((ALICE,), of(99, "before the restore"))
    assert not view.is_revoked((BOB,), of(99, "before the restore"))


def test_positions_are_compared_with_the_generation_in_force_not_with_the_one_being_read() -> None:
    view = loaded(row(7))
    assert not view.apply(page(row(3), generation="restored", watermark=9), 1.0)
    assert view.feed_generation == "g"
    assert not view.is_revoked((ALICE,), of(7))
    assert view.apply(page(row(3), generation="restored"), 2.0)
    assert view.feed_generation == "restored"
    assert view.is_revoked((ALICE,), of(7))
    assert not view.is_revoked((ALICE,), of(3, "restored"))


def test_a_foreign_token_is_void_up_to_a_minute_after_the_epoch() -> None:
    view = loaded(row(7, at=AS_OF))
    assert view.is_revoked((ALICE,), IssuedAbroad(0))
    assert view.is_revoked((ALICE,), IssuedAbroad(AS_OF + 60))
    assert not view.is_revoked((ALICE,), IssuedAbroad(AS_OF + 61))


def test_a_record_of_the_store_is_loaded_again_instead() -> None:
    view = loaded()
    loaded_at = view.position
    view.apply(page(row(1)), 1.0)
    assert not view.is_revoked((ALICE,), None)
    assert view.changed_since((ALICE,), loaded_at)
    assert not view.changed_since((BOB,), loaded_at)
    assert not view.changed_since((ALICE,), view.position)


def test_a_later_row_moves_an_epoch_forward_and_none_moves_it_back() -> None:
    view = loaded(row(3))
    view.apply(page(row(9), watermark=5), 1.0)
    assert view.is_revoked((ALICE,), of(8))
    view.apply(page(row(6, leave_at=AS_OF), row(9), watermark=9), 2.0)
    assert view.is_revoked((ALICE,), of(8))
    assert not view.is_revoked((ALICE,), of(9))
    assert view.rows_by_kind[FeedKind.SUBJECT] == 1


def test_an_epoch_leaves_when_nothing_older_can_be_alive() -> None:
    view = loaded(row(1), row(2, leave_at=AS_OF))
    view.apply(page(watermark=2, as_of=LEAVES + CACHE_LIFE_S - 1), float(LEAVES + CACHE_LIFE_S - 1 - AS_OF))
    assert view.is_revoked((ALICE,), of(0))
    view.apply(
        page(watermark=2, as_of=LEAVES + CACHE_LIFE_S + LEAVE_BUCKET_S),
        float(LEAVES + CACHE_LIFE_S + LEAVE_BUCKET_S - AS_OF),
    )
    assert not view.is_revoked((ALICE,), of(0))
    assert view.rows_held == 0


def test_what_leaves_for_one_subject_stays_for_another() -> None:
    view = loaded(row(1, BOB, leave_at=AS_OF), row(2, leave_at=None))
    view.apply(page(watermark=2, as_of=AS_OF + 10**9), float(10**9))
    assert view.is_revoked((ALICE,), of(0))
    assert not view.is_revoked((BOB,), of(0))


epochs = st.tuples(st.integers(1, 2**62), st.integers(0, 2**36 - 1), st.integers(0, LEAVES_NEVER))


@given(epochs, epochs, st.integers(0, 2**62), st.integers(0, 2**36))
def test_two_epochs_together_void_exactly_what_either_voids(
    one: tuple[int, int, int], other: tuple[int, int, int], position: int, issued_at: int
) -> None:
    packed = pack_epoch(*one), pack_epoch(*other)
    both = later_epoch(*packed)
    for since in (Watermark("g", position), IssuedAbroad(issued_at)):
        assert voids(both, since, "g") == any(voids(epoch, since, "g") for epoch in packed)
    assert voids(packed[0], Watermark("g", position), "g") == (position < one[0])
    assert voids(packed[0], IssuedAbroad(issued_at), "g") == (issued_at - 60 <= one[1])
    assert leaves_in(both) == max(one[2], other[2])


def test_times_of_another_machine_beyond_all_reason_do_no_harm() -> None:
    gone = Handle(FeedKind.SUBJECT, "gone")
    view = loaded(row(1, at=-5, leave_at=2**62), row(2, BOB, at=2**62), row(3, gone, leave_at=-(10**9)))
    assert view.is_revoked((ALICE,), of(0))
    assert not view.is_revoked((ALICE,), of(1))
    assert not view.is_revoked((gone,), of(0))
    assert view.is_revoked((BOB,), of(1))
    assert not view.is_revoked((BOB,), of(2))
    assert view.is_revoked((BOB,), IssuedAbroad(AS_OF))
