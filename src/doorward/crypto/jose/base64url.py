"""base64url as JOSE wants it (RFC 7515 section 2, RFC 4648 section 5): one spelling for every octet string.

A decoder that tolerates padding, line breaks, foreign characters or stray bits gives one token many spellings, and
whoever keeps a list of refused spellings is walked around (CVE-2026-62995). So exactly what `encode_base64url` writes
is read, and nothing else.
"""

import binascii
from typing import Final

import msgspec

from doorward.errors import Rejected

__all__ = ["decode_base64url", "encode_base64url"]

_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
# Whatever is not of the URL alphabet becomes a `!`, which no decoder reads: the standard alphabet's own two, the
# padding, whitespace, and the quotation mark and backslash that mean something to the decoder below.
_TO_STANDARD: Final = bytes(octet if octet in _ALPHABET else 0x21 for octet in range(256)).translate(
    bytes.maketrans(b"-_", b"+/")
)
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
# The last character of a group of two or three carries four or two bits that belong to no octet: they must be zero.
_LAST: Final = (frozenset(range(256)), frozenset[int](), frozenset(b"AQgw"), frozenset(b"AEIMQUYcgkosw048"))
_END: Final = (b'"', b"", b'=="', b'="')
# Twice as fast as `binascii` and as strict; octets in JSON are a string in base64.
_decode: Final = msgspec.json.Decoder(bytes).decode


def decode_base64url(presented: bytes) -> bytes:
    """The octets of a canonical base64url text: no padding, no whitespace, no stray bits. Empty is empty.

    Raises:
        Rejected: `token_malformed`.
    """
    over = len(presented) & 3
    if over and presented[-1] not in _LAST[over]:
        raise Rejected("token_malformed", "not canonical base64url: stray bits or an impossible length")
    try:
        return _decode(b'"' + presented.translate(_TO_STANDARD) + _END[over])
    except msgspec.DecodeError:
        raise Rejected("token_malformed", "not base64url") from None


def encode_base64url(data: bytes) -> bytes:
    """The one spelling of `data`, without padding."""
    return binascii.b2a_base64(data, newline=False).rstrip(b"=").translate(_TO_URL)
