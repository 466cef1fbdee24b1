"""How often the issuer is asked, and how long it is believed."""

import asyncio
from typing import Any

import msgspec
import pytest
from tests.simulators.request import view_of

from doorward.door import Door
from doorward.errors import Misconfigured, Rejected, Unavailable
from doorward.methods.opaque import IntrospectedTokens, Introspector
from doorward.methods.opaque import introspection as module
from doorward.wire.credential import checksum_of
from doorward.wire.request import RequestView

NOW = 1_800_000_000
API = "https://api.example"


class Issuer:
    """Says what it is told to of every token; counts the questions."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.was_asked = asyncio.Event()
        self.hold: asyncio.Event | None = None
        self.away = False
        self.closed = 0
        self.answer: dict[str, Any] = {
            "active": True,
            "iss": "https://id.example",
            "sub": "alice",
            "client_id": "web",
            "aud": API,
            "exp": NOW + 100,
            "jti": "j",
        }

    async def ask(self, presented_token: bytes) -> bytes:
        self.asked.append(presented_token)
        self.was_asked.set()
        answer = msgspec.json.encode(self.answer)
        if self.hold is not None:
            await self.hold.wait()
        if self.away:
            raise Unavailable("introspection_unavailable", "no answer in time")
        return answer

    async def aclose(self) -> None:
        self.closed += 1


class World:
    """An issuer, a door that asks it, and both clocks."""

    def __init__(self, *, prefix: str | None = "dw", lifetime_s: float = 5.0) -> None:
        self.now = float(NOW)
        self.monotonic = 1_000.0
        self.issuer = Issuer()
        self.introspector = Introspector(
            self.issuer,
            issuer="https://id.example",
            audiences=(API,),
            clock=lambda: self.now,
            monotonic=lambda: self.monotonic,
            answer_lifetime_s=lifetime_s,
        )
        self.method = IntrospectedTokens(self.introspector, prefix=prefix)
        self.door = Door(self.method, clock=lambda: self.now, monotonic=lambda: self.monotonic)

    async def code(self, request: RequestView) -> str | None:
        try:
            await self.door.admit(request)
        except (Rejected, Unavailable) as refused:
            return refused.code
        return None


def _token(secret: str = "s", public_id: str = "a1B2c3D4e5F6") -> str:
    body = f"dw_token_{public_id}{secret * 32}"
    return body + checksum_of(body)


def _bearing(text: str) -> RequestView:
    return view_of((b"authorization", b"Bearer " + text.encode()))


async def test_an_answer_is_believed_for_a_while_and_no_longer() -> None:
    world = World()
    request = _bearing(_token())
    for _ in range(3):
        assert (await world.door.admit(request)).principal.id == "alice"
    assert len(world.issuer.asked) == 1
    world.issuer.answer = {"active": False}
    world.monotonic += 5
    assert await world.code(request) is None
    world.monotonic += 0.01
    assert await world.code(request) == "credential_unknown"
    assert world.issuer.asked == [_token().encode()] * 2


async def test_an_answer_is_never_believed_past_the_end_of_the_token() -> None:
    world = World(lifetime_s=60)
    request = _bearing(_token())
    world.issuer.answer["exp"] = NOW + 3
    assert await world.code(request) is None
    world.now += 3
    assert await world.code(request) == "credential_expired"
    assert await world.introspector.confirm(_token().encode()) is False
    assert len(world.issuer.asked) == 1


async def test_another_secret_behind_the_same_id_is_another_token() -> None:
    world = World()
    assert await world.code(_bearing(_token("s"))) is None
    assert await world.code(_bearing(_token("t"))) == "credential_secret_mismatch"
    assert await world.code(_bearing(_token("s"))) is None
    assert world.issuer.asked == [_token("s").encode()]


async def test_a_thousand_requests_with_one_token_ask_once() -> None:
    world = World()
    world.issuer.hold = asyncio.Event()
    waiting = [asyncio.create_task(world.introspector.introspect(b"t")) for _ in range(1_000)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    world.issuer.hold.set()
    said = await asyncio.gather(*waiting)
    assert len(world.issuer.asked) == 1
    assert {answer is not None and answer.barred is None for answer in said} == {True}


async def test_whoever_asked_first_may_hang_up() -> None:
    world = World()
    world.issuer.hold = asyncio.Event()
    first = asyncio.create_task(world.introspector.introspect(b"t"))
    second = asyncio.create_task(world.introspector.introspect(b"t"))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    world.issuer.hold.set()
    assert await second is not None
    assert len(world.issuer.asked) == 1


async def test_a_guess_that_was_answered_is_not_asked_again() -> None:
    world = World()
    world.issuer.answer = {"active": False}
    for _ in range(3):
        assert await world.code(_bearing(_token())) == "credential_unknown"
    assert len(world.issuer.asked) == 1


async def test_a_checksum_that_does_not_fit_costs_no_question() -> None:
    world = World()
    assert await world.code(_bearing(_token()[:-1] + "~".replace("~", "0"))) in {"credential_unknown", None}
    world.issuer.asked.clear()
    wrong = _token()[:-6] + ("000000" if _token()[-6:] != "000000" else "000001")
    assert await world.code(_bearing(wrong)) == "credential_unknown"
    assert world.issuer.asked == []


async def test_an_issuer_that_is_away_is_said_and_not_remembered() -> None:
    world = World()
    world.issuer.away = True
    assert await world.code(_bearing(_token())) == "introspection_unavailable"
    with pytest.raises(Unavailable, match="introspection_unavailable"):
        await world.introspector.confirm(b"t")
    world.issuer.away = False
    assert await world.code(_bearing(_token())) is None
    # What was kept is not stretched over an outage.
    world.issuer.away = True
    world.monotonic += 5.01
    assert await world.code(_bearing(_token())) == "introspection_unavailable"


async def test_tokens_of_any_form_where_that_is_said() -> None:
    world = World(prefix=None)
    assert await world.code(_bearing("ghs_16C7e42F292c6912E7710c838347Ae178B4a")) is None
    assert await world.code(_bearing("eyJ.eyJ.sig")) == "credential_unrecognised"
    assert await world.code(_bearing(_token())) == "credential_unrecognised"
    assert world.issuer.asked == [b"ghs_16C7e42F292c6912E7710c838347Ae178B4a"]


async def test_what_bars_a_token_here_is_told_to_its_holder_only() -> None:
    world = World()
    world.issuer.answer["aud"] = "https://other.example"
    assert await world.code(_bearing(_token())) == "token_audience"
    assert await world.introspector.confirm(_token().encode()) is False


async def test_a_token_for_another_resource_is_not_asked_about_again() -> None:
    world = World()
    world.issuer.answer["aud"] = "https://other.example"
    for _ in range(100):
        assert await world.code(_bearing(_token())) == "token_audience"
    assert len(world.issuer.asked) == 1
    world.issuer.answer["aud"] = API
    world.monotonic += 5
    assert await world.code(_bearing(_token())) is None


async def test_a_door_does_not_keep_what_was_kept_already() -> None:
    world = World()
    # A signed door confirms it, and its answer is as old as it may become when the door of opaque tokens asks.
    assert await world.introspector.confirm(_token().encode()) is True
    world.monotonic += 4.99
    world.issuer.answer = {"active": False}
    assert await world.code(_bearing(_token())) == "credential_unknown"
    assert len(world.issuer.asked) == 2


async def test_confirming_keeps_its_answer_as_long_and_no_longer() -> None:
    world = World()
    assert await world.introspector.confirm(b"t") is True
    world.issuer.answer = {"active": False}
    world.monotonic += 4.99
    assert await world.introspector.confirm(b"t") is True
    world.monotonic += 0.01
    assert await world.introspector.confirm(b"t") is False
    assert len(world.issuer.asked) == 2


async def test_an_answer_ages_from_before_the_question() -> None:
    world = World()
    world.issuer.hold = asyncio.Event()
    asking = asyncio.create_task(world.introspector.confirm(b"t"))
    await world.issuer.was_asked.wait()
    world.monotonic += 5
    world.issuer.hold.set()
    assert await asking is True
    world.issuer.answer = {"active": False}
    assert await world.introspector.confirm(b"t") is False


async def test_answers_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INTROSPECTIONS_KEPT_MAX", 10)
    world = World()
    for number in range(30):
        await world.introspector.introspect(b"%d" % number)
    assert len(world.introspector._kept) == 10


async def test_questions_in_flight_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUESTIONS_IN_FLIGHT_MAX", 3)
    world = World()
    world.issuer.hold = asyncio.Event()
    waiting = [asyncio.create_task(world.introspector.introspect(b"%d" % number)) for number in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="overloaded"):
        await world.introspector.introspect(b"4")
    world.issuer.hold.set()
    await asyncio.gather(*waiting)
    assert await world.introspector.introspect(b"4") is not None


async def test_closing_gives_up_what_is_in_flight() -> None:
    world = World()
    world.issuer.hold = asyncio.Event()
    waiting = asyncio.create_task(world.introspector.introspect(b"t"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await world.introspector.aclose()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert world.issuer.closed == 1


def test_no_token_is_shown() -> None:
    world = World()
    request = _bearing(_token())
    presented = world.method.extract(request)
    shown = repr(presented) + repr(world.method) + repr(world.introspector)
    assert "ssss" not in shown


@pytest.mark.parametrize("lifetime_s", [0, -1, 60.1])
def test_a_lifetime_outside_its_limits_is_refused(lifetime_s: float) -> None:
    with pytest.raises(Misconfigured, match="answer_lifetime_s"):
        World(lifetime_s=lifetime_s)
