"""A policy that cannot be is refused when it is made."""

from typing import Any

import pytest
from tests.simulators.issuer import API, SimulatedIssuer

from doorward.crypto.jose.algorithms import Algorithm
from doorward.errors import Misconfigured
from doorward.methods.bearer import BearerTokens, TokenVerifier
from doorward.methods.bearer.config import (
    ALGORITHMS,
    AUDIENCES_MAX,
    FOREIGN_LIFETIME_S_MAX,
    LEEWAY_S_MAX,
    IssuerPolicy,
    policies_by_issuer,
)
from doorward.revocation.folding import EPOCH_LIFETIME_S


def _policy(**said: Any) -> IssuerPolicy:
    return IssuerPolicy(
        **{"issuer": "https://id.example", "audiences": frozenset({API}), "keys": SimulatedIssuer().keys, **said}
    )


@pytest.mark.parametrize(
    "said",
    [
        {"issuer": ""},
        {"issuer": "https://id.example tok1"},
        {"issuer": "https://id.example\t"},
        {"issuer": "x" * 513},
        {"audiences": frozenset[str]()},
        {"audiences": frozenset({""})},
        {"audiences": frozenset(map(str, range(AUDIENCES_MAX + 1)))},
        {"algorithms": frozenset[Algorithm]()},
        {"leeway_s": -1},
        {"leeway_s": 301},
        {"issued_ahead_s": -1},
        {"issued_ahead_s": 301},
        {"own": True, "leeway_s": 1},
        {"lifetime_s_max": 0},
        {"organizations": {"theirs": "not ours"}},
        {"organizations": {"theirs": "ours"}, "own": True},
        {"token_bytes_max": 0},
        {"token_bytes_max": 8_193},
    ],
)
def test_what_cannot_be_is_misconfigured(said: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured) as caught:
        _policy(**said)
    assert caught.value.cure


def test_the_algorithms_are_the_operators() -> None:
    assert not any(algorithm.startswith("HS") for algorithm in ALGORITHMS)
    assert _policy(algorithms=frozenset({Algorithm.EDDSA})).algorithm_names == {"EdDSA", "Ed25519"}


def test_one_policy_an_issuer() -> None:
    for made in (BearerTokens, TokenVerifier):
        with pytest.raises(Misconfigured):
            made()
        with pytest.raises(Misconfigured):
            made(_policy(), _policy(audiences=frozenset({"other"})))


def test_nothing_is_asked_about_a_view_that_is_not_there() -> None:
    class Asked:
        issuer = "https://id.example"

        async def confirm(self, token: bytes) -> bool:
            raise AssertionError(token)

    with pytest.raises(Misconfigured):
        BearerTokens(_policy(), when_stale=Asked())


def test_a_verifier_keeps_something() -> None:
    with pytest.raises(Misconfigured):
        TokenVerifier(_policy(), tokens_kept=0)


def test_no_token_that_can_be_taken_back_may_outlive_the_row_that_does() -> None:
    assert FOREIGN_LIFETIME_S_MAX + 2 * LEEWAY_S_MAX <= EPOCH_LIFETIME_S
    for policy in (_policy(), _policy(lifetime_s_max=FOREIGN_LIFETIME_S_MAX)):
        (kept,) = policies_by_issuer((policy,), revocable=True).values()
        assert kept.lifetime_s_max == FOREIGN_LIFETIME_S_MAX
    longer = _policy(lifetime_s_max=FOREIGN_LIFETIME_S_MAX + 1)
    with pytest.raises(Misconfigured):
        policies_by_issuer((longer,), revocable=True)
    # Where nothing can be taken back, nothing is outlived.
    assert policies_by_issuer((longer,), revocable=False)[longer.issuer] is longer


def test_a_forgiven_clock_is_forgiven_in_epochs_too() -> None:
    assert _policy(leeway_s=300).clock_fast_s == 300
    assert _policy(issued_ahead_s=200, leeway_s=100).clock_fast_s == 200
