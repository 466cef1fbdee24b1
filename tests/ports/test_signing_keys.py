"""`SigningKeyPort` and the writes of signing keys."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Final

import pytest
from tests.simulators.clock import NOON, ManualClock
from tests.simulators.ring import ISSUER, policy_of

from doorward.adapters.sql.open import SqlPorts, open_sql
from doorward.audit.chain import ChainKey
from doorward.crypto.jose.algorithms import Algorithm
from doorward.crypto.sealing import MasterKeys
from doorward.errors import Rejected
from doorward.keys.keyring_port import SigningKeyInserted, SigningKeyRecord, SigningKeyState, SigningKeyUpdated
from doorward.keys.operations import compromise_signing_key, keep_ring, rotate_signing_key
from doorward.keys.signer import SealedSigner
from doorward.values import Actor, Change

ADA: Final = Actor(kind="operator", id="ada")
NEXT, CURRENT = SigningKeyState.NEXT, SigningKeyState.CURRENT
PREVIOUS, RETIRED = SigningKeyState.PREVIOUS, SigningKeyState.RETIRED


def key_of(kid: str = "k1", state: SigningKeyState = CURRENT, **more: object) -> SigningKeyRecord:
    """A record with something in every column."""
    fields: dict[str, object] = {
        "kid": kid,
        "issuer": ISSUER,
        "algorithm": Algorithm.ES256,
        "state": state,
        "public_jwk": {"kty": "EC", "crv": "P-256", "x": "eA", "y": "eQ"},
        "sealed_private": b"\x00sealed\xff",
        "created_at": NOON,
        "published_at": NOON,
        "activated_at": NOON + 1,
        "superseded_at": NOON + 2,
        "retired_at": NOON + 3,
        "compromised": False,
        **more,
    }
    return SigningKeyRecord(**fields)  # type: ignore[arg-type]  # as the test says


async def insert(ports: SqlPorts, *records: SigningKeyRecord) -> None:
    await ports.changes.commit(Change(writes=tuple(map(SigningKeyInserted, records))))


async def update(ports: SqlPorts, record: SigningKeyRecord) -> None:
    await ports.changes.commit(Change(writes=(SigningKeyUpdated(record),)))


async def code_of(ports: SqlPorts, *writes: SigningKeyInserted | SigningKeyUpdated) -> str:
    with pytest.raises(Rejected) as refused:
        await ports.changes.commit(Change(writes=writes))
    return refused.value.code


async def test_a_key_comes_back_as_it_was_written(ports: SqlPorts) -> None:
    for algorithm in (Algorithm.EDDSA, Algorithm.HS256):
        record = key_of(f"k-{algorithm}", PREVIOUS, algorithm=algorithm)
        await insert(ports, record)
        assert await ports.signing_keys.find_signing_key(record.kid) == record
    bare = key_of("bare", NEXT, sealed_private=None, activated_at=None, superseded_at=None, retired_at=None)
    await insert(ports, bare)
    assert await ports.signing_keys.find_signing_key("bare") == bare
    assert await ports.signing_keys.find_signing_key("K1") is None


async def test_an_issuer_has_one_key_that_signs_and_one_that_follows(ports: SqlPorts) -> None:
    await insert(ports, key_of("a", CURRENT), key_of("b", NEXT), key_of("c", PREVIOUS), key_of("d", PREVIOUS))
    await insert(ports, key_of("e", CURRENT, issuer="https://other.example"))
    assert await code_of(ports, SigningKeyInserted(key_of("f", CURRENT))) == "object_exists"
    assert await code_of(ports, SigningKeyInserted(key_of("f", NEXT))) == "object_exists"
    assert await code_of(ports, SigningKeyUpdated(key_of("b", CURRENT, version=2))) == "object_exists"
    assert await code_of(ports, SigningKeyInserted(key_of("a", PREVIOUS))) == "object_exists"


async def test_a_ring_is_the_keys_of_one_issuer_that_are_not_retired(ports: SqlPorts) -> None:
    await insert(ports, key_of("z", CURRENT, created_at=NOON - 5), key_of("a", NEXT), key_of("m", RETIRED))
    await insert(ports, key_of("o", CURRENT, issuer="https://other.example"))
    assert [key.kid for key in await ports.signing_keys.list_ring(ISSUER)] == ["z", "a"]
    assert await ports.signing_keys.list_ring(ISSUER + "/") == ()


async def test_keys_are_listed_by_id_in_every_state(ports: SqlPorts) -> None:
    await insert(ports, key_of("b", CURRENT), key_of("a", RETIRED), key_of("B", NEXT))
    await insert(ports, key_of("c", CURRENT, issuer="https://other.example"))
    listed = ports.signing_keys.list_signing_keys
    assert [key.kid for key in await listed()] == ["B", "a", "b", "c"]
    assert [key.kid for key in await listed(issuer=ISSUER, after="B", limit=1)] == ["a"]
    with pytest.raises(Rejected, match="input_invalid"):
        await listed(limit=0)


async def test_an_update_moves_one_version_on(ports: SqlPorts) -> None:
    await insert(ports, key_of())
    second = key_of(state=PREVIOUS, version=2, sealed_private=None)
    await update(ports, second)
    assert await ports.signing_keys.find_signing_key("k1") == second
    assert await code_of(ports, SigningKeyUpdated(second)) == "object_conflict"
    assert await code_of(ports, SigningKeyUpdated(key_of("nobody", PREVIOUS, version=2))) == "object_unknown"


async def test_whose_key_it_is_and_what_it_is_never_changes(ports: SqlPorts) -> None:
    await insert(ports, key_of())
    other = key_of(
        version=2, issuer="https://other.example", algorithm=Algorithm.HS256, public_jwk={"kty": "oct"}, published_at=1
    )
    await update(ports, other)
    assert await ports.signing_keys.find_signing_key("k1") == key_of(version=2)


async def test_a_retired_key_never_comes_back(ports: SqlPorts) -> None:
    await insert(ports, key_of(state=RETIRED))
    for state in (NEXT, CURRENT, PREVIOUS):
        assert await code_of(ports, SigningKeyUpdated(key_of(state=state, version=2))) == "object_conflict"
    await update(ports, key_of(state=RETIRED, version=2, compromised=True))


@pytest.fixture
async def processes(
    ports: SqlPorts, sql_url: str, chain_key: ChainKey, clock: ManualClock
) -> AsyncIterator[list["Process"]]:
    """Four connections to one database, and twenty keepers over them."""
    opened = [ports] + [open_sql(sql_url, chain_key=chain_key, clock=clock) for _ in range(3)]
    for each in opened[1:]:
        await each.start()
    yield [Process(each, clock) for each in opened]
    for each in opened[1:]:
        await each.aclose()


class Process:
    """What `keep_ring` needs."""

    def __init__(self, ports: SqlPorts, clock: ManualClock) -> None:
        self.signing_keys = ports.signing_keys
        self.changes = ports.changes
        self.clock = clock
        keys = MasterKeys({"k1": bytes(range(32))}, current="k1", entropy=secrets.token_bytes)
        self.signer = SealedSigner(keys, entropy=secrets.token_bytes)

    async def keep(self) -> tuple[SigningKeyRecord, ...]:
        return await keep_ring(self, policy_of(), self.signer, may_found=True)

    async def states(self) -> list[str]:
        return sorted(key.state.value for key in await self.signing_keys.list_signing_keys())


async def keep_all(processes: list[Process]) -> None:
    rings = await asyncio.gather(*(process.keep() for process in processes * 5))
    assert len({tuple(key.kid for key in ring) for ring in rings}) == 1


async def test_of_twenty_that_find_it_due_exactly_one_rotates(processes: list[Process], clock: ManualClock) -> None:
    await keep_all(processes)
    assert await processes[0].states() == ["current", "next"]
    clock.forward(30 * 86_400)
    await keep_all(processes)
    assert await processes[0].states() == ["current", "next", "previous"]
    clock.forward(2 * 86_400)
    await keep_all(processes)
    assert await processes[0].states() == ["current", "next", "retired"]


async def test_an_emergency_beside_a_rotation_leaves_a_whole_ring(processes: list[Process], clock: ManualClock) -> None:
    await processes[0].keep()
    clock.forward(30 * 86_400)
    (current,) = [key for key in await processes[0].signing_keys.list_ring(ISSUER) if key.state is CURRENT]
    first, second, third, _ = processes

    async def compromise(process: Process) -> None:
        await compromise_signing_key(process, policy_of(), process.signer, current.kid, reason="leak", actor=ADA)

    async def rotate(process: Process) -> None:
        await rotate_signing_key(process, policy_of(), process.signer, reason="due", actor=ADA)

    done = await asyncio.gather(
        compromise(first), rotate(second), third.keep(), compromise(third), return_exceptions=True
    )
    assert all(outcome is None or isinstance(outcome, Rejected | tuple) for outcome in done)
    gone = await first.signing_keys.find_signing_key(current.kid)
    assert gone is not None
    assert (gone.state, gone.compromised, gone.sealed_private) == (RETIRED, True, None)
    states = await first.states()
    assert states.count("current") == states.count("next") == 1
