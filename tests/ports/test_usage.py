"""`UsagePort` and `meta`."""

import asyncio

import pytest
from tests.simulators.records import creation, key_of

from doorward.adapters.sql.open import SqlPorts
from doorward.errors import Rejected
from doorward.methods.plane import UsageDelta
from doorward.values import Change, CredentialId, MethodName


@pytest.fixture(autouse=True)
async def key(ports: SqlPorts) -> None:
    await ports.changes.commit(creation(with_app=True))


def delta(count: int, last_used_at: int, source: str | None = None, key_id: str = key_of().id) -> UsageDelta:
    return UsageDelta(
        method=MethodName("apikey"),
        credential_id=CredentialId(key_id),
        count=count,
        last_used_at=last_used_at,
        last_source=source,
    )


async def stored(ports: SqlPorts) -> tuple[int, int | None, str | None]:
    found = await ports.keys.find_key(key_of().id)
    assert found is not None
    return found.use_count, found.last_used_at, found.last_source


async def test_counts_add_and_the_last_use_never_moves_back(ports: SqlPorts) -> None:
    assert await stored(ports) == (0, None, None)
    await ports.usage.add_usage((delta(2, 100, "10.0.0.1"),))
    await ports.usage.add_usage((delta(3, 90, "10.0.0.2"),))
    assert await stored(ports) == (5, 100, "10.0.0.1")
    await ports.usage.add_usage((delta(1, 100, "10.0.0.3"),))
    assert await stored(ports) == (6, 100, "10.0.0.3")


async def test_nothing_to_add_is_nothing_to_do(ports: SqlPorts) -> None:
    await ports.usage.add_usage(())
    assert await stored(ports) == (0, None, None)


async def test_parallel_flushes_of_the_same_credentials_lose_nothing(ports: SqlPorts) -> None:
    others = [f"other{number}" for number in range(20)]

    async def flush(number: int) -> None:
        ids = [key_of().id, *others]
        await ports.usage.add_usage(tuple(delta(1, number, key_id=key_id) for key_id in ids[:: (-1) ** number]))

    await asyncio.gather(*map(flush, range(40)))
    assert await stored(ports) == (40, 39, None)


async def test_a_flush_is_added_whole_or_not_at_all(ports: SqlPorts) -> None:
    with pytest.raises(Rejected, match="input_invalid"):
        await ports.usage.add_usage((delta(1, 1), delta(1, 1, "\0", key_id="zzz")))
    assert await stored(ports) == (0, None, None)
    with pytest.raises(AssertionError):
        await ports.usage.add_usage((delta(1, 1),) * 10_001)


async def test_use_does_not_touch_the_version_of_the_key(ports: SqlPorts) -> None:
    await ports.usage.add_usage((delta(1, 1),))
    found = await ports.keys.find_key(key_of().id)
    assert found is not None
    assert found.version == 1


async def test_meta_is_kept_and_replaced(ports: SqlPorts) -> None:
    assert await ports.meta.read_meta("probe") is None
    await ports.meta.write_meta("probe", b"\0one")
    await ports.meta.write_meta("probe", b"two")
    assert await ports.meta.read_meta("probe") == b"two"
    with pytest.raises(Rejected, match="input_invalid"):
        await ports.meta.write_meta("probe", bytes(65_537))
    assert await ports.changes.commit(Change()) == 1
