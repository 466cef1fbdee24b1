"""The life of a signing key: one signs, one follows, and nothing is ever brought back."""

import asyncio
from itertools import count
from typing import Final, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulators.ring import ISSUER, SimulatedRingStore, policy_of

from doorward.crypto.jose.algorithms import Algorithm
from doorward.errors import Misconfigured, Rejected
from doorward.keys.config import (
    ACCESS_TOKEN_LIFETIME_S_MAX,
    PUBLICATION_MARGIN_S,
    RETIREMENT_S,
    RING_KEYS_MAX,
    RingPolicy,
)
from doorward.keys.keyring_port import SigningKeyRecord, SigningKeyState
from doorward.keys.lifecycle import Step, adopt_next, find_due, found_ring, publish_next, rotate_ring
from doorward.keys.moves import ring_handle
from doorward.keys.retirement import retire_expired, retire_key
from doorward.keys.signer import NewSigningKey
from doorward.values import Actor, Change, FeedKind, Handle

ADA: Final = Actor(kind="operator", id="ada")
NOW: Final = 1_800_000_000
DAY: Final = 86_400
STEPS: Final = ("keep", "rotate", "retire", "leak")
_NUMBERS = count()


def new_key(algorithm: Algorithm = Algorithm.ES256) -> NewSigningKey:
    """Only its name matters here."""
    name = f"key{next(_NUMBERS):06}"
    sealed = b"sealed " + name.encode()
    return NewSigningKey(kid=name, algorithm=algorithm, public_jwk={"kty": "EC"}, sealed_private=sealed)


class Life(NamedTuple):
    """A ring that changes are committed to, as the store would."""

    store: SimulatedRingStore
    policy: RingPolicy

    def commit(self, change: Change) -> None:
        asyncio.run(self.store.commit(change))

    @property
    def ring(self) -> tuple[SigningKeyRecord, ...]:
        return asyncio.run(self.store.list_ring(ISSUER))

    def in_state(self, state: str) -> list[SigningKeyRecord]:
        return self.store.in_state(SigningKeyState(state))

    def rotate(self, now: int, *, danger_at_once: bool = False) -> None:
        self.commit(
            rotate_ring(
                self.ring, self.policy, new_key(), reason="test", actor=ADA, now=now, danger_at_once=danger_at_once
            )
        )

    def retire(self, kid: str, now: int, *, compromised: bool = False) -> Change:
        change = retire_key(
            self.ring,
            self.store.keys[kid],
            self.policy,
            new_key(),
            compromised=compromised,
            reason="test",
            actor=ADA,
            now=now,
        )
        self.commit(change)
        return change


@pytest.fixture
def life() -> Life:
    """A ring that was founded at `NOW`."""
    begun = Life(SimulatedRingStore(), policy_of())
    begun.commit(found_ring(begun.policy, new_key(), new_key(), actor=ADA, now=NOW))
    return begun


def keep(life: Life, now: int) -> None:
    """What `keep_ring` does, without its waiting."""
    for _ in range(5):
        step = find_due(life.ring, life.policy, now).step
        if step is Step.WAIT:
            return
        if step is Step.ROTATE:
            life.rotate(now)
        elif step is Step.RETIRE:
            life.commit(retire_expired(life.ring, life.policy, actor=ADA, now=now))
        else:
            life.commit(publish_next(life.ring, life.policy, new_key(), actor=ADA, now=now))
    raise AssertionError("something is always due")


def test_a_new_ring_signs_at_once_and_has_a_successor(life: Life) -> None:
    (current,), (following,) = life.in_state("current"), life.in_state("next")
    assert (current.published_at, current.activated_at) == (NOW, NOW)
    assert (following.published_at, following.activated_at) == (NOW, None)


def test_the_next_key_takes_over_when_its_time_has_come(life: Life) -> None:
    first, second = life.in_state("current")[0], life.in_state("next")[0]
    assert find_due(life.ring, life.policy, NOW + 30 * DAY - 1) == (Step.WAIT, NOW + 30 * DAY)
    assert find_due(life.ring, life.policy, NOW + 30 * DAY).step is Step.ROTATE
    life.rotate(NOW + 30 * DAY)
    assert life.in_state("current")[0].kid == second.kid
    assert life.in_state("previous")[0].kid == first.kid
    assert len(life.in_state("next")) == 1


def test_a_key_that_verifiers_may_not_know_does_not_sign(life: Life) -> None:
    ahead = life.policy.jwks_max_age_s + PUBLICATION_MARGIN_S
    with pytest.raises(Rejected, match="input_invalid") as refused:
        life.rotate(NOW + ahead - 1)
    assert "published 419 s ago" in refused.value.detail
    life.rotate(NOW + ahead)


def test_it_signs_at_once_when_that_is_said(life: Life) -> None:
    second = life.in_state("next")[0]
    life.rotate(NOW + 1, danger_at_once=True)
    assert life.in_state("current")[0].kid == second.kid


def test_a_superseded_key_verifies_until_its_last_token_has_expired_and_its_private_half_is_erased(life: Life) -> None:
    first = life.in_state("current")[0]
    at = NOW + 30 * DAY
    life.rotate(at)
    assert life.store.keys[first.kid].sealed_private is None
    assert at + ACCESS_TOKEN_LIFETIME_S_MAX < at + RETIREMENT_S
    assert find_due(life.ring, life.policy, at + RETIREMENT_S - 1) == (Step.WAIT, at + RETIREMENT_S)
    assert find_due(life.ring, life.policy, at + RETIREMENT_S).step is Step.RETIRE
    keep(life, at + RETIREMENT_S)
    assert life.store.keys[first.kid].state is SigningKeyState.RETIRED


def test_an_hmac_key_keeps_its_secret_while_it_verifies_and_no_longer() -> None:
    life = Life(SimulatedRingStore(), policy_of(Algorithm.HS256))
    first = new_key(Algorithm.HS256)
    life.commit(found_ring(life.policy, first, new_key(Algorithm.HS256), actor=ADA, now=NOW))
    at = NOW + 30 * DAY
    life.rotate(at)
    assert life.store.keys[first.kid].sealed_private == first.sealed_private
    keep(life, at + RETIREMENT_S)
    assert life.store.keys[first.kid].sealed_private is None


def test_every_change_of_a_ring_is_told_to_all_processes_and_recorded(life: Life) -> None:
    life.rotate(NOW + DAY)
    life.retire(life.in_state("previous")[0].kid, NOW + DAY)
    named = [row.handle for row in life.store.revocations if row.changed_version is not None]
    assert named == [ring_handle(ISSUER)] * 3
    actions = [event.action.removeprefix("signing_key.") for event in life.store.events]
    assert actions == ["created", "created", "superseded", "activated", "created", "retired"]
    assert all(event.object_kind == "signing_key" and event.details["issuer"] == ISSUER for event in life.store.events)
    assert b"sealed" not in repr(life.store.events).encode()


def test_a_ring_is_not_named_by_any_kid() -> None:
    assert ring_handle(ISSUER) == Handle(FeedKind.SIGNING_KEY, f"ring {ISSUER}")
    assert " " in ring_handle(ISSUER).id


def test_a_compromised_key_is_refused_for_good_and_its_successor_signs(life: Life) -> None:
    first, second = life.in_state("current")[0], life.in_state("next")[0]
    change = life.retire(first.kid, NOW + DAY, compromised=True)
    gone = life.store.keys[first.kid]
    assert (gone.state, gone.compromised, gone.sealed_private) == (SigningKeyState.RETIRED, True, None)
    final = next(row for row in change.revocations if row.handle.id == first.kid)
    assert (final.leave_at, final.changed_version) == (None, None)
    assert life.in_state("current")[0].kid == second.kid
    assert len(life.in_state("next")) == 1


def test_a_key_that_is_retired_early_is_refused_while_its_tokens_live(life: Life) -> None:
    first = life.in_state("current")[0]
    life.rotate(NOW + DAY)
    change = life.retire(first.kid, NOW + DAY + 5)
    final = next(row for row in change.revocations if row.handle.id == first.kid)
    assert (final.leave_at, final.changed_version) == (NOW + DAY + 5 + RETIREMENT_S, None)


def test_a_next_key_that_is_retired_is_replaced(life: Life) -> None:
    second = life.in_state("next")[0]
    life.retire(second.kid, NOW + 1)
    assert [key.kid for key in life.in_state("retired")] == [second.kid]
    assert len(life.in_state("next")) == 1


def test_the_key_that_signs_is_not_retired_without_need(life: Life) -> None:
    with pytest.raises(Rejected, match="input_invalid"):
        life.retire(life.in_state("current")[0].kid, NOW)


def test_what_is_retired_can_still_be_found_compromised_once(life: Life) -> None:
    second = life.in_state("next")[0]
    life.retire(second.kid, NOW + 1)
    with pytest.raises(Rejected, match="state_final"):
        life.retire(second.kid, NOW + 2)
    change = life.retire(second.kid, NOW + 3, compromised=True)
    assert change.revocations[0] == change.revocations[0].__class__(
        handle=Handle(FeedKind.SIGNING_KEY, second.kid), leave_at=None
    )
    assert life.store.keys[second.kid].retired_at == NOW + 1
    with pytest.raises(Rejected, match="state_final"):
        life.retire(second.kid, NOW + 4, compromised=True)


def test_a_ring_has_so_many_keys_and_no_more(life: Life) -> None:
    now = NOW
    while len(life.ring) < RING_KEYS_MAX:
        life.rotate(now, danger_at_once=True)
    with pytest.raises(Rejected, match="input_invalid"):
        life.rotate(now, danger_at_once=True)
    # It goes on by itself once some have retired, and asks for nothing until then.
    late = NOW + 40 * DAY
    assert find_due(life.ring, life.policy, late).step is Step.RETIRE
    keep(life, late)
    assert len(life.ring) == 3


def test_an_imported_key_follows_and_the_one_it_replaces_never_signs(life: Life) -> None:
    second, imported = life.in_state("next")[0], new_key()
    life.commit(adopt_next(life.ring, life.policy, imported, reason="moved", actor=ADA, now=NOW + DAY))
    assert [key.kid for key in life.in_state("next")] == [imported.kid]
    assert life.store.keys[second.kid].state is SigningKeyState.RETIRED
    with pytest.raises(Rejected, match="input_invalid"):
        life.rotate(NOW + DAY + 60)


def test_a_rotation_that_is_due_waits_for_a_key_that_came_late(life: Life) -> None:
    due = NOW + 30 * DAY
    life.commit(adopt_next(life.ring, life.policy, new_key(), reason="moved", actor=ADA, now=due - 10))
    ready = due - 10 + life.policy.published_ahead_s
    assert find_due(life.ring, life.policy, due) == (Step.WAIT, ready)
    assert find_due(life.ring, life.policy, ready).step is Step.ROTATE


def test_a_ring_without_a_next_key_gets_one() -> None:
    life = Life(SimulatedRingStore(), policy_of())
    life.commit(found_ring(life.policy, new_key(), new_key(), actor=ADA, now=NOW))
    lonely = tuple(key for key in life.ring if key.state is SigningKeyState.CURRENT)
    assert find_due(lonely, life.policy, NOW).step is Step.PUBLISH
    assert find_due((), life.policy, NOW).step is Step.FOUND


@given(st.lists(st.tuples(st.integers(1, 20 * DAY), st.sampled_from(STEPS)), max_size=30))
def test_whatever_happens_one_signs_one_follows_and_no_cache_is_surprised(steps: list[tuple[int, str]]) -> None:
    life = Life(SimulatedRingStore(), policy_of())
    now = NOW
    life.commit(found_ring(life.policy, new_key(), new_key(), actor=ADA, now=now))
    founder = life.in_state("current")[0].kid
    surprised = {founder}
    for wait_s, what in steps:
        now += wait_s
        before = {key.kid: key.state for key in life.store.keys.values()}
        if what == "leak":
            # The one thing that may promote a key early.
            surprised.add(life.in_state("next")[0].kid)
            life.retire(life.in_state("current")[0].kid, now, compromised=True)
        elif what == "retire" and life.in_state("previous"):
            life.retire(life.in_state("previous")[0].kid, now)
        elif what == "rotate" and now >= life.in_state("next")[0].published_at + life.policy.published_ahead_s:
            life.rotate(now)
        keep(life, now)
        assert len(life.in_state("current")) == len(life.in_state("next")) == 1
        order = list(SigningKeyState)
        for kid, state in before.items():
            assert order.index(life.store.keys[kid].state) >= order.index(state)
    for key in life.store.keys.values():
        assert (
            key.activated_at is None
            or key.kid in surprised
            or (key.activated_at - key.published_at >= life.policy.published_ahead_s)
        )
        assert (key.sealed_private is not None) == (key.state in {SigningKeyState.CURRENT, SigningKeyState.NEXT})


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"algorithm": Algorithm.HS512}, "not signed with HS512"),
        ({"algorithm": Algorithm.ES384}, "not signed with ES384"),
        ({"rotation_s": 3_600}, "out of range"),
        ({"jwks_max_age_s": 59}, "out of range"),
        ({"jwks_max_age_s": 86_401}, "out of range"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(more: dict[str, object], words: str) -> None:
    with pytest.raises(Misconfigured, match=words):
        RingPolicy(issuer=ISSUER, **more)  # type: ignore[arg-type]  # as the case says


@pytest.mark.parametrize(
    "issuer",
    ["", "id.example", "ftp://id.example", "https://id example", "https://id.example?x", "https://id.example#x",
     "https://user@id.example", "https://id.example\n", "https://" + "x" * 512],
)  # fmt: skip
def test_an_issuer_is_a_url_and_nothing_more(issuer: str) -> None:
    with pytest.raises(Misconfigured, match="issuer"):
        RingPolicy(issuer=issuer)
