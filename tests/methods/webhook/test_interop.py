"""Both ways with the senders' own libraries, and with what a sender in Node usually writes by hand."""

import importlib
import json
import os
import time
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from tests.frame.node import run_node
from tests.simulators.webhook import NOW, deliver, lower, secret_text

from doorward.methods.webhook import SCHEMES, Encoding, parse_secret, plain_scheme, sign_delivery, verify_delivery

BODIES: Final = (b"{}", b'{"amount":100,"currency":"USD"}', '{"name":"Grüße 日本 😀"}'.encode(), b"[]\n")


def _find_module(name: str) -> Any:  # Any: a stranger's library
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        if os.environ.get("CI"):
            pytest.fail(f"{name} is not installed", pytrace=False)
        pytest.skip(f"{name} is not installed")


@pytest.mark.slow
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(("library", "name"), [("standardwebhooks", "standard"), ("svix.webhooks", "svix")])
def test_what_the_reference_library_signs_verifies_and_the_other_way(library: str, name: str, body: bytes) -> None:
    scheme, now = SCHEMES[name], int(time.time())
    text = secret_text(scheme)
    theirs = _find_module(library).Webhook(text)
    ours = parse_secret(scheme, text, secret_id="s")
    signature = theirs.sign("msg_1", datetime.fromtimestamp(now, UTC), body.decode())
    head = scheme.id_header.removesuffix("-id")
    headers = [(f"{head}-id", "msg_1"), (f"{head}-timestamp", str(now)), (f"{head}-signature", signature)]
    assert verify_delivery(scheme, [ours], lower(headers), body, now=now).delivery_id == "msg_1"
    made = dict(sign_delivery(scheme, [ours], body, now=now, delivery_id="msg_2"))
    theirs.verify(body, made)
    with pytest.raises(Exception, match="signature"):
        theirs.verify(body + b" ", made)


@pytest.mark.slow
@pytest.mark.parametrize("body", BODIES)
def test_stripes_library_takes_what_is_signed_and_the_other_way(body: bytes) -> None:
    signature = _find_module("stripe").WebhookSignature
    scheme, now = SCHEMES["stripe"], int(time.time())
    text = secret_text(scheme)
    secret = parse_secret(scheme, text, secret_id="s")
    made = dict(sign_delivery(scheme, [secret], body, now=now))["Stripe-Signature"]
    assert signature.verify_header(body.decode(), made, text, 300)
    theirs = signature._compute_signature(f"{now}.{body.decode()}", text)
    headers = lower([("stripe-signature", f"t={now},v1={theirs},v0={'0' * 64}")])
    assert verify_delivery(scheme, [secret], headers, body, now=now).secret_id == "s"


@pytest.mark.slow
@pytest.mark.parametrize(
    "value", ["{amount:100,currency:'USD'}", "{name:'Grüße, 日本 😀', line:'\\u2028', n:1e21, z:[1.0,{}]}"]
)
@pytest.mark.parametrize("encoding", list(Encoding))
def test_what_a_sender_in_node_writes_by_hand_verifies(value: str, encoding: Encoding) -> None:
    script = (
        "const crypto = require('crypto'); const [secret, encoding] = process.argv.slice(1);"
        f"const body = JSON.stringify({value});"
        "const signature = crypto.createHmac('sha256', secret).update(body).digest(encoding);"
        "process.stdout.write(JSON.stringify({body, signature}));"
    )
    scheme = plain_scheme("X-Signature", encoding=encoding)
    text = secret_text(scheme)
    sent = json.loads(run_node(script, text, encoding.value))
    headers = lower([("X-Signature", sent["signature"])])
    secret = parse_secret(scheme, text, secret_id="s")
    assert verify_delivery(scheme, [secret], headers, sent["body"].encode(), now=NOW).secret_id == "s"


_STANDARD_IN_NODE: Final = """
const { Webhook } = require('standardwebhooks');
const [secret, body, headers, now] = process.argv.slice(1);
const webhook = new Webhook(secret);
webhook.verify(body, JSON.parse(headers));
console.log(webhook.sign('msg_node', new Date(Number(now) * 1000), body));
"""


@pytest.mark.slow
@pytest.mark.parametrize("body", BODIES)
def test_the_reference_library_of_node_agrees_both_ways(body: bytes) -> None:
    now = int(time.time())
    delivery = deliver("standard", body, at=now)
    headers = json.dumps({name.decode(): value.decode() for name, value in delivery.headers})
    said = run_node(_STANDARD_IN_NODE, delivery.text.text, body.decode(), headers, str(now)).strip()
    theirs = [("webhook-id", "msg_node"), ("webhook-timestamp", str(now)), ("webhook-signature", said)]
    verified = verify_delivery(delivery.scheme, [delivery.secret], lower(theirs), body, now=now)
    assert verified.delivery_id == "msg_node"
