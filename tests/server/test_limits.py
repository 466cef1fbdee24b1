"""Everything with a size has a limit, tested one over."""

import asyncio

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from tests.server.conftest import Ask

from doorward.server.limits import BodyLimit, LoadLimit

HOST = (b"host", b"localhost")


@pytest.fixture
def limited(hello: ASGIApp) -> ASGIApp:
    return BodyLimit(hello, body_bytes_max=10, body_timeout_s=5)


async def test_a_body_at_the_limit_is_read_whole(ask: Ask, limited: ASGIApp) -> None:
    assert (await ask(limited, method="POST", chunks=(b"12345", b"67890")))[2] == b"10"


@pytest.mark.parametrize("length", [b"11", b"9" * 19, b"9" * 5000])
async def test_a_length_one_over_is_refused_before_reading(ask: Ask, limited: ASGIApp, length: bytes) -> None:
    status, _, body = await ask(limited, method="POST", headers=[HOST, (b"content-length", length)])
    assert status == 413
    assert b"body_too_large" in body


async def test_a_body_without_length_is_counted(ask: Ask, limited: ASGIApp) -> None:
    assert (await ask(limited, method="POST", chunks=(b"12345", b"67890", b"1")))[0] == 413


async def test_a_route_that_says_so_takes_more_and_no_other_does(ask: Ask, hello: ASGIApp) -> None:
    limited = BodyLimit(hello, body_bytes_max=10, body_timeout_s=5, room_for=lambda path: 12 if path == "/large" else 1)
    assert (await ask(limited, "/large", method="POST", chunks=(b"123456", b"789012")))[2] == b"12"
    assert (await ask(limited, "/large", method="POST", chunks=(b"123456", b"7890123")))[0] == 413
    assert (await ask(limited, "/large", method="POST", headers=[HOST, (b"content-length", b"13")]))[0] == 413
    assert (await ask(limited, "/other", method="POST", chunks=(b"1234567890",)))[2] == b"10"
    assert (await ask(limited, "/other", method="POST", chunks=(b"12345678901",)))[0] == 413


async def test_a_body_that_does_not_come_is_given_up(hello: ASGIApp) -> None:
    limited = BodyLimit(hello, body_bytes_max=10, body_timeout_s=0.01)
    sent: list[Message] = []

    async def never() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    await limited({"type": "http", "path": "/", "headers": []}, never, send)
    assert sent[0]["status"] == 400


async def test_a_fault_of_the_handler_is_not_swallowed(ask: Ask) -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise KeyError("bug")

    with pytest.raises(KeyError):
        await ask(BodyLimit(broken, body_bytes_max=10, body_timeout_s=5))


async def test_one_request_too_many_is_told_at_once(ask: Ask) -> None:
    release = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await release.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    limited = LoadLimit(slow, requests_max=2)
    serving = [asyncio.ensure_future(ask(limited)) for _ in range(2)]
    await asyncio.sleep(0)
    status, headers, body = await ask(limited)
    assert status == 503
    assert b"overloaded" in body
    assert b"retry-after" in headers
    release.set()
    assert [status for status, _, _ in await asyncio.gather(*serving)] == [200, 200]
    assert (await ask(limited))[0] == 200
