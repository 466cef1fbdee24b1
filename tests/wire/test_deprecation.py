"""Deprecation headers are dates and links, and nothing that could split a header."""

import pytest

from doorward.errors import Misconfigured
from doorward.wire.deprecation import deprecation_headers


def test_all_three_headers() -> None:
    assert deprecation_headers(deprecated_at=1_688_169_599, sunset=1_719_791_999, link="https://e.example/m") == (
        (b"deprecation", b"@1688169599"),
        (b"sunset", b"Sun, 30 Jun 2024 23:59:59 GMT"),
        (b"link", b'<https://e.example/m>; rel="deprecation"; type="text/html"'),
        (b"link", b'<https://e.example/m>; rel="sunset"; type="text/html"'),
    )


def test_only_what_is_set_is_sent() -> None:
    assert deprecation_headers(deprecated_at=0, sunset=None, link=None) == ((b"deprecation", b"@0"),)
    assert deprecation_headers(deprecated_at=0, sunset=None, link="/docs/move")[1] == (
        b"link",
        b'</docs/move>; rel="deprecation"; type="text/html"',
    )


def test_a_sunset_before_the_deprecation_is_a_mistake() -> None:
    with pytest.raises(Misconfigured):
        deprecation_headers(deprecated_at=10, sunset=9, link=None)


@pytest.mark.parametrize(
    "link", ["", "x", "javascript:alert(1)", "https://e/\r\nx: y", "https://e/> ; rel=x", "https://é", "/" + "a" * 2000]
)
def test_a_link_that_is_none_is_a_mistake(link: str) -> None:
    with pytest.raises(Misconfigured):
        deprecation_headers(deprecated_at=0, sunset=None, link=link)
