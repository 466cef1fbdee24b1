"""One scheme, one run of spaces, bounded printable ASCII."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.errors import Rejected
from doorward.wire.authorization import CREDENTIALS_BYTES_MAX, parse_authorization


@pytest.mark.parametrize("value", [b"Bearer abc", b"bearer abc", b"BEARER   abc", b"bEaReR abc"])
def test_the_scheme_has_no_case_and_a_run_of_spaces_follows(value: bytes) -> None:
    assert parse_authorization(value, b"bearer") == "abc"


def test_another_scheme_is_not_ours_whatever_it_carries() -> None:
    assert parse_authorization(b"Basic \x00\xff", b"bearer") is None
    assert parse_authorization(b"Bearerx abc", b"bearer") is None


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b" ",
        b"Bearer",
        b"Bearer ",
        b"Bearer abc ",
        b"Bearer\tabc",
        b"Bearer,abc",
        b"Bearer a\tb",
        b"Bearer a\x00b",
        b"Bearer a\r\nb",
        b"Bearer \xc3\xa9",
        b"Bearer a\x7fb",
        b"\xff abc",
        b'"Bearer" abc',
    ],
)
def test_what_cannot_be_read_is_malformed(value: bytes) -> None:
    with pytest.raises(Rejected) as caught:
        parse_authorization(value, b"bearer")
    assert caught.value.code == "credential_malformed"


def test_the_limit_is_exact() -> None:
    assert parse_authorization(b"Bearer " + b"a" * CREDENTIALS_BYTES_MAX, b"bearer") == "a" * CREDENTIALS_BYTES_MAX
    with pytest.raises(Rejected):
        parse_authorization(b"Bearer " + b"a" * (CREDENTIALS_BYTES_MAX + 1), b"bearer")


@given(st.binary(max_size=200))
def test_any_bytes_give_text_nothing_or_a_refusal(value: bytes) -> None:
    try:
        text = parse_authorization(value, b"bearer")
    except Rejected as error:
        text = None
        code = error.code
    else:
        code = "credential_malformed"
    assert code == "credential_malformed"
    assert text is None or (text.isascii() and text.isprintable() and text == text.strip(" "))
