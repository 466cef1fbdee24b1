"""Webhooks: verify a delivery of each scheme, above raw HMAC and beside the senders' own libraries."""

import hmac
import importlib
import json
import secrets
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, Final, NamedTuple

from bench.measure import Line, at_most, interleave, median_interval, paired_ratios
from bench.node_libraries import NodeSide, node_webhooks, why_no_node

from doorward.methods.webhook import SCHEMES, Scheme, parse_secret, sign_delivery, verify_delivery
from doorward.wire.request import Header

__all__ = ["NOTE", "TITLE", "measure"]

TITLE: Final = "Webhooks"
NOTE: Final = (
    "CPU time of one process, a delivery with six headers beside those of its scheme, its JSON body with the id of an "
    "event at its beginning (of other bodies Stripe's scheme makes a digest besides). The floor is `hmac.digest` over "
    "the signed bytes alone. Python's standardwebhooks, svix and stripe, and Node's standardwebhooks, verify the same "
    "delivery; of a JSON body the three that parse it after verifying are given one that is short to parse. A ratio "
    "below 1 says that the other is faster; under 15 % is a tie. What Twilio signs is made of the parts of a form, so "
    "there a large body is taken apart first."
)
_SIZES: Final[Mapping[str, int]] = {"256 B": 256, "1 KB": 1_024, "1 MB": 1 << 20}
_CALLS: Final[Mapping[str, int]] = {"256 B": 500, "1 KB": 500, "1 MB": 5}
_LARGE: Final = "1 MB"
_LARGE_RATIO: Final = 1.1
_URL: Final = "https://api.example/hooks?tenant=7"
_AROUND: Final[tuple[Header, ...]] = (
    (b"host", b"api.example"),
    (b"content-type", b"application/json"),
    (b"accept", b"*/*"),
    (b"user-agent", b"bench/1"),
    (b"content-length", b"1024"),
    (b"accept-encoding", b"gzip"),
)
_PEERS: Final = {"standard": "standardwebhooks", "svix": "svix", "stripe": "stripe"}
Side = Callable[[int], object]


class _Delivery(NamedTuple):
    scheme: Scheme
    text: str
    key: bytes
    headers: list[Header]
    body: bytes
    now: int


def _deliver(scheme: Scheme, size: int) -> _Delivery:
    octets = bytes((7 + place * 37) % 256 for place in range(32))
    coded = b64encode(octets).decode("ascii")
    text = coded if scheme.name == "standard" else f"whsec_{coded}"
    now = int(time.time())
    form = b"a=" + b"x" * (size - 2)
    # As Stripe's bodies begin; the same for all, so that they are equally long and equally quick to parse.
    event = {"id": "evt_1NG8Du2eZvKYlo2CUI79vXWy", "data": ""}
    length = size - len(json.dumps(event, separators=(",", ":")))
    body = form if scheme.signs_form else json.dumps(event | {"data": "x" * length}, separators=(",", ":")).encode()
    secret = parse_secret(scheme, text, secret_id="s1")  # noqa: S106  # its name
    assert secret.key is not None
    delivery_id = secrets.token_hex(12) if scheme.signs_id else None
    signed = sign_delivery(scheme, [secret], body, now=now, delivery_id=delivery_id, url=_URL)
    headers = [*_AROUND, *((name.lower().encode(), value.encode()) for name, value in signed)]
    if scheme.signs_form:
        headers = [header for header in headers if header[0] != b"content-type"]
    return _Delivery(scheme, text, secret.key, headers, body, now)


def _ours(one: _Delivery) -> Side:
    known = [parse_secret(one.scheme, one.text, secret_id="s1")]  # noqa: S106  # its name

    def run(calls: int) -> None:
        for _ in range(calls):
            verify_delivery(one.scheme, known, one.headers, one.body, now=one.now, url=_URL, tolerance_s=3_600)

    return run


def _floor(one: _Delivery) -> Side:
    digest = one.scheme.digest

    def run(calls: int) -> None:
        for _ in range(calls):
            hmac.digest(one.key, one.body, digest)

    return run


def _peer(one: _Delivery) -> Side | None:
    name = _PEERS.get(one.scheme.name)
    if name is None:
        return None
    try:
        library: Any = importlib.import_module(name)  # Any: it may be absent
    except ImportError:
        return None
    headers = {key.decode(): value.decode() for key, value in one.headers}
    if name == "stripe":
        text, header = one.body.decode(), headers["stripe-signature"]
        return _repeat(lambda: library.WebhookSignature.verify_header(text, header, one.text, 3_600))
    webhook = library.Webhook(one.text)
    return _repeat(lambda: webhook.verify(one.body, headers))


def _repeat(work: Callable[[], object]) -> Side:
    def run(calls: int) -> None:
        for _ in range(calls):
            work()

    return run


def _lines(one: _Delivery, size: str, rounds: int, node: NodeSide | None) -> list[Line]:
    sides = {"ours": _ours(one), "floor": _floor(one)}
    peer = _peer(one)
    if peer is not None:
        sides["peer"] = peer
    found = interleave(sides, rounds=rounds, calls=_CALLS[size])
    name = f"{one.scheme.name}, {size}"
    lines = [
        Line(f"{name}: verify", median_interval(found["ours"]).show("µs", 1)),
        Line(f"{name}: raw HMAC", median_interval(found["floor"]).show("µs", 1)),
    ]
    if size == _LARGE and not one.scheme.signs_form:
        above = paired_ratios(found, "ours", "floor")
        gate = f"≤ {_LARGE_RATIO}"
        lines.append(Line(f"{name}: so many times raw HMAC", above.show(), gate, at_most(above, _LARGE_RATIO)))
    if peer is not None:
        ratio = paired_ratios(found, "peer", "ours")
        figure = f"{median_interval(found['peer']).show('µs', 1)}, {ratio.show()} times ours"
        lines.append(Line(f"{name}: Python's {_PEERS[one.scheme.name]}", figure))
    if node is not None:
        node.run(_CALLS[size] * 4)
        figures = [node.run(_CALLS[size]) for _ in range(rounds)]
        lines.append(Line(f"{name}: Node's standardwebhooks", median_interval(figures).show("µs", 1)))
    return lines


def measure(*, rounds: int) -> list[Line]:
    """See the module."""
    missing = why_no_node()
    lines: list[Line] = []
    for scheme in SCHEMES.values():
        for size, octets in _SIZES.items():
            one = _deliver(scheme, octets)
            with ExitStack() as stack:
                node: NodeSide | None = None
                if scheme.name == "standard" and not missing:
                    headers = {key.decode(): value.decode() for key, value in one.headers}
                    task = {"secret": one.text, "headers": headers, "body": one.body.decode()}
                    node = stack.enter_context(node_webhooks(task))
                lines += _lines(one, size, rounds, node)
    if missing:
        lines.append(Line("Node's standardwebhooks", f"not measured: {missing}"))
    return lines
