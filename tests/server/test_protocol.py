"""The limits of the connection itself, over a real socket and a real uvicorn."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import uvicorn
from starlette.types import ASGIApp

from doorward.server.protocol import make_protocol


@pytest.fixture
async def port(hello: ASGIApp) -> AsyncIterator[int]:
    config = uvicorn.Config(
        hello,
        port=0,
        http=make_protocol(head_bytes_max=4096, head_timeout_s=0.2),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
    )
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    yield server.servers[0].sockets[0].getsockname()[1]
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
