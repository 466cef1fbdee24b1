"""The plane of a verifier without a database: what it is made of, and what it never shows."""

import asyncio
from pathlib import Path

import pytest
from tests.simulators.web import answer, serving_web

from doorward.app.remote import RemoteRevocations
from doorward.errors import Misconfigured, Unavailable
from doorward.revocation.exchange import write_page
from doorward.revocation.port import FeedPage
from doorward.values import CredentialId, RateLimit

KEY = "dw_live_hidden"
EMPTY = write_page(0, FeedPage(rows=(), watermark=0, generation="g", as_of=1_000, complete=True))


def local(port: int, folder: Path | None = None) -> RemoteRevocations:
    return RemoteRevocations(f"http://127.0.0.1:{port}", key=KEY, danger_plain_http=True, saved_in=folder)


@pytest.mark.parametrize(
    "url", ["http://id.example", "https://id.example#x", "file:///tmp", "id.example", "https://ada:word@id.example"]
)
def test_a_url_we_would_not_ask_stops_the_start(url: str) -> None:
    with pytest.raises(Misconfigured, match="RemoteRevocations"):
        RemoteRevocations(url, key=KEY)


@pytest.mark.parametrize(
    "said",
    [{"max_staleness_s": 1.9}, {"max_staleness_s": 86_401}, {"pull_interval_s": 0}, {"pull_interval_s": 31}],
)
def test_bounds_are_bounds(said: dict[str, float]) -> None:
    with pytest.raises(Misconfigured):
        RemoteRevocations("https://id.example", key=KEY, **said)  # type: ignore[arg-type]  # numbers only


def test_an_empty_key_is_none() -> None:
    with pytest.raises(Misconfigured, match="empty key"):
        RemoteRevocations("https://id.example", key="")


async def test_the_key_is_shown_nowhere() -> None:
    async with serving_web() as web:
        web.says = answer(status="401 No")
        remote = local(web.port)
        with pytest.raises(Unavailable) as refused:
            await remote.start()
        shown = f"{remote!r} {vars(remote)} {vars(remote._feed)} {refused.value!r} {refused.value.detail}"
        assert "hidden" not in shown
        assert "status 401" in refused.value.detail
        await remote.aclose()


@pytest.mark.parametrize(
    ("issuer", "audiences", "problem"),
    [
        ("https://other.example", frozenset({"https://a.example"}), "is not that of https://id.example"),
        ("https://id.example", frozenset[str](), "does not read for https://a.example"),
        ("https://id.example", frozenset({"https://a.exampel"}), "does not read for https://a.example"),
        ("https://id.example", frozenset({"https://a.example", "https://b.example"}), ""),
        (None, None, ""),
    ],
)
async def test_a_feed_that_cannot_be_the_one_that_was_meant_stops_the_start(
    issuer: str | None, audiences: frozenset[str] | None, problem: str
) -> None:
    """Otherwise what is revoked would never arrive, and nobody would know."""
    empty = FeedPage(rows=(), watermark=0, generation="g", as_of=1_000, complete=True)
    async with serving_web() as web:
        web.says = answer(write_page(0, empty, issuer=issuer, audiences=audiences))
        remote = local(web.port)
        remote.expect("https://id.example", frozenset({"https://a.example"}))
        if problem:
            with pytest.raises(Misconfigured, match=problem):
                await remote.start()
            assert not remote.started
        else:
            await remote.start()
        await remote.aclose()


async def test_starts_at_once_are_one_start_and_it_may_start_again(tmp_path: Path) -> None:
    async with serving_web() as web:
        web.says = answer(EMPTY)
        remote = local(web.port, tmp_path)
        for _ in range(2):
            await asyncio.gather(*(remote.start() for _ in range(20)))
            assert remote.started
            assert remote.is_saving
            assert remote.age_s < 5
            assert (remote.rows_held, remote.watermark, remote.failures) == (0, 0, 0)
            await remote.aclose()
            await remote.aclose()
            assert not remote.started


async def test_there_are_no_rates_without_a_store() -> None:
    remote = RemoteRevocations("https://id.example", key=KEY)
    with pytest.raises(AssertionError, match="rate limit"):
        await remote.rate_leases.lease(CredentialId("a"), RateLimit(1, 1), want=1, give_back=0, give_back_bucket=0)


async def test_a_view_that_was_never_read_admits_nobody_however_lenient() -> None:
    remote = RemoteRevocations("https://id.example", key=KEY, danger_accept_stale=True)
    with pytest.raises(Unavailable):
        remote.view.require_fresh(asyncio.get_running_loop().time())


@pytest.mark.parametrize(
    ("says", "why", "cure"),
    [
        (answer(status="401 No"), "status 401", "refuses the key"),
        (answer(status="403 No"), "status 403", "doorward:revocations:read"),
        (answer(status="404 No"), "status 404", "no feed"),
        (answer(b"<html>", content_type="text/html"), "not application/json", "no feed"),
        (answer(b"{}"), "no page of a feed", "no feed"),
    ],
)
async def test_a_start_that_fails_is_logged_once_with_its_cause_and_its_cure(
    says: bytes, why: str, cure: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving_web() as web:
        web.says = says
        remote = local(web.port)
        for _ in range(3):
            with pytest.raises(Unavailable):
                await remote.start()
        await remote.aclose()
    (line,) = [record.getMessage() for record in caplog.records if record.name == "doorward.plane"]
    assert f"http://127.0.0.1:{web.port}" in line
    assert why in line
    assert cure in line
    assert "hidden" not in line


async def test_a_key_that_is_not_there_and_an_issuer_that_is_away_are_told_as_such(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving_web() as web:
        port = web.port
        missing = (tmp_path / "key").read_text
        remote = RemoteRevocations(f"http://127.0.0.1:{port}", key=missing, danger_plain_http=True)
        with pytest.raises(Unavailable):
            await remote.start()
        await remote.aclose()
    assert "Look at what `key` answers" in caplog.text
    away = local(port)
    with pytest.raises(Unavailable):
        await away.start()
    await away.aclose()
    assert "whether this machine reaches it" in caplog.text
