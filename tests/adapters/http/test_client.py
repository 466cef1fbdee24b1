"""The guarded client over real sockets: whom it asks, what it believes, and when it stops."""

import asyncio
import ssl
from ipaddress import ip_address
from pathlib import Path

import httpcore2
import pytest
from tests.app.certificates import write_certificate
from tests.simulators.web import Asked, Web, answer, serving_web

from doorward.adapters.http.addresses import Address, Reach
from doorward.adapters.http.client import ANSWER_HEADERS_MAX, GuardedClient
from doorward.adapters.http.pinned import PinnedBackend
from doorward.adapters.http.url import OutboundUrl, parse_url
from doorward.errors import Misconfigured, Unavailable

CODE = "keys_unavailable"


def plain(port: int, target: str = "/keys") -> OutboundUrl:
    return parse_url(f"http://127.0.0.1:{port}{target}", danger_plain_http=True)


def client() -> GuardedClient:
    return GuardedClient(unavailable=CODE, danger_plain_http=True)


async def failure(asked: GuardedClient, url: OutboundUrl, **limits: float) -> str:
    try:
        with pytest.raises(Unavailable) as failed:
            await asked.fetch(url, **limits)  # type: ignore[arg-type]  # sizes and times alike
    finally:
        await asked.aclose()
    assert failed.value.code == CODE
    return failed.value.detail


async def test_an_answer_comes_whole_and_the_connection_is_kept() -> None:
    async with serving_web() as web:
        web.says = answer(b'{"a":1}', more="ETag: x\r\n")
        asking = client()
        await asking.fetch(plain(web.port, "/keys?a=b"))
        fetched = await asking.fetch(plain(web.port, "/keys?a=b"))
        await asking.aclose()
    assert (fetched.body, fetched.headers["etag"]) == (b'{"a":1}', "x")
    assert web.connections == 1
    line, headers = web.asked[0]
    assert line == b"GET /keys?a=b HTTP/1.1"
    assert headers[b"host"] == f"127.0.0.1:{web.port}".encode()
    assert headers[b"accept-encoding"] == b"identity"


async def test_nothing_of_the_environment_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login ada password word")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with serving_web() as web:
        web.says = answer(more="Set-Cookie: a=b\r\n")
        asking = client()
        await asking.fetch(plain(web.port))
        await asking.fetch(plain(web.port))
        await asking.aclose()
    assert not any(name in web.asked[1][1] for name in (b"authorization", b"cookie"))


async def test_a_redirect_is_not_followed() -> None:
    async with serving_web() as web:
        web.says = answer(status="302 Found", more=f"Location: http://127.0.0.1:{web.port}/elsewhere\r\n")
        assert (await failure(client(), plain(web.port))).startswith("status 302")
        assert len(web.asked) == 1


@pytest.mark.parametrize(
    ("said", "why"),
    [
        pytest.param(answer(status="500 No"), "status 500", id="a fault"),
        pytest.param(answer(status="204 Nothing"), "status 204", id="no content"),
        pytest.param(answer(content_type="text/html"), "not application/json", id="a page"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", "not application/json", id="no type"),
        pytest.param(answer(more="Content-Encoding: gzip\r\n"), "encoded", id="something to inflate"),
        pytest.param(answer(b"a" * 1001), "more than 1000 octets", id="one octet too many"),
        pytest.param(answer(more="x: y\r\n" * ANSWER_HEADERS_MAX), "too many headers", id="headers"),
        pytest.param(answer(more=f"x: {'y' * 40_000}\r\n"), "too many headers", id="a long header"),
        pytest.param(answer(more=f"x: {'y' * 200_000}\r\n"), "RemoteProtocolError", id="a very long header"),
        pytest.param(b"SSH-2.0-OpenSSH\r\n\r\n", "RemoteProtocolError", id="another protocol"),
    ],
)
async def test_an_answer_that_is_not_what_was_asked_for_is_none(said: bytes, why: str) -> None:
    async with serving_web() as web:
        web.says = said
        assert why in await failure(client(), plain(web.port), octets_max=1000)


async def test_what_comes_in_chunks_is_counted_as_it_comes() -> None:
    sent = 0

    async def endless(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1000\r\n" + b"a" * 4096 + b"\r\n")
            sent += 4096
            await writer.drain()

    async with serving_web() as web:
        web.says = endless
        assert "more than 10000 octets" in await failure(client(), plain(web.port), octets_max=10_000)
    assert sent < 2**24


async def test_one_deadline_for_everything() -> None:
    async def dripping(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n")
        while True:
            writer.write(b"a")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with serving_web() as web:
        web.says = dripping
        began = asyncio.get_running_loop().time()
        assert "in time" in await failure(client(), plain(web.port), total_s=0.2)
        assert asyncio.get_running_loop().time() - began < 5


class Names:
    """A resolver of the test's: one answer after the other, the last one for ever."""

    def __init__(self, *answers: tuple[str, ...]) -> None:
        self.answers = [tuple(ip_address(text) for text in texts) for texts in answers]
        self.asked: list[str] = []

    async def resolve(self, host: str, _port: int) -> tuple[Address, ...]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    # The second lookup would lead to another machine: there is none.
    names = Names(("127.0.0.1",), ("127.0.0.2",))
    async with serving_web() as web:
        asking = GuardedClient(unavailable=CODE, danger_plain_http=True, resolve=names.resolve)
        url = parse_url(f"http://id.example:{web.port}/keys", danger_plain_http=True)
        await asking.fetch(url)
        await asking.aclose()
    assert names.asked == ["id.example"]
    assert web.asked[0][1][b"host"] == f"id.example:{web.port}".encode()


@pytest.mark.parametrize("bad", ["127.0.0.1", "169.254.169.254", "::1", "10.0.0.1", "::ffff:127.0.0.1"])
async def test_one_bad_address_of_a_name_is_enough(bad: str) -> None:
    async with serving_web() as web:
        asking = GuardedClient(unavailable=CODE, reach=Reach.STRANGER, resolve=Names(("8.8.8.8", bad)).resolve)
        assert "may not be reached" in await failure(asking, parse_url(f"https://id.example:{web.port}/"))
    assert web.connections == 0


async def test_an_address_is_checked_whether_it_was_resolved_or_written() -> None:
    async def answers(_host: str, _port: int) -> tuple[Address, ...]:
        return (ip_address("127.0.0.1"),)

    backend = PinnedBackend(Reach.STRANGER, resolve=answers)
    for host in ("127.0.0.1", "name.example"):
        with pytest.raises(httpcore2.ConnectError, match="may not be reached"):
            await backend._checked(host, 443)


async def test_an_address_in_the_url_is_checked_as_well() -> None:
    async with serving_web() as web:
        asking = GuardedClient(unavailable=CODE, reach=Reach.STRANGER)
        assert "may not be reached" in await failure(asking, parse_url(f"https://127.0.0.1:{web.port}/"))
    assert web.connections == 0


async def test_what_is_not_encrypted_stays_on_this_machine() -> None:
    asking = GuardedClient(unavailable=CODE, danger_plain_http=True, resolve=Names(("10.0.0.1",)).resolve)
    url = parse_url("http://id.example/", danger_plain_http=True)
    assert "stays on this machine" in await failure(asking, url)


async def test_plain_http_needs_a_client_that_allows_it() -> None:
    async with serving_web() as web:
        assert "plain HTTP" in await failure(GuardedClient(unavailable=CODE), plain(web.port))
    assert web.connections == 0


async def test_a_name_without_an_address_is_an_outage() -> None:
    async def fails(_host: str, _port: int) -> tuple[Address, ...]:
        raise OSError("no such name")

    asking = GuardedClient(unavailable=CODE, resolve=fails)
    assert "cannot be resolved" in await failure(asking, parse_url("https://id.example/"))
    asking = GuardedClient(unavailable=CODE, resolve=Names(()).resolve)
    assert "no address" in await failure(asking, parse_url("https://id.example/"))


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    path, key = write_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key)
    return context, path


async def test_a_certificate_nobody_vouches_for_is_refused(certificate: tuple[ssl.SSLContext, Path]) -> None:
    async with serving_web(certificate[0]) as web:
        why = await failure(GuardedClient(unavailable=CODE), parse_url(f"https://127.0.0.1:{web.port}/"))
        assert "CERTIFICATE_VERIFY_FAILED" in why
    assert not web.asked


async def test_a_certificate_for_another_name_is_refused(certificate: tuple[ssl.SSLContext, Path]) -> None:
    async with serving_web(certificate[0]) as web:
        asking = GuardedClient(unavailable=CODE, ca_file=certificate[1], resolve=Names(("127.0.0.1",)).resolve)
        assert "CERTIFICATE" in await failure(asking, parse_url(f"https://id.example:{web.port}/"))
    assert not web.asked


async def test_the_certificates_of_a_file_are_trusted(certificate: tuple[ssl.SSLContext, Path]) -> None:
    async with serving_web(certificate[0]) as web:
        asking = GuardedClient(unavailable=CODE, ca_file=certificate[1])
        assert (await asking.fetch(parse_url(f"https://127.0.0.1:{web.port}/"))).body == b"{}"
        await asking.aclose()


def test_a_certificate_file_that_is_none_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    for path in (tmp_path / "ca.pem", tmp_path / "absent.pem"):
        with pytest.raises(Misconfigured, match="certificates"):
            GuardedClient(unavailable=CODE, ca_file=path)


async def _silent(_asked: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    writer.write(b"3\r\n: a\r\n")
    await writer.drain()
    await asyncio.sleep(3600)


async def test_a_stream_that_falls_silent_is_over() -> None:
    async with serving_web() as web:
        web.says = _silent
        asking = client()
        async with asking.stream(plain(web.port), content_type="text/event-stream", idle_s=0.1) as streamed:
            got = await anext(streamed.chunks)
            with pytest.raises(Unavailable) as over:
                await anext(streamed.chunks)
        await asking.aclose()
    assert (got, over.value.detail.partition(",")[0]) == (b": a", "silence for 0.1 s")


async def test_a_stream_of_another_kind_is_none() -> None:
    async with serving_web() as web:
        asking = client()
        with pytest.raises(Unavailable):
            async with asking.stream(plain(web.port), content_type="text/event-stream"):
                raise AssertionError("it was taken")
        await asking.aclose()


async def test_a_failure_tells_nothing_that_was_sent() -> None:
    async with serving_web() as web:
        web.says = answer(status="401 No")
        asking = client()
        with pytest.raises(Unavailable) as failed:
            await asking.fetch(plain(web.port, "/a?token=hidden"), headers=((b"authorization", b"Bearer hidden"),))
        await asking.aclose()
    assert "hidden" not in f"{failed.value!r} {failed.value.detail}"
    assert isinstance(web, Web)
