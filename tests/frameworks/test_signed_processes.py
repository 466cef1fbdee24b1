"""Signed requests in front of several processes over one database: a nonce counts once; a gigabyte costs no memory."""

import socket
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path

import pytest
from tests.frameworks.signed_server import KEY, SECRET, Running, running
from tests.frameworks.test_raw_socket import ask
from tests.simulators.signed_wire import signed_head

pytestmark = pytest.mark.slow

BODY = b'{"amount":100}'
LARGE_BYTES = 128 * 2**20
GROWN_BYTES_MAX = 20 * 2**20
PIECE = bytes(range(256)) * 1_024


@pytest.fixture
def two(sql_url: str, tmp_path: Path) -> Iterator[list[Running]]:
    with ExitStack() as stack:
        yield [stack.enter_context(running(sql_url, http=http, folder=tmp_path)) for http in ("httptools", "h11")]


def status(answer: bytes) -> bytes:
    return answer[9:12]


def test_a_nonce_that_one_process_has_seen_is_refused_by_another(two: list[Running]) -> None:
    for first, second in (two, two[::-1]):
        request = signed_head(KEY, SECRET, body=BODY) + BODY
        assert status(ask(first.port, request)) == b"200"
        for again in (second, first):
            answer = ask(again.port, request)
            assert status(answer) == b"401"
            assert b'"code":"replayed"' in answer


def test_of_a_hundred_copies_at_once_one_is_admitted(two: list[Running]) -> None:
    request = signed_head(KEY, SECRET, body=BODY) + BODY
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda number: ask(two[number % 2].port, request), range(100)))
    assert sum(status(answer) == b"200" for answer in answers) == 1
    # Told before its body, where another copy was arriving at the same process; else after it.
    refused = [answer for answer in answers if status(answer) != b"200"]
    assert all(b'"code":"replayed"' in answer or b'"code":"request_arriving"' in answer for answer in refused)


@pytest.mark.parametrize("http", ["httptools", "h11"])
def test_a_large_body_costs_disk_and_no_memory(sqlite_url: str, tmp_path: Path, http: str) -> None:
    digest = sha256()
    for _ in range(LARGE_BYTES // len(PIECE)):
        digest.update(PIECE)
    with running(sqlite_url, http=http, folder=tmp_path) as server:
        # Once in small, so that everything is loaded that ever will be.
        assert status(ask(server.port, signed_head(KEY, SECRET, body=PIECE * 4) + PIECE * 4)) == b"200"
        before, most = server.resident_bytes(), 0
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
            connection.sendall(large_head(digest.digest()))
            for number in range(LARGE_BYTES // len(PIECE)):
                connection.sendall(PIECE)
                if number % 16 == 0:
                    most = max(most, server.resident_bytes())
            answer = b""
            while chunk := connection.recv(65_536):
                most = max(most, server.resident_bytes())
                answer += chunk
        assert answer.endswith(digest.hexdigest().encode())
        assert most - before < GROWN_BYTES_MAX
        assert not list(tmp_path.glob("tmp*"))


def large_head(digest: bytes) -> bytes:
    more = (
        (b"content-type", b"application/octet-stream"),
        (b"content-digest", b"sha-256=:" + b64encode(digest) + b":"),
    )
    return signed_head(KEY, SECRET, body=None, more=more, framing=((b"content-length", b"%d" % LARGE_BYTES),))
