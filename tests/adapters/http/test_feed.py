"""The feed of an issuer elsewhere: what a follower gets of it, and what it does not believe."""

import asyncio
import time
from collections.abc import Callable

import msgspec
import pytest
from tests.simulators.web import Asked, Web, answer, serving_web

from doorward.adapters.http.client import GuardedClient
from doorward.adapters.http.events import EventReader, SentEvent
from doorward.adapters.http.feed import HttpFeed
from doorward.adapters.http.url import parse_url
from doorward.errors import Unavailable
from doorward.revocation.exchange import PAGE_OCTETS_MAX, parse_page, write_page
from doorward.revocation.follower import Follower
from doorward.revocation.port import FeedPage, FeedRow
from doorward.revocation.view import View
from doorward.values import FeedKind, Handle

KEY = "dw_live_0123"


def page_of(*ids: str, after: int = 0, generation: str = "g", age_s: float = 0.0, complete: bool = True) -> FeedPage:
    rows = tuple(
        FeedRow(position=after + 1 + n, handle=Handle(FeedKind.SESSION, id_), committed_at=1, leave_at=None)
        for n, id_ in enumerate(ids)
    )
    reached = after + len(ids)
    return FeedPage(
        rows=rows,
        watermark=reached,
        generation=generation,
        as_of=1_000,
        complete=complete,
        scanned_to=reached,
        age_s=age_s,
    )


class Far:
    """The issuer: rows, and streams that are written by hand."""

    def __init__(self, web: Web) -> None:
        self.web = web
        self.ids: list[str] = []
        self.streams: list[asyncio.StreamWriter] = []
        self.status = "200 OK"
        self.reader = ""
        web.says = self.say

    async def say(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        target = asked[0].split()[1].decode()
        if target.startswith("/revocations/stream"):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
            await writer.drain()
            self.streams.append(writer)
            await asyncio.sleep(3_600)
        after = int(target.partition("after=")[2].partition("&")[0])
        page = msgspec.structs.replace(page_of(*self.ids[after:], after=after), reader=self.reader)
        body = write_page(after, page)
        writer.write(answer(body, status=self.status))

    async def push(self, after: int, page: FeedPage) -> None:
        octets = f"id: g.{page.watermark}\nevent: page\ndata: ".encode() + write_page(after, page) + b"\n\n"
        for writer in self.streams:
            writer.write(b"%x\r\n%s\r\n" % (len(octets), octets))
            await writer.drain()

    @property
    def pulls(self) -> list[str]:
        return [line.split()[1].decode() for line, _ in self.web.asked if b"/stream" not in line]


def feed_of(web: Web, client: GuardedClient, *, pull_interval_s: float = 60.0) -> HttpFeed:
    url = parse_url(f"http://127.0.0.1:{web.port}/revocations", danger_plain_http=True)
    return HttpFeed(client, url, key=lambda: KEY, pull_interval_s=pull_interval_s)


def new_client() -> GuardedClient:
    return GuardedClient(unavailable="store_unavailable", danger_plain_http=True)


async def until(asked: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not asked():
        assert time.monotonic() < deadline, "not in time"
        await asyncio.sleep(0.01)


def has(view: View, *ids: str) -> bool:
    return all(view.is_revoked((Handle(FeedKind.SESSION, id_),)) for id_ in ids)


async def test_what_is_pushed_is_taken_without_asking_again() -> None:
    async with serving_web() as web:
        far, client, view = Far(web), new_client(), View()
        far.ids = ["s1"]
        feed = feed_of(web, client)
        follower = Follower(feed, view, pull_interval_s=60)
        await follower.start()
        assert has(view, "s1")
        await until(lambda: bool(far.streams))
        await far.push(1, page_of("s2", after=1))
        await until(lambda: has(view, "s2"))
        assert len(far.pulls) == 1
        assert web.asked[0][1][b"authorization"] == f"Bearer {KEY}".encode()
        await follower.aclose()
        await client.aclose()


async def test_a_gap_in_what_is_pushed_is_filled_by_asking() -> None:
    async with serving_web() as web:
        far, client, view = Far(web), new_client(), View()
        feed = feed_of(web, client)
        follower = Follower(feed, view, pull_interval_s=60)
        await follower.start()
        await until(lambda: bool(far.streams))
        far.ids = ["s1", "s2", "s3"]
        await far.push(2, page_of("s3", after=2))
        await until(lambda: has(view, "s1", "s2", "s3"))
        assert len(far.pulls) == 2
        await follower.aclose()
        await client.aclose()


async def test_what_is_pushed_to_another_reader_is_not_taken_for_ours() -> None:
    """The key was exchanged: the stream still shows what the old one may see."""
    async with serving_web() as web:
        far, client, view = Far(web), new_client(), View()
        far.ids, far.reader = ["s1"], "aa"
        follower = Follower(feed_of(web, client), view, pull_interval_s=60)
        await follower.start()
        await until(lambda: bool(far.streams))
        far.ids = ["s1", "s2"]
        await far.push(1, msgspec.structs.replace(page_of("other", after=1), reader="bb"))
        await until(lambda: has(view, "s1", "s2"))
        assert not has(view, "other")
        await until(lambda: len(far.streams) == 2)
        await follower.aclose()
        await client.aclose()


async def test_however_much_is_pushed_the_issuer_is_asked_how_fresh_that_is() -> None:
    async with serving_web() as web:
        far, client, view = Far(web), new_client(), View()
        follower = Follower(feed_of(web, client, pull_interval_s=0.1), view, pull_interval_s=0.1)
        await follower.start()
        await until(lambda: bool(far.streams))
        for number in range(50):
            far.ids.append(f"s{number}")
            await far.push(number, page_of(f"s{number}", after=number))
            await asyncio.sleep(0.01)
        await until(lambda: has(view, *far.ids))
        assert 3 <= len(far.pulls) <= 30
        assert view.age_s(time.monotonic()) < 1
        await follower.aclose()
        await client.aclose()


async def test_what_is_pushed_brings_rows_and_no_freshness() -> None:
    async with serving_web() as web:
        far, client, view = Far(web), new_client(), View()
        follower = Follower(feed_of(web, client), view, pull_interval_s=60)
        await follower.start()
        asked_at = time.monotonic()
        await until(lambda: bool(far.streams))
        await asyncio.sleep(0.3)
        await far.push(0, page_of("s1"))
        await until(lambda: has(view, "s1"))
        now = time.monotonic()
        assert view.age_s(now) >= now - asked_at - 0.05
        await follower.aclose()
        await client.aclose()


async def test_an_answer_from_memory_is_as_old_as_it_says() -> None:
    async with serving_web() as web:
        client, view = new_client(), View()
        web.says = answer(write_page(0, page_of("s1", age_s=42.0)))
        await (follower := Follower(feed_of(web, client), view)).start()
        assert view.age_s(time.monotonic()) >= 42
        await follower.aclose()
        await client.aclose()


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(answer(b"<html>"), id="no JSON"),
        pytest.param(answer(b"{}"), id="no page"),
        pytest.param(answer(write_page(7, page_of("s1", after=7))), id="the answer to another question"),
        pytest.param(answer(status="401 No"), id="refused"),
        pytest.param(answer(write_page(0, page_of("a", "b")).replace(b'"position":2', b'"position":1')), id="order"),
        pytest.param(answer(write_page(0, page_of("a", "b")).replace(b'"watermark":2', b'"watermark":1')), id="beyond"),
        pytest.param(answer(write_page(0, page_of()).replace(b'"age_s":0.001', b'"age_s":-5')), id="younger than now"),
        pytest.param(answer(write_page(0, page_of()).replace(b'"age_s":0.001', b'"age_s":1e999')), id="infinitely old"),
        pytest.param(answer(write_page(0, page_of()).replace(b'"g"', b'"g h"')), id="generation"),
        pytest.param(answer(write_page(0, page_of()).replace(b'"g"', b'"g\\n"')), id="generation, and a line end"),
        pytest.param(answer(write_page(0, page_of("a")).replace(b'"a"', b'""')), id="an empty id"),
        pytest.param(answer(write_page(0, page_of("a")).replace(b'"leave_at":null', b'"leave_at":"1"')), id="types"),
    ],
)
async def test_what_is_no_page_is_an_outage_and_changes_nothing(said: bytes) -> None:
    async with serving_web() as web:
        client, view = new_client(), View()
        web.says = said
        with pytest.raises(Unavailable) as away:
            await Follower(feed_of(web, client), view).start()
        assert away.value.code == "store_unavailable"
        assert KEY not in f"{away.value.detail}{away.value!r}"
        assert view.as_of == 0
        await client.aclose()


def test_a_kind_from_the_future_is_passed_over() -> None:
    octets = write_page(0, page_of("a", "b")).replace(b'"session","id":"a"', b'"starship","id":"a"')
    page = parse_page(octets).page
    assert ([row.handle.id for row in page.rows], page.watermark) == (["b"], 2)


@pytest.mark.parametrize("key", ["", "a b", "a\r\nhost: evil", "a" * 513, "schlüssel"])
async def test_a_key_that_no_header_can_carry_is_not_sent(key: str) -> None:
    async with serving_web() as web:
        client = new_client()
        url = parse_url(f"http://127.0.0.1:{web.port}/revocations", danger_plain_http=True)
        with pytest.raises(Unavailable):
            await HttpFeed(client, url, key=lambda: key, pull_interval_s=1).read_feed(0)
        assert web.connections == 0
        await client.aclose()


def test_events_are_read_in_whatever_pieces_they_come() -> None:
    text = b": as_of 1\n\nretry: 1000\r\n\r\nid: g.1\r\nevent: page\r\ndata: {}\r\n\r\ndata:a\ndata: b\n\n"
    for size in (1, 2, 7, len(text)):
        reader = EventReader(100)
        found = [event for start in range(0, len(text), size) for event in reader.feed(text[start : start + size])]
        assert found == [SentEvent("", b""), SentEvent("page", b"{}"), SentEvent("message", b"a\nb")]


@pytest.mark.parametrize("endless", [b"data: " + b"a" * 200, b"data: a\n" * 30, b": " + b"a" * 200])
def test_an_event_without_an_end_is_bounded(endless: bytes) -> None:
    reader = EventReader(150)
    with pytest.raises(Unavailable):
        list(reader.feed(endless))


def test_a_page_is_bounded() -> None:
    with pytest.raises(Unavailable, match="store_unavailable"):
        parse_page(b" " * (PAGE_OCTETS_MAX + 1))
