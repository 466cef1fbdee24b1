"""A browser can be made to speak to us; what it was told to say gives it away."""

import pytest
from starlette.types import ASGIApp
from tests.server.conftest import Ask

from doorward.server.sites import SiteGuard
from doorward.wire.hops import TrustedHops

DEV = ("localhost", "127.0.0.1", "[::1]")


@pytest.fixture
def guarded(hello: ASGIApp) -> ASGIApp:
    return SiteGuard(hello, hosts=DEV, hops=TrustedHops(), open_paths=frozenset({"/healthz"}), danger_plain_http=True)


@pytest.mark.parametrize("host", [b"localhost", b"LOCALHOST:8700", b"127.0.0.1:1", b"[::1]", b"[::1]:8700"])
async def test_our_own_hosts_are_answered(ask: Ask, guarded: ASGIApp, host: bytes) -> None:
    status, _, _ = await ask(guarded, headers=[(b"host", host)])
    assert status == 200


@pytest.mark.parametrize(
    "host",
    [
        b"attacker.example",
        b"localhost.attacker.example",
        b"localhost.",
        b"127.0.0.1.attacker.example:8700",
        b"localhost@attacker.example",
        b"localhost:8700:1",
        b"0.0.0.0",
        b"",
        b"local\xc4\xb1host",
        b"[::1",
        b"localhost\x00",
        b"localhost, attacker.example",
    ],
)
async def test_a_foreign_host_is_refused(ask: Ask, guarded: ASGIApp, host: bytes) -> None:
    status, _, body = await ask(guarded, headers=[(b"host", host)])
    assert status == 421
    assert b"host_refused" in body


async def test_no_host_and_two_hosts_are_refused(ask: Ask, guarded: ASGIApp) -> None:
    assert (await ask(guarded, headers=[]))[0] == 421
    status, _, body = await ask(guarded, headers=[(b"host", b"localhost"), (b"host", b"localhost")])
    assert status == 400
    assert b"header_repeated" in body


async def test_a_host_with_a_port_is_meant_with_that_port(ask: Ask, hello: ASGIApp) -> None:
    guarded = SiteGuard(hello, hosts=("keys.example:8443",), hops=TrustedHops())
    assert (await ask(guarded, scheme="https", headers=[(b"host", b"keys.example:8443")]))[0] == 200
    assert (await ask(guarded, scheme="https", headers=[(b"host", b"keys.example")]))[0] == 421


async def test_health_is_answered_for_any_host(ask: Ask, guarded: ASGIApp) -> None:
    assert (await ask(guarded, "/healthz", headers=[(b"host", b"10.1.2.3")]))[0] == 200


@pytest.mark.parametrize(
    "header",
    [
        (b"origin", b"http://attacker.example"),
        (b"origin", b"null"),
        (b"origin", b"http://localhost:3000"),
        (b"origin", b"https://localhost"),
        (b"sec-fetch-site", b"cross-site"),
        (b"sec-fetch-site", b"same-site"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "PROPFIND"])
async def test_a_page_of_another_origin_changes_nothing(
    ask: Ask, guarded: ASGIApp, method: str, header: tuple[bytes, bytes]
) -> None:
    status, _, body = await ask(guarded, method=method, headers=[(b"host", b"localhost"), header])
    assert status == 403
    assert b"origin_refused" in body


@pytest.mark.parametrize(
    "extra",
    [
        [],
        [(b"origin", b"http://localhost"), (b"sec-fetch-site", b"same-origin")],
        [(b"sec-fetch-site", b"none")],
    ],
)
async def test_programs_and_our_own_pages_may_post(
    ask: Ask, guarded: ASGIApp, extra: list[tuple[bytes, bytes]]
) -> None:
    assert (await ask(guarded, method="POST", headers=[(b"host", b"localhost"), *extra]))[0] == 200


async def test_a_listed_proxy_says_which_host_and_scheme_were_meant(ask: Ask, hello: ASGIApp) -> None:
    guarded = SiteGuard(hello, hosts=("keys.example",), hops=TrustedHops(("127.0.0.1",)))
    said = [
        (b"host", b"10.0.0.5:8700"),
        (b"x-forwarded-for", b"192.0.2.7"),
        (b"x-forwarded-proto", b"https"),
        (b"x-forwarded-host", b"keys.example"),
    ]
    own_page, other_page = (b"origin", b"https://keys.example"), (b"origin", b"http://keys.example")
    assert (await ask(guarded, method="POST", headers=[*said, own_page]))[0] == 200
    assert (await ask(guarded, method="POST", headers=[*said, other_page]))[0] == 403


async def test_a_stranger_saying_so_is_not_believed(ask: Ask, hello: ASGIApp) -> None:
    guarded = SiteGuard(hello, hosts=("keys.example",), hops=TrustedHops(("10.0.0.1",)))
    headers = [(b"host", b"attacker.example"), (b"x-forwarded-host", b"keys.example")]
    assert (await ask(guarded, headers=headers))[0] == 421


@pytest.mark.parametrize(
    ("proxy", "proto"),
    [
        pytest.param("10.0.0.1", b"https", id="around the proxy"),
        pytest.param("127.0.0.1", b"http", id="through the proxy, but not over TLS"),
    ],
)
async def test_nothing_but_health_is_answered_in_the_clear(ask: Ask, hello: ASGIApp, proxy: str, proto: bytes) -> None:
    hops = TrustedHops((proxy,))
    guarded = SiteGuard(hello, hosts=("keys.example",), hops=hops, open_paths=frozenset({"/healthz"}))
    said = [(b"host", b"keys.example"), (b"x-forwarded-for", b"192.0.2.7"), (b"x-forwarded-proto", proto)]
    status, _, body = await ask(guarded, headers=said)
    assert status == 403
    assert b"credential_insecure_transport" in body
    assert (await ask(guarded, "/healthz", headers=said))[0] == 200
    assert (await ask(guarded, scheme="https", headers=[(b"host", b"keys.example")]))[0] == (
        200 if proxy == "10.0.0.1" else 400
    )
