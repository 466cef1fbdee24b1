"""Tokens that come by no request: seen before, they are still asked everything that can have changed."""

import time

import pytest
from tests.simulators.issuer import NOW, SimulatedIssuer
from tests.simulators.plane import SimulatedPlane

from doorward.errors import Rejected, Unavailable
from doorward.methods.bearer import BearerTokens, TokenVerifier
from doorward.values import FeedKind, Handle


class _Desk:
    def __init__(self, *, tokens_kept: int = 100) -> None:
        self.issuer = SimulatedIssuer()
        self.plane = SimulatedPlane(lambda: float(NOW))
        self.plane.read()
        self.monotonic = time.monotonic()
        self.verifier = TokenVerifier(
            self.issuer.policy(own=True),
            view=self.plane.view,
            resources=(self.plane,),
            tokens_kept=tokens_kept,
            monotonic=lambda: self.monotonic,
        )

    async def code(self, token: bytes, at: int = NOW) -> str:
        with pytest.raises((Rejected, Unavailable)) as caught:
            await self.verifier.verify(token, at)
        return caught.value.code


@pytest.fixture
def desk() -> _Desk:
    return _Desk()


async def test_a_token_seen_before_is_the_same_proof(desk: _Desk) -> None:
    token = desk.issuer.issue()
    first = await desk.verifier.verify(token, NOW)
    assert await desk.verifier.verify(token, NOW) is first
    assert desk.verifier.verify_at_hand(token, NOW) is first
    assert first.principal.id == "alice"


async def test_time_is_asked_on_every_hit(desk: _Desk) -> None:
    token = desk.issuer.issue(nbf=NOW)
    await desk.verifier.verify(token, NOW)
    assert await desk.code(token, NOW - 1) == "token_not_yet_valid"
    await desk.verifier.verify(token, NOW + 599)
    assert await desk.code(token, NOW + 600) == "credential_expired"
    # What has expired needs no place any more.
    assert len(desk.verifier) == 0


async def test_the_feed_is_asked_on_every_hit(desk: _Desk) -> None:
    token, other = desk.issuer.issue(), desk.issuer.issue(jti="tok2")
    for each in (token, other):
        await desk.verifier.verify(each, NOW)
    desk.plane.revoke(Handle(FeedKind.TOKEN, "tok1"))
    assert await desk.code(token) == "credential_revoked"
    assert await desk.code(token) == "credential_revoked"
    await desk.verifier.verify(other, NOW)
    desk.plane.revoke(Handle(FeedKind.SUBJECT, "alice"))
    assert await desk.code(other) == "credential_revoked"
    assert await desk.code(desk.issuer.issue(jti="tok3")) == "credential_revoked"


async def test_the_keys_are_asked_on_every_hit(desk: _Desk) -> None:
    token = desk.issuer.issue()
    await desk.verifier.verify(token, NOW)
    desk.issuer.keys.replace()
    assert await desk.code(token) == "token_key_unknown"
    desk.issuer.keys.upstream = (desk.issuer.key.verification,)
    await desk.verifier.verify(token, NOW)
    assert desk.issuer.keys.fetches == 2


async def test_a_stale_view_answers_nothing(desk: _Desk) -> None:
    token = desk.issuer.issue()
    await desk.verifier.verify(token, NOW)
    desk.monotonic += 61.0
    assert await desk.code(token) == "revocation_stale"


async def test_only_the_whole_token_is_known(desk: _Desk) -> None:
    token = desk.issuer.issue()
    await desk.verifier.verify(token, NOW)
    for place in (0, len(token) // 2, len(token) - 1):
        for changed in (token[:place] + b"A" + token[place + 1 :], token[:place] + token[place + 1 :]):
            assert changed == token or (await desk.code(changed)).startswith("token_")
    assert (await desk.code(token + b"=")) == "token_malformed"


async def test_two_verifiers_share_nothing() -> None:
    one, two = _Desk(), _Desk()
    token = one.issuer.issue()
    await one.verifier.verify(token, NOW)
    strict = TokenVerifier(one.issuer.policy(audiences=frozenset({"https://other.example"})))
    with pytest.raises(Rejected, match="token_audience"):
        await strict.verify(token, NOW)
    assert len(two.verifier) == 0


async def test_what_is_refused_is_not_kept_and_the_table_is_bounded() -> None:
    desk = _Desk(tokens_kept=3)
    for number in range(5):
        await desk.code(desk.issuer.issue(exp=NOW, x=number))
        await desk.code(desk.issuer.issue(x=number)[:-4] + b"AAAA")
    assert len(desk.verifier) == 0
    tokens = [desk.issuer.issue(jti=f"t{number}") for number in range(5)]
    for token in tokens:
        await desk.verifier.verify(token, NOW)
    assert len(desk.verifier) == 3
    await desk.verifier.verify(tokens[0], NOW)
    assert len(desk.verifier) == 3


async def test_it_starts_the_feed_before_the_keys_and_closes_both(desk: _Desk) -> None:
    await desk.verifier.start()
    assert (desk.plane.starts, desk.issuer.keys.starts) == (1, 1)
    await desk.verifier.aclose()
    assert (desk.plane.closes, desk.issuer.keys.closes) == (1, 1)


async def test_a_method_gives_a_verifier_of_the_same_policies_and_view(desk: _Desk) -> None:
    policy = desk.issuer.policy(own=True)
    with_view = BearerTokens(policy, plane=desk.plane).verifier()
    without = BearerTokens(desk.issuer.policy()).verifier()
    token = desk.issuer.issue()
    desk.plane.revoke(Handle(FeedKind.TOKEN, "tok1"))
    with pytest.raises(Rejected, match="credential_revoked"):
        await with_view.verify(token, NOW)
    await without.verify(token, NOW)
    assert "id.example" in repr(without)


async def test_what_is_kept_weighs_no_more_than_it_may(desk: _Desk) -> None:
    tokens = [desk.issuer.issue(x="x" * 2_000, number=number) for number in range(3)]
    verifier = TokenVerifier(desk.issuer.policy(own=True), octets_kept=2 * len(tokens[0]) + 10)
    first = await verifier.verify(tokens[0], NOW)
    await verifier.verify(tokens[1], NOW)
    assert await verifier.verify(tokens[0], NOW) is first
    await verifier.verify(tokens[2], NOW)
    assert len(verifier) == 2
    assert await verifier.verify(tokens[0], NOW) is not first
    # What has left weighs nothing.
    for token in tokens:
        with pytest.raises(Rejected, match="credential_expired"):
            await verifier.verify(token, NOW + 600)
    small = desk.issuer.issue()
    kept = await verifier.verify(small, NOW)
    await verifier.verify(tokens[0], NOW)
    assert await verifier.verify(small, NOW) is kept
