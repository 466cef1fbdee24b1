"""Signed deliveries over a raw socket against a real uvicorn and a real store: what each kind of body is answered."""

import asyncio
import gzip
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.frameworks.test_raw_socket import ask, serve
from tests.simulators.webhook import Delivery, deliver, secret_text

from doorward import Door, Webhooks, open_store
from doorward.frameworks.asgi import DoorMiddleware
from doorward.frameworks.body import BODIES
from doorward.methods.webhook import SCHEMES

pytestmark = pytest.mark.slow

BODY_BYTES_MAX = 4_096


class Shop:
    """A handler that says what reached it, and waits when it is told to."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.entered = threading.Event()
        self.leave = threading.Event()
        self.leave.set()
        self.ended = threading.Event()
        self.watches = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            raise NotImplementedError
        try:
            body = b""
            while True:
                message = await receive()
                body += message["body"]
                if not message["more_body"]:
                    break
            self.bodies.append(body)
            self.entered.set()
            if self.watches:
                # As a framework does that stops work nobody waits for.
                assert (await receive())["type"] == "http.disconnect"
                raise ConnectionError("the client is gone")
            await asyncio.to_thread(self.leave.wait, 10)
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
            await send({"type": "http.response.body", "body": b"done"})
        finally:
            self.ended.set()


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture(params=["httptools", "h11"])
def port(request: Any, sqlite_url: str, shop: Shop) -> Iterator[int]:
    store = open_store(sqlite_url)
    method = Webhooks(
        store, scheme="github", secrets=secret_text(SCHEMES["github"]), body_bytes_max=BODY_BYTES_MAX, lease_s=2
    )
    app = DoorMiddleware(shop, Door(method))
    before = BODIES.held
    yield from serve(app, http=request.param, proxy_headers=False, lifespan="on")
    assert BODIES.held <= before


def head_of(delivery: Delivery, *more: bytes) -> bytes:
    lines = [b"POST /hook HTTP/1.1", b"Host: x", b"Connection: close", *more]
    lines += [name + b": " + value for name, value in delivery.headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def post(port: int, delivery: Delivery, *more: bytes, body: bytes | None = None) -> bytes:
    octets = delivery.body if body is None else body
    return ask(port, head_of(delivery, b"Content-Length: %d" % len(octets), *more) + octets)


def chunked(body: bytes, size: int = 7) -> bytes:
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def github(body: bytes) -> Delivery:
    return deliver("github", body)


def test_with_a_length_and_in_chunks_it_is_the_same_delivery(port: int, shop: Shop) -> None:
    delivery = github(b'{"zen": "\xc3\xa4"}\r\n')
    in_chunks = ask(port, head_of(delivery, b"Transfer-Encoding: chunked") + chunked(delivery.body))
    assert in_chunks.startswith(b"HTTP/1.1 200")
    assert in_chunks.endswith(b"done")
    again = post(port, delivery)
    assert again.startswith(b"HTTP/1.1 200")
    assert again.endswith(b"\r\n\r\n")
    assert shop.bodies == [delivery.body]


def test_an_empty_body_and_none_are_the_same_delivery(port: int, shop: Shop) -> None:
    delivery = github(b"")
    assert ask(port, head_of(delivery)).endswith(b"done")
    assert post(port, delivery).endswith(b"\r\n\r\n")
    assert ask(port, head_of(delivery, b"Transfer-Encoding: chunked") + chunked(b"")).endswith(b"\r\n\r\n")
    assert shop.bodies == [b""]


def test_a_compressed_body_is_proven_as_it_was_sent(port: int, shop: Shop) -> None:
    packed = gzip.compress(b'{"zen": "keep it"}' * 20)
    assert post(port, github(packed), b"Content-Encoding: gzip").endswith(b"done")
    assert shop.bodies == [packed]
    # A signature over what it unpacks to is not a signature of what came.
    unpacked = github(gzip.decompress(packed))
    assert post(port, unpacked, b"Content-Encoding: gzip", body=packed).startswith(b"HTTP/1.1 401")
    assert len(shop.bodies) == 1


def test_one_byte_over_the_limit_is_refused_in_either_form(port: int, shop: Shop) -> None:
    at_limit, over = github(b"x" * BODY_BYTES_MAX), github(b"y" * (BODY_BYTES_MAX + 1))
    assert post(port, at_limit).endswith(b"done")
    assert post(port, over).startswith(b"HTTP/1.1 413")
    answer = ask(port, head_of(over, b"Transfer-Encoding: chunked") + chunked(over.body, 1_000))
    assert answer.startswith(b"HTTP/1.1 413")
    assert shop.bodies == [at_limit.body]


def expect(port: int, head: bytes, body: bytes) -> tuple[bytes, bytes]:
    """Send the head, wait for what comes first, send the body when it is asked for; answer both."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(head)
        first = connection.recv(65_536)
        if first.startswith(b"HTTP/1.1 100"):
            connection.sendall(body)
        rest = b""
        while chunk := connection.recv(65_536):
            rest += chunk
    return first, rest


def test_who_waits_for_a_word_is_asked_for_the_body_only_when_it_may_be_proven(port: int, shop: Shop) -> None:
    delivery = github(b'{"zen": 1}')
    length = b"Content-Length: %d" % len(delivery.body)
    asked, answer = expect(port, head_of(delivery, length, b"Expect: 100-continue"), delivery.body)
    assert asked.startswith(b"HTTP/1.1 100")
    assert answer.endswith(b"done")
    for refused, status in (
        (delivery.changed("X-Hub-Signature-256", None), b"401"),
        (delivery.changed("X-Hub-Signature-256", b"sha256=zz"), b"401"),
    ):
        first, _ = expect(port, head_of(refused, length, b"Expect: 100-continue"), b"")
        assert first.startswith(b"HTTP/1.1 " + status)
    large = b"Content-Length: %d" % (BODY_BYTES_MAX + 1)
    first, _ = expect(port, head_of(delivery, large, b"Expect: 100-continue"), b"")
    assert first.startswith(b"HTTP/1.1 413")
    assert len(shop.bodies) == 1


def test_a_client_that_hangs_up_in_the_middle_leaves_nothing(port: int, shop: Shop) -> None:
    delivery = github(b'{"zen": 2}')
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(head_of(delivery, b"Content-Length: %d" % len(delivery.body)) + delivery.body[:4])
    assert post(port, delivery).endswith(b"done")
    assert shop.bodies == [delivery.body]


def test_a_duplicate_waits_while_a_handler_runs_for_longer_than_a_lease(port: int, shop: Shop) -> None:
    delivery = github(b'{"zen": 3}')
    shop.leave.clear()
    answers: list[bytes] = []
    first = threading.Thread(target=lambda: answers.append(post(port, delivery)))
    first.start()
    assert shop.entered.wait(10)
    ends = time.monotonic() + 3
    while time.monotonic() < ends:
        duplicate = post(port, delivery)
        assert duplicate.startswith(b"HTTP/1.1 409")
        assert b"retry-after: " in duplicate.lower()
    shop.leave.set()
    first.join(10)
    assert answers[0].endswith(b"done")
    assert post(port, delivery).startswith(b"HTTP/1.1 200")
    assert shop.bodies == [delivery.body]


def test_work_that_stops_when_its_client_leaves_is_done_again(port: int, shop: Shop) -> None:
    delivery = github(b'{"zen": 4}')
    shop.watches = True
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(head_of(delivery, b"Content-Length: %d" % len(delivery.body)) + delivery.body)
        assert shop.entered.wait(10)
    assert shop.ended.wait(10)
    shop.watches = False
    deadline = time.monotonic() + 10
    while not (answer := post(port, delivery)).endswith(b"done"):
        # Given back at once, and not when the lease ends; the store may need a moment.
        assert answer.startswith(b"HTTP/1.1 409")
        assert time.monotonic() < deadline
    assert shop.bodies == [delivery.body] * 2


def test_work_that_ends_without_its_client_is_done(port: int, shop: Shop) -> None:
    delivery = github(b'{"zen": 5}')
    shop.leave.clear()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(head_of(delivery, b"Content-Length: %d" % len(delivery.body)) + delivery.body)
        assert shop.entered.wait(10)
    shop.leave.set()
    assert shop.ended.wait(10)
    assert post(port, delivery).endswith(b"\r\n\r\n")
    assert shop.bodies == [delivery.body]


def test_a_hundred_at_once_are_handled_once(port: int, shop: Shop) -> None:
    delivery = github(b'{"zen": 6}')
    answers: list[bytes] = []
    senders = [threading.Thread(target=lambda: answers.append(post(port, delivery))) for _ in range(100)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(20)
    assert len(answers) == 100
    assert {answer[9:12] for answer in answers} <= {b"200", b"409"}
    assert shop.bodies == [delivery.body]


def test_a_restarted_store_remembers(sqlite_url: str, shop: Shop) -> None:
    delivery = github(b'{"zen": 7}')

    def serve_once() -> bytes:
        method = Webhooks(open_store(sqlite_url), scheme="github", secrets=secret_text(SCHEMES["github"]))
        serving = serve(DoorMiddleware(shop, Door(method)), proxy_headers=False, lifespan="on")
        answer = post(next(serving), delivery)
        list(serving)
        return answer

    assert serve_once().endswith(b"done")
    assert serve_once().endswith(b"\r\n\r\n")
    assert shop.bodies == [delivery.body]
