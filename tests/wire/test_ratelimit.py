"""The two headers, with numbers that are never out of range."""

from doorward.values import RateLimit
from doorward.wire.ratelimit import rate_headers


def test_the_headers_read_as_the_draft_says() -> None:
    assert rate_headers(RateLimit(requests=100, window_s=60), 50, 29.2) == (
        (b"ratelimit-policy", b'"credential";q=100;w=60'),
        (b"ratelimit", b'"credential";r=50;t=30'),
    )


def test_nothing_goes_below_zero_or_above_the_quota() -> None:
    assert rate_headers(RateLimit(requests=5, window_s=1), -3, -0.5)[1][1] == b'"credential";r=0;t=0'
    assert rate_headers(RateLimit(requests=5, window_s=1), 9, 0.0)[1][1] == b'"credential";r=5;t=0'
