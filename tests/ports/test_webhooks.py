"""`SenderPort` and the writes of senders and their secrets."""

import asyncio
import secrets
from collections.abc import Awaitable
from typing import Final

import pytest
from msgspec.structs import replace
from tests.simulators.clock import NOON, ManualClock

from doorward.adapters.sql.open import SqlPorts, open_sql
from doorward.audit.chain import ChainKey
from doorward.crypto.sealing import MasterKeys
from doorward.errors import Rejected
from doorward.methods.plane import UsageDelta
from doorward.methods.webhook.method import METHOD
from doorward.methods.webhook.operations import add_secret, add_sender, retire_secret, rotate_secret
from doorward.methods.webhook.order import SecretOrder, SenderOrder
from doorward.methods.webhook.port import (
    SecretInserted,
    SecretRecord,
    SecretState,
    SecretUpdated,
    SenderInserted,
    SenderRecord,
    SenderUpdated,
)
from doorward.methods.webhook.senders import sender_handle
from doorward.revocation.writes import OrganizationCredentialsRevoked
from doorward.values import Actor, Change, CredentialId, FeedKind, Handle, OrganizationId, Write

ADA: Final = Actor(kind="operator", id="ada")
ACTIVE, RETIRED = SecretState.ACTIVE, SecretState.RETIRED


def sender_of(name: str = "acme", **more: object) -> SenderRecord:
    fields: dict[str, object] = {
        "name": name,
        "scheme": "standard",
        "organization_id": OrganizationId("acme-inc"),
        "created_at": NOON,
        **more,
    }
    return SenderRecord(**fields)  # type: ignore[arg-type]  # as the test says


def secret_of(secret_id: str = "whs_1", **more: object) -> SecretRecord:
    """A record with something in every column."""
    fields: dict[str, object] = {
        "id": CredentialId(secret_id),
        "sender": "acme",
        "sealed_text": b"\x00sealed\xff",
        "state": ACTIVE,
        "created_at": NOON,
        "not_before": NOON + 1,
        "not_after": NOON + 2,
        **more,
    }
    return SecretRecord(**fields)  # type: ignore[arg-type]  # as the test says


async def commit(ports: SqlPorts, *writes: Write) -> None:
    await ports.changes.commit(Change(writes=writes))


async def code_of(ports: SqlPorts, *writes: Write) -> str:
    with pytest.raises(Rejected) as refused:
        await commit(ports, *writes)
    return refused.value.code


async def test_a_sender_comes_back_as_it_was_written(ports: SqlPorts) -> None:
    bare = sender_of("bare", organization_id=None, version=7)
    await commit(ports, SenderInserted(sender_of()), SenderInserted(bare))
    assert await ports.senders.find_sender("acme") == sender_of()
    assert await ports.senders.find_sender("bare") == bare
    assert await ports.senders.find_sender("ACME") is None
    assert await code_of(ports, SenderInserted(sender_of())) == "object_exists"


async def test_senders_are_listed_by_name_all_or_one_organizations(ports: SqlPorts) -> None:
    for name, organization in (("b", "x"), ("B", "x"), ("a", None)):
        await commit(ports, SenderInserted(sender_of(name, organization_id=organization)))
    listed = ports.senders.list_senders
    assert [sender.name for sender in await listed()] == ["B", "a", "b"]
    assert [sender.name for sender in await listed(after="B", limit=1)] == ["a"]
    assert [sender.name for sender in await listed(organization_id=OrganizationId("x"))] == ["B", "b"]
    with pytest.raises(Rejected, match="input_invalid"):
        await listed(limit=1_001)


async def test_of_a_sender_only_the_version_moves(ports: SqlPorts) -> None:
    await commit(ports, SenderInserted(sender_of()))
    other = sender_of(version=2, scheme="github", organization_id=None, created_at=1)
    await commit(ports, SenderUpdated(other))
    assert await ports.senders.find_sender("acme") == sender_of(version=2)
    assert await code_of(ports, SenderUpdated(other)) == "object_conflict"
    assert await code_of(ports, SenderUpdated(sender_of("nobody", version=2))) == "object_unknown"


async def test_a_secret_comes_back_as_it_was_written(ports: SqlPorts) -> None:
    bare = secret_of("whs_2", not_before=None, not_after=None)
    await commit(ports, SenderInserted(sender_of()), SecretInserted(secret_of()), SecretInserted(bare))
    assert await ports.senders.find_secret(CredentialId("whs_1")) == secret_of()
    assert await ports.senders.find_secret(CredentialId("whs_2")) == bare
    assert await ports.senders.find_secret(CredentialId("whs_3")) is None
    assert await code_of(ports, SecretInserted(secret_of())) == "object_exists"
    assert await code_of(ports, SecretInserted(secret_of("whs_4", sender="nobody"))) == "object_unknown"


async def test_secrets_are_listed_oldest_first_and_joined_with_their_use(ports: SqlPorts) -> None:
    records = [
        secret_of("whs_z", created_at=NOON - 5),
        secret_of("whs_a", created_at=NOON),
        secret_of("whs_b", created_at=NOON, state=RETIRED, sealed_text=None),
    ]
    await commit(ports, SenderInserted(sender_of()), *map(SecretInserted, records))
    await commit(ports, SenderInserted(sender_of("other")), SecretInserted(secret_of("whs_o", sender="other")))
    used = UsageDelta(
        method=METHOD, credential_id=CredentialId("whs_a"), count=3, last_used_at=NOON + 9, last_source="10.0.0.1"
    )
    await ports.usage.add_usage((used,))
    assert await ports.senders.list_secrets("acme") == (
        records[0],
        replace(records[1], last_used_at=NOON + 9, use_count=3),
        records[2],
    )
    assert [record.id for record in await ports.senders.list_held_secrets("acme")] == ["whs_z", "whs_a"]
    assert await ports.senders.list_secrets("nobody") == ()
    every = await ports.senders.list_all_secrets()
    assert [record.id for record in every] == ["whs_a", "whs_b", "whs_o", "whs_z"]
    assert {record.use_count for record in every} == {0}
    assert [record.id for record in await ports.senders.list_all_secrets(after="whs_b", limit=1)] == ["whs_o"]


async def test_an_update_moves_one_version_on_and_no_secret_to_another_sender(ports: SqlPorts) -> None:
    await commit(ports, SenderInserted(sender_of()), SenderInserted(sender_of("other")), SecretInserted(secret_of()))
    await commit(ports, SecretUpdated(secret_of(version=2, sender="other", created_at=1, not_before=2, not_after=9)))
    assert await ports.senders.find_secret(CredentialId("whs_1")) == secret_of(version=2, not_after=9)
    assert await code_of(ports, SecretUpdated(secret_of(version=2))) == "object_conflict"
    assert await code_of(ports, SecretUpdated(secret_of("whs_9", version=2))) == "object_unknown"


async def test_a_retired_secret_has_no_text_and_never_comes_back(ports: SqlPorts) -> None:
    await commit(ports, SenderInserted(sender_of()), SecretInserted(secret_of()))
    with pytest.raises(Rejected):
        await commit(ports, SecretUpdated(secret_of(version=2, state=RETIRED)))
    await commit(ports, SecretUpdated(secret_of(version=2, state=RETIRED, sealed_text=None)))
    assert await code_of(ports, SecretUpdated(secret_of(version=3))) == "object_conflict"


class Process:
    """What the operations need of a store, over one set of connections."""

    def __init__(self, ports: SqlPorts, clock: ManualClock) -> None:
        self.senders = ports.senders
        self.changes = ports.changes
        self.clock = clock
        self.entropy = secrets.token_bytes
        self.master_keys: MasterKeys | None = MasterKeys(
            {"k1": bytes(range(32))}, current="k1", entropy=secrets.token_bytes
        )


async def outcome(change: Awaitable[object]) -> str:
    try:
        await change
    except Rejected as refused:
        return refused.code
    return "done"


async def test_of_twenty_that_are_added_at_once_eight_are_taken(
    ports: SqlPorts, sql_url: str, chain_key: ChainKey, clock: ManualClock
) -> None:
    others = [open_sql(sql_url, chain_key=chain_key, clock=clock) for _ in range(3)]
    for each in others:
        await each.start()
    try:
        processes = [Process(each, clock) for each in (ports, *others)]
        await add_sender(processes[0], SenderOrder(name="acme", scheme="standard"), actor=ADA)
        order = SecretOrder(sender="acme")
        adds = [outcome(add_secret(process, order, actor=ADA)) for process in processes * 5]
        outcomes = await asyncio.gather(*adds)
        assert outcomes.count("done") == 8
        # All others read again until there was no room; a process that never got through says so as a conflict.
        assert set(outcomes) <= {"done", "input_invalid", "object_conflict"}
        active = await ports.senders.list_held_secrets("acme")
        assert len(active) == 8
        rotations = [
            outcome(rotate_secret(process, order, overlap_s=0, reason="leak", actor=ADA)) for process in processes
        ]
        assert set(await asyncio.gather(*rotations)) == {"done"}
        assert len(await ports.senders.list_held_secrets("acme")) == 1
    finally:
        for each in others:
            await each.aclose()


async def test_what_is_retired_is_in_the_feed_with_its_sender(ports: SqlPorts, clock: ManualClock) -> None:
    process = Process(ports, clock)
    await add_sender(process, SenderOrder(name="acme", scheme="standard"), actor=ADA)
    issued = await add_secret(process, SecretOrder(sender="acme"), actor=ADA)
    await retire_secret(process, issued.record.id, anyway=True, reason="leak", actor=ADA)
    page = await ports.feed.read_feed(0)
    rows = [(row.handle, row.changed_version) for row in page.rows]
    assert rows == [
        (sender_handle("acme"), 2),
        (Handle(FeedKind.CREDENTIAL, issued.record.id), None),
        (sender_handle("acme"), 3),
    ]


async def test_the_secrets_of_a_revoked_organizations_senders_are_retired(ports: SqlPorts) -> None:
    theirs = sender_of("theirs", organization_id=OrganizationId("other"))
    await commit(ports, SenderInserted(sender_of()), SenderInserted(theirs))
    await commit(ports, SecretInserted(secret_of()), SecretInserted(secret_of("whs_2", sender="theirs")))
    await commit(ports, OrganizationCredentialsRevoked(OrganizationId("acme-inc")))
    gone = await ports.senders.find_secret(CredentialId("whs_1"))
    assert gone == secret_of(state=RETIRED, sealed_text=None, version=2)
    assert await ports.senders.find_secret(CredentialId("whs_2")) == secret_of("whs_2", sender="theirs")
