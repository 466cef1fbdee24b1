import asyncio
import logging

import pytest
from tests.simulators.virtual_time import run_virtual

from doorward.door.usage import DELTAS_PER_FLUSH, UsageCounter
from doorward.errors import Rejected, Unavailable
from doorward.methods.plane import UsageDelta
from doorward.values import CredentialId, MethodName

APIKEY = MethodName("apikey")
BASIC = MethodName("basic")
KEY = CredentialId("aaaaaaaaaaaa")
OTHER = CredentialId("bbbbbbbbbbbb")


class Usage:
    """Adds up, as the port promises."""

    def __init__(self) -> None:
        self.calls: list[tuple[UsageDelta, ...]] = []
        self.away = False
        self.slow_s = 0.0

    async def add_usage(self, deltas: tuple[UsageDelta, ...]) -> None:
        await asyncio.sleep(self.slow_s)
        if self.away:
            raise Unavailable("store_unavailable", "simulated")
        self.calls.append(deltas)

    def total(self, credential_id: CredentialId) -> int:
        return sum(delta.count for call in self.calls for delta in call if delta.credential_id == credential_id)


async def test_uses_are_added_up_with_the_last_time_and_source() -> None:
    port = Usage()
    counter = UsageCounter(port)
    counter.count(APIKEY, KEY, 100, "192.0.2.1")
    counter.count(APIKEY, KEY, 107, None)
    counter.count(BASIC, KEY, 103, "192.0.2.2")
    await counter.flush()
    assert port.calls == [
        (
            UsageDelta(method=APIKEY, credential_id=KEY, count=2, last_used_at=107, last_source=None),
            UsageDelta(method=BASIC, credential_id=KEY, count=1, last_used_at=103, last_source="192.0.2.2"),
        )
    ]
    await counter.flush()
    assert len(port.calls) == 1


def test_each_credential_is_flushed_at_most_once_a_minute() -> None:
    async def story() -> None:
        port = Usage()
        counter = UsageCounter(port)
        await counter.start()
        for second in range(300):
            counter.count(APIKEY, KEY, second, None)
            await asyncio.sleep(1)
        assert 4 <= len(port.calls) <= 5
        await counter.aclose()
        assert port.total(KEY) == 300

    run_virtual(story())


def test_a_failed_flush_keeps_the_counts_and_the_newest_source() -> None:
    async def story() -> None:
        port = Usage()
        counter = UsageCounter(port, flush_interval_s=10)
        await counter.start()
        port.away, port.slow_s = True, 1
        counter.count(APIKEY, KEY, 1, "old")
        counter.count(APIKEY, OTHER, 1, "other")
        await asyncio.sleep(10.5)
        counter.count(APIKEY, KEY, 2, "new")
        await asyncio.sleep(1)
        port.away = False
        await asyncio.sleep(12)
        assert port.total(KEY) == 2
        assert port.total(OTHER) == 1
        assert port.calls[0][0].last_source == "new"
        await counter.aclose()

    run_virtual(story())


def test_closing_waits_for_the_flush_under_way_and_counts_nothing_twice() -> None:
    async def story() -> None:
        port = Usage()
        counter = UsageCounter(port, flush_interval_s=10)
        await counter.start()
        port.slow_s = 2
        counter.count(APIKEY, KEY, 1, None)
        await asyncio.sleep(10.5)
        counter.count(APIKEY, KEY, 2, None)
        await counter.aclose()
        await counter.aclose()
        assert port.total(KEY) == 2

    run_virtual(story())


async def test_closing_without_the_store_says_what_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    port = Usage()
    port.away = True
    counter = UsageCounter(port)
    counter.count(APIKEY, KEY, 1, None)
    with caplog.at_level(logging.WARNING):
        await counter.aclose()
    assert "usage of 1 credentials was not stored" in caplog.text


def test_a_table_half_full_is_flushed_early() -> None:
    async def story() -> None:
        port = Usage()
        counter = UsageCounter(port, entries_max=10)
        await counter.start()
        for n in range(5):
            counter.count(APIKEY, CredentialId(str(n)), 1, None)
        await asyncio.sleep(0.1)
        assert len(port.calls) == 1
        await counter.aclose()

    run_virtual(story())


def test_a_full_table_without_a_store_counts_what_it_holds_and_says_what_it_lost() -> None:
    async def story() -> None:
        port = Usage()
        port.away = True
        counter = UsageCounter(port, entries_max=10)
        await counter.start()
        for n in range(11):
            counter.count(APIKEY, CredentialId(str(n)), 1, None)
        counter.count(APIKEY, CredentialId("3"), 1, None)
        assert counter.lost == 1
        await asyncio.sleep(5)
        port.away = False
        await counter.aclose()
        assert port.total(CredentialId("3")) == 2
        assert port.total(CredentialId("10")) == 0

    run_virtual(story())


async def test_a_flush_is_cut_into_transactions() -> None:
    port = Usage()
    counter = UsageCounter(port)
    for n in range(DELTAS_PER_FLUSH + 1):
        counter.count(APIKEY, CredentialId(str(n)), 1, None)
    await counter.flush()
    assert [len(call) for call in port.calls] == [DELTAS_PER_FLUSH, 1]


def test_a_bug_in_a_flush_does_not_end_the_counting(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Usage):
        async def add_usage(self, deltas: tuple[UsageDelta, ...]) -> None:
            if len(self.calls) == 0:
                self.calls.append(())
                raise RuntimeError("a bug in a driver")
            await super().add_usage(deltas)

    async def story() -> None:
        port = Broken()
        counter = UsageCounter(port)
        await counter.start()
        counter.count(APIKEY, KEY, 1, None)
        await asyncio.sleep(130)
        assert port.total(KEY) == 1
        await counter.aclose()

    with caplog.at_level(logging.ERROR):
        run_virtual(story())
    assert "a bug in a driver" in caplog.text


class Particular(Usage):
    """Takes no batch that has a certain credential in it, as a database does with text it cannot store."""

    def __init__(self, hated: CredentialId) -> None:
        super().__init__()
        self.hated = hated
        self.attempts = 0

    async def add_usage(self, deltas: tuple[UsageDelta, ...]) -> None:
        self.attempts += 1
        if self.away:
            raise Unavailable("store_unavailable", "simulated")
        if any(delta.credential_id == self.hated for delta in deltas):
            raise Rejected("input_invalid", "simulated")
        await super().add_usage(deltas)


async def test_a_count_the_store_rejects_is_dropped_and_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    port = Particular(CredentialId("hated"))
    counter = UsageCounter(port)
    counter.count(APIKEY, KEY, 1, None)
    counter.count(APIKEY, port.hated, 1, None)
    counter.count(APIKEY, port.hated, 2, None)
    counter.count(APIKEY, OTHER, 1, None)
    with caplog.at_level(logging.WARNING):
        await counter.flush()
    assert (port.total(KEY), port.total(OTHER), port.total(port.hated)) == (1, 1, 0)
    assert counter.rejected == 2
    assert "2 uses cannot be stored and were dropped: input_invalid" in caplog.text
    assert "hated" not in caplog.text
    port.attempts = 0
    await counter.flush()
    assert port.attempts == 0


async def test_one_rejected_count_costs_only_its_own_batch() -> None:
    port = Particular(CredentialId("5"))
    counter = UsageCounter(port)
    for n in range(DELTAS_PER_FLUSH * 2):
        counter.count(APIKEY, CredentialId(str(n)), 1, None)
    await counter.flush()
    assert sum(len(call) for call in port.calls) == DELTAS_PER_FLUSH * 2 - 1
    assert port.attempts == 1 + DELTAS_PER_FLUSH + 1


async def test_closing_with_a_rejected_count_raises_nothing_and_stores_the_rest() -> None:
    port = Particular(CredentialId("hated"))
    counter = UsageCounter(port)
    await counter.start()
    counter.count(APIKEY, port.hated, 1, None)
    counter.count(APIKEY, KEY, 1, None)
    await counter.aclose()
    assert port.total(KEY) == 1
    assert counter.rejected == 1


async def test_a_store_that_goes_away_among_single_counts_gets_each_once() -> None:
    class GoesAway(Particular):
        async def add_usage(self, deltas: tuple[UsageDelta, ...]) -> None:
            await super().add_usage(deltas)
            self.away = len(self.calls) == 1

    port = GoesAway(CredentialId("hated"))
    counter = UsageCounter(port)
    for credential in (KEY, port.hated, OTHER):
        counter.count(APIKEY, credential, 1, None)
    with pytest.raises(Unavailable):
        await counter.flush()
    port.away = False
    await counter.flush()
    assert (port.total(KEY), port.total(OTHER)) == (1, 1)
    assert counter.rejected == 1
