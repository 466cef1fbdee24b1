"""Signed requests over a raw socket against a real uvicorn and a real store: bodies, spellings and ambiguities."""

import gzip
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from typing import Any

import pytest
from tests.frameworks.signed_server import KEY, SECRET, echo
from tests.frameworks.test_raw_socket import ask, serve
from tests.simulators.signed_wire import chunked, head, signed_head

from doorward import Door, SignedRequests, open_store
from doorward.crypto.signatures import SignatureAlgorithm, SignatureKey
from doorward.frameworks.asgi import DoorMiddleware
from doorward.frameworks.kept import ON_DISK, PROVEN
from doorward.methods.signature import content_digest

pytestmark = pytest.mark.slow

BODY_BYTES_MAX = 1_000_000
IN_CHUNKS = ((b"transfer-encoding", b"chunked"),)
KEYS = {KEY: SignatureKey(SignatureAlgorithm.HMAC_SHA256, SECRET)}


class Seen:
    """What reached the handler."""

    def __init__(self) -> None:
        self.headers: list[list[tuple[bytes, bytes]]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            self.headers.append(list(scope["headers"]))
        await echo(scope, receive, send)


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture(params=["httptools", "h11"])
def port(request: Any, sqlite_url: str, seen: Seen) -> Iterator[int]:
    method = SignedRequests(open_store(sqlite_url), keys=KEYS, body_bytes_max=BODY_BYTES_MAX)
    before = PROVEN.held, ON_DISK.held
    yield from serve(DoorMiddleware(seen, Door(method)), http=request.param, proxy_headers=False, lifespan="on")
    assert PROVEN.held <= before[0]
    assert ON_DISK.held <= before[1]


def signed(body: bytes | None = b"", **options: Any) -> bytes:
    return signed_head(KEY, SECRET, body=body, **options)


def passed(answer: bytes, body: bytes) -> bool:
    digest = sha256(body).hexdigest().encode()
    return answer.startswith(b"HTTP/1.1 200") and answer.endswith(digest)


def code(answer: bytes) -> bytes:
    """Status and public code of a refusal."""
    return answer[9:12] + b" " + answer.partition(b'"code":"')[2].partition(b'"')[0]


BODIES_SENT = {
    "short": b'{"amount":100,"name":"\xc3\xa4"}\r\n',
    "just in memory": bytes(262_144),
    "on disk": bytes(range(256)) * 3_000,
}


@pytest.mark.parametrize("body", BODIES_SENT.values(), ids=list(BODIES_SENT))
def test_with_a_length_and_in_chunks_it_is_the_body_that_was_signed(port: int, body: bytes) -> None:
    assert passed(ask(port, signed(body) + body), body)
    assert passed(ask(port, signed(body, framing=IN_CHUNKS) + chunked(body, 65_000)), body)
    other = body[:-1] + b"!"
    assert code(ask(port, signed(body) + other)) == b"401 signature_digest"
    assert code(ask(port, signed(body, framing=IN_CHUNKS) + chunked(other, 65_000))) == b"401 signature_digest"


def test_no_body_at_all(port: int) -> None:
    assert passed(ask(port, signed()), b"")
    assert passed(ask(port, signed(framing=((b"content-length", b"0"),))), b"")
    assert passed(ask(port, signed(method="GET")), b"")
    # In chunks a body is announced, so its digest and its type must be covered even if it is empty.
    typed = ((b"content-type", b"text/plain"),)
    assert passed(ask(port, signed(framing=IN_CHUNKS, more=typed) + chunked(b"")), b"")


def test_a_body_where_none_was_signed_and_none_where_one_was(port: int) -> None:
    plain = signed()
    end = plain.index(b"\r\n\r\n")
    with_length = plain[:end] + b"\r\nContent-Length: 3" + plain[end:] + b"abc"
    assert code(ask(port, with_length)) == b"401 signature_coverage"
    in_chunks = plain[:end] + b"\r\nTransfer-Encoding: chunked" + plain[end:] + chunked(b"abc")
    assert code(ask(port, in_chunks)) == b"401 signature_coverage"
    body = b'{"amount":100}'
    without = signed(body, framing=())
    assert code(ask(port, without)) == b"401 signature_digest"
    assert code(ask(port, signed(body, framing=IN_CHUNKS) + chunked(b""))) == b"401 signature_digest"


def test_a_compressed_body_is_proven_as_it_was_sent(port: int) -> None:
    packed = gzip.compress(b'{"amount": 100}' * 20)
    coded = ((b"content-encoding", b"gzip"),)
    for cover in ([], ['"content-encoding"']):
        assert passed(ask(port, signed(packed, more=coded, more_components=cover) + packed), packed)
    # A digest of what it unpacks to is not the digest of what came (RFC 9530 section 2).
    unpacked = gzip.decompress(packed)
    length = ((b"content-length", b"%d" % len(packed)),)
    assert code(ask(port, signed(unpacked, more=coded, framing=length) + packed)) == b"401 signature_digest"


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_both_digests_of_a_body_must_fit(port: int, *, packed: bool) -> None:
    body = gzip.compress(b'{"amount":100}') if packed else b'{"amount":100}'
    both = content_digest(body) + b", " + content_digest(body, "sha-512")
    wrong = content_digest(body) + b", " + content_digest(b"another", "sha-512")
    assert passed(ask(port, signed(body, more=((b"content-digest", both),)) + body), body)
    # A signer that takes the digest there is at its word.
    framing = ((b"content-length", b"%d" % len(body)),)
    more = ((b"content-type", b"text/plain"), (b"content-digest", wrong))
    assert code(ask(port, signed(None, more=more, framing=framing) + body)) == b"401 signature_digest"


def test_one_byte_over_the_limit_is_refused_in_either_form(port: int) -> None:
    fits, over = b"x" * BODY_BYTES_MAX, b"x" * (BODY_BYTES_MAX + 1)
    assert passed(ask(port, signed(fits) + fits), fits)
    assert code(expect(port, signed(over))[0]) == b"413 body_too_large"
    answer = send_slowly(port, signed(over, framing=IN_CHUNKS) + chunked(over, 60_000))
    assert code(answer) == b"413 body_too_large"


def read_all(connection: socket.socket) -> bytes:
    answer = b""
    with suppress(ConnectionError):
        while chunk := connection.recv(65_536):
            answer += chunk
    return answer


def send_slowly(port: int, octets: bytes) -> bytes:
    """Send until the server has heard enough; answer what it says."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        with suppress(ConnectionError):
            connection.sendall(octets)
        return read_all(connection)


def expect(port: int, octets: bytes, body: bytes = b"") -> tuple[bytes, bytes]:
    """Send a head, wait for what comes first, send the body when it is asked for; answer both."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(octets)
        first = connection.recv(65_536)
        if first.startswith(b"HTTP/1.1 100"):
            connection.sendall(body)
            return first, read_all(connection)
        return first + read_all(connection), b""


def test_who_waits_for_a_word_is_asked_for_the_body_when_the_headers_are_proven(port: int) -> None:
    body = b'{"amount":100}'
    waits = ((b"expect", b"100-continue"),)
    asked, answer = expect(port, signed(body, unsigned=waits), body)
    assert asked.startswith(b"HTTP/1.1 100")
    assert passed(answer, body)
    for wrong, refusal in (
        (signed_head(KEY, SECRET[::-1], body=body, unsigned=waits), b"401 credential_invalid"),
        (signed_head("nobody", SECRET, body=body, unsigned=waits), b"401 credential_invalid"),
        (signed(body, unsigned=waits, created=1_700_000_000), b"401 signature_expired"),
        (signed(b"x" * (BODY_BYTES_MAX + 1), unsigned=waits), b"413 body_too_large"),
    ):
        first, _ = expect(port, wrong)
        assert code(first) == refusal


def test_an_upload_that_breaks_off_burns_nothing(port: int) -> None:
    body = b'{"amount":100}' * 50_000
    request = signed(body, unsigned=((b"expect", b"100-continue"),))
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 100")
        connection.sendall(body[:300_000])
        # Another copy meanwhile is not asked for its body, and not told that it was used up.
        first, _ = expect(port, request)
        assert code(first) == b"409 request_arriving"
    assert code(send_again(port, request, body[:-1] + b"!")) == b"401 signature_digest"
    assert passed(send_again(port, request, body), body)
    first, _ = expect(port, request)
    assert code(first) == b"401 replayed"


def send_again(port: int, request: bytes, body: bytes) -> bytes:
    """Until the server has learnt, in its own time, that an earlier connection has ended."""
    deadline = time.monotonic() + 10
    while True:
        first, answer = expect(port, request, body)
        if code(first) != b"409 request_arriving":
            return answer
        assert time.monotonic() < deadline


# What is signed and what is sent; whether it fits (RFC 9421 sections 2.2.3 to 2.2.7).
SPELLINGS: dict[str, tuple[dict[str, bytes], bool]] = {
    "as it is": ({}, True),
    "default port sent": ({"sent_host": b"api.example:80"}, True),
    "default port signed": ({"host": b"api.example:80", "sent_host": b"api.example"}, True),
    "empty port": ({"sent_host": b"api.example:"}, True),
    "another port": ({"sent_host": b"api.example:8080"}, False),
    "the port of another scheme": ({"sent_host": b"api.example:443"}, False),
    "case of the host": ({"sent_host": b"API.Example"}, True),
    "another host": ({"sent_host": b"api.example.org"}, False),
    "an address": ({"host": b"[::1]:80", "sent_host": b"[::1]"}, True),
    "a user before the host": ({"sent_host": b"me@api.example"}, False),
    "no host": ({"sent_host": b""}, False),
    "a dot more": ({"sent_host": b"api.example."}, False),
    "case of the path": ({"sent_target": b"/Orders?id=7"}, False),
    "a slash more": ({"sent_target": b"//orders?id=7"}, False),
    "a slash at the end": ({"sent_target": b"/orders/?id=7"}, False),
    "a dot segment": ({"sent_target": b"/x/../orders?id=7"}, False),
    "percent-encoded": ({"sent_target": b"/%6frders?id=7"}, False),
    "an encoded slash": ({"target": b"/a%2Fb?id=7", "sent_target": b"/a/b?id=7"}, False),
    "case of an escape": ({"target": b"/a%2Fb?id=7", "sent_target": b"/a%2fb?id=7"}, False),
    "kept: two slashes": ({"target": b"//orders//7?id=7"}, True),
    "kept: dot segments": ({"target": b"/x/../orders?id=7"}, True),
    "kept: escapes": ({"target": b"/%6f%2F%2f%C3%A4?id=%20+"}, True),
    "query dropped": ({"sent_target": b"/orders"}, False),
    "query added": ({"target": b"/orders", "sent_target": b"/orders?id=7"}, False),
    "query reordered": ({"target": b"/orders?a=1&b=2", "sent_target": b"/orders?b=2&a=1"}, False),
    "query spelled otherwise": ({"target": b"/orders?a=%41", "sent_target": b"/orders?a=A"}, False),
    "a question mark alone": ({"target": b"/orders", "sent_target": b"/orders?"}, True),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_what_fits_is_what_the_specification_says(port: int, spelling: str) -> None:
    options, fits = SPELLINGS[spelling]
    answer = ask(port, signed(b"", **options))
    assert passed(answer, b"") if fits else code(answer) == b"401 credential_invalid", answer


def test_a_target_in_absolute_form_names_the_host_of_the_request(port: int) -> None:
    absolute = b"http://api.example/orders?id=7"
    assert passed(ask(port, signed(sent_target=absolute)), b"")
    # httptools does not say which host a target names: then the one in `Host` counts, and it is signed.
    answer = ask(port, signed(sent_target=b"http://evil.example/orders?id=7"))
    assert passed(answer, b"") or code(answer) == b"401 credential_invalid"
    answer = ask(port, signed(host=b"evil.example", sent_target=absolute, sent_host=b"api.example"))
    assert code(answer) == b"401 credential_invalid"


def test_a_header_that_two_readers_read_differently_is_refused_when_it_is_covered(port: int, seen: Seen) -> None:
    body = b'{"amount":100}'
    more = ((b"x-amount", b"1"),)
    cover = ['"x-amount"']
    for unsigned in (
        (b"x-amount", b"2"),
        (b"X-Amount", b"1"),
        (b"x_amount", b"2"),
        (b"content-type", b"text/html"),
        (b"content_type", b"text/html"),
        (b"content-digest", b"sha-256=:" + b"A" * 43 + b"=:"),
        (b"host", b"evil.example"),
    ):
        answer = ask(port, signed(body, more=more, more_components=cover, unsigned=(unsigned,)) + body)
        assert answer[9:12] in (b"400", b"401"), unsigned
    assert not seen.headers
    # What is not covered is anybody's, and no reason to refuse.
    assert passed(
        ask(port, signed(body, more=more, more_components=cover, unsigned=((b"x-trace", b"2"),)) + body), body
    )


def test_a_folded_line_is_the_same_line_or_refused_by_the_server(port: int) -> None:
    request = signed(more=((b"x-note", b"one two"),), more_components=['"x-note"'])
    answer = ask(port, request.replace(b"x-note: one two", b"x-note: one\r\n two"))
    assert passed(answer, b"") or answer.startswith(b"HTTP/1.1 400")
    answer = ask(port, request.replace(b"x-note: one two", b"x-note: one\r\n tow"))
    assert answer[9:12] in (b"400", b"401")


def test_ten_thousand_signatures_are_refused_by_their_number(port: int) -> None:
    names = [b"s%d" % number for number in range(500)]
    inputs = b", ".join(name + b"=()" for name in names)
    signatures = b", ".join(name + b"=:AA==:" for name in names)
    request = head("GET", b"/", [(b"host", b"x"), (b"signature-input", inputs), (b"signature", signatures)])
    assert code(ask(port, request)) == b"401 credential_malformed"
    # More than a server takes is refused by the server.
    names = [b"s%d" % number for number in range(10_000)]
    inputs, signatures = b",".join(name + b"=()" for name in names), b",".join(name + b"=:AA==:" for name in names)
    request = head("GET", b"/", [(b"host", b"x"), (b"signature-input", inputs), (b"signature", signatures)])
    assert send_slowly(port, request)[9:12] in (b"400", b"401", b"431", b"")


def test_a_trailer_is_no_header_and_no_signature(port: int, seen: Seen) -> None:
    body = b'{"amount":100}'
    more = ((b"x-amount", b"1"),)
    waits = ((b"expect", b"100-continue"),)
    request = signed(body, more=more, more_components=['"x-amount"'], framing=IN_CHUNKS, unsigned=waits)
    # What is sent after the server has asked for it comes after the headers were proven.
    trailers = b"x-amount: 1000000\r\nx-role: admin\r\n"
    asked, answer = expect(port, request, chunked(body, trailers=trailers))
    assert asked.startswith(b"HTTP/1.1 100")
    assert passed(answer, body)
    (headers,) = seen.headers
    assert [value for name, value in headers if name == b"x-amount"] == [b"1"]
    assert b"x-role" not in dict(headers)


def test_a_request_that_names_no_host_has_no_authority(port: int) -> None:
    request = signed().replace(b" HTTP/1.1", b" HTTP/1.0").replace(b"host: api.example\r\n", b"")
    assert code(ask(port, request)) == b"401 credential_invalid"
    absolute = signed(sent_target=b"http://api.example/orders?id=7")
    request = absolute.replace(b" HTTP/1.1", b" HTTP/1.0").replace(b"host: api.example\r\n", b"")
    assert code(ask(port, request)) == b"401 credential_invalid"


def test_two_requests_on_one_connection_are_proven_each(port: int) -> None:
    body = b'{"amount":100}'
    good = signed(body).replace(b"Connection: close\r\n", b"") + body
    answer = ask(port, good + signed(body) + b'{"amount":999}')
    assert answer.count(b"HTTP/1.1 200") == 1
    assert answer.count(b"signature_digest") >= 1
