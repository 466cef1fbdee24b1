"""The feed for verifiers elsewhere: who is told what, and from which reading."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, final

import pytest
from tests.server.conftest import Ask
from tests.simulators.feed import FeedSimulator
from tests.simulators.store import OPERATOR, SimulatedStore
from tests.simulators.stream import Streaming, streaming

from doorward.apps.port import AppRecord
from doorward.door import Door
from doorward.errors import Misconfigured, Unavailable
from doorward.methods.apikey import ApiKeys
from doorward.methods.apikey.operations import create_key, revoke_key
from doorward.methods.apikey.order import IssuedKey, KeyOrder
from doorward.revocation.exchange import PAGE_ROWS_MAX
from doorward.revocation.hub import FeedHub, TappedFeed
from doorward.revocation.port import FeedRow
from doorward.server.audiences import REVOCATIONS_READ
from doorward.server.revocation_streams import STREAMS_PER_KEY_MAX, RevocationStreams
from doorward.server.revocations import SECTORS_KEPT_S, STORE_PAGE_ROWS_MAX, RevocationPages, RevocationSource
from doorward.values import FeedKind, Handle, PrincipalKind, Scopes
from doorward.wire.hops import TrustedHops

Make = Callable[..., Any]


@final
class Issuer:
    """The two routes over a feed in memory. `follow` is what the process's own follower does."""

    def __init__(self, store: SimulatedStore, owner: AppRecord) -> None:
        self.store = store
        self.owner = owner
        self.feed = FeedSimulator()
        self.sectors: frozenset[str] = frozenset()
        self.sectors_fail: Exception | None = None
        self.now = 1_000.0
        self.hub = FeedHub(monotonic=lambda: self.now, rows_max=8)
        self.tapped = TappedFeed(self.feed, monotonic=lambda: self.now)
        self.tapped.listeners.append(self.hub.take)
        door = Door(ApiKeys(store), require=REVOCATIONS_READ, principal_kind=PrincipalKind.APP)
        source = RevocationSource(
            door,
            self.hub,
            self.feed,
            hops=TrustedHops(),
            sectors=self._sectors,
            monotonic=lambda: self.now,
            issuer="https://id.example",
        )
        self.pages = RevocationPages(source)
        self.streams = RevocationStreams(source, streams_max=STREAMS_PER_KEY_MAX + 2, heartbeat_s=0.05)

    async def _sectors(self) -> frozenset[str]:
        if self.sectors_fail is not None:
            raise self.sectors_fail
        return self.sectors

    async def follow(self) -> None:
        await self.tapped.read_feed(self.hub.watermark)

    async def key(self, *, audience: str = "", scopes: Scopes = REVOCATIONS_READ) -> IssuedKey:
        metadata = {"audience": audience} if audience else {}
        order = KeyOrder(app_id=self.owner.id, name="verifier", scopes=scopes, metadata=metadata)
        return await create_key(self.store, order, actor=OPERATOR)

    def commit(self, kind: FeedKind, id_: str, *, audience: str | None = None, version: int | None = None) -> FeedRow:
        self.feed.position += 1
        row = FeedRow(
            position=self.feed.position,
            handle=Handle(kind, id_),
            committed_at=self.feed.as_of,
            leave_at=None,
            audience=audience,
            changed_version=version,
        )
        self.feed.rows[row.position] = row
        return row


@pytest.fixture
def issuer(store: SimulatedStore, owner: AppRecord) -> Issuer:
    return Issuer(store, owner)


def bearer(key: IssuedKey) -> list[tuple[bytes, bytes]]:
    return [(b"authorization", b"Bearer " + key.text.encode())]


async def read(ask: Ask, issuer: Issuer, key: IssuedKey, query: str = "") -> Any:  # Any: JSON
    headers = [(b"host", b"localhost"), *bearer(key)]
    status, _, body = await ask(issuer.pages, "/revocations", headers=headers, query=query.encode())
    assert status == 200, body
    return json.loads(body)


def ids(page: Any) -> list[str]:  # Any: JSON
    return [row["id"] for row in page["rows"]]


async def test_without_a_key_nothing_is_told(ask: Ask, issuer: Issuer) -> None:
    issuer.commit(FeedKind.SESSION, "s1")
    status, headers, body = await ask(issuer.pages, "/revocations")
    assert (status, headers[b"content-type"]) == (401, b"application/problem+json")
    assert b"s1" not in body
    status, _, _ = await ask(issuer.streams, "/revocations/stream")
    assert status == 401


async def test_nothing_but_reading_is_offered(ask: Ask, issuer: Issuer) -> None:
    headers = [(b"host", b"localhost"), *bearer(await issuer.key())]
    for app in (issuer.pages, issuer.streams):
        for method in ("POST", "DELETE", "HEAD"):
            status, _, _ = await ask(app, "/revocations", method=method, headers=headers)
            assert status == 405


async def test_a_key_that_is_for_something_else_is_told_nothing(ask: Ask, issuer: Issuer) -> None:
    key = await issuer.key(scopes=Scopes("orders:read"))
    for app in (issuer.pages, issuer.streams):
        status, _, _ = await ask(app, "/revocations", headers=[(b"host", b"localhost"), *bearer(key)])
        assert status == 403


async def test_a_page_says_what_is_void_and_no_more(ask: Ask, issuer: Issuer) -> None:
    issuer.commit(FeedKind.SESSION, "s1")
    page = await read(ask, issuer, await issuer.key())
    assert page == {
        "after": 0,
        "watermark": 1,
        "generation": "first",
        "as_of": issuer.feed.as_of,
        "age_s": page["age_s"],
        "complete": True,
        "reader": page["reader"],
        "issuer": "https://id.example",
        "audiences": [],
        "rows": [
            {"position": 1, "kind": "session", "id": "s1", "committed_at": issuer.feed.as_of, "leave_at": None},
        ],
    }


async def test_who_may_see_something_else_is_told_that_he_may(ask: Ask, issuer: Issuer) -> None:
    await issuer.follow()
    one, same, other, none = [
        (await read(ask, issuer, await issuer.key(audience=names)))["reader"]
        for names in (
            "https://a.example https://b.example",
            "https://b.example https://a.example",
            "https://a.example",
            "",
        )
    ]
    assert one == same
    assert len({one, other, none}) == 3
    issuer.sectors = frozenset({"https://a.example"})
    issuer.now += SECTORS_KEPT_S
    assert (await read(ask, issuer, await issuer.key(audience="https://a.example")))["reader"] not in {one, other, none}


@pytest.mark.parametrize("answered_from", ["memory", "store"])
async def test_rows_are_told_by_audience_and_positions_are_passed(ask: Ask, issuer: Issuer, answered_from: str) -> None:
    if answered_from == "memory":
        await issuer.follow()
    issuer.commit(FeedKind.TOKEN, "mine", audience="https://a.example")
    issuer.commit(FeedKind.TOKEN, "other", audience="https://b.example")
    issuer.commit(FeedKind.CREDENTIAL, "key", version=2)
    issuer.commit(FeedKind.SUBJECT, "alice")
    issuer.commit(FeedKind.SUBJECT, "derived", audience="https://b.example")
    if answered_from == "memory":
        await issuer.follow()
    reads = issuer.feed.reads
    one = await read(ask, issuer, await issuer.key(audience="https://a.example"))
    both = await read(ask, issuer, await issuer.key(audience="https://a.example https://b.example"))
    nobody = await read(ask, issuer, await issuer.key())
    assert ids(one) == ["mine", "alice"]
    assert ids(both) == ["mine", "other", "alice", "derived"]
    assert ids(nobody) == ["alice"]
    assert {page["watermark"] for page in (one, both, nobody)} == {5}
    assert issuer.feed.reads == (reads if answered_from == "memory" else reads + 3)


@pytest.mark.parametrize("answered_from", ["memory", "store"])
async def test_who_knows_derived_names_only_is_told_no_plain_ones(ask: Ask, issuer: Issuer, answered_from: str) -> None:
    issuer.sectors = frozenset({"https://a.example"})
    issuer.feed.sectors = {"https://a.example"}
    if answered_from == "memory":
        await issuer.follow()
    issuer.commit(FeedKind.SUBJECT, "alice")
    issuer.commit(FeedKind.CLIENT_SUBJECT, "app alice")
    issuer.commit(FeedKind.SUBJECT, "derived", audience="https://a.example")
    issuer.commit(FeedKind.CLIENT, "app")
    if answered_from == "memory":
        await issuer.follow()
    assert ids(await read(ask, issuer, await issuer.key(audience="https://a.example"))) == ["derived", "app"]
    mixed = await issuer.key(audience="https://a.example https://b.example")
    assert ids(await read(ask, issuer, mixed)) == ["alice", "app alice", "derived", "app"]


@pytest.mark.parametrize("fails", [Unavailable("store_unavailable"), Misconfigured("A key.", cure="Another.")])
async def test_where_it_is_not_known_who_may_know_names_nothing_is_told(
    ask: Ask, issuer: Issuer, fails: Exception
) -> None:
    issuer.sectors_fail = fails
    await issuer.follow()
    key = await issuer.key(audience="https://a.example")
    status, _, _ = await ask(issuer.pages, "/revocations", headers=[(b"host", b"localhost"), *bearer(key)])
    assert status == 503


async def test_a_reader_cannot_choose_its_audience(ask: Ask, issuer: Issuer) -> None:
    key = await issuer.key(audience="https://a.example")
    for query in (b"audience=https://b.example", b"after=0&audience=x"):
        status, _, _ = await ask(
            issuer.pages, "/revocations", headers=[(b"host", b"localhost"), *bearer(key)], query=query
        )
        assert status == 422


@pytest.mark.parametrize(
    "query",
    [
        "after=-1",
        "after=%2B1",
        "after=1.0",
        "after=",
        "after",
        "after=1&after=2",
        "after=9999999999999999999",
        "after=\u0661",
        "limit=0",
        f"limit={PAGE_ROWS_MAX + 1}",
        "generation=",
        "generation=a%20b",
        "generation=" + "a" * 65,
        "&",
        "other=1",
        "after=" + "0" * 300,
    ],
)
async def test_a_query_that_could_skip_something_is_refused(ask: Ask, issuer: Issuer, query: str) -> None:
    headers = [(b"host", b"localhost"), *bearer(await issuer.key())]
    status, _, _ = await ask(issuer.pages, "/revocations", headers=headers, query=query.encode())
    assert status == 422


async def test_pages_lead_to_the_end_with_a_limit(ask: Ask, issuer: Issuer) -> None:
    key = await issuer.key(audience="a")
    for number in range(20):
        issuer.commit(FeedKind.TOKEN, f"t{number}", audience="a" if number % 3 else "b")
    await issuer.follow()
    after, seen = 0, []
    while True:
        page = await read(ask, issuer, key, f"after={after}&limit=3")
        assert page["watermark"] > after
        after = page["watermark"]
        seen += ids(page)
        if page["complete"]:
            break
    assert seen == [f"t{number}" for number in range(20) if number % 3]


async def test_whoever_is_up_to_date_costs_the_store_nothing(ask: Ask, issuer: Issuer) -> None:
    key = await issuer.key()
    for number in range(30):
        issuer.commit(FeedKind.SESSION, f"s{number}")
        await issuer.follow()
    reads = issuer.feed.reads
    page = await read(ask, issuer, key, "after=30&generation=first")
    assert (page["rows"], page["watermark"], page["complete"]) == ([], 30, True)
    assert ids(await read(ask, issuer, key, "after=27")) == ["s27", "s28", "s29"]
    assert issuer.feed.reads == reads
    # Further behind than what is kept, ahead of it, or of another feed: only the store knows.
    assert len(ids(await read(ask, issuer, key, "after=1"))) == 29
    issuer.commit(FeedKind.SESSION, "s30")
    assert (await read(ask, issuer, key, "after=31"))["watermark"] == 31
    await read(ask, issuer, key, "after=30&generation=other")
    assert issuer.feed.reads == reads + 3


async def test_a_page_from_the_store_is_short_whatever_is_asked_for(ask: Ask, issuer: Issuer) -> None:
    """`generation=x` sends anybody who holds a key past what is in memory."""
    key = await issuer.key()
    for number in range(STORE_PAGE_ROWS_MAX + 1):
        issuer.commit(FeedKind.SESSION, f"s{number}")
    await issuer.follow()
    page = await read(ask, issuer, key, "after=0&generation=other")
    assert (len(page["rows"]), page["watermark"], page["complete"]) == (STORE_PAGE_ROWS_MAX, STORE_PAGE_ROWS_MAX, False)
    page = await read(ask, issuer, key, f"after={STORE_PAGE_ROWS_MAX}&limit=5000&generation=other")
    assert (ids(page), page["complete"]) == ([f"s{STORE_PAGE_ROWS_MAX}"], True)


async def test_a_key_has_one_turn_at_the_store(ask: Ask, issuer: Issuer) -> None:
    """However often it asks at once, others are answered meanwhile."""
    one, other = await issuer.key(), await issuer.key()
    async with asyncio.TaskGroup() as group:
        for key in (one, one, one, one, one, one, other):
            group.create_task(read(ask, issuer, key, "after=0&generation=x"))
    assert (issuer.feed.reads, issuer.feed.reads_in_flight_max) == (7, 2)


async def test_an_answer_from_memory_says_how_old_it_is(ask: Ask, issuer: Issuer) -> None:
    key = await issuer.key()
    await issuer.follow()
    issuer.now += 7.5
    page = await read(ask, issuer, key)
    assert 7.5 <= page["age_s"] <= 7.51


async def test_a_restored_database_is_another_feed_in_memory_too(ask: Ask, issuer: Issuer) -> None:
    key = await issuer.key()
    for number in range(5):
        issuer.commit(FeedKind.SESSION, f"s{number}")
    await issuer.follow()
    issuer.feed.restore("second", (issuer.feed.rows[1],))
    await issuer.tapped.read_feed(5)
    await issuer.tapped.read_feed(0)
    page = await read(ask, issuer, key, "after=0")
    assert (page["generation"], page["watermark"], ids(page)) == ("second", 1, ["s0"])


async def start(issuer: Issuer, key: IssuedKey, query: str = "", last: str | None = None) -> Any:
    headers = bearer(key) + ([] if last is None else [(b"last-event-id", last.encode())])
    return streaming(issuer.streams, "/revocations/stream", headers=headers, query=query.encode())


async def test_what_is_revoked_is_pushed_at_once_and_resumed_by_id(issuer: Issuer) -> None:
    key = await issuer.key()
    issuer.commit(FeedKind.SESSION, "s1")
    await issuer.follow()
    async with await start(issuer, key) as stream:
        await stream.until("self.pages")
        assert (stream.status, stream.headers[b"content-type"]) == (200, b"text/event-stream")
        issuer.commit(FeedKind.SESSION, "s2")
        await issuer.follow()
        await stream.until("len(self.pages) == 2")
        assert [ids(page) for page in stream.pages] == [["s1"], ["s2"]]
        assert b"id: first.2\n" in stream.octets
    issuer.commit(FeedKind.SESSION, "s3")
    await issuer.follow()
    async with await start(issuer, key, "after=0", last="first.2") as stream:
        await stream.until("self.pages")
        assert [ids(page) for page in stream.pages] == [["s3"]]
    async with await start(issuer, key, "after=2&generation=before") as stream:
        await stream.until("self.pages")
        assert stream.pages[0]["generation"] == "first"


async def test_a_stream_that_is_idle_is_still_heard(issuer: Issuer) -> None:
    await issuer.follow()
    async with await start(issuer, await issuer.key(), "after=0&generation=first") as stream:
        await stream.until("self.octets.count(b': as_of 1700000000') >= 3")
        assert not stream.pages


async def test_positions_of_withheld_rows_are_passed_in_a_stream(issuer: Issuer) -> None:
    await issuer.follow()
    async with await start(issuer, await issuer.key(audience="a")) as stream:
        await stream.until("self.pages")
        issuer.commit(FeedKind.TOKEN, "hidden", audience="b")
        await issuer.follow()
        await stream.until("self.pages[-1]['watermark'] == 1")
        assert ids(stream.pages[-1]) == []
        assert b"hidden" not in stream.octets


async def test_a_verifier_that_is_revoked_is_cut_off_before_it_is_told_more(issuer: Issuer) -> None:
    key = await issuer.key()
    await issuer.follow()
    async with await start(issuer, key, "after=0&generation=first") as stream:
        await stream.until("b'as_of' in self.octets")
        await revoke_key(issuer.store, key.record.id, reason="lost", actor=OPERATOR)
        issuer.commit(FeedKind.SESSION, "later")
        await issuer.follow()
        await stream.until("self.over")
        assert stream.events[-1] == ("refused", {"code": "credential_revoked"})
        assert b"later" not in stream.octets
    assert issuer.streams.running == 0


async def test_a_verifier_that_is_revoked_is_cut_off_when_nothing_happens_too(issuer: Issuer) -> None:
    key = await issuer.key()
    await issuer.follow()
    async with await start(issuer, key) as stream:
        await stream.until("b'as_of' in self.octets")
        await revoke_key(issuer.store, key.record.id, reason="lost", actor=OPERATOR)
        await stream.until("self.over")


async def test_a_stream_tells_what_its_reader_may_see_now(issuer: Issuer) -> None:
    key = await issuer.key(audience="https://a.example")
    await issuer.follow()
    async with await start(issuer, key) as stream:
        await stream.until("self.pages")
        issuer.sectors = frozenset({"https://a.example"})
        issuer.now += SECTORS_KEPT_S
        issuer.commit(FeedKind.SUBJECT, "alice")
        await issuer.follow()
        await stream.until("self.pages[-1]['watermark'] == 1")
        assert b"alice" not in stream.octets
        # Marked as another reader: he reads again what he was told before.
        assert stream.pages[-1]["reader"] != stream.pages[0]["reader"]


async def test_a_slow_reader_keeps_nothing_waiting_and_misses_nothing(issuer: Issuer) -> None:
    await issuer.follow()
    async with await start(issuer, await issuer.key()) as stream:
        await stream.until("self.pages")
        stream.flowing.clear()
        for number in range(50):
            issuer.commit(FeedKind.SESSION, f"s{number}")
            await issuer.follow()
        stream.flowing.set()
        await stream.until("self.pages[-1]['watermark'] == 50")
        told = [each for page in stream.pages for each in ids(page)]
        assert told == [f"s{number}" for number in range(50)]


async def test_streams_end_when_the_server_stops_and_none_begins(ask: Ask, issuer: Issuer) -> None:
    key = await issuer.key()
    await issuer.follow()
    async with await start(issuer, key) as one, await start(issuer, key) as other:
        await one.until("self.pages")
        await other.until("self.pages")
        assert issuer.streams.running == 2
        issuer.streams.end()
        await one.until("self.over")
        await other.until("self.over")
    headers = [(b"host", b"localhost"), *bearer(key)]
    status, _, _ = await ask(issuer.streams, "/revocations/stream", headers=headers)
    assert status == 503


async def test_streams_are_bounded_per_key_and_in_all(issuer: Issuer) -> None:
    one, other = await issuer.key(), await issuer.key()
    await issuer.follow()
    opened: list[Streaming] = []

    async def fill(count: int) -> None:
        if count == 0:
            async with await start(issuer, one) as refused:
                await refused.until("self.over")
                assert refused.status == 429
            async with await start(issuer, other) as first, await start(issuer, other) as second:
                await first.until("self.pages")
                await second.until("self.pages")
                async with await start(issuer, other) as refused:
                    await refused.until("self.over")
                    assert refused.status == 503
            return
        async with await start(issuer, one) as stream:
            await stream.until("self.pages")
            opened.append(stream)
            await fill(count - 1)

    await fill(STREAMS_PER_KEY_MAX)
    assert issuer.streams.running == 0


@pytest.mark.parametrize("last", ["", "first", "first.-1", "a b.1", "first.1.", "first." + "9" * 19])
async def test_an_id_that_is_none_of_ours_is_refused(ask: Ask, issuer: Issuer, last: str) -> None:
    headers = [(b"host", b"localhost"), *bearer(await issuer.key()), (b"last-event-id", last.encode())]
    status, _, _ = await ask(issuer.streams, "/revocations/stream", headers=headers)
    assert status == 422
