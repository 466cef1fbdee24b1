"""When a token is renewed, and how often: decided without a network, and with many callers at once."""

import asyncio
import threading
from typing import Any

import pytest
from tests.clients.conftest import Keeper
from tests.clients.libraries import Library

from doorward.clients.bearer import REFUSAL_PAUSE_S, RENEWED_EARLY_S, IssuedToken, RenewedTokens
from doorward.errors import Misconfigured


class _Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class _Issuer:
    """Gives `t1`, `t2`, …, each good for so long."""

    def __init__(self, lifetime_s: int | None = None) -> None:
        self.given = 0
        self.lifetime_s = lifetime_s

    def __call__(self) -> IssuedToken:
        self.given += 1
        return IssuedToken(f"t{self.given}", self.lifetime_s)

    async def later(self) -> IssuedToken:
        await asyncio.sleep(0)
        return self()


@pytest.mark.parametrize(("lifetime_s", "renewed_after_s"), [(600, 600 - RENEWED_EARLY_S), (40, 20), (1, 0.5)])
def test_a_token_is_renewed_before_it_ends(lifetime_s: int, renewed_after_s: float) -> None:
    clock, issuer = _Clock(), _Issuer(lifetime_s)
    tokens = RenewedTokens(issuer, monotonic=clock)
    assert tokens.current() == "t1"
    clock.now += renewed_after_s - 0.001
    assert tokens.current() == "t1"
    clock.now += 0.001
    assert tokens.current() == "t2"


def test_a_token_of_unknown_life_is_kept_until_it_is_refused() -> None:
    clock, issuer = _Clock(), _Issuer()
    tokens = RenewedTokens(issuer, monotonic=clock)
    assert tokens.current() == "t1"
    clock.now += 1e9
    assert tokens.current() == "t1"
    assert tokens.replace("t1") == "t2"
    assert tokens.current() == "t2"


def test_what_somebody_else_has_renewed_is_taken() -> None:
    issuer = _Issuer()
    tokens = RenewedTokens(issuer, monotonic=_Clock())
    tokens.current()
    assert [tokens.replace("t1"), tokens.replace("t1")] == ["t2", "t2"]
    assert issuer.given == 2


def test_a_peer_that_refuses_everything_does_not_make_us_hammer_the_issuer() -> None:
    clock, issuer = _Clock(), _Issuer()
    tokens = RenewedTokens(issuer, monotonic=clock)
    tokens.current()
    assert tokens.replace("t1") == "t2"
    clock.now += REFUSAL_PAUSE_S - 0.001
    assert tokens.replace("t2") is None
    clock.now += 0.001
    assert tokens.replace("t2") == "t3"


def test_the_same_token_again_is_no_other() -> None:
    tokens = RenewedTokens(lambda: "t", monotonic=_Clock())
    assert (tokens.current(), tokens.replace("t")) == ("t", None)


def test_a_fixed_token_is_never_renewed() -> None:
    tokens = RenewedTokens("t", monotonic=_Clock())
    assert (tokens.current(), tokens.replace("t"), repr(tokens)) == ("t", None, "RenewedTokens(fixed)")


def test_threads_renew_once() -> None:
    entered, go = threading.Event(), threading.Event()
    issuer = _Issuer()

    def get() -> IssuedToken:
        entered.set()
        assert go.wait(10)
        return issuer()

    tokens, got = RenewedTokens(get, monotonic=_Clock()), list[str]()
    threads = [threading.Thread(target=lambda: got.append(tokens.current())) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert entered.wait(10)
    go.set()
    for thread in threads:
        thread.join(10)
    assert (got, issuer.given) == (["t1"] * 8, 1)


async def test_tasks_renew_once() -> None:
    issuer = _Issuer()
    tokens = RenewedTokens(issuer.later, monotonic=_Clock())
    assert await asyncio.gather(*(tokens.current_async() for _ in range(8))) == ["t1"] * 8
    assert await asyncio.gather(*(tokens.replace_async("t1") for _ in range(8))) == ["t2"] * 8
    assert issuer.given == 2
    assert await tokens.replace_async("t2") is None


def test_one_auth_serves_one_loop_after_another() -> None:
    issuer = _Issuer()
    tokens = RenewedTokens(issuer.later, monotonic=_Clock())

    async def both() -> list[str | None]:
        return list(await asyncio.gather(tokens.current_async(), tokens.replace_async("t0")))

    assert [asyncio.run(both()), asyncio.run(both())] == [["t1", "t1"]] * 2


def test_an_async_function_needs_an_async_client() -> None:
    tokens = RenewedTokens(_Issuer().later, monotonic=_Clock())
    with pytest.raises(Misconfigured, match="client is not async"):
        tokens.current()


async def test_a_plain_function_serves_an_async_client() -> None:
    tokens = RenewedTokens(_Issuer(), monotonic=_Clock())
    assert await tokens.current_async() == "t1"


def test_a_client_that_fetches_its_own_token_is_told_so() -> None:
    box: list[RenewedTokens] = []

    def get() -> str:
        return box[0].current()

    box.append(RenewedTokens(get, monotonic=_Clock()))
    with pytest.raises(Misconfigured, match="the client that needs it"):
        box[0].current()


async def test_so_is_an_async_one_that_does_it_in_another_task() -> None:
    box: list[RenewedTokens] = []

    async def get() -> str:
        return await asyncio.wait_for(asyncio.ensure_future(box[0].current_async()), 10)

    box.append(RenewedTokens(get, monotonic=_Clock()))
    with pytest.raises(Misconfigured, match="the client that needs it"):
        await box[0].current_async()


def test_a_failed_renewal_leaves_no_lock_behind() -> None:
    away = [ConnectionError("away")]

    def get() -> str:
        if away:
            raise away.pop()
        return "t"

    tokens = RenewedTokens(get, monotonic=_Clock())
    with pytest.raises(ConnectionError, match="away"):
        tokens.current()
    assert tokens.current() == "t"


@pytest.mark.parametrize(
    "answer", ["", "xyz xyz", "a\r\nX: y", "Bearer a", "ä", "=", "a" * 8193, None, 77, {"access_token": "a"}]
)
def test_what_is_no_token_is_not_sent_and_not_shown(answer: Any) -> None:
    tokens = RenewedTokens(lambda: answer, monotonic=_Clock())
    with pytest.raises(Misconfigured, match="RFC 6750") as caught:
        tokens.current()
    assert str(answer or "Bearer a") not in str(caught.value)


def test_a_token_shows_its_life_only() -> None:
    token = IssuedToken("t0ps3cret", 60)
    assert "t0ps3cret" not in repr(token) + repr(token.__rich_repr__())


@pytest.mark.slow
def test_many_requests_at_once_renew_once(library: Library, keeper: Keeper) -> None:
    keeper.refused.add("Bearer t1")
    issuer = _Issuer()
    auth = library.auth("BearerAuth", library.source(issuer))
    assert library.send_at_once(auth, keeper.url, 8) == [200] * 8
    assert issuer.given == 2


@pytest.mark.slow
def test_a_body_that_is_gone_is_not_sent_again(library: Library, keeper: Keeper) -> None:
    keeper.refused.add("Bearer t1")
    auth = library.auth("BearerAuth", library.source(_Issuer()))

    async def pieces() -> Any:
        yield b"a"

    assert library.send(auth, "POST", keeper.url, pieces() if library.is_async else iter([b"a"])) == 401
    assert len(keeper.requests) == 1
    assert library.send(auth, "GET", keeper.url) == 200
