"""`RateLimit-Policy` and `RateLimit`: what a caller's limit is and what is left of it.

draft-ietf-httpapi-ratelimit-headers: structured fields (RFC 9651), one item named after what the limit is counted by.
`q` is the quota, `w` the window in seconds, `r` what remains, `t` the seconds until more is available.
"""

from math import ceil
from typing import Final

from doorward.values import RateLimit
from doorward.wire.request import Header

__all__ = ["POLICY_NAME", "rate_headers"]

POLICY_NAME: Final = "credential"
"""Limits are counted by credential; the name says so without saying which."""


def rate_headers(limit: RateLimit, remaining: int, reset_s: float) -> tuple[Header, ...]:
    """The two headers. `reset_s` is rounded up, so a caller that waits that long is never too early."""
    left = max(0, min(remaining, limit.requests))
    return (
        (b"ratelimit-policy", b'"%b";q=%d;w=%d' % (POLICY_NAME.encode(), limit.requests, limit.window_s)),
        (b"ratelimit", b'"%b";r=%d;t=%d' % (POLICY_NAME.encode(), left, max(0, ceil(reset_s)))),
    )
