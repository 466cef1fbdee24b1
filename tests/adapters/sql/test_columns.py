"""Small collections as text, and the values every statement refuses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import bindparam, text

from doorward.adapters.sql.columns import decode_metadata, decode_words, encode_metadata, encode_words
from doorward.adapters.sql.statements import VALUE_OCTETS_MAX, Statement, Value
from doorward.errors import Rejected

ANYTHING = Statement(text("SELECT :value").bindparams(bindparam("value")))
WORDS = st.lists(st.text(st.characters(exclude_characters=" "), min_size=1))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(WORDS)
def test_words_come_back(words: list[str]) -> None:
    assert decode_words(encode_words(words)) == tuple(words)


@given(st.dictionaries(TEXTS, TEXTS))
def test_metadata_comes_back(metadata: dict[str, str]) -> None:
    assert decode_metadata(encode_metadata(metadata)) == metadata


@pytest.mark.parametrize(
    ("fits", "too_much"),
    [
        (2**63 - 1, 2**63),
        (-(2**63), -(2**63) - 1),
        ("x" * VALUE_OCTETS_MAX, "x" * (VALUE_OCTETS_MAX + 1)),
        (bytes(VALUE_OCTETS_MAX), bytes(VALUE_OCTETS_MAX + 1)),
        ("\x01", "\0"),
        ("\ud7ff", "\ud800"),
    ],
)
def test_a_value_has_a_size(fits: Value, too_much: Value) -> None:
    prepared = ANYTHING.prepared("sqlite")
    assert prepared.bind({"value": fits}) == [fits]
    with pytest.raises(Rejected) as refused:
        prepared.bind({"value": too_much})
    assert refused.value.code == "input_invalid"
    assert len(refused.value.detail) < 100
