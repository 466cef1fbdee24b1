"""The record cache: age and bounds."""

from tests.simulators.method import SimulatedMethod

from doorward.door.cache import AGE_S_MAX, Entry, RecordCache


def entry(loaded_at: float = 0.0, octets: int = 0) -> Entry:
    return Entry("record", (), position=0, generation=0, loaded_at=loaded_at, octets=octets)


def test_no_record_is_kept_longer_than_an_hour() -> None:
    cache = RecordCache(SimulatedMethod(), None)
    cache.keep("a", entry())
    assert cache.find("a", AGE_S_MAX) is not None
    assert cache.find("a", AGE_S_MAX + 1) is None
    assert len(cache) == 0


def test_the_oldest_leaves_when_it_is_full() -> None:
    cache = RecordCache(SimulatedMethod(), None, entries_max=2)
    for name in ("a", "b", "a", "c"):
        cache.keep(name, entry())
    assert (cache.find("b", 0.0), len(cache)) == (None, 2)
    assert cache.find("a", 0.0) is not None


def test_what_is_kept_weighs_no_more_than_it_may() -> None:
    cache = RecordCache(SimulatedMethod(), None, octets_max=100)
    for name in ("a", "b", "a", "c"):
        cache.keep(name, entry(octets=40))
    assert (cache.find("b", 0.0), len(cache), cache.octets) == (None, 2, 80)
    # One large one takes the place of several.
    cache.keep("d", entry(octets=90))
    assert (len(cache), cache.octets) == (1, 90)
    # What has gone weighs nothing, however it went.
    assert cache.find("d", AGE_S_MAX + 1) is None
    cache.keep("e", entry(octets=60))
    cache.forget("e")
    cache.forget("e")
    assert (len(cache), cache.octets) == (0, 0)
