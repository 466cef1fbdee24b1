"""Only `Rejected` ever comes out of what strangers send. `fuzz/token_parser.py` goes on where this ends."""

import time

import pytest
from fuzz.token_parser import CORPUS, mutate, try_token
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.crypto.jose.samples import refused

from doorward.crypto.jose.jws import TOKEN_BYTES_MAX, parse_compact

SEGMENTS = st.text(alphabet="ABCabc019-_=.+/ \n", max_size=20).map(str.encode)


@given(st.binary(max_size=200) | st.lists(SEGMENTS, min_size=1, max_size=6).map(b".".join))
def test_anything_is_a_refusal(presented: bytes) -> None:
    assert not try_token(presented)


@settings(max_examples=300)
@given(st.integers(0, 2**32))
def test_a_changed_token_is_a_refusal_or_the_token(seed: int) -> None:
    presented = mutate(seed)
    assert not try_token(presented) or presented in CORPUS


@pytest.mark.parametrize(
    "presented",
    [
        b"A" * 1_000_000,
        b"." * 100_000,
        b"A." * 100_000,
        b"eyJ" + b"A" * 1_000_000 + b".e30.AA",
        b"[" * 1_000_000,
        b"\xff" * 1_000_000,
    ],
)
def test_what_is_too_large_is_refused_unread(presented: bytes) -> None:
    began = time.process_time()
    for _ in range(100):
        refused("token_malformed", parse_compact, presented)
    # Five thousandths of a second each is some hundred times what it takes, and less than reading a megabyte would.
    assert time.process_time() - began < 100 * 0.005


def test_dots_within_the_limit_are_not_split_without_end() -> None:
    refused("token_malformed", parse_compact, b"." * TOKEN_BYTES_MAX)
