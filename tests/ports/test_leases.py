"""`RateLeasePort` over real stores: concurrent askers never get more than the limit between them."""

import asyncio

import pytest

from doorward.adapters.sql.open import SqlPorts
from doorward.errors import Rejected
from doorward.methods.plane import Lease
from doorward.values import CredentialId, RateLimit

KEY = CredentialId("000000000001")
HOURLY = RateLimit(requests=1_000, window_s=3_600)


async def lease(
    ports: SqlPorts, want: int, limit: RateLimit = HOURLY, *, give_back: int = 0, give_back_bucket: int = 0
) -> tuple[Lease, int]:
    return await ports.rate_leases.lease(KEY, limit, want=want, give_back=give_back, give_back_bucket=give_back_bucket)


async def test_a_hundred_tasks_share_one_limit(ports: SqlPorts) -> None:
    leases = await asyncio.gather(*(lease(ports, 30) for _ in range(100)))
    assert sum(granted.granted for granted, _ in leases) == 1_000
    assert min(granted.remaining for granted, _ in leases) == 0
    nothing, _ = await lease(ports, 1)
    assert (nothing.granted, nothing.remaining) == (0, 0)
    assert 0 < nothing.usable_s <= 360
    assert 3_600 <= nothing.reset_s <= 3_960


async def test_what_was_not_spent_is_given_back(ports: SqlPorts) -> None:
    _, bucket = await lease(ports, 1_000)
    again, _ = await lease(ports, 500, give_back=300, give_back_bucket=bucket)
    assert (again.granted, again.remaining) == (300, 0)


async def test_only_what_was_granted_can_be_given_back(ports: SqlPorts) -> None:
    _, bucket = await lease(ports, 10)
    again, _ = await lease(ports, 2_000, give_back=10_000, give_back_bucket=bucket)
    assert again.granted == 1_000
    for elsewhere in (bucket + 1, bucket - 11, -1):
        more, _ = await lease(ports, 2_000, give_back=1_000, give_back_bucket=elsewhere)
        assert more.granted == 0


async def test_another_policy_does_not_start_from_zero(ports: SqlPorts) -> None:
    await lease(ports, 1_000)
    for limit in (RateLimit(1_000, 7_200), HOURLY, RateLimit(900, 3_600), RateLimit(1_000, 7_201)):
        granted, _ = await lease(ports, 1, limit)
        assert granted.granted == 0
    larger, _ = await lease(ports, 100, RateLimit(1_040, 7_201))
    assert larger.granted == 40


async def test_credentials_do_not_share(ports: SqlPorts) -> None:
    await lease(ports, 1_000)
    other, _ = await ports.rate_leases.lease(CredentialId("2"), HOURLY, want=5, give_back=0, give_back_bucket=0)
    assert other.granted == 5


@pytest.mark.parametrize("limit", [RateLimit(0, 60), RateLimit(1, 0), RateLimit(2**54, 1), RateLimit(1, 2**60)])
async def test_a_limit_out_of_range_is_refused(ports: SqlPorts, limit: RateLimit) -> None:
    with pytest.raises(Rejected, match="input_invalid"):
        await lease(ports, 1, limit)


async def test_the_largest_limit_can_be_counted(ports: SqlPorts) -> None:
    largest = RateLimit(2**53, 2**53 // 1_000)
    granted, _ = await lease(ports, 2**60, largest)
    assert granted.granted == 2**53
