import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.errors import Unavailable
from doorward.revocation.port import FeedPage, FeedRow
from doorward.revocation.table import LEAVE_BUCKET_S, LOOKED_AT_PER_PAGE_MAX
from doorward.revocation.view import CACHE_LIFE_S, LEAP_S, View
from doorward.values import FeedKind, Handle

AS_OF = 1_700_000_000
KEY = Handle(FeedKind.CREDENTIAL, "aaaaaaaaaaaa")
APP = Handle(FeedKind.APP, "app_bbbbbbbbbbbb")


def row(position: int, handle: Handle = KEY, *, version: int | None = None, leave_at: int | None = None) -> FeedRow:
    return FeedRow(position=position, handle=handle, committed_at=AS_OF, leave_at=leave_at, changed_version=version)


def page(
    *rows: FeedRow, watermark: int | None = None, generation: str = "g", as_of: int = AS_OF, complete: bool = True
) -> FeedPage:
    reached = watermark if watermark is not None else max((r.position for r in rows), default=0)
    return FeedPage(rows=rows, watermark=reached, generation=generation, as_of=as_of, complete=complete)


def loaded(*rows: FeedRow) -> View:
    view = View()
    assert view.apply(page(*rows), 0.0)
    return view


def test_a_revoked_handle_is_revoked_and_no_other() -> None:
    view = loaded(row(1))
    assert view.is_revoked((APP, KEY))
    assert not view.is_revoked((APP,))
    assert not view.is_revoked((Handle(FeedKind.APP, KEY.id),))
    assert not view.is_revoked(())


def test_a_changed_handle_is_loaded_again_once_and_is_not_revoked() -> None:
    view = loaded()
    before = view.position
    assert not view.changed_since((KEY,), before)
    view.apply(page(row(5, version=2)), 1.0)
    assert view.changed_since((APP, KEY), before)
    assert not view.changed_since((KEY,), view.position)
    assert not view.is_revoked((KEY,))


def test_a_late_row_with_a_lower_number_still_reaches_what_was_loaded_before_it() -> None:
    view = loaded()
    view.apply(page(row(6, APP, version=2), watermark=4), 1.0)
    assert view.watermark == 4
    assert view.read_after == 4
    loaded_at = view.position
    view.apply(page(row(5, KEY, version=2), row(6, APP, version=2), watermark=6), 2.0)
    assert view.changed_since((KEY,), loaded_at)
    assert not view.changed_since((KEY,), view.position)
    assert view.watermark == 6
    assert view.position >= 6


def test_a_duplicate_changes_nothing() -> None:
    view = loaded(row(1, version=2))
    view.apply(page(row(3, APP, version=2), watermark=1), 1.0)
    generation, position = view.generation, view.position
    view.apply(page(row(3, APP, version=2), watermark=1), 2.0)
    view.apply(page(row(1, version=2), watermark=1), 2.0)
    assert (view.generation, view.position) == (generation, position)


def test_the_generation_grows_with_every_batch_that_holds_a_row_and_only_then() -> None:
    view = loaded()
    generation = view.generation
    view.apply(page(watermark=9), 1.0)
    assert view.generation == generation
    view.apply(page(row(10), row(11, APP)), 1.0)
    assert view.generation == generation + 1


def test_before_the_first_full_reading_nothing_is_confirmed() -> None:
    view = View(max_staleness_s=60)
    with pytest.raises(Unavailable) as refused:
        view.require_fresh(0.0)
    assert refused.value.code == "revocation_stale"
    assert not view.apply(page(row(1), watermark=2, complete=False), 0.0)
    with pytest.raises(Unavailable):
        view.require_fresh(0.0)


def test_the_view_is_fresh_to_the_second_it_may_be_old() -> None:
    view = View(max_staleness_s=60)
    view.apply(page(), 100.0)
    view.require_fresh(160.0)
    assert view.age_s(160.0) == 60
    with pytest.raises(Unavailable):
        view.require_fresh(160.001)


def test_the_age_counts_from_when_the_reading_began() -> None:
    view = View(max_staleness_s=10)
    assert not view.apply(page(row(1), watermark=2, complete=False), 100.0)
    assert view.apply(page(row(2, APP)), 100.0)
    with pytest.raises(Unavailable):
        view.require_fresh(111.0)


def test_a_restored_database_is_read_again_from_the_beginning() -> None:
    view = loaded(row(7))
    at = view.position
    assert not view.apply(page(row(9, APP), generation="restored"), 1.0)
    assert view.read_after == 0
    # The old view stays in force until the new one is whole.
    assert view.is_revoked((KEY,))
    assert not view.is_revoked((APP,))
    assert not view.changed_since((KEY,), at)
    assert view.age_s(5.0) == 5.0
    assert view.apply(page(row(2, APP), generation="restored"), 2.0)
    assert view.is_revoked((APP,))
    assert not view.is_revoked((KEY,))
    assert view.watermark == 2
    assert view.changed_since((KEY,), at)
    assert not view.changed_since((KEY,), view.position)


def test_a_reader_who_may_see_more_reads_what_he_was_passed_over_with() -> None:
    """Rows that were withheld lie below the watermark: nobody would ever ask for them again."""
    view = loaded(row(9, APP))
    assert not view.apply(msgspec.structs.replace(page(watermark=9), reader="abcd"), 1.0)
    assert view.is_revoked((APP,)), "in force until the new view is whole"
    assert view.read_after == 0
    assert view.apply(msgspec.structs.replace(page(row(4, KEY), row(9, APP)), reader="abcd"), 2.0)
    assert view.is_revoked((KEY,))
    assert view.apply(msgspec.structs.replace(page(watermark=9), reader="abcd"), 3.0)


def test_a_watermark_that_went_back_is_a_restore_as_well() -> None:
    view = loaded(row(7))
    at, generation = view.position, view.generation
    assert not view.apply(page(watermark=3), 1.0)
    assert view.apply(page(row(3, APP)), 2.0)
    assert view.is_revoked((APP,))
    assert not view.is_revoked((KEY,))
    assert view.changed_since((APP,), at)
    assert view.position > at
    assert view.generation > generation


def test_a_second_restore_during_the_first_begins_again() -> None:
    view = loaded(row(7))
    view.apply(page(generation="b", watermark=9), 1.0)
    view.apply(page(row(1, APP), generation="b", watermark=9, complete=False), 1.0)
    assert view.read_after == 1
    assert not view.apply(page(generation="c", watermark=9), 1.0)
    assert view.read_after == 0
    assert view.apply(page(generation="c", watermark=9), 1.0)
    assert not view.is_revoked((APP, KEY))


def test_marks_of_a_reading_in_several_pages_are_not_above_the_position() -> None:
    view = View()
    view.apply(page(row(3, KEY, version=2), watermark=1, complete=False), 0.0)
    view.apply(page(row(9, APP, version=2), watermark=1), 0.0)
    assert not view.changed_since((KEY, APP), view.position)


def test_paging_goes_on_after_the_last_row_and_resumes_from_the_watermark() -> None:
    view = View()
    view.apply(page(row(4), watermark=2, complete=False), 0.0)
    assert view.read_after == 4
    view.apply(page(row(8, APP), watermark=8), 0.0)
    # 3 may have come while 5 to 8 were read.
    assert view.watermark == 2
    assert view.read_after == 2


def test_a_page_of_withheld_rows_leads_on_and_proves_no_more_than_it_looked_at() -> None:
    view = View()
    empty = FeedPage(rows=(), watermark=9, generation="g", as_of=AS_OF, complete=False, scanned_to=5)
    assert not view.apply(empty, 0.0)
    assert view.read_after == 5
    assert not view.apply(empty, 0.0)
    assert view.apply(page(row(6), watermark=9), 1.0)
    assert view.watermark == 9
    assert view.is_revoked((KEY,))


def test_a_revoked_row_leaves_a_cache_life_after_its_time_and_not_before() -> None:
    leave_at = AS_OF + 100
    view = loaded(row(1, leave_at=leave_at))
    view.apply(page(watermark=1, as_of=leave_at + 3_600 - 1), float(leave_at + 3_600 - 1 - AS_OF))
    assert view.is_revoked((KEY,))
    view.apply(
        page(watermark=1, as_of=leave_at + 3_600 + LEAVE_BUCKET_S), float(leave_at + 3_600 + LEAVE_BUCKET_S - AS_OF)
    )
    assert not view.is_revoked((KEY,))
    assert view.rows_held == 0


def test_a_row_that_never_leaves_stays_and_a_later_row_prolongs() -> None:
    far = AS_OF + 10**9
    view = loaded(row(1, leave_at=AS_OF), row(2, leave_at=None), row(3, leave_at=AS_OF), row(4, APP, leave_at=AS_OF))
    view.apply(page(row(5, APP, leave_at=far)), 1.0)
    view.apply(page(row(6, APP, leave_at=AS_OF)), 1.0)
    view.apply(page(watermark=6, as_of=AS_OF + 100_000), float(100_000))
    assert view.is_revoked((KEY,))
    assert view.is_revoked((APP,))
    view.apply(page(watermark=6, as_of=far + 100_000), float(far + 100_000 - AS_OF))
    assert view.is_revoked((KEY,))
    assert not view.is_revoked((APP,))


def test_a_change_is_remembered_as_long_as_a_cached_record_may_live() -> None:
    view = loaded()
    at = view.position
    view.apply(page(row(1, version=2, leave_at=AS_OF)), 1.0)
    view.apply(page(watermark=1, as_of=AS_OF + 3_599), float(3_599))
    assert view.changed_since((KEY,), at)
    view.apply(page(row(2, version=3, leave_at=AS_OF), as_of=AS_OF + 3_599), float(3_599))
    view.apply(page(watermark=2, as_of=AS_OF + 3_600), float(3_600))
    assert view.changed_since((KEY,), at)
    view.apply(page(watermark=2, as_of=AS_OF + 2 * 3_600), float(2 * 3_600))
    assert view.rows_held == 0


def test_many_rows_leave_over_several_pages() -> None:
    many = 2 * LOOKED_AT_PER_PAGE_MAX
    view = loaded(*(row(n + 1, Handle(FeedKind.TOKEN, str(n)), leave_at=AS_OF) for n in range(many)))
    held = [view.rows_held]
    while held[-1]:
        view.apply(page(watermark=many, as_of=AS_OF + 10_000), float(10_000))
        held.append(view.rows_held)
        # A shard is looked through as a whole.
        assert 0 < held[-2] - held[-1] < LOOKED_AT_PER_PAGE_MAX + many / 32
    assert len(held) == 3


def test_a_row_that_comes_late_while_others_leave_leaves_as_well() -> None:
    many = 2 * LOOKED_AT_PER_PAGE_MAX
    view = loaded(*(row(n + 1, Handle(FeedKind.TOKEN, str(n)), leave_at=AS_OF) for n in range(many)))
    view.apply(page(watermark=many, as_of=AS_OF + 10_000), float(10_000))
    late = (row(many + n, Handle(FeedKind.TOKEN, f"late {n}"), leave_at=AS_OF) for n in range(1, 200))
    view.apply(page(*late, as_of=AS_OF + 10_000), float(10_000))
    for _ in range(3):
        view.apply(page(watermark=many + 199, as_of=AS_OF + 10_000), float(10_000))
    assert view.rows_held == 0


@given(
    st.permutations(range(1, 9)),
    st.lists(st.integers(1, 8), max_size=8),
    st.lists(st.booleans(), min_size=8, max_size=8),
)
def test_whatever_the_order_of_commit_every_row_is_applied(
    order: list[int], extra_reads: list[int], changes: list[bool]
) -> None:
    """Transactions commit in any order; the store's watermark stops before the first that has not."""
    view = loaded()
    committed: dict[int, FeedRow] = {}
    loaded_at: dict[int, int] = {}
    for step, number in enumerate(order):
        loaded_at[number] = view.position
        handle = Handle(FeedKind.CREDENTIAL, str(number))
        committed[number] = row(number, handle, version=2 if changes[number - 1] else None)
        if step in extra_reads:
            continue
        watermark = next(n for n in range(1, 10) if n not in committed) - 1
        rows = [committed[n] for n in sorted(committed) if n > view.read_after]
        view.apply(page(*rows, watermark=watermark), float(step))
    view.apply(page(*(committed[n] for n in sorted(committed) if n > view.read_after), watermark=8), 99.0)
    assert view.watermark == 8
    for number in order:
        handle = Handle(FeedKind.CREDENTIAL, str(number))
        if changes[number - 1]:
            assert view.changed_since((handle,), loaded_at[number])
            assert not view.changed_since((handle,), view.position)
        else:
            assert view.is_revoked((handle,))


def test_after_a_leap_of_the_stores_clock_every_record_is_loaded_again() -> None:
    """A machine resumes from a snapshot: meanwhile a key was revoked, and its row has left."""
    view = loaded(row(1, APP))
    loaded_at, generation = view.position, view.generation
    view.apply(page(watermark=1, as_of=AS_OF + CACHE_LIFE_S - 1), 0.5)
    assert not view.changed_since((KEY,), loaded_at)
    view.apply(page(watermark=2, as_of=AS_OF + 3 * CACHE_LIFE_S), 1.0)
    assert view.changed_since((KEY,), loaded_at)
    assert view.generation > generation
    assert not view.changed_since((KEY,), view.position)


def test_a_clock_that_is_wrong_for_a_moment_lets_no_revocation_go() -> None:
    view = loaded(row(1, leave_at=AS_OF + 3_600))
    view.apply(page(watermark=1, as_of=AS_OF + 30 * 86_400), 1.0)
    assert view.as_of == AS_OF + 30 * 86_400
    assert view.settled_as_of == AS_OF + 1 + LEAP_S
    assert view.is_revoked((KEY,))
    # The time passes, and it leaves.
    view.apply(page(watermark=1, as_of=AS_OF + 86_400), 86_400.0)
    assert not view.is_revoked((KEY,))
