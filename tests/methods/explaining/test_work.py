"""What an explanation may cost: every step is paid for, whatever a stranger wrote, by what it takes."""

import gzip
import json
import time
import unicodedata
from hashlib import shake_256
from typing import Final

import pytest
from tests.simulators.signed import KEYS, message
from tests.simulators.webhook import NOW, deliver

from doorward.crypto.signatures import SignatureAlgorithm, SignatureSigner
from doorward.methods.explaining import WORK_UNITS_MAX, Bodies, Work, tell_tried
from doorward.methods.explaining.bodies import MARKS_MAX, has_long_run
from doorward.methods.explaining.coding import COMPRESSED_BEST_BYTES_MAX, coded_bodies
from doorward.methods.explaining.forms import form_bodies
from doorward.methods.explaining.json_forms import JsonForms
from doorward.methods.signature import Message, sign_request
from doorward.methods.signature.explain import ExplainedKey, explain_signature
from doorward.methods.webhook.explain import SecretText, explain_delivery
from doorward.methods.webhook.explain.urls import url_frames
from doorward.methods.webhook.schemes import SCHEMES
from doorward.wire.request import Header

UNITS: Final = 60_000_000
# Eight times what it takes on a slow processor, and a little for what is not counted.
CPU_S_MAX: Final = UNITS * 8e-9 + 0.3
K: Final = 100_000


def _a_or_b(octets: int) -> bytes:
    """One of two letters at each place, without any order."""
    return bytes(b"ab"[octet & 1] for octet in shake_256().digest(octets))


HOSTILE: Final[dict[str, bytes]] = {
    "marks out of order": ("a" + "\u0301\u0323" * (K // 4)).encode(),
    "marks that say they are none": ("\u0f73" * (K // 3)).encode(),
    "marks of two": ("\u0344" * (K // 2)).encode(),
    "marks as many as may be": (("a" + "\u0301\u0323" * 15) * (K // 61)).encode(),
    "syllables": ("\uac00" * (K // 3)).encode(),
    "an escape of many digits": b"&#" + b"9" * K,
    "escapes": b"&x" * (K // 2),
    "ampersands": b"&" * K,
    "arrays of nothing": b"[" + b"{}," * (K // 3) + b"{}]",
    "numbers": b"[" + b"1," * (K // 2) + b"1]",
    "numbers that grow": b"[" + b"1e308," * (K // 6) + b"1]",
    "a long number": b"[" + b"9" * K + b"]",
    "nested": b"[" + (b"[" * 50 + b"1" + b"]" * 50 + b",") * (K // 102) + b"1]",
    "nested too deep": b"[" * (K // 2) + b"]" * (K // 2),
    "JSON in JSON": json.dumps(json.dumps({"a": '\\"' * (K // 12)})).encode(),
    "strings to escape": json.dumps(
        ['<>&/"é' * 20 + str(number) for number in range(K // 170)], ensure_ascii=False
    ).encode(),
    "names": json.dumps({f"k{number}": number for number in range(K // 16)}).encode(),
    "a form of escapes": b"&".join(b"k%d=%s" % (number, b"%ff" * 33) for number in range(990)),
    "a form of fields": b"&".join(b"k%d=v" % number for number in range(990)),
    "a form of few fields": b"a=" + b"1" * 16_000 + b"&b=1&c=2&d=3&e=4&f=5&g=6&h=7&i=8&j=9&k=10&l=11",
    "ends of lines": b"\n" * K,
    "what zlib is slow with": _a_or_b(K),
    "what zlib cannot pack": shake_256().digest(K),
    "a bomb": gzip.compress(bytes(50_000_000)),
    "a bomb without a head": gzip.compress(bytes(50_000_000))[10:-8],
}


def _costs(started: float) -> None:
    # Of the processor: others may be busy on this machine.
    assert time.process_time() - started < CPU_S_MAX


def test_what_was_tried_is_told_in_words() -> None:
    assert tell_tried(1, complete=True) == "1 combination was tried."
    assert tell_tried(1_204, complete=False) == "1,204 combinations were tried; the search ended at its limit."


@pytest.mark.slow
@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("scheme", ["github", "twilio"])
def test_no_body_makes_an_explanation_of_a_delivery_long(hostile: str, scheme: str) -> None:
    delivery = deliver(scheme)
    work, started = Work(UNITS), time.process_time()
    explain_delivery(
        delivery.scheme, [delivery.text], delivery.headers, HOSTILE[hostile], now=NOW, url=delivery.url, work=work
    )
    _costs(started)


@pytest.mark.slow
@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("is_proven", [True, False])
def test_no_body_makes_an_explanation_of_a_request_long(hostile: str, is_proven: bool) -> None:  # noqa: FBT001
    sent = message(body=b"x")
    headers = (*sent.headers, *sign_request(sent, SIGNER, key_id="k1", created=NOW, entropy=bytes, body=b"x"))
    method = "POST" if is_proven else "BREW"
    request = Message(
        method=method,
        target=sent.target,
        scheme="https",
        authority=sent.authority if is_proven else b"a.example",
        headers=headers,
    )
    work, started = Work(UNITS), time.process_time()
    explain_signature(request, HOSTILE[hostile], KEYS_OF, now=NOW, work=work)
    _costs(started)


SIGNER: Final = SignatureSigner(SignatureAlgorithm.HMAC_SHA256, b"an HMAC secret of 32 bytes. good")
KEYS_OF: Final = (ExplainedKey("k1", KEYS["k1"]),)


def _signatures(covered: str, count: int = 8) -> list[Header]:
    said = [f's{number}=({covered});created=1000;keyid="k1"' for number in range(count)]
    made = [f"s{number}=:{'A' * 43}=:" for number in range(count)]
    return [(b"signature-input", ", ".join(said).encode()), (b"signature", ", ".join(made).encode())]


def _each(count: int, write: str) -> str:
    return " ".join(write.format(number) for number in range(count))


_FIELDS: Final = [(b"x-%d" % number, b"a , b;c;" * 30) for number in range(32)]
_DICTIONARY: Final = b", ".join(b"k%d=(%s)" % (number, b" ".join([b"1"] * 250)) for number in range(15))
_QUERY: Final = b"/a?" + b"&".join(b"k%d=%%41+" % number for number in range(250))
REQUESTS: Final[dict[str, tuple[list[Header], bytes]]] = {
    "many fields under many signatures": ([*_FIELDS, *_signatures(_each(32, '"x-{}"'))], b"/o"),
    "fields and the target": ([*_FIELDS, *_signatures('"@target-uri" "@method" ' + _each(28, '"x-{}"'))], b"/a/b?c=d"),
    "members of a dictionary": ([(b"x-d", _DICTIONARY), *_signatures(_each(15, '"x-d";key="k{}"'))], b"/o"),
    "a field written anew": (
        [(b"priority", b", ".join(b"k%d;a=1;b" % n for n in range(600))), *_signatures('"priority";sf')],
        b"/o",
    ),
    "query parameters": (_signatures(_each(32, '"@query-param";name="k{}"'), 6), _QUERY),
    "headers": ([*((b"y-%d" % n, b"v") for n in range(2_000)), *_FIELDS, *_signatures(_each(32, '"x-{}"'))], b"/o"),
    "a header that repeats": ([*[(b"x-0", b"v")] * 3_000, *_signatures(_each(32, '"x-{}"'))], b"/o"),
    "a query of nothing but a name": (_signatures('"@query"', 1), b"/a?" + b"key" * K),
    "a signature of nothing but a label": (
        [(b"signature-input", b's=("@query");keyid="k1"'), (b"signature", b"a" * 8_000)],
        b"/o",
    ),
    "a body behind a dictionary": (
        [
            (b"x-d", _DICTIONARY),
            (b"content-digest", b"sha-256=:" + b"A" * 43 + b"=:"),
            *_signatures('"content-digest" "x-d";key="k1"'),
        ],
        b"/o",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("hostile", REQUESTS)
@pytest.mark.parametrize("number_of_keys", [1, 32])
def test_no_request_makes_its_explanation_long(hostile: str, number_of_keys: int) -> None:
    headers, target = REQUESTS[hostile]
    keys = [ExplainedKey(f"k{number}", KEYS["k1"]) for number in range(1, number_of_keys + 1)]
    request = Message(method="POST", target=target, scheme="https", authority=b"a.example", headers=headers)
    work, started = Work(UNITS), time.process_time()
    explain_signature(request, HOSTILE["strings to escape"], keys, now=1_000, work=work)
    _costs(started)


@pytest.mark.slow
@pytest.mark.parametrize("length", [10, 1_000, 3_900])
@pytest.mark.parametrize("digest", ["", "&bodySHA256=" + "0" * 64])
def test_no_url_makes_an_explanation_long(length: int, digest: str) -> None:
    places = [b"x-original-uri", b"x-original-url", b"x-rewrite-url", b"x-forwarded-uri"] * 2
    headers = [(name, b"/p%d/q?x=%d&y=%s" % (n, n, b"z" * 1_000)) for n, name in enumerate(places)]
    headers += [(b"x-forwarded-host", b"h%d.example" % n) for n in range(2)]
    headers.append((b"x-twilio-signature", b"A" * 27 + b"="))
    url = f"https://h.example/x?a={'x' * length}&b=2&c=3{digest}"
    work, started = Work(UNITS), time.process_time()
    body = json.dumps({"a": ["x" * 50] * 1_850}).encode()
    explain_delivery(SCHEMES["twilio"], [SecretText(id="s", text="k" * 32)], headers, body, now=NOW, url=url, work=work)
    _costs(started)


def test_json_is_taken_apart_only_when_it_can_be_paid_for() -> None:
    started = time.process_time()
    assert list(JsonForms(b"[" + b"{}," * 300_000 + b"{}]", Work(1_000_000)).layouts()) == []
    assert time.process_time() - started < 0.3


def test_urls_are_made_only_when_they_can_be_paid_for() -> None:
    headers = [(name, b"/p%d?x=%d" % (n, n)) for n, name in enumerate((b"x-original-uri", b"x-forwarded-uri"))]
    url = f"https://h.example/x?a={'x' * 3_000}&b=2&c=3"
    made = list(url_frames(SCHEMES["twilio"], headers, url, Work()))
    assert sum(len(frame.value.before) for frame in made) < 16_000_000
    assert len(made) > 1_000
    assert len(list(url_frames(SCHEMES["twilio"], headers, url, Work(1_000_000)))) < 20


def test_what_cannot_be_paid_for_is_not_made() -> None:
    work = Work(1_000)
    assert work.take(400)
    assert (work.spent, work.ended) == (400, False)
    assert not work.take(601)
    assert work.ended
    # Nor is anything after it, however small: what is left out is said once, and the answer is the same everywhere.
    assert not work.take(0)
    assert work.spent == 1_001
    assert repr(work) == "Work(1001 of 1000)"
    assert Work().left == WORK_UNITS_MAX


@pytest.mark.parametrize("body", [b'{"a":[1,2.50,"x"]}', b"a=b&c=d", b"text\n" * 50])
def test_an_explanation_that_may_do_nothing_does_nothing(body: bytes) -> None:
    bodies = Bodies(body, made_at=None, work=Work(0))
    assert [*bodies.singles(), *bodies.pairs()] == []
    assert list(JsonForms(body, Work(0)).layouts()) == []
    assert list(form_bodies(body, Work(0))) == []
    assert list(coded_bodies(body, Work(0), made_at=None)) == []
    delivery = deliver("github")
    found = explain_delivery(delivery.scheme, [delivery.text], delivery.headers, body, now=NOW, work=Work(0))
    assert (found.tried, found.complete, found.findings) == (0, False, ())


def test_every_mark_is_taken_for_one() -> None:
    for code in range(0x110000):
        character = chr(code)
        # What stands in order behind the letter before it, and what takes the square of its number.
        if unicodedata.combining(unicodedata.normalize("NFD", character)[0]):
            assert has_long_run(character * (MARKS_MAX + 1)), hex(code)


def test_marks_in_a_row_are_counted_to_a_limit() -> None:
    assert not has_long_run(("a" + "\u0301" * MARKS_MAX) * 3)
    assert has_long_run("a" + "\u0301" * (MARKS_MAX + 1))
    names = [variant.changes[0].name for variant in Bodies(b"a\xcc\x81", made_at=None, work=Work()).singles()]
    assert "body.unicode" in names


def test_what_zlib_is_slow_with_is_packed_at_its_best_only_while_it_is_small() -> None:
    def coded(octets: int) -> int:
        return sum(1 for _ in coded_bodies(_a_or_b(octets), Work(), made_at=None))

    assert coded(COMPRESSED_BEST_BYTES_MAX) > coded(COMPRESSED_BEST_BYTES_MAX + 1) > 0
