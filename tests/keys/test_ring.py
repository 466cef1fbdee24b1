"""The ring in memory: signs without reading, verifies without waiting, keeps itself, and is one for all processes."""

import asyncio
import json
import logging
import secrets
from collections.abc import Callable
from typing import Any, Final

import pytest
from msgspec.structs import replace
from tests.simulators.ring import ISSUER, SimulatedKms, SimulatedRingStore, policy_of
from tests.simulators.virtual_time import run_virtual

from doorward.crypto.jose.algorithms import Algorithm
from doorward.crypto.jose.jws import parse_compact, verify_compact
from doorward.crypto.sealing import MasterKeys
from doorward.errors import Misconfigured, Unavailable
from doorward.keys.config import RETIREMENT_S, SIGNING_ALGORITHMS, RingPolicy
from doorward.keys.keyring_port import SigningKeyRecord, SigningKeyState
from doorward.keys.operations import (
    compromise_signing_key,
    keep_ring,
    retire_signing_key,
    rotate_signing_key,
)
from doorward.keys.ring import COOLDOWN_S, LOOK_S, REREAD_S, RETRY_S, UNREAD_S_MAX, Keyring
from doorward.keys.signer import SealedSigner, Signer
from doorward.values import Actor, FeedKind, Handle

ADA: Final = Actor(kind="operator", id="ada")
DAY: Final = 86_400
MASTER: Final = MasterKeys({"k1": bytes(range(32))}, current="k1", entropy=secrets.token_bytes)
CLAIMS: Final = {"iss": ISSUER, "sub": "alice", "exp": 1}


class Monotonic:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store() -> SimulatedRingStore:
    return SimulatedRingStore()


@pytest.fixture
def monotonic() -> Monotonic:
    return Monotonic()


def ring_of(
    store: SimulatedRingStore,
    monotonic: Callable[[], float],
    *,
    policy: RingPolicy | None = None,
    signer: Signer | None = None,
    master_keys: MasterKeys | None = MASTER,
) -> Keyring:
    """One process's ring over a store."""
    return Keyring(
        policy or policy_of(),
        store=store,
        view=store.view,
        signer=signer or SealedSigner(master_keys, entropy=secrets.token_bytes),
        master_keys=master_keys,
        monotonic=monotonic,
    )


def kid_of(token: str) -> str:
    kid = parse_compact(token.encode()).header.kid
    assert kid is not None
    return kid


def is_verified(ring: Keyring, token: str) -> bool:
    """Whether a verifier that has this ring takes the token."""
    compact = parse_compact(token.encode())
    key = ring.find(compact.header.kid, compact.header.alg)
    return key is not None and verify_compact(compact, key) == CLAIMS


@pytest.mark.parametrize("algorithm", sorted(SIGNING_ALGORITHMS))
async def test_what_it_signs_it_verifies(store: SimulatedRingStore, monotonic: Monotonic, algorithm: Algorithm) -> None:
    ring = ring_of(store, monotonic, policy=policy_of(algorithm))
    token = await ring.sign_token(CLAIMS)
    header = parse_compact(token.encode()).header
    assert (header.alg, header.typ) == (algorithm.value, "at+jwt")
    assert is_verified(ring, token)
    another = ring_of(store, monotonic)
    await another.refresh(kid_of(token))
    assert is_verified(another, token)


@pytest.mark.parametrize("algorithm", sorted(SIGNING_ALGORITHMS))
async def test_no_private_member_is_ever_published(
    store: SimulatedRingStore, monotonic: Monotonic, algorithm: Algorithm
) -> None:
    ring = ring_of(store, monotonic, policy=policy_of(algorithm))
    await ring.found()
    # Whatever the store holds: a column that was tampered with, or written by a version with a bug.
    for key in tuple(store.keys.values()):
        private = dict.fromkeys(("d", "p", "q", "dp", "dq", "qi", "k", "oth"), "c2VjcmV0")
        store.keys[key.kid] = replace(key, public_jwk={**key.public_jwk, **private})
    monotonic.now += REREAD_S
    await ring.refresh(None)
    published = json.loads((await ring.published()).body)["keys"]
    allowed = {"kty", "crv", "x", "y", "n", "e", "kid", "alg", "use"}
    assert all(set(key) <= allowed for key in published)
    assert len(published) == (0 if algorithm is Algorithm.HS256 else 2)


async def test_signing_reads_nothing(store: SimulatedRingStore, monotonic: Monotonic) -> None:
    ring = ring_of(store, monotonic)
    await ring.found()
    await ring.sign_token(CLAIMS)  # its own change has come by the feed
    reads = store.reads
    for _ in range(100):
        await ring.sign_token(CLAIMS)
    assert store.reads == reads
    monotonic.now += REREAD_S
    await ring.sign_token(CLAIMS)
    assert store.reads > reads


async def test_a_process_that_issues_rotates_when_it_is_due(store: SimulatedRingStore, monotonic: Monotonic) -> None:
    ring = ring_of(store, monotonic)
    old = await ring.sign_token(CLAIMS)
    store.clock.forward(30 * DAY)
    new = await ring.sign_token(CLAIMS)
    assert kid_of(new) != kid_of(old)
    assert is_verified(ring, old)
    assert is_verified(ring, new)


async def test_a_process_without_a_master_key_verifies_and_does_not_issue(
    store: SimulatedRingStore, monotonic: Monotonic
) -> None:
    verifier = ring_of(store, monotonic, master_keys=None)
    with pytest.raises(Misconfigured, match="no master key"):
        await verifier.sign_token(CLAIMS)
    token = await ring_of(store, monotonic).sign_token(CLAIMS)
    monotonic.now += COOLDOWN_S
    await verifier.refresh(kid_of(token))
    assert is_verified(verifier, token)
    with pytest.raises(Misconfigured, match="DOORWARD_MASTER_KEY"):
        await verifier.sign_token(CLAIMS)
    store.clock.forward(31 * DAY)
    await verifier.start()
    await verifier.aclose()
    assert store.current.kid == kid_of(token)


class SlowKms:
    """A KMS that opens the first key when the test says so."""

    def __init__(self) -> None:
        self._kms: Final = SimulatedKms()
        self.create_key: Final = self._kms.create_key
        self.sign: Final = self._kms.sign
        self.is_asked: Final = asyncio.Event()
        self.opens: Final = asyncio.Event()

    async def open_key(self, record: SigningKeyRecord) -> None:
        if not self.is_asked.is_set():
            self.is_asked.set()
            await self.opens.wait()
        await self._kms.open_key(record)


async def test_a_key_that_was_compromised_while_it_was_opened_does_not_sign(
    store: SimulatedRingStore, monotonic: Monotonic
) -> None:
    kms = SlowKms()
    ring = ring_of(store, monotonic, signer=kms)
    waiting = asyncio.create_task(ring.sign_token(CLAIMS))
    await kms.is_asked.wait()
    stolen = store.current.kid
    await compromise_signing_key(store, policy_of(), kms, stolen, reason="stolen", actor=ADA)
    assert kid_of(await ring.sign_token(CLAIMS)) != stolen
    kms.opens.set()
    assert kid_of(await waiting) != stolen
    assert kid_of(await ring.sign_token(CLAIMS)) != stolen


async def test_an_hmac_key_verifies_only_where_the_master_key_is(
    store: SimulatedRingStore, monotonic: Monotonic
) -> None:
    token = await ring_of(store, monotonic, policy=policy_of(Algorithm.HS256)).sign_token(CLAIMS)
    without = ring_of(store, monotonic, master_keys=None)
    await without.refresh(None)
    assert without.find(kid_of(token), "HS256") is None


async def test_a_retired_key_is_not_found_and_the_generation_grows(
    store: SimulatedRingStore, monotonic: Monotonic
) -> None:
    ring = ring_of(store, monotonic)
    old = await ring.sign_token(CLAIMS)
    store.clock.forward(30 * DAY)
    await ring.sign_token(CLAIMS)
    generation = ring.generation
    store.clock.forward(RETIREMENT_S)
    monotonic.now += REREAD_S
    await ring.sign_token(CLAIMS)
    assert ring.find(kid_of(old), "ES256") is None
    assert ring.generation == generation + 1


async def test_a_compromise_reaches_another_process_by_the_feed(
    store: SimulatedRingStore, monotonic: Monotonic
) -> None:
    signer = SealedSigner(MASTER, entropy=secrets.token_bytes)
    issuer, verifier = ring_of(store, monotonic, signer=signer), ring_of(store, monotonic)
    await verifier.refresh(None)
    leaked = await issuer.sign_token(CLAIMS)
    assert not store.view.is_revoked((Handle(FeedKind.SIGNING_KEY, kid_of(leaked)),))
    await compromise_signing_key(store, issuer.policy, signer, kid_of(leaked), reason="laptop", actor=ADA)
    # Before anything was read again: the row itself refuses what the key signed.
    assert store.view.is_revoked((Handle(FeedKind.SIGNING_KEY, kid_of(leaked)),))
    monotonic.now += COOLDOWN_S
    assert kid_of(leaked) not in (await verifier.published()).body.decode()
    assert not is_verified(verifier, leaked)
    after = await issuer.sign_token(CLAIMS)
    assert kid_of(after) != kid_of(leaked)
    assert is_verified(verifier, after)


async def test_a_key_retired_early_is_refused_and_the_one_that_signs_is_not_touched(
    store: SimulatedRingStore, monotonic: Monotonic
) -> None:
    signer = SealedSigner(MASTER, entropy=secrets.token_bytes)
    ring = ring_of(store, monotonic, signer=signer)
    old = kid_of(await ring.sign_token(CLAIMS))
    store.clock.forward(DAY)
    await rotate_signing_key(store, ring.policy, signer, reason="routine", actor=ADA)
    await retire_signing_key(store, ring.policy, signer, old, reason="sooner", actor=ADA)
    assert store.view.is_revoked((Handle(FeedKind.SIGNING_KEY, old),))
    assert not store.view.is_revoked((Handle(FeedKind.SIGNING_KEY, store.current.kid),))


async def test_random_key_ids_do_not_become_reads(store: SimulatedRingStore, monotonic: Monotonic) -> None:
    ring = ring_of(store, monotonic)
    await ring.found()
    monotonic.now += COOLDOWN_S
    reads = store.reads
    await asyncio.gather(*(ring.refresh(secrets.token_hex(8)) for _ in range(500)))
    for _ in range(50):
        await ring.refresh(secrets.token_hex(8))
    assert store.reads == reads + 1


async def test_a_change_during_a_reading_is_seen_again(store: SimulatedRingStore, monotonic: Monotonic) -> None:
    signer = SealedSigner(MASTER, entropy=secrets.token_bytes)
    ring, verifier = ring_of(store, monotonic, signer=signer), ring_of(store, monotonic)
    leaked = kid_of(await ring.sign_token(CLAIMS))
    store.before_answer.append(
        lambda: compromise_signing_key(store, ring.policy, signer, leaked, reason="x", actor=ADA)
    )
    await verifier.refresh(None)
    monotonic.now += COOLDOWN_S
    assert leaked not in (await verifier.published()).body.decode()


async def test_of_many_that_ask_one_reads(store: SimulatedRingStore, monotonic: Monotonic) -> None:
    ring = ring_of(store, monotonic)
    await asyncio.gather(*(ring.sign_token(CLAIMS) for _ in range(50)))
    assert len(store.keys) == 2


async def test_a_ring_that_was_never_read_says_so(store: SimulatedRingStore, monotonic: Monotonic) -> None:
    store.away = True
    ring = ring_of(store, monotonic)
    for asked in (ring.refresh("x"), ring.published()):
        with pytest.raises(Unavailable) as unavailable:
            await asked
        assert unavailable.value.code == "keys_unavailable"


async def test_a_store_that_is_away_stops_signing_after_an_hour_and_not_before(
    store: SimulatedRingStore, monotonic: Monotonic, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    ring = ring_of(store, monotonic)
    token = await ring.sign_token(CLAIMS)
    published = await ring.published()
    store.away = True
    monotonic.now += UNREAD_S_MAX
    assert kid_of(await ring.sign_token(CLAIMS)) == kid_of(token)
    monotonic.now += COOLDOWN_S
    for _ in range(2):
        with pytest.raises(Unavailable):
            await ring.sign_token(CLAIMS)
    assert is_verified(ring, token)
    assert await ring.published() == published


async def test_a_kms_signs_and_its_private_halves_are_nowhere_here(
    store: SimulatedRingStore, monotonic: Monotonic, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    kms = SimulatedKms()
    ring = ring_of(store, monotonic, signer=kms)
    token = await ring.sign_token(CLAIMS)
    assert is_verified(ring, token)
    assert kms.signatures == 1
    assert all(key.sealed_private is None for key in store.keys.values())
    # Away while a rotation is due: the key that signs goes on, and the rotation is made up for.
    kms.away = True
    store.clock.forward(30 * DAY)
    with pytest.raises(Unavailable):
        await ring.sign_token(CLAIMS)
    kms.away = False
    assert kid_of(await ring.sign_token(CLAIMS)) == kid_of(token)
    monotonic.now += RETRY_S
    assert kid_of(await ring.sign_token(CLAIMS)) != kid_of(token)


async def test_a_process_that_does_not_know_the_kms_makes_no_keys_beside_it(
    store: SimulatedRingStore, monotonic: Monotonic, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    await ring_of(store, monotonic, signer=SimulatedKms()).found()
    before = set(store.keys)
    own = SealedSigner(MASTER, entropy=secrets.token_bytes)
    store.clock.forward(30 * DAY)
    await keep_ring(store, policy_of(), own, may_found=True)
    following = store.in_state(SigningKeyState.NEXT)[0].kid
    for act in (
        lambda: rotate_signing_key(store, policy_of(), own, reason="x", actor=ADA),
        lambda: retire_signing_key(store, policy_of(), own, following, reason="x", actor=ADA),
        lambda: ring_of(store, monotonic).sign_token(CLAIMS),
    ):
        with pytest.raises(Misconfigured):
            await act()
    assert set(store.keys) == before


async def test_an_emergency_does_not_wait_for_the_kms(
    store: SimulatedRingStore, monotonic: Monotonic, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    kms = SimulatedKms()
    ring = ring_of(store, monotonic, signer=kms)
    leaked, following = kid_of(await ring.sign_token(CLAIMS)), store.in_state(SigningKeyState.NEXT)[0].kid
    # At the command line, which knows no KMS; then where it is, and away.
    own = SealedSigner(MASTER, entropy=secrets.token_bytes)
    await compromise_signing_key(store, policy_of(), own, leaked, reason="x", actor=ADA)
    assert store.view.is_revoked((Handle(FeedKind.SIGNING_KEY, leaked),))
    assert store.current.kid == following
    assert store.in_state(SigningKeyState.NEXT) == []
    kms.away = True
    await compromise_signing_key(store, policy_of(), kms, following, reason="x", actor=ADA)
    assert store.in_state(SigningKeyState.CURRENT) == []
    with pytest.raises(Unavailable):
        await ring.sign_token(CLAIMS)
    kms.away = False
    again = await ring.sign_token(CLAIMS)
    assert kid_of(again).startswith("kms-")
    assert is_verified(ring, again)
    assert len(store.in_state(SigningKeyState.NEXT)) == 1


async def test_no_secret_shows(store: SimulatedRingStore, monotonic: Monotonic) -> None:
    signer = SealedSigner(MASTER, entropy=secrets.token_bytes)
    ring = ring_of(store, monotonic, signer=signer)
    current = await ring.current_signer()
    new = await signer.create_key(Algorithm.ES256)
    shown = repr((ring, signer, current, new, store.current, store.events))
    assert "sealed" not in shown
    assert repr(store.current.sealed_private)[2:20] not in shown
    assert dict(new.__rich_repr__()).keys() == {"kid", "algorithm"}
    assert dict(store.current.__rich_repr__()).keys() == {"kid", "issuer", "state"}


def test_the_background_task_rotates_and_survives_a_store_that_is_away(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    store = SimulatedRingStore()

    async def days() -> None:
        loop = asyncio.get_running_loop()
        ring = ring_of(store, loop.time)
        first = kid_of(await ring.sign_token(CLAIMS))
        await ring.start()
        await ring.start()
        store.away = True
        store.clock.forward(30 * DAY)
        await asyncio.sleep(3 * REREAD_S)
        store.away = False
        await asyncio.sleep(REREAD_S + 2 * LOOK_S)
        assert store.keys[first].state is SigningKeyState.PREVIOUS
        store.clock.forward(RETIREMENT_S)
        await asyncio.sleep(REREAD_S + 2 * LOOK_S)
        assert store.keys[first].state is SigningKeyState.RETIRED
        assert ring.find(first, "ES256") is None
        await ring.aclose()
        await ring.aclose()

    run_virtual(days())


async def test_the_background_founds_nothing(store: SimulatedRingStore, monotonic: Monotonic) -> None:
    ring = ring_of(store, monotonic)
    await ring.start()
    await ring.aclose()
    assert store.keys == {}


async def test_twenty_processes_found_and_rotate_one_ring_once(store: SimulatedRingStore, monotonic: Monotonic) -> None:
    rings = [ring_of(store, monotonic) for _ in range(20)]

    async def all_sign() -> set[Any]:
        return set(map(kid_of, await asyncio.gather(*(ring.sign_token(CLAIMS) for ring in rings))))

    assert len(await all_sign()) == 1
    assert len(store.keys) == 2
    store.clock.forward(30 * DAY)
    assert len(await all_sign()) == 1
    assert len(store.keys) == 3
