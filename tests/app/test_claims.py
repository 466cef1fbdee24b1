"""How many claims a store keeps of one owner, as whoever opens it says: over a real store, at a door."""

import time

import pytest
from tests.simulators.request import view_of
from tests.simulators.webhook import deliver, secret_text

from doorward import Door, Webhooks, open_store
from doorward.errors import Misconfigured, Unavailable
from doorward.methods.claims import CLAIMS_PER_OWNER_LIMIT
from doorward.methods.webhook import SCHEMES
from doorward.server.metrics import Metrics
from doorward.wire.request import RequestView


def _delivery(number: int) -> RequestView:
    made = deliver("standard", at=int(time.time()), delivery_id=f"m{number}")
    return view_of(*made.headers, target=b"/hook", method="POST", body=made.body)


async def test_a_full_sender_is_refused_counted_and_told_of(sqlite_url: str, caplog: pytest.LogCaptureFixture) -> None:
    metrics = Metrics()
    store = open_store(sqlite_url, claims_per_owner_max=2, observers=(metrics,))
    door = Door(Webhooks(store, scheme="standard", secrets=secret_text(SCHEMES["standard"]), sender="acme"))
    try:
        for number in range(2):
            await (await door.admit(_delivery(number))).settlement.complete()
        with pytest.raises(Unavailable, match="claims_full"):
            await door.admit(_delivery(2))
    finally:
        await door.aclose()
    assert 'doorward_verifications_total{code="claims_full",method="webhook"} 1.0' in metrics.expose().decode()
    assert "everything of webhook acme is refused (claims_full)" in caplog.text


@pytest.mark.parametrize("number", [0, -1, CLAIMS_PER_OWNER_LIMIT + 1])
def test_a_number_out_of_range_is_refused(number: int) -> None:
    with pytest.raises(Misconfigured, match="claims_per_owner_max"):
        open_store("sqlite:///never.db", claims_per_owner_max=number)
