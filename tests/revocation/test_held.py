"""Ids in memory: exact, and given back."""

from hypothesis import given
from hypothesis import strategies as st

from doorward.revocation.held import SHARDS, KeysHeld, key_of

own = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", min_size=22, max_size=22)


@given(st.lists(st.one_of(own, st.text(max_size=30)), unique=True))
def test_two_ids_never_have_one_key(ids: list[str]) -> None:
    assert len({key_of(id_) for id_ in ids}) == len(ids)


@given(own, st.integers(0, 21))
def test_ids_that_differ_in_one_character_have_two_keys(id_: str, place: int) -> None:
    other = "A" if id_[place] != "A" else "B"
    assert key_of(id_) != key_of(id_[:place] + other + id_[place + 1 :])


def test_an_id_of_our_own_form_is_a_number_and_any_other_stays_text() -> None:
    assert isinstance(key_of("A" * 22), int)
    for id_ in ("A" * 21, "A" * 23, "é" * 22, "https://id.example abc", ""):
        assert key_of(id_) == id_


def test_what_was_dropped_takes_no_room() -> None:
    held = KeysHeld()
    for number in range(20_000):
        held.hold(str(number), number)
    full = sum(shard.__sizeof__() for shard in held.shards)
    assert sum(held.let_leave(place, 19_899) for place in range(SHARDS)) == 20_000
    assert len(held) == 100
    assert sum(shard.__sizeof__() for shard in held.shards) < full / 8
    assert [held.find(str(number)) for number in range(19_899, 20_000)] == [None, *range(19_900, 20_000)]
    assert len(held.shards) == SHARDS
