"""`Content-Digest`: what counts, what does not, and a body of any size."""

import tracemalloc
from hashlib import md5, sha1, sha256, sha512

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulators.signed import BODY, changed, message, signed, verified

from doorward.errors import Rejected
from doorward.methods.signature.config import DIGESTS_MAX
from doorward.methods.signature.digest import BodyCheck, content_digest, parse_content_digest
from doorward.wire.structured import Item, serialize_dictionary

GOOD = sha256(BODY).digest()


def field(**digests: bytes) -> bytes:
    return serialize_dictionary({name.replace("_", "-"): Item(value) for name, value in digests.items()}).encode()


def fits(value: bytes, *chunks: bytes) -> bool:
    check = BodyCheck(parse_content_digest(value))
    for chunk in chunks:
        check.update(chunk)
    try:
        check.verify_end()
    except Rejected:
        return False
    return True


@given(st.lists(st.binary(max_size=50), max_size=5), st.sampled_from(["sha-256", "sha-512"]))
def test_a_body_fits_its_digest_however_it_is_cut(chunks: list[bytes], algorithm: str) -> None:
    value = content_digest(b"".join(chunks), algorithm)
    assert fits(value, *chunks)
    assert not fits(value, *chunks, b"x")


def test_every_digest_that_is_known_must_fit() -> None:
    other = sha512(BODY).digest()
    assert fits(field(sha_256=GOOD, sha_512=other), BODY)
    assert not fits(field(sha_256=GOOD, sha_512=bytes(64)), BODY)
    assert not fits(field(sha_512=other, sha_256=bytes(32)), BODY)


def test_a_digest_of_an_unknown_algorithm_counts_for_nothing() -> None:
    assert fits(field(md5=b"anything", sha_256=GOOD, unixsum=b"1"), BODY)
    weak = [field(md5=md5(BODY).digest()), field(sha=sha1(BODY).digest()), field(sha_384=bytes(48))]  # noqa: S324
    for value in weak:
        with pytest.raises(Rejected):
            parse_content_digest(value)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"123",
        b"sha-256",
        b"sha-256=:AA==:",
        b"sha-256=" + GOOD.hex().encode(),
        b'sha-256="x"',
        b"sha-256=(:AA==:)",
        b"SHA-256=:" + b"A" * 43 + b"=:",
        b"sha-256=:" + b"A" * 44 + b":",
        b"sha-256=:" + b"A" * 43 + b"=:,",
        b"sha-256=:" + b"A" * 43 + b"=:, sha-256=:" + b"B" * 43 + b"=:",
        b"sha-256=:" + b"A" * 43 + b"=:, md5=:AA==:, md5=:AA==:",
        b"sha-256=:" + b"A" * 86 + b"==:",
        b", ".join(b"x%d=:AA==:" % number for number in range(DIGESTS_MAX)) + b", sha-256=:" + b"A" * 43 + b"=:",
        b"sha-256=:\xff:",
    ],
)
def test_what_is_no_digest_is_one_code(value: bytes) -> None:
    with pytest.raises(Rejected) as raised:
        parse_content_digest(value)
    assert raised.value.code == "signature_digest"


def test_the_usual_spelling_is_read_as_every_other() -> None:
    assert parse_content_digest(field(sha_256=GOOD)) == parse_content_digest(b" " + field(sha_256=GOOD) + b";x=1 ")


def test_two_digests_of_one_algorithm_are_refused_though_they_are_signed() -> None:
    # As two lines of the field: the join is what is signed.
    request = message(
        (b"content-digest", field(sha_256=GOOD)), (b"content-digest", field(sha_256=bytes(32))), body=BODY
    )
    with pytest.raises(Rejected):
        signed(request, body=BODY)


def test_the_digest_is_of_the_content_as_it_is_sent() -> None:
    packed = b"\x1f\x8bpacked"
    request = signed(message((b"content-encoding", b"gzip"), body=packed), body=packed)
    assert verified(request, body=packed)
    unpacked = changed(request, headers=[header for header in request.headers if header[0] != b"content-encoding"])
    with pytest.raises(Rejected):
        verified(unpacked, body=BODY)


def test_no_digest_means_no_body() -> None:
    check = BodyCheck(())
    check.update(b"")
    check.verify_end()
    with pytest.raises(Rejected) as raised:
        check.update(b"x")
    assert raised.value.code == "signature_digest"


def test_a_large_body_costs_no_memory() -> None:
    chunk = bytes(1 << 16)
    running = sha256()
    for _ in range(512):
        running.update(chunk)
    check = BodyCheck(parse_content_digest(field(sha_256=running.digest())))
    tracemalloc.start()
    try:
        for _ in range(512):
            check.update(chunk)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    check.verify_end()
    assert peak < 1 << 14
