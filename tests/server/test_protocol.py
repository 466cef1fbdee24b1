"""The limits of the connection itself, over a real socket and a real uvicorn."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from doorward.server.protocol import make_protocol


@pytest.fixture
async def port(hello: ASGIApp) -> AsyncIterator[int]:
    async with serving(hello) as port:
        yield port


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[int]:
    config = uvicorn.Config(
        app,
        port=0,
        http=make_protocol(head_bytes_max=4096, head_timeout_s=0.2, stall_timeout_s=0.2),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_keep_alive=1,
        timeout_graceful_shutdown=1,
        server_header=False,
    )
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        await server.shutdown()


async def talk(port: int, *pieces: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        return await asyncio.wait_for(reader.read(), 5)
    except ConnectionResetError:
        return b"reset"
    finally:
        writer.close()


CLOSE = b"Connection: close\r\n\r\n"


async def test_a_head_at_the_limit_is_served(port: int) -> None:
    padding = b"X-Pad: " + b"a" * 3900 + b"\r\n"
    answer = await talk(port, b"GET / HTTP/1.1\r\nHost: localhost\r\n" + padding + CLOSE)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"server:" not in answer.lower()


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X-Pad: " + b"a" * 4100 + b"\r\n" + CLOSE,
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"A: b\r\n" * 900 + CLOSE,
        b"GET /" + b"a" * 4100 + b" HTTP/1.1\r\nHost: localhost\r\n" + CLOSE,
        b"\x00\x01\x02\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n" + CLOSE,
        b"CONNECT x:1 HTTP/1.1\r\nHost: localhost\r\n" + CLOSE,
        b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n" + CLOSE,
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n" + CLOSE,
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n" + CLOSE,
    ],
)
async def test_a_head_that_is_too_long_or_none_is_one_answer(port: int, head: bytes) -> None:
    answer = await talk(port, head)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n")
    assert b'"code":"request_malformed"' in answer


async def test_a_header_that_never_ends_is_cut_off(port: int) -> None:
    answer = await talk(port, b"GET / HTTP/1.1\r\nX: ", *[b"a" * 65_536] * 8)
    assert answer == b"reset" or answer.startswith(b"HTTP/1.1 400")


async def test_a_head_that_trickles_is_cut_off(port: int) -> None:
    answer = await talk(port, b"GET / HTTP/1.1\r\nX: a")
    assert b'"code":"request_malformed"' in answer


async def test_a_connection_that_says_nothing_is_closed(port: int) -> None:
    assert await talk(port) == b""


async def test_a_second_request_on_the_connection_has_a_limit_of_its_own(port: int) -> None:
    padding = b"X-Pad: " + b"a" * 3000 + b"\r\n"
    first = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n" + padding + b"\r\n" + b"b" * 9000
    answer = await talk(port, first, b"GET / HTTP/1.1\r\nHost: localhost\r\n" + padding + CLOSE)
    assert answer.count(b"HTTP/1.1 200") == 2


POST = b"POST / HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
async def early(hasty: ASGIApp) -> AsyncIterator[int]:
    async with serving(hasty) as port:
        yield port


@pytest.fixture
def hasty() -> ASGIApp:
    """An app that answers without reading the body, as a door refuses."""

    async def _hasty(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"65536")]})
        await send({"type": "http.response.body", "body": b"a" * 65_536})

    return _hasty


async def answered(port: int, request: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 401")
    await reader.readexactly(65_536)
    return reader, writer


async def rest_of(reader: asyncio.StreamReader) -> bytes:
    try:
        return await asyncio.wait_for(reader.read(), 5)
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize(
    ("head", "rest"),
    [
        pytest.param(POST + b"Content-Length: 9\r\n\r\n", b"a", id="a body that stays a piece"),
        pytest.param(POST + b"Content-Length: 1\r\n\r\n", b"a", id="a body whole and then silence"),
        pytest.param(CHUNKED, b"1\r\na\r\n", id="a chunk and no end"),
        pytest.param(CHUNKED, b"0\r\nX: a", id="a trailer without an end"),
    ],
)
async def test_what_follows_an_answer_does_not_hold_the_connection(early: int, head: bytes, rest: bytes) -> None:
    reader, writer = await answered(early, head)
    writer.write(rest)
    # Closed, and without a second answer that would be taken for that of the next request.
    assert await rest_of(reader) == b""
    writer.close()


@pytest.mark.parametrize("opening", [b"0\r\nX: ", b"1;x="], ids=["trailer", "chunk extension"])
async def test_what_is_never_handed_over_is_counted_after_the_answer_too(early: int, opening: bytes) -> None:
    reader, writer = await answered(early, CHUNKED)
    writer.write(opening)
    sent = 0
    try:
        while sent < 32 * 2**20:
            writer.write(b"a" * 65_536)
            await writer.drain()
            sent += 65_536
    except ConnectionError:
        pass
    # What the sockets hold comes on top of what is taken.
    assert sent < 32 * 2**20
    assert await rest_of(reader) == b""
    writer.close()


async def test_a_caller_that_never_reads_is_cut_off() -> None:
    gone = asyncio.Event()

    async def generous(_scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a" * 2**25, "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        gone.set()

    async with serving(generous) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        try:
            async with asyncio.timeout(5):
                await gone.wait()
        finally:
            writer.transport.abort()
            del reader


async def test_a_bad_piece_of_a_body_is_answered_once(port: int) -> None:
    answer = await talk(port, CHUNKED + b"zz\r\n")
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.count(b"HTTP/1.1") == 1


async def test_no_refusal_is_taken_for_the_answer_to_an_earlier_request(port: int) -> None:
    # The first request is still being read when the garbage after it is.
    answer = await talk(port, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n\x00\x01")
    assert not answer.startswith(b"HTTP/1.1 400")


async def test_trailers_are_not_headers() -> None:
    async def names(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body", False):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b",".join(name for name, _ in scope["headers"])})

    async with serving(names) as port:
        head = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        answer = await talk(port, head + b"3\r\nabc\r\n0\r\nX-Forwarded-For: 6.6.6.6\r\nX-API-Key: k\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"host,transfer-encoding,connection" in answer
    assert b"x-forwarded-for" not in answer
    assert b"x-api-key" not in answer


async def test_few_requests_are_sent_ahead_and_answered_in_order(port: int) -> None:
    ahead = b"".join(POST + b"Content-Length: %d\r\n\r\n" % length + b"a" * length for length in range(32))
    answer = await talk(port, ahead + b"GET / HTTP/1.1\r\nHost: localhost\r\n" + CLOSE)
    assert answer.count(b"HTTP/1.1 200") == 33
    assert answer.endswith(b"0\r\n\r\n")


async def test_many_requests_sent_ahead_end_the_connection(port: int) -> None:
    answer = await talk(port, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 4_000)
    assert answer == b"reset" or answer.count(b"HTTP/1.1 200") < 100
