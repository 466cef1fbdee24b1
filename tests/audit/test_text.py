import json
import unicodedata

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.audit.text import escape_json, neutralise_cell, neutralise_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("orders:read", "orders:read"),
        ("", ""),
        ("Grüße, 世界", "Grüße, 世界"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x9b2J", "\\x9b2J"),
        ("a\nb\r\tc\x00", "a\\nb\\r\\tc\\x00"),
        ("\x7f", "\\x7f"),
        ("user\u202etxt.exe", "user\\u202etxt.exe"),
        ("a\u200bb\u2028c", "a\\u200bb\\u2028c"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_what_a_terminal_obeys_is_made_visible(text: str, shown: str) -> None:
    assert neutralise_text(text) == shown


@given(st.text())
def test_nothing_unprintable_is_left(text: str) -> None:
    shown = neutralise_text(text)
    assert shown.isprintable()
    assert not any(unicodedata.category(character) in {"Cc", "Cf", "Cs"} for character in shown)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        (" =1", "' =1"),
        ("\uff1d1", "'\uff1d1"),
        ("\t=1", "\\t=1"),
        ("\r=1", "\\r=1"),
        ("plain", "plain"),
        ("", ""),
        ("  ", "  "),
    ],
)
def test_no_cell_is_a_formula(text: str, cell: str) -> None:
    assert neutralise_cell(text) == cell


@given(st.text())
def test_escaped_json_is_printable_ascii_and_means_the_same(text: str) -> None:
    encoded = escape_json(msgspec.json.encode({"text": text}))
    assert encoded.isascii()
    assert encoded.decode().isprintable()
    assert json.loads(encoded) == {"text": text}
    assert msgspec.json.decode(encoded) == {"text": text}
