"""Challenges are single header lines that cannot be split."""

import pytest

from doorward.wire.challenge import build_challenge, with_bearer_error


def test_parameters_are_quoted_and_escaped() -> None:
    assert build_challenge("Bearer") == b"Bearer"
    assert build_challenge("Basic", realm='a "b" \\ c', charset="UTF-8") == (
        b'Basic realm="a \\"b\\" \\\\ c", charset="UTF-8"'
    )


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: x", "a\nb", "\x00", "é"])
def test_a_value_cannot_split_the_header(value: str) -> None:
    with pytest.raises(AssertionError):
        build_challenge("Bearer", realm=value)


def test_a_scheme_is_a_token() -> None:
    with pytest.raises(AssertionError):
        build_challenge("Bear er")


def test_error_parameters_join_with_a_comma_or_a_space() -> None:
    assert with_bearer_error(b"Bearer", "invalid_token", "No.") == (
        b'Bearer error="invalid_token", error_description="No."'
    )
    assert with_bearer_error(b'Bearer realm="x"', "insufficient_scope", "No.", ("a", "b")) == (
        b'Bearer realm="x", error="insufficient_scope", error_description="No.", scope="a b"'
    )
    assert with_bearer_error(b'Basic realm="x"', "invalid_token", "No.") == b'Basic realm="x"'
