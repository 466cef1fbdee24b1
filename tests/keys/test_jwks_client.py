"""The keys of an issuer elsewhere: how seldom they are fetched, and what never takes them away."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from tests.simulators.documents import ISSUER, KEYS_URL, DocumentsSimulator, key_set_of, new_key
from tests.simulators.virtual_time import run_virtual
from tests.simulators.web import answer, serving_web

from doorward.adapters.http.client import GuardedClient
from doorward.adapters.http.documents import HttpDocuments, parse_max_age
from doorward.crypto.jose.algorithms import Algorithm
from doorward.errors import Misconfigured, Unavailable
from doorward.keys.jwks_client import COOLDOWN_S, REFRESH_S, REFRESH_S_MIN, STALE_S_MAX, JwksClient

ONE, OTHER = new_key(), new_key()
Step = Callable[[JwksClient, DocumentsSimulator], Coroutine[Any, Any, None]]


def following(step: Step, documents: DocumentsSimulator | None = None, **settings: Any) -> DocumentsSimulator:
    """Run a step in virtual time, with a client that has started."""
    simulated = documents or DocumentsSimulator(ONE)

    async def run() -> None:
        now = asyncio.get_running_loop().time
        client = JwksClient(simulated, issuer=ISSUER, **{"jwks_url": KEYS_URL, "monotonic": now, **settings})
        await client.start()
        try:
            await step(client, simulated)
        finally:
            await client.aclose()

    run_virtual(run())
    return simulated


def has(client: JwksClient, *keys: Any) -> bool:
    return all(client.find(key.kid, "ES256") is not None for key in keys)


def test_keys_are_there_after_the_start_and_found_by_kid() -> None:
    async def step(client: JwksClient, _: DocumentsSimulator) -> None:
        await client.start()
        found = client.find(ONE.kid, "ES256")
        assert found is not None
        assert found.thumbprint == ONE.verification.thumbprint
        assert client.find(ONE.kid, "RS256") is None
        assert client.find("other", "ES256") is None
        assert client.find(None, "ES256") is found

    assert following(step).key_fetches == 1


def test_a_flood_of_unknown_kids_causes_one_fetch_per_cooldown() -> None:
    async def step(client: JwksClient, simulated: DocumentsSimulator) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        while loop.time() - began < 10 * COOLDOWN_S - 1:
            await asyncio.gather(*(client.refresh(f"kid-{number}") for number in range(50)))
            await asyncio.sleep(0.5)
        assert 9 <= simulated.key_fetches <= 10
        assert simulated.in_flight_max == 1

    following(step)


def test_a_flood_while_the_issuer_is_away_is_no_more() -> None:
    async def step(client: JwksClient, simulated: DocumentsSimulator) -> None:
        simulated.away = True
        loop = asyncio.get_running_loop()
        await asyncio.sleep(COOLDOWN_S)
        began, before = loop.time(), simulated.key_fetches
        while loop.time() - began < 100 * COOLDOWN_S:
            await asyncio.gather(*(client.refresh(f"kid-{number}") for number in range(20)))
            await asyncio.sleep(1)
        # The background asks as well, at most once a minute after the first few.
        assert simulated.key_fetches - before <= 100 + 50 + 8
        assert has(client, ONE)

    following(step)


def test_a_new_key_is_found_when_somebody_asks_for_it() -> None:
    async def step(client: JwksClient, simulated: DocumentsSimulator) -> None:
        await asyncio.sleep(COOLDOWN_S)
        simulated.publish(ONE, OTHER)
        before = client.generation
        await client.refresh(OTHER.kid)
        assert has(client, ONE, OTHER)
        assert client.generation == before

    following(step)


def test_those_who_wait_for_one_fetch_all_get_its_keys_though_one_gives_up() -> None:
    async def step(client: JwksClient, simulated: DocumentsSimulator) -> None:
        await asyncio.sleep(COOLDOWN_S)
        simulated.publish(ONE, OTHER)
        waiting = [asyncio.create_task(client.refresh(OTHER.kid)) for _ in range(20)]
        await asyncio.sleep(0.01)
        waiting[0].cancel()
        done = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(done[0], asyncio.CancelledError)
        assert done[1:] == [None] * 19
        assert simulated.key_fetches == 2
        assert has(client, OTHER)

    following(step)


def test_a_key_that_has_left_moves_the_generation() -> None:
    async def step(client: JwksClient, simulated: DocumentsSimulator) -> None:
        simulated.publish(OTHER)
        before = client.generation
        await asyncio.sleep(REFRESH_S + 1)
        assert client.generation > before
        assert has(client, OTHER)
        assert not has(client, ONE)

    following(step)


def test_a_key_replaced_under_its_old_name_moves_the_generation() -> None:
    async def step(client: JwksClient, simulated: DocumentsSimulator) -> None:
        simulated.keys_body = json.dumps({"keys": [{**OTHER.verification.public_jwk(), "kid": ONE.kid}]}).encode()
        before = client.generation
        await asyncio.sleep(REFRESH_S + 1)
        assert client.generation > before
        found = client.find(ONE.kid, "ES256")
        assert found is not None
        assert found.thumbprint == OTHER.verification.thumbprint

    following(step)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"{}",
        b"[]",
        b'{"keys":{}}',
        b'{"keys":[]}',
        b'{"keys":[{"kty":"oct","k":"AAAA","alg":"HS256"}]}',
        b'{"keys":[null,1,"x",{}]}',
        b'{"keys":[],"keys":[]}',
        b"\xff\xfe",
        b'{"keys":' + b"[" * 100_000,
        b'{"keys":[' + b",".join([b"{}"] * 101) + b"]}",
        b" " * 300_000,
    ],
)
def test_a_bad_answer_never_empties_the_set(body: bytes) -> None:
    async def step(client: JwksClient, simulated: DocumentsSimulator) -> None:
        simulated.keys_body = body
        before = client.generation
        await asyncio.sleep(REFRESH_S + 10)
        assert client.failures
        assert has(client, ONE)
        assert client.generation == before
        simulated.publish(ONE, OTHER)
        await asyncio.sleep(60)
        assert has(client, ONE, OTHER)
        assert not client.failures

    following(step)


def test_one_bad_key_among_good_ones_is_passed_over() -> None:
    async def step(client: JwksClient, _: DocumentsSimulator) -> None:
        assert has(client, ONE)

    documents = DocumentsSimulator()
    documents.keys_body = key_set_of(ONE).replace(b"[", b'[{"kty":"RSA"},', 1)
    following(step, documents)


def test_a_published_secret_is_no_key() -> None:
    async def step(client: JwksClient, _: DocumentsSimulator) -> None:
        assert client.find("s", "HS256") is None

    secret = {"kty": "oct", "alg": "HS256", "kid": "s", "k": "A5-9cBqRz3Vw0yXhF7tJmKpLdNsGuEiOvQaTbZxCrDc"}
    documents = DocumentsSimulator()
    documents.keys_body = json.dumps({"keys": [ONE.verification.public_jwk(), secret]}).encode()
    following(step, documents)


def test_keys_age_from_when_they_were_asked_for() -> None:
    async def step(client: JwksClient, simulated: DocumentsSimulator) -> None:
        simulated.takes_s = 40.0
        await asyncio.sleep(COOLDOWN_S)
        await client.refresh("new")
        # A key that was taken out while the answer travelled may still be in it.
        assert 40.0 <= client.age_s < 41.0
        simulated.age_s = 1_000.0
        await asyncio.sleep(COOLDOWN_S)
        await client.refresh("newer")
        assert 1_040.0 <= client.age_s < 1_041.0

    following(step)


def test_keys_outlive_an_outage_of_a_day_and_no_more() -> None:
    async def step(client: JwksClient, simulated: DocumentsSimulator) -> None:
        simulated.away = True
        before = client.generation
        await asyncio.sleep(STALE_S_MAX - 10)
        assert has(client, ONE)
        await client.refresh("unknown")
        await asyncio.sleep(20)
        assert client.generation > before
        assert not has(client, ONE)
        with pytest.raises(Unavailable) as refused:
            await client.refresh(ONE.kid)
        assert refused.value.code == "keys_unavailable"
        simulated.away = False
        await asyncio.sleep(61)
        assert has(client, ONE)

    following(step)


@pytest.mark.parametrize(
    ("told", "least_s", "most_s"), [(0, REFRESH_S_MIN, 70), (300, 300, 310), (10**9, 43_190, 43_210)]
)
def test_the_publisher_says_how_often_within_bounds(told: int, least_s: float, most_s: float) -> None:
    async def step(client: JwksClient, simulated: DocumentsSimulator) -> None:
        await asyncio.sleep(least_s - 5)
        assert simulated.key_fetches == 1
        await asyncio.sleep(most_s - least_s + 5)
        assert simulated.key_fetches == 2
        assert has(client, ONE)

    documents = DocumentsSimulator(ONE)
    documents.max_age_s = told
    following(step, documents)


def test_without_any_keys_the_start_fails_and_is_tried_again_soon() -> None:
    async def run() -> None:
        simulated = DocumentsSimulator(ONE)
        simulated.away = True
        client = JwksClient(simulated, issuer=ISSUER, jwks_url=KEYS_URL, monotonic=asyncio.get_running_loop().time)
        for _ in range(50):
            with pytest.raises(Unavailable):
                await client.start()
        assert simulated.key_fetches == 1
        simulated.away = False
        await asyncio.sleep(2.5)
        await client.start()
        assert has(client, ONE)
        await client.aclose()

    run_virtual(run())


def test_an_issuer_says_where_its_keys_are() -> None:
    async def step(client: JwksClient, simulated: DocumentsSimulator) -> None:
        assert has(client, ONE)
        assert simulated.asked == [f"{ISSUER}/.well-known/openid-configuration", KEYS_URL]
        await asyncio.sleep(REFRESH_S + 1)
        assert simulated.asked[2:] == [KEYS_URL]
        # Where the keys were is nothing any more: the issuer is asked again.
        simulated.away = True
        await asyncio.sleep(REFRESH_S + 10)
        simulated.away = False
        await asyncio.sleep(70)
        assert simulated.asked[-2:] == [f"{ISSUER}/.well-known/openid-configuration", KEYS_URL]

    following(step, jwks_url=None)


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": ISSUER + "/"},
        {"issuer": "https://ID.example"},
        {"issuer": None},
        {"jwks_uri": None},
        {"jwks_uri": [KEYS_URL]},
    ],
)
def test_the_document_of_another_issuer_is_none(changed: dict[str, Any]) -> None:
    async def step(_client: JwksClient, _simulated: DocumentsSimulator) -> None:
        raise AssertionError("it started")

    documents = DocumentsSimulator(ONE)
    documents.discovery.update(changed)
    with pytest.raises(Unavailable):
        following(step, documents, jwks_url=None)
    assert documents.key_fetches == 0


def test_only_algorithms_that_were_asked_for_count() -> None:
    with pytest.raises(Unavailable):
        following(lambda *_: asyncio.sleep(0), algorithms=frozenset({Algorithm.RS256}))


def test_a_second_loop_is_refused_until_the_first_has_closed() -> None:
    simulated = DocumentsSimulator(ONE)
    simulated.takes_s = 0
    client = JwksClient(simulated, issuer=ISSUER, jwks_url=KEYS_URL)
    with asyncio.Runner() as first, asyncio.Runner() as second:
        first.run(client.start())
        with pytest.raises(Misconfigured, match="second event loop"):
            second.run(client.start())
        first.run(client.aclose())
        second.run(client.start())
        second.run(client.aclose())


@pytest.mark.parametrize(
    ("said", "age_s"),
    [
        ("max-age=600", 600),
        ("public, Max-Age=60, must-revalidate", 60),
        ('max-age="60"', 60),
        ("no-store, max-age=60", 0),
        ("no-cache", 0),
        ("private", None),
        ("max-age=", None),
        ("max-age=-5", None),
        ("max-age=99999999999999", None),
        ("xmax-age=5", None),
        ("", None),
    ],
)
def test_what_a_publisher_says_about_keeping(said: str, age_s: int | None) -> None:
    assert parse_max_age(said) == age_s


def _documents(asking: GuardedClient, port: int) -> HttpDocuments:
    return HttpDocuments(asking, strangers=asking, operators_origin=f"http://127.0.0.1:{port}")


async def test_over_http_with_unknown_kids_and_a_key_that_comes() -> None:
    async with serving_web() as web:
        web.says = answer(
            key_set_of(ONE), content_type="application/jwk-set+json", more="cache-control: max-age=300\r\n"
        )
        asking = GuardedClient(unavailable="keys_unavailable", danger_plain_http=True)
        client = JwksClient(
            _documents(asking, web.port), issuer=ISSUER, jwks_url=f"http://127.0.0.1:{web.port}/jwks", cooldown_s=0.2
        )
        await client.start()
        assert has(client, ONE)
        await asyncio.gather(*(client.refresh(f"kid-{number}") for number in range(200)))
        assert len(web.asked) == 1
        web.says = answer(b"<html>", content_type="text/html")
        await asyncio.sleep(0.2)
        await asyncio.gather(*(client.refresh(f"kid-{number}") for number in range(200)))
        assert (len(web.asked), has(client, ONE)) == (2, True)
        web.says = answer(key_set_of(OTHER))
        await asyncio.sleep(0.2)
        await client.refresh(OTHER.kid)
        assert has(client, OTHER)
        assert not has(client, ONE)
        await client.aclose()
        await asking.aclose()


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "data:application/json,{}", "http://127.0.0.1/", "https://0x7f.1/"]
)
async def test_a_jwks_uri_is_held_to_the_rules_of_every_url(url: str) -> None:
    asking = GuardedClient(unavailable="keys_unavailable")
    client = JwksClient(_documents(asking, 443), issuer=ISSUER, jwks_url=url)
    with pytest.raises(Unavailable) as refused:
        await client.start()
    assert refused.value.code == "keys_unavailable"
    await client.aclose()
    await asking.aclose()
