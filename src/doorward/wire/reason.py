"""What people write that is kept for ever and shown to many: never a secret.

Whoever pastes a token or a key where a reason or an id belongs has put it on its way into the audit log, where nobody
can take it out again: the log is chained. It is refused, never repeated, and what to write instead is said.
"""

import re
from typing import Final

from doorward.errors import Rejected
from doorward.values.bounds import REASON_CHARACTERS_MAX, parse_text
from doorward.wire.credential import CREDENTIAL_PATTERN

__all__ = ["is_secret", "parse_reason"]

_CREDENTIAL: Final = re.compile(CREDENTIAL_PATTERN)
# Every header of a JWT is a JSON object: `{"` in base64url. Names like a.b.c are not.
_JWT: Final = re.compile(r"ey[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*")


def is_secret(presented_text: str) -> bool:
    """Whether a token or a credential of ours stands anywhere in it."""
    return _JWT.search(presented_text) is not None or _CREDENTIAL.search(presented_text) is not None


def parse_reason(presented_reason: str) -> str:
    """A reason: 1 to 500 printable characters, without spaces around it, and no token or key in them.

    Raises:
        Rejected: `input_invalid`.
    """
    reason = parse_text(presented_reason, "the reason", REASON_CHARACTERS_MAX)
    if is_secret(reason):
        raise Rejected("input_invalid", "a token or key stands in the reason, which is kept for ever: write its id")
    return reason
