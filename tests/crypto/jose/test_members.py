import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.crypto.jose.samples import CLAIMS, PAYLOAD, refused

from doorward.crypto.jose.members import DEPTH_MAX, parse_object
from doorward.errors import Rejected

CHARACTERS = 'aé\u2028\U0001f600\x7f\0\n "\\:,{}[]/'
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet=CHARACTERS, max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "é", '"', "\\"]), inner),
    max_leaves=6,
)
NAMES = st.sampled_from(["a", "b", "c", "é", '"', "\\", "a:b", '":'])


@given(st.dictionaries(NAMES, VALUES, max_size=4), st.booleans(), st.sampled_from([None, 1]))
def test_every_object_is_read_however_it_is_spaced_and_escaped(
    value: object,
    ascii_only: bool,  # noqa: FBT001  # drawn
    indent: int | None,
) -> None:
    assert parse_object(json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()) == value


@given(st.lists(st.tuples(NAMES, VALUES), max_size=5), st.booleans(), st.sampled_from([(",", ":"), (", ", ": ")]))
def test_an_object_is_refused_exactly_when_a_member_is_there_twice(
    pairs: list[tuple[str, object]],
    nested: bool,  # noqa: FBT001  # drawn
    separators: tuple[str, str],
) -> None:
    comma, colon = separators
    members = comma.join(
        f"{json.dumps(name)}{colon}{json.dumps(value, separators=separators)}" for name, value in pairs
    )
    text = (f'{{"x"{colon}[{{{members}}}]}}' if nested else f"{{{members}}}").encode()
    if len({name for name, _ in pairs}) == len(pairs):
        assert parse_object(text) == ({"x": [dict(pairs)]} if nested else dict(pairs))
    else:
        refused("token_malformed", parse_object, text)


@pytest.mark.parametrize(
    "text",
    [
        rb'{"a":1,"a":1}',
        rb'{"a":1, "a":1}',
        rb'{"a":1,"\u0061":2}',
        rb'{"alg":"none","al\u0067":"ES256"}',
        rb'{"a":{"b":1,"b":2}}',
        rb'{"a":[1,{"b":1,"b":2}]}',
        rb'{"":1,"":2}',
        rb'{"a":"\"","a":"\"x\""}',
    ],
)
def test_a_member_twice_is_refused_at_any_depth_and_in_any_spelling(text: bytes) -> None:
    refused("token_malformed", parse_object, text)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"[]",
        b'"a"',
        b"1",
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":1e400}',
        b'{"a":-1e400}',
        b'{"a":' + b"9" * 5_000 + b"}",
        b'{"a":01}',
        b'{"a":1,}',
        b'{"a":1}{"b":1}',
        b'{"a":1}x',
        b'{"a":1}\0',
        b"{'a':1}",
        b'/**/{"a":1}',
        b'{"a":"\x01"}',
        b'\xef\xbb\xbf{"a":1}',
        '{"a":1}'.encode("utf-16"),
        b'{"a":"\xff"}',
        b'{"a":"\xc0\x80"}',
        b'{"a":"\xed\xa0\x80"}',
        rb'{"a":"\ud800"}',
        rb'{"a":"\udc00\ud800"}',
        rb'{"\ud800":1}',
        rb'{"a":"\x41"}',
    ],
)
def test_what_is_not_one_strict_object_is_refused(text: bytes) -> None:
    refused("token_malformed", parse_object, text)


@pytest.mark.parametrize("number", ["1e308", "-1e308", "1e-308", "2.2250738585072011e-308", "1e0000000308"])
def test_no_number_costs_more_than_its_length(number: str) -> None:
    # A hundred times as much, and more, was the attack.
    assert _best_s(number) < 20 * _best_s("1.25e0")


def _best_s(number: str) -> float:
    text = f'{{"a":[{",".join([number] * (6_000 // (len(number) + 1)))}]}}'.encode()
    taken = []
    for _ in range(5):
        began = time.process_time()
        parse_object(text)
        taken.append(time.process_time() - began)
    return min(taken)


def nested(depth: int, opening: bytes = b'{"a":', closing: bytes = b"}") -> bytes:
    return b'{"a":' + opening * (depth - 1) + b"1" + closing * (depth - 1) + b"}"


@pytest.mark.parametrize(("opening", "closing"), [(b'{"a":', b"}"), (b"[", b"]"), (b"[1,2,", b"]")])
def test_nesting_is_bounded(opening: bytes, closing: bytes) -> None:
    parse_object(nested(DEPTH_MAX, opening, closing))
    for depth in (DEPTH_MAX + 1, 100, 900, 100_000):
        refused("token_malformed", parse_object, nested(depth, opening, closing))


def test_many_brackets_are_not_depth() -> None:
    value = {"a": [{"b": [number]} for number in range(50)], "c": "[[[[[[[[[[[[[[[[[[[[{{{{{{{{{{{{{{"}
    assert parse_object(json.dumps(value).encode()) == value


def test_numbers_keep_their_kind() -> None:
    read = parse_object(b'{"a":1,"b":1.0,"c":1e2,"d":true,"e":-0.0,"f":18446744073709551616}')
    assert [type(value) for value in read.values()] == [int, float, float, bool, float, int]


def test_the_usual_claims_take_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """What issuers write is proven by one encoding; the slow decoder is never asked."""
    monkeypatch.setattr("json.loads", None)
    assert parse_object(PAYLOAD) == CLAIMS
    assert parse_object(PAYLOAD.replace(b",", b", ")) == CLAIMS


@given(st.binary(max_size=60))
def test_only_a_refusal_ever_comes_out(text: bytes) -> None:
    try:
        parse_object(text)
    except Rejected as error:
        assert error.code == "token_malformed"  # noqa: PT017  # the other outcome is a value
