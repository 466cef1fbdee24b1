"""What reaches a terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulators.issuer import SimulatedIssuer

from doorward.cli.text import in_words, moment, printable, relative, without_secrets


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("nightly sync", "nightly sync"),
        ("Ümläut 東京 🔑", "Ümläut 東京 🔑"),
        ("\x1b]0;owned\x07", r"\x1b]0;owned\x07"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("\x9b31m", r"\x9b31m"),
        ("live\u202edekover", r"live\u202edekover"),
        ("zero\u200bwidth", r"zero\u200bwidth"),
        ("line\u2028separator", r"line\u2028separator"),
        ("lone \udc80 surrogate", r"lone \udc80 surrogate"),
        ("\U000e0041 tag", r"\U000e0041 tag"),
    ],
)
def test_what_is_not_plainly_visible_is_shown_as_its_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text())
def test_no_control_format_or_surrogate_character_is_left(text: str) -> None:
    assert {unicodedata.category(c) for c in printable(text)}.isdisjoint({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def test_a_secret_in_an_error_is_cut_to_its_public_part() -> None:
    secret = "dw_live_" + "a" * 12 + "B" * 32 + "c" * 6
    cut = without_secrets(f"No such option: {secret}, and {secret}")
    assert "B" not in cut
    assert cut == "No such option: dw_live_aaaaaaaaaaaa…, and dw_live_aaaaaaaaaaaa…"


def test_a_signed_token_in_an_error_is_no_longer_there() -> None:
    token = SimulatedIssuer().issue().decode()
    assert without_secrets(f"No such option: {token}.") == "No such option: <token>."


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "1 minute"),
        (119, "119 seconds"),
        (3_600, "1 hour"),
        (86_400, "1 day"),
        (47 * 3_600, "47 hours"),
        (90 * 86_400 - 1, "90 days"),
        (90 * 86_400, "90 days"),
        (10_000 * 86_400, "10,000 days"),
    ],
)
def test_a_span_in_words(seconds: int, text: str) -> None:
    assert in_words(seconds) == text


def test_a_moment_relative_to_now() -> None:
    assert relative(100, 100) == "now"
    assert relative(160, 100) == "in 1 minute"
    assert relative(100, 7_300) == "2 hours ago"


def test_a_moment_nobody_can_write_down_is_no_exception() -> None:
    assert moment(0) == "1970-01-01 00:00 UTC"
    assert moment(10**17) == f"second {10**17}"
