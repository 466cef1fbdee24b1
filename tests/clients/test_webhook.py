"""Deliveries from every library, in every scheme, verified as they arrive at a real server."""

import time
from typing import Any, Final

import pytest
from tests.clients.conftest import Keeper, Received
from tests.clients.libraries import Library

from doorward.errors import Misconfigured
from doorward.methods.webhook import SCHEMES, VerifiedDelivery, parse_secret, verify_delivery

pytestmark = pytest.mark.slow

SECRETS: Final = dict.fromkeys(SCHEMES, "f3ad95ba9ea5a6ec9d9e1c0b1d46b5cc") | dict.fromkeys(
    ("standard", "svix", "stripe"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)
FORM: Final = {"content-type": "application/x-www-form-urlencoded"}


def verify(name: str, received: Received, url: str) -> VerifiedDelivery:
    scheme = SCHEMES[name]
    secret = parse_secret(scheme, SECRETS[name], secret_id="one")
    return verify_delivery(scheme, [secret], received.headers, received.body, now=int(time.time()), url=url)


@pytest.mark.parametrize("name", SCHEMES)
def test_every_scheme_is_sent_as_it_is_verified(library: Library, name: str, keeper: Keeper) -> None:
    url = f"{keeper.url}/hook?a=b%20c"
    auth = library.auth("WebhookAuth", name, SECRETS[name])
    assert library.send(auth, "POST", url, b"name=caf%C3%A9&b=1", FORM) == 200
    assert verify(name, keeper.requests[0], url).secret_id == "one"
    assert SECRETS[name] not in repr(auth)


def test_what_is_not_sent_of_a_url_is_not_signed(library: Library, keeper: Keeper) -> None:
    url = f"{keeper.url}/hook?a=b"
    assert (
        library.send(library.auth("WebhookAuth", "twilio", SECRETS["twilio"]), "POST", f"{url}#top", b"b=1", FORM)
        == 200
    )
    assert verify("twilio", keeper.requests[0], url).secret_id == "one"


def test_each_delivery_has_an_id_and_a_repeated_one_keeps_it(library: Library, keeper: Keeper) -> None:
    auth = library.auth("WebhookAuth", "standard", SECRETS["standard"])
    for headers in ({}, {}, {"Webhook-Id": "msg_1"}, {"Webhook-Id": "msg_1"}):
        library.send(auth, "POST", keeper.url, b"{}", headers)
    ids = [verify("standard", received, keeper.url).delivery_id for received in keeper.requests]
    assert len(set(ids[:2])) == 2
    assert ids[2:] == ["msg_1", "msg_1"]


def test_several_secrets_sign_while_one_replaces_another(library: Library, keeper: Keeper) -> None:
    scheme = SCHEMES["standard"]
    old = parse_secret(scheme, SECRETS["standard"], secret_id="old")
    new = parse_secret(scheme, "whsec_nLQ3vXb0Yc9TjKp2WmZr7sHd5fGaEu8oIy1kRtMxVwQ", secret_id="new")
    gone = parse_secret(scheme, "whsec_Zr7sHd5fGaEu8oIy1kRtMxVwQnLQ3vXb0Yc9TjKp2Wm", secret_id="gone", not_after=1)
    library.send(library.auth("WebhookAuth", scheme, [new, old, gone]), "POST", keeper.url, b"{}")
    assert verify("standard", keeper.requests[0], keeper.url).secret_id == "one"
    assert (keeper.requests[0].value("webhook-signature") or "").count("v1,") == 2


def test_a_stream_cannot_be_signed(library: Library, keeper: Keeper) -> None:
    auth = library.auth("WebhookAuth", "github", SECRETS["github"])
    stream: Any = _pieces_async() if library.is_async else iter([b"a"])
    with pytest.raises(Misconfigured, match="streamed"):
        library.send(auth, "POST", keeper.url, stream, {"content-digest": "sha-256=:x:"})
    assert keeper.requests == []


async def _pieces_async() -> Any:
    yield b"a"


def test_an_id_with_two_readings_is_not_sent(library: Library, keeper: Keeper) -> None:
    auth = library.auth("WebhookAuth", "standard", SECRETS["standard"])
    with pytest.raises(Misconfigured, match="cannot be signed"):
        library.send(auth, "POST", keeper.url, b"{}", {"webhook-id": "a.1"})


@pytest.mark.parametrize(
    ("name", "secret", "what"),
    [
        ("none", "x", "no webhook scheme"),
        ("github", "x", "guessed"),
        ("standard", "abc", "secret of this sender has 2 bytes"),
        ("standard", "a!", "secret of this sender is not base64"),
    ],
)
def test_a_secret_that_is_none_is_said_at_once(library: Library, name: str, secret: str, what: str) -> None:
    with pytest.raises(Misconfigured, match=what):
        library.auth("WebhookAuth", name, secret)
