"""What two readers of one request may read differently, as it comes off the wire: each has one answer here.

The list of issue and specification alike: folded lines, control characters, octets that are no ASCII, repeated and
missing fields, more of anything than anybody sends (RFC 9110 section 5.5, RFC 9112 section 5.2, RFC 9421 section 7).
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from tests.simulators.signed import NOW, changed, message, resigned, signed, verified

from doorward.errors import Rejected
from doorward.methods.signature import PROFILES, Message
from doorward.methods.signature.config import SIGNATURES_MAX

if TYPE_CHECKING:
    from doorward.wire.request import Header

ANY = PROFILES["danger-any"]
FIELDS = (b"signature-input", b"signature")


def code_of(request: Message) -> str | None:
    """The refusal; None when the request is proven."""
    try:
        assert verified(request, profile=ANY) is not None
    except Rejected as refused:
        return refused.code
    return None


def _with(request: Message, name: bytes, write: Callable[[bytes], bytes]) -> Message:
    return changed(request, headers=[(key, write(value) if key == name else value) for key, value in request.headers])


COVERED = {
    "folded after it was signed": (lambda value: value.replace(b" ", b"\r\n\t "), None),
    "folded by a bare line feed": (lambda value: value.replace(b" ", b"\n "), None),
    "white space around it": (lambda value: b" \t" + value + b"\t ", None),
    "folded into an empty line": (lambda value: value.replace(b" ", b"\r\n \r\n "), "signature_mismatch"),
    "NUL": (lambda value: value + b"\0", "signature_component"),
    "a bare CR": (lambda value: value.replace(b" ", b"\r "), "signature_component"),
    "CR at its end": (lambda value: value + b"\r", "signature_component"),
    "a bare LF": (lambda value: value.replace(b" ", b"\n"), "signature_component"),
    "a line of its own": (lambda value: value + b'\r\n"@method": GET', "signature_component"),
    "DEL": (lambda value: value + b"\x7f", "signature_component"),
    "UTF-8": (lambda value: value + "ä".encode(), "signature_component"),
    "Latin-1": (lambda value: value + b"\xe4", "signature_component"),
    "two spaces": (lambda value: value.replace(b" ", b"  "), "signature_mismatch"),
}


@pytest.mark.parametrize("broken", COVERED)
def test_a_covered_field_has_one_reading(broken: str) -> None:
    write, code = COVERED[broken]
    request = resigned(message((b"x-id", b"one two")), '("@method" "x-id")', f';created={NOW};keyid="k1"')
    assert code_of(request) is None
    assert code_of(_with(request, b"x-id", write)) == code


@pytest.mark.parametrize("value", [b"a\0b", b"a\rb", b"a\nb", "ä".encode(), b"\xe4", b"a\x7fb"])
def test_octets_no_base_can_hold_are_proven_only_when_wrapped(value: bytes) -> None:
    request = resigned(message((b"x-id", value)), '("x-id";bs)', f';created={NOW};keyid="k1"')
    assert code_of(request) is None
    assert code_of(_with(request, b"x-id", lambda value: value + b"!")) == "signature_mismatch"
    # A field nobody covers may hold anything: nobody takes it at its word.
    loose = signed(message((b"x-id", value)))
    assert code_of(loose) is None


OWN = {
    "NUL at its end": (lambda value: value + b"\0", "signature_malformed"),
    "NUL in it": (lambda value: value[:4] + b"\0" + value[4:], "signature_malformed"),
    "a bare CR": (lambda value: value[:5] + b"\r" + value[5:], "signature_malformed"),
    "CR at its end": (lambda value: value + b"\r", "signature_malformed"),
    "a bare LF": (lambda value: value[:5] + b"\n" + value[5:], "signature_malformed"),
    "DEL": (lambda value: value + b"\x7f", "signature_malformed"),
    "UTF-8": (lambda value: value + "ä".encode(), "signature_malformed"),
    "Latin-1": (lambda value: b"\xe4" + value, "signature_malformed"),
    "a byte order mark": (lambda value: b"\xef\xbb\xbf" + value, "signature_malformed"),
    "empty": (lambda _: b"", "signature_malformed"),
    "white space alone": (lambda _: b" \t", "signature_malformed"),
    "a comma at its end": (lambda value: value + b",", "signature_malformed"),
    "twice": (lambda value: value + b", " + value, "signature_malformed"),
    "too long": (lambda value: value + b" " * 9_000 + b"x", "signature_malformed"),
}


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("broken", OWN)
def test_the_two_fields_have_one_reading(broken: str, name: bytes) -> None:
    write, code = OWN[broken]
    assert code_of(_with(signed(message()), name, write)) == code


def test_a_field_may_be_folded_where_it_may_have_spaces() -> None:
    request = signed(message())
    for name in FIELDS:
        assert code_of(_with(request, name, lambda value: b"\r\n " + value + b"\r\n\t")) is None
    assert code_of(_with(request, b"signature-input", lambda value: value.replace(b";", b";\r\n "))) is None
    assert (
        code_of(_with(request, b"signature", lambda value: value.replace(b"=:", b"=\r\n :"))) == "signature_malformed"
    )


@pytest.mark.parametrize("name", FIELDS)
def test_one_field_without_the_other_is_no_signature_and_is_not_overlooked(name: bytes) -> None:
    request = signed(message())
    alone = changed(request, headers=[header for header in request.headers if header[0] != name])
    assert code_of(alone) == "signature_malformed"
    doubled = changed(request, headers=[*request.headers, next(h for h in request.headers if h[0] == name)])
    assert code_of(doubled) == "signature_malformed"


@pytest.mark.parametrize(
    ("inputs", "signatures"),
    [
        (["a", "b"], ["a"]),
        (["a"], ["a", "b"]),
        (["a"], ["b"]),
        (["a", "b"], ["a", "c"]),
        (["a", "b"], ["a", "a"]),
        (["a", "a"], ["a", "b"]),
    ],
)
def test_a_member_without_its_other_half_is_refused(inputs: list[str], signatures: list[str]) -> None:
    whole = dict(signed(message(), label="a").headers)
    said, octets = (whole[name].partition(b"=")[2] for name in FIELDS)
    headers: list[Header] = [
        (b"signature-input", b", ".join(label.encode() + b"=" + said for label in inputs)),
        (b"signature", b", ".join(label.encode() + b"=" + octets for label in signatures)),
    ]
    assert code_of(message(*headers)) == "signature_malformed"


@pytest.mark.parametrize("count", [SIGNATURES_MAX + 1, 10_000])
@pytest.mark.parametrize("lines", [False, True])
@pytest.mark.parametrize("many", [FIELDS, FIELDS[:1], FIELDS[1:]])
def test_ten_thousand_members_are_refused_by_their_number(many: tuple[bytes, ...], count: int, *, lines: bool) -> None:
    request = signed(message())
    headers: list[Header] = []
    for name, value in request.headers:
        rest = value.partition(b"=")[2]
        values = [value, *(b"s%d=%b" % (number, rest) for number in range(count - 1))] if name in many else [value]
        headers += [(name, one) for one in values] if lines else [(name, b", ".join(values))]
    crowded = changed(request, headers=headers)
    began = time.process_time()
    assert code_of(crowded) == "signature_malformed"
    assert time.process_time() - began < 0.2


@pytest.mark.parametrize(
    "grown",
    [
        lambda value: value.replace(b"(", b"(" + b'"date" ' * 10_000),
        lambda value: value + b";x=1" * 10_000,
        lambda value: value.replace(b'keyid="k1"', b'keyid="' + b"k" * 10_000 + b'"'),
        lambda value: value + b";x" + b"x" * 10_000,
    ],
    ids=["components", "parameters", "a long id", "a long name"],
)
def test_more_of_anything_than_anybody_sends_is_refused_at_once(grown: Callable[[bytes], bytes]) -> None:
    crowded = _with(signed(message()), b"signature-input", grown)
    began = time.process_time()
    assert code_of(crowded) == "signature_malformed"
    assert time.process_time() - began < 0.2
