"""The `Authorization` header: which scheme, and what comes with it.

RFC 9110 section 11.4: `credentials = auth-scheme [ 1*SP ( token68 / #auth-param ) ]`; the scheme is compared without
regard to case. A tab or another separator is not a space: two parsers that disagree where the scheme ends would see
two credentials in one header.
"""

import re
from typing import Final

from doorward.errors import Rejected

__all__ = ["CREDENTIALS_BYTES_MAX", "parse_authorization"]

CREDENTIALS_BYTES_MAX: Final = 8 * 1024
"""How long the part after the scheme may be."""

_TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


def parse_authorization(presented_value: bytes, scheme: bytes) -> str | None:
    """What follows `scheme` (lower case), or None when the header is of another scheme.

    Args:
        presented_value: the raw header value; unverified bytes of any length.
        scheme: the scheme asked for, in lower case.

    Returns:
        1 to 8,192 printable ASCII characters, without leading or trailing spaces; unverified.

    Raises:
        Rejected: `credential_malformed`: no scheme can be read, or what follows ours is absent, too long, not
            printable ASCII or followed by a space. Of another scheme nothing but its name is looked at.
    """
    presented_scheme, _, rest = presented_value.partition(b" ")
    if presented_scheme.lower() != scheme:
        if _TOKEN.fullmatch(presented_scheme) is None:
            raise Rejected("credential_malformed", "the Authorization header has no scheme")
        return None
    if len(rest) > CREDENTIALS_BYTES_MAX:
        raise Rejected("credential_malformed", "the credentials are too long")
    credentials = rest.lstrip(b" ")
    if not credentials or credentials.endswith(b" "):
        raise Rejected("credential_malformed", "the credentials are absent, or end in a space")
    if not credentials.isascii():
        raise Rejected("credential_malformed", "the credentials are not ASCII")
    text = credentials.decode("ascii")
    if not text.isprintable():
        raise Rejected("credential_malformed", "the credentials hold control characters")
    return text
