"""Webhooks as a method: what is asked of a delivery besides its signature, and what it uses up."""

import asyncio
import time
from typing import Any

import pytest
from msgspec.structs import replace
from tests.simulators.request import view_of
from tests.simulators.store import SimulatedStore
from tests.simulators.webhook import NOW, SCHEME_NAMES, Delivery, deliver, secret_text

from doorward import Door, Webhooks
from doorward.door import FailureBudget
from doorward.door.budget import SMALL_BODIES_MAX
from doorward.door.unproven import SMALL_BODY_BYTES_MAX
from doorward.errors import Misconfigured, Rejected, Unavailable
from doorward.methods.webhook import SCHEMES, WebhookSecret, parse_secret
from doorward.methods.webhook.method import WebhookDeliveries
from doorward.values import FeedKind, Handle, PrincipalKind
from doorward.wire.request import RequestView

BASE_URL = "https://api.example.com"
EVENT = b'{"id": "evt_1", "object": "event"}'
TARGET = b"/hooks/calls?tenant=7&kind=sms"


def webhooks(store: SimulatedStore, name: str = "standard", **options: Any) -> WebhookDeliveries:
    scheme = SCHEMES[name]
    options = {"secrets": secret_text(scheme), "base_url": BASE_URL if scheme.signs_url else None} | options
    return Webhooks(store, scheme=name, **options)


def request_of(delivery: Delivery) -> RequestView:
    return view_of(*delivery.headers, target=TARGET, method="POST", body=delivery.body)


def at_now(store: SimulatedStore, name: str = "standard", **more: Any) -> RequestView:
    return request_of(deliver(name, at=int(store.now), **more))


async def code_of(door: Door, request: RequestView) -> str:
    with pytest.raises(Rejected) as caught:
        await door.admit(request)
    return caught.value.code


@pytest.mark.parametrize("name", SCHEME_NAMES)
async def test_every_scheme_passes_a_door_once(store: SimulatedStore, name: str) -> None:
    method = webhooks(store, name)
    admitted = await Door(method).admit(at_now(store, name))
    await admitted.settlement.complete()
    assert await code_of(Door(method), at_now(store, name)) == "delivery_repeated"
    principal = admitted.principal
    assert (principal.kind, principal.id, principal.method) == (PrincipalKind.APP, name, "webhook")
    assert principal.credential_id == principal.metadata["secret_id"] == name


@pytest.mark.parametrize("name", SCHEME_NAMES)
async def test_a_changed_body_and_a_missing_signature_do_not_pass(store: SimulatedStore, name: str) -> None:
    delivery = deliver(name, at=int(store.now))
    door = Door(webhooks(store, name))
    assert await code_of(door, request_of(delivery._replace(body=delivery.body + b" "))) == "webhook_signature"
    assert await code_of(door, request_of(delivery.changed(delivery.scheme.signature_header, None))) == (
        "credential_missing"
    )
    assert not store.plane.claims.rows


async def test_which_secret_matched_is_told_and_makes_no_other_delivery_of_it(store: SimulatedStore) -> None:
    scheme = SCHEMES["standard"]
    method = webhooks(store, secrets={"2026-old": secret_text(scheme, 1), "2026-new": secret_text(scheme, 2)})
    old = await Door(method).admit(at_now(store, seed=1))
    assert old.principal.credential_id == "2026-old"
    await old.settlement.complete()
    # The same delivery, signed anew with the other secret: a sender that rotates between two attempts.
    assert await code_of(Door(method), at_now(store, seed=2)) == "delivery_repeated"
    assert [row[1] for row in store.plane.verifications.recorded] == ["2026-old", "standard"]
    other = await Door(method).admit(at_now(store, seed=2, delivery_id="msg_2"))
    assert other.principal.credential_id == "2026-new"
    await other.settlement.release()


async def test_two_endpoints_do_not_take_each_others_deliveries_for_handled(store: SimulatedStore) -> None:
    for sender in ("orders", "refunds"):
        admitted = await Door(webhooks(store, "stripe", sender=sender)).admit(at_now(store, "stripe"))
        assert admitted.principal.id == sender
        await admitted.settlement.complete()


async def test_new_secrets_are_taken_and_old_ones_forgotten_within_a_minute(store: SimulatedStore) -> None:
    scheme = SCHEMES["standard"]
    current = [secret_text(scheme, 1)]
    asked: list[int] = []

    def find() -> str:
        asked.append(1)
        return current[0]

    clock = [1_000.0]
    door = Door(webhooks(store, secrets=find), monotonic=lambda: clock[0])
    await (await door.admit(at_now(store, seed=1))).settlement.complete()
    await (await door.admit(at_now(store, seed=1, delivery_id="msg_2"))).settlement.complete()
    assert len(asked) == 1
    current[0] = secret_text(scheme, 2)
    clock[0] += 61
    store.plane.read()
    assert await code_of(door, at_now(store, seed=1, delivery_id="msg_3")) == "webhook_signature"
    await (await door.admit(at_now(store, seed=2, delivery_id="msg_3"))).settlement.complete()


async def test_a_delivery_of_a_scheme_without_time_is_kept_as_long_as_is_said(store: SimulatedStore) -> None:
    for days, method in ((30, webhooks(store, "github")), (90, webhooks(store, "github", undated_kept_s=90 * 86_400))):
        store.plane.claims.rows.clear()
        await (await Door(method).admit(at_now(store, "github"))).settlement.complete()
        (row,) = store.plane.claims.rows.values()
        assert row.keep_until == int(store.now) + days * 86_400 + 60


@pytest.mark.parametrize("name", ["standard", "stripe", "github"])
async def test_a_delivery_whose_handler_took_long_is_not_handled_again(store: SimulatedStore, name: str) -> None:
    door = Door(webhooks(store, name, undated_kept_s=600))
    admitted = await door.admit(at_now(store, name, body=EVENT))
    store.now += 700
    store.plane.read()
    await admitted.settlement.complete()
    store.now += 600
    store.plane.read()
    assert await code_of(door, at_now(store, name, body=EVENT)) == "delivery_repeated"


@pytest.mark.parametrize("name", ["standard", "stripe"])
async def test_every_attempt_of_a_delivery_is_remembered_while_it_is_fresh(store: SimulatedStore, name: str) -> None:
    door = Door(webhooks(store, name))
    await (await door.admit(at_now(store, name, body=EVENT))).settlement.complete()
    attempts = []
    for _ in range(6):
        # As a sender does who has not heard our 200. The last second before the one before is no longer fresh.
        store.now += 299
        store.plane.read()
        attempts.append(at_now(store, name, body=EVENT))
        for recorded in attempts[-2:]:
            assert await code_of(door, recorded) == "delivery_repeated"


async def test_a_recorded_delivery_that_is_sent_again_and_again_asks_the_store_once(store: SimulatedStore) -> None:
    for name in ("standard", "github", "twilio"):
        door = Door(webhooks(store, name, undated_kept_s=3_000))
        recorded = at_now(store, name)
        await (await door.admit(recorded)).settlement.complete()
        before = store.plane.claims.reservations
        for _ in range(50):
            store.now += 1
            store.plane.read()
            assert await code_of(door, recorded) == "delivery_repeated"
        assert store.plane.claims.reservations == before + 1


async def test_a_signed_url_is_the_one_that_was_said_and_not_the_one_in_the_request(store: SimulatedStore) -> None:
    delivery = deliver("twilio", at=NOW, url="https://other.example/hooks/calls?tenant=7&kind=sms")
    headers = (*delivery.headers, (b"host", b"other.example"))
    request = view_of(*headers, target=TARGET, method="POST", body=delivery.body)
    assert await code_of(Door(webhooks(store, "twilio")), request) == "webhook_signature"
    moved = view_of(*deliver("twilio").headers, target=b"/elsewhere", method="POST", body=deliver("twilio").body)
    assert await code_of(Door(webhooks(store, "twilio")), moved) == "webhook_signature"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"sender": ""}, "sender"),
        ({"sender": "two words"}, "sender"),
        ({"sender": "x" * 65}, "sender"),
        # The id of a principal is no app's, and no credential's.
        ({"sender": "app_4h7kQ2mN9xZa"}, "taken for an app"),
        ({"sender": "whs_4h7kQ2mN9xZa"}, "taken for an app"),
        ({"sender": "sig_4h7kQ2mN9xZa"}, "taken for an app"),
        ({"tolerance_s": 0}, "tolerance_s"),
        ({"tolerance_s": 86_401}, "tolerance_s"),
        ({"body_bytes_max": 32 * 1_048_576 + 1}, "body_bytes_max"),
        ({"lease_s": 0}, "lease_s"),
        ({"lease_s": 3_601}, "lease_s"),
        ({"undated_kept_s": 366 * 86_400 + 1}, "undated_kept_s"),
        ({"base_url": BASE_URL}, "signs no URL"),
        ({"secrets": "whsec_c2hvcnQ="}, "guessed"),
        ({"secrets": {}}, "no secret"),
        ({"secrets": ()}, "no secret"),
    ],
)
def test_what_cannot_be_is_said_at_once(store: SimulatedStore, options: dict[str, Any], problem: str) -> None:
    with pytest.raises(Misconfigured, match=problem):
        webhooks(store, **options)


def test_a_sender_that_signs_the_url_needs_it(store: SimulatedStore) -> None:
    with pytest.raises(Misconfigured, match="base_url"):
        webhooks(store, "twilio", base_url=None)
    with pytest.raises(Misconfigured, match="no webhook scheme"):
        Webhooks(store, scheme="stripes", secrets=secret_text(SCHEMES["standard"]))
    with pytest.raises(Misconfigured, match="store"):
        Webhooks("sqlite:///x.db", scheme="standard", secrets=secret_text(SCHEMES["standard"]))  # type: ignore[arg-type]  # what people try


def test_secrets_come_in_every_form_and_are_never_shown(store: SimulatedStore) -> None:
    scheme = SCHEMES["standard"]
    text = secret_text(scheme)
    parsed = parse_secret(scheme, text, secret_id="mine")

    class Table:
        async def find_secrets(self, sender: str) -> tuple[WebhookSecret, ...]:
            return (parsed,) if sender == "standard" else ()

    for given in (text, {"mine": text}, [parsed], lambda: [parsed], lambda: text, Table()):
        method = webhooks(store, secrets=given)
        assert text[6:] not in repr(method)
        presented = method.extract(at_now(store))
        assert presented is not None


async def test_a_table_of_secrets_is_asked_by_the_senders_name(store: SimulatedStore) -> None:
    scheme = SCHEMES["standard"]
    asked: list[str] = []

    class Table:
        async def find_secrets(self, sender: str) -> tuple[WebhookSecret, ...]:
            asked.append(sender)
            return (parse_secret(scheme, secret_text(scheme), secret_id="s1"),)

    method = webhooks(store, secrets=Table(), sender="acme")
    await (await Door(method).admit(at_now(store))).settlement.complete()
    assert asked == ["acme"]
    loaded = await method.load(method.extract(at_now(store)))  # type: ignore[arg-type]  # it is there
    assert secret_text(scheme) not in repr(loaded)


def test_the_openapi_scheme_names_the_header(store: SimulatedStore) -> None:
    (scheme,) = webhooks(store, "github").openapi_schemes()
    assert scheme.scheme == {"type": "apiKey", "in": "header", "name": "X-Hub-Signature-256"}


class Upload:
    """How bodies come from one address, and what was asked for."""

    def __init__(self, client: str = "192.0.2.1") -> None:
        self.client = client
        self.limits: list[int] = []
        self.hold: asyncio.Event | None = None

    def of(self, delivery: Delivery, trouble: str | None = None) -> RequestView:
        """A request whose body ends in that refusal, if it is not larger than may be."""

        async def read_body(limit: int) -> bytes:
            self.limits.append(limit)
            if self.hold is not None:
                await self.hold.wait()
            if trouble is not None or len(delivery.body) > limit:
                raise Rejected(trouble or "body_too_large")
            return delivery.body

        view = view_of(*delivery.headers, client=self.client, target=TARGET, method="POST", body=delivery.body)
        return replace(view, read_body=read_body)


def forged(store: SimulatedStore, body: bytes = b"other") -> Delivery:
    return deliver("standard", at=int(store.now))._replace(body=body)


@pytest.mark.parametrize("is_warm", [True, False])
async def test_a_source_without_failures_left_is_asked_for_small_bodies_only(
    store: SimulatedStore, *, is_warm: bool
) -> None:
    door = Door(webhooks(store), failure_budget=FailureBudget(failures_per_minute=3))
    if is_warm:
        await (await door.admit(at_now(store, delivery_id="msg_0"))).settlement.complete()
    neighbour = Upload()
    for _ in range(3):
        assert await code_of(door, neighbour.of(forged(store))) == "webhook_signature"
    # Whatever he sends now is told the same, and none of it is large.
    large = deliver("standard", b"x" * (SMALL_BODY_BYTES_MAX + 1), at=int(store.now), delivery_id="msg_1")
    for delivery in (forged(store), large, forged(store)):
        assert await code_of(door, neighbour.of(delivery)) == "source_throttled"
    assert neighbour.limits == [1_048_576] * 3 + [SMALL_BODY_BYTES_MAX] * 3
    # The sender behind the same address is not shut out, cold or warm; from elsewhere he may send all he may.
    await door.admit(neighbour.of(deliver("standard", at=int(store.now), delivery_id="msg_2")))
    await door.admit(Upload("192.0.2.2").of(large))


@pytest.mark.parametrize("is_warm", [True, False])
@pytest.mark.parametrize("trouble", ["body_too_large", "body_slow", "request_malformed"])
async def test_a_body_that_is_read_in_vain_is_paid_for(store: SimulatedStore, trouble: str, *, is_warm: bool) -> None:
    door = Door(webhooks(store), failure_budget=FailureBudget(failures_per_minute=20))
    if is_warm:
        await (await door.admit(at_now(store, delivery_id="msg_0"))).settlement.complete()
    upload = Upload()
    codes = [await code_of(door, upload.of(forged(store), trouble)) for _ in range(25)]
    assert codes[:20] == [trouble] * 20
    assert upload.limits == [1_048_576] * 20 + [SMALL_BODY_BYTES_MAX] * 5


async def test_a_body_for_a_sender_without_secrets_is_paid_for(store: SimulatedStore) -> None:
    class Nothing:
        async def find_secrets(self, sender: str) -> tuple[WebhookSecret, ...]:
            raise Misconfigured(f"The sender {sender} has no secret.", cure="Add one.")

    door = Door(webhooks(store, secrets=Nothing()), failure_budget=FailureBudget(failures_per_minute=3))
    upload = Upload()
    for _ in range(3):
        with pytest.raises(Unavailable) as caught:
            await door.admit(upload.of(forged(store)))
        assert caught.value.code == "secrets_unavailable"
    with pytest.raises((Rejected, Unavailable)):
        await door.admit(upload.of(forged(store)))
    assert upload.limits == [1_048_576] * 3 + [SMALL_BODY_BYTES_MAX]


async def test_of_a_source_without_failures_left_few_bodies_are_read_at_a_time(store: SimulatedStore) -> None:
    door = Door(webhooks(store), failure_budget=FailureBudget(failures_per_minute=1))
    upload = Upload()
    assert await code_of(door, upload.of(forged(store))) == "webhook_signature"
    upload.hold = asyncio.Event()
    waiting = [asyncio.create_task(code_of(door, upload.of(forged(store)))) for _ in range(SMALL_BODIES_MAX + 5)]
    done, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    assert [task.result() for task in done] == ["source_throttled"] * 5
    assert len(pending) == SMALL_BODIES_MAX
    assert len(upload.limits) == 1 + SMALL_BODIES_MAX
    # Nobody else waits for them, and who hangs up makes room.
    await door.admit(Upload("192.0.2.2").of(deliver("standard", at=int(store.now))))
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    upload.hold = None
    await door.admit(upload.of(deliver("standard", at=int(store.now), delivery_id="msg_2")))


async def test_a_source_without_failures_left_makes_us_look_up_a_sender_once_a_second(store: SimulatedStore) -> None:
    scheme = SCHEMES["standard"]
    asked: list[str] = []

    class Table:
        async def find_secrets(self, sender: str) -> tuple[WebhookSecret, ...]:
            asked.append(sender)
            return (parse_secret(scheme, secret_text(scheme), secret_id="s1"),)

    clock = [1_000.0]
    method = webhooks(store, secrets=Table())
    door = Door(method, failure_budget=FailureBudget(failures_per_minute=1), monotonic=lambda: clock[0])
    upload = Upload()
    await code_of(door, upload.of(forged(store)))
    asked.clear()
    for _ in range(40):
        clock[0] += 0.1
        await code_of(door, upload.of(forged(store)))
    assert len(asked) == 4
    # A secret taken back meanwhile is not proven with.
    store.plane.revoke(Handle(FeedKind.CREDENTIAL, "s1"))
    genuine = deliver("standard", at=int(store.now), delivery_id="msg_2")
    assert await code_of(door, upload.of(genuine)) == "credential_revoked"


async def test_who_sends_slowly_is_judged_by_when_the_body_has_come(store: SimulatedStore) -> None:
    door = Door(webhooks(store))
    request = at_now(store)

    async def slowly(limit: int) -> bytes:
        body = await request.read_body(limit)
        store.now += 301
        store.plane.read()
        return body

    assert await code_of(door, replace(request, read_body=slowly)) == "webhook_timestamp"
    assert not store.plane.claims.rows


async def test_a_secret_taken_back_while_the_body_comes_proves_nothing(store: SimulatedStore) -> None:
    door = Door(webhooks(store))
    await (await door.admit(at_now(store))).settlement.complete()
    request = at_now(store, delivery_id="msg_2")

    async def meanwhile(limit: int) -> bytes:
        store.plane.revoke(Handle(FeedKind.CREDENTIAL, "standard"))
        return await request.read_body(limit)

    assert await code_of(door, replace(request, read_body=meanwhile)) == "credential_revoked"


async def test_a_stale_view_is_noticed_after_the_body_has_come(store: SimulatedStore) -> None:
    clock = [time.monotonic()]
    door = Door(webhooks(store), monotonic=lambda: clock[0])
    await (await door.admit(at_now(store))).settlement.complete()
    request = at_now(store, delivery_id="msg_2")

    async def slowly(limit: int) -> bytes:
        clock[0] += 100
        return await request.read_body(limit)

    with pytest.raises(Unavailable, match="revocation_stale"):
        await door.admit(replace(request, read_body=slowly))
