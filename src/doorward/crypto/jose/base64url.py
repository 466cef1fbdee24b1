"""base64url as JOSE wants it (RFC 7515 section 2, RFC 4648 section 5): one spelling for every octet string.

A decoder that tolerates padding, line breaks, foreign characters or stray bits gives one token many spellings, and
whoever keeps a list of refused spellings is walked around (CVE-2026-62995). So exactly what `encode_base64url` writes
is read, and nothing else.
"""

import binascii
from typing import Final

from doorward.errors import Rejected

__all__ = ["decode_base64url", "encode_base64url"]

# The standard alphabet's own characters and the padding become something that no decoder reads.
_TO_STANDARD: Final = bytes.maketrans(b"-_+/=", b"+/!!!")
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_PADDING: Final = (b"", b"!", b"==", b"=")
# The last character of a group of two or three carries four or two bits that belong to no octet: they must be zero.
_LAST: Final = (
    frozenset(range(256)),
    frozenset[int](),
    frozenset(b"AQgw"),
    frozenset(b"AEIMQUYcgkosw048"),
)


def decode_base64url(presented: bytes) -> bytes:
    """The octets of a canonical base64url text: no padding, no whitespace, no stray bits. Empty is empty.

    Raises:
        Rejected: `token_malformed`.
    """
    over = len(presented) & 3
    if over and presented[-1] not in _LAST[over]:
        raise Rejected("token_malformed", "not canonical base64url: stray bits or an impossible length")
    try:
        return binascii.a2b_base64(presented.translate(_TO_STANDARD) + _PADDING[over], strict_mode=True)
    except binascii.Error:
        raise Rejected("token_malformed", "not base64url") from None


def encode_base64url(data: bytes) -> bytes:
    """The one spelling of `data`, without padding."""
    return binascii.b2a_base64(data, newline=False).rstrip(b"=").translate(_TO_URL)
