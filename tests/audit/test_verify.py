import secrets
from collections.abc import Callable

import msgspec
import pytest
from tests.simulators.audit import AuditSimulator, an_event

from doorward.audit.chain import ChainKey, ChainName, derive_chain_key, derive_chain_keys, link_event
from doorward.audit.findings import FINDINGS_MAX, FindingKind
from doorward.audit.heads import encode_head, parse_heads
from doorward.audit.verify import export_change_head, verify_changes
from doorward.crypto.sealing import MasterKeys

EVENTS = 12


@pytest.fixture
def keys(master_keys: MasterKeys) -> dict[str, ChainKey]:
    return derive_chain_keys(master_keys, ChainName.CHANGES)


@pytest.fixture
def chain(keys: dict[str, ChainKey]) -> AuditSimulator:
    """Twelve events; the master key was rotated after the sixth."""
    simulator = AuditSimulator()
    for number in range(1, EVENTS + 1):
        simulator.append(keys["k1" if number <= 6 else "k2"], an_event(number))
    return simulator


async def kinds(chain: AuditSimulator, keys: dict[str, ChainKey], *heads: object) -> list[tuple[FindingKind, int]]:
    report = await verify_changes(chain, keys, heads)  # type: ignore[arg-type]  # heads are passed on
    assert report.intact is (not report.findings)
    return [(finding.kind, finding.sequence) for finding in report.findings]


async def test_an_honest_chain_is_intact_over_a_rotation(chain: AuditSimulator, keys: dict[str, ChainKey]) -> None:
    report = await verify_changes(chain, keys)
    assert report.intact
    assert report.checked == EVENTS
    assert (await verify_changes(AuditSimulator(), keys)).intact


def test_chains_and_master_keys_have_keys_of_their_own(master_keys: MasterKeys) -> None:
    derived = {derive_chain_key(master_keys, chain, key_id=id_).key for chain in ChainName for id_ in ("k1", "k2")}
    assert len(derived) == 4
    assert derive_chain_key(master_keys, ChainName.CHANGES).key_id == "k2"


def _alter(chain: AuditSimulator, index: int, **fields: object) -> None:
    stored = chain.stored[index]
    chain.stored[index] = msgspec.structs.replace(stored, event=msgspec.structs.replace(stored.event, **fields))


def altered(chain: AuditSimulator) -> None:
    _alter(chain, 4, reason="nothing to see")


def moved_in_time(chain: AuditSimulator) -> None:
    _alter(chain, 4, at=1)


def removed(chain: AuditSimulator) -> None:
    del chain.stored[4]


def removed_and_renumbered(chain: AuditSimulator) -> None:
    del chain.stored[4]
    for at in range(4, len(chain.stored)):
        chain.stored[at] = msgspec.structs.replace(chain.stored[at], sequence=at + 1)


def swapped(chain: AuditSimulator) -> None:
    fifth, sixth = chain.stored[4], chain.stored[5]
    chain.stored[4] = msgspec.structs.replace(fifth, event=sixth.event)
    chain.stored[5] = msgspec.structs.replace(sixth, event=fifth.event)


def swapped_whole(chain: AuditSimulator) -> None:
    fifth, sixth = chain.stored[4], chain.stored[5]
    chain.stored[4] = msgspec.structs.replace(sixth, sequence=5)
    chain.stored[5] = msgspec.structs.replace(fifth, sequence=6)


def first_ones_removed(chain: AuditSimulator) -> None:
    del chain.stored[:4]


def cut_off(chain: AuditSimulator) -> None:
    del chain.stored[-1]


def copied(chain: AuditSimulator) -> None:
    last = chain.stored[-1]
    chain.stored.append(msgspec.structs.replace(chain.stored[3], sequence=13, previous_link=last.link))


def under_another_key(chain: AuditSimulator) -> None:
    chain.stored[4] = msgspec.structs.replace(chain.stored[4], key_id="attacker")


def under_the_other_key(chain: AuditSimulator) -> None:
    chain.stored[4] = msgspec.structs.replace(chain.stored[4], key_id="k2")


def store_head_forged(chain: AuditSimulator) -> None:
    chain.head = (EVENTS, bytes(32))


@pytest.mark.parametrize(
    ("attack", "expected"),
    [
        (altered, [(FindingKind.ALTERED, 5)]),
        (moved_in_time, [(FindingKind.ALTERED, 5)]),
        (removed, [(FindingKind.REMOVED, 5)]),
        (removed_and_renumbered, None),
        (swapped, [(FindingKind.ALTERED, 5), (FindingKind.ALTERED, 6)]),
        (swapped_whole, None),
        (first_ones_removed, [(FindingKind.REMOVED, 1)]),
        (cut_off, [(FindingKind.CUT_OFF, 12)]),
        (copied, [(FindingKind.ALTERED, 13)]),
        (under_another_key, [(FindingKind.KEY_UNKNOWN, 5)]),
        (under_the_other_key, [(FindingKind.ALTERED, 5)]),
        (store_head_forged, [(FindingKind.RELINKED, 12)]),
    ],
)
async def test_what_was_done_to_the_database_is_found(
    chain: AuditSimulator,
    keys: dict[str, ChainKey],
    attack: Callable[[AuditSimulator], None],
    expected: list[tuple[FindingKind, int]] | None,
) -> None:
    attack(chain)
    found = await kinds(chain, keys)
    assert found
    if expected is not None:
        assert found == expected


async def test_links_made_again_without_the_key_do_not_fit(chain: AuditSimulator, keys: dict[str, ChainKey]) -> None:
    guessed = ChainKey("k2", secrets.token_bytes(32))
    forged = AuditSimulator()
    for stored in chain.stored[:8]:
        forged.append(keys[stored.key_id], stored.event)
    for number in range(9, EVENTS + 1):
        forged.append(guessed, an_event(number, reason="forged"))
    assert await kinds(forged, keys) == [(FindingKind.ALTERED, number) for number in range(9, EVENTS + 1)]


async def test_an_event_linked_to_another_past_does_not_fit(chain: AuditSimulator, keys: dict[str, ChainKey]) -> None:
    """A genuine event of a fork (an old backup brought to life beside the chain) put in place of the chain's own."""
    fork = AuditSimulator()
    for number in range(1, EVENTS + 1):
        fork.append(keys["k1"], an_event(number, reason="fork"))
    chain.stored[4] = fork.stored[4]
    assert (FindingKind.RELINKED, 5) in await kinds(chain, keys)


async def test_a_cut_off_end_is_found_by_an_exported_head(chain: AuditSimulator, keys: dict[str, ChainKey]) -> None:
    exported = encode_head(await export_change_head(chain, keys["k2"], now=5)).decode()
    del chain.stored[-2:]
    chain.head = (chain.stored[-1].sequence, chain.stored[-1].link)
    assert await kinds(chain, keys) == []
    assert await kinds(chain, keys, *parse_heads(exported)) == [(FindingKind.CUT_OFF, 11)]


async def test_a_chain_written_anew_with_the_key_is_found_by_an_exported_head(
    chain: AuditSimulator, keys: dict[str, ChainKey]
) -> None:
    head = await export_change_head(chain, keys["k2"], now=5)
    anew = AuditSimulator()
    for number in range(1, EVENTS + 3):
        anew.append(keys["k2"], an_event(number, reason="forged by an insider"))
    assert await kinds(anew, keys) == []
    assert await kinds(anew, keys, head) == [(FindingKind.REWRITTEN, 12)]


async def test_a_head_goes_on_fitting_while_the_chain_grows(chain: AuditSimulator, keys: dict[str, ChainKey]) -> None:
    head = await export_change_head(chain, keys["k2"], now=5)
    chain.append(keys["k2"], an_event(13))
    assert await kinds(chain, keys, head) == []


async def test_a_head_made_up_without_the_key_is_found(chain: AuditSimulator, keys: dict[str, ChainKey]) -> None:
    head = await export_change_head(chain, keys["k2"], now=5)
    for forged in (
        msgspec.structs.replace(head, sequence=11),
        msgspec.structs.replace(head, at=6),
        msgspec.structs.replace(head, link=bytes(32)),
        msgspec.structs.replace(head, key_id="k1"),
        msgspec.structs.replace(head, key_id="unknown"),
    ):
        assert await kinds(chain, keys, forged) == [(FindingKind.HEAD_FORGED, forged.sequence)]


async def test_heads_of_other_chains_are_passed_over(chain: AuditSimulator, keys: dict[str, ChainKey]) -> None:
    head = await export_change_head(chain, keys["k2"], now=5)
    assert await kinds(chain, keys, msgspec.structs.replace(head, chain="verifications-1-1", sequence=99)) == []


async def test_many_findings_are_listed_up_to_a_limit(keys: dict[str, ChainKey]) -> None:
    chain = AuditSimulator()
    for number in range(1, FINDINGS_MAX + 6):
        chain.append(ChainKey("k1", bytes(32)), an_event(number))
    report = await verify_changes(chain, keys)
    assert len(report.findings) == FINDINGS_MAX
    assert report.more == 5
    assert not report.intact


def test_a_link_depends_on_every_part(keys: dict[str, ChainKey]) -> None:
    event = an_event(1)
    links = {
        link_event(keys["k1"], bytes(32), 1, event),
        link_event(keys["k2"], bytes(32), 1, event),
        link_event(ChainKey("k3", keys["k1"].key), bytes(32), 1, event),
        link_event(keys["k1"], bytes([1] * 32), 1, event),
        link_event(keys["k1"], bytes(32), 2, event),
        link_event(keys["k1"], bytes(32), 1, an_event(2)),
    }
    assert len(links) == 6
    assert repr(keys["k1"].key)[2:12] not in repr(keys["k1"])
