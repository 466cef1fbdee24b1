"""How a token travels: `Authorization: Bearer <token>`, and no other way (RFC 6750 section 2.1).

Rules of this file:

* A bearer value with a dot in it is a token for this method: keys and opaque tokens of ours hold none. What has no dot
  belongs to another method.
* The header comes once. Never in the URL (RFC 6750 section 2.3 is the failing that RFC 9700 took back): a query that
  names `access_token` is refused whatever else came, so that such a client is noticed the first time.
* A token is known by SHA-256 of the whole of it, so that nothing that is kept or logged can be presented.
"""

import re
from hashlib import sha256
from typing import Final, final
from urllib.parse import unquote_to_bytes

from doorward.errors import Rejected
from doorward.methods.contract import Presented
from doorward.values import CredentialId
from doorward.wire.authorization import CREDENTIALS_BYTES_MAX, parse_authorization
from doorward.wire.request import RequestView

__all__ = ["PresentedToken", "extract_token"]

_BEARER: Final = b"Bearer "
# As numbers: looking for a number in bytes costs a seventh of looking for bytes in them.
_QUESTION_MARK: Final = ord("?")
_DOT: Final = ord(".")
_SPACE: Final = ord(" ")
_IN_QUERY: Final = re.compile(rb"(?:^|[&;])access_token=", re.IGNORECASE)


@final
class PresentedToken(Presented, frozen=True):
    """A token as it came: something with a dot in it. `lookup_id` is the SHA-256 of all of it, in hexadecimal."""

    secret: bytes
    """The whole text; unverified, at most 8,192 bytes."""

    @property
    def octets(self) -> int:
        """Its length: what is kept are its claims."""
        return len(self.secret)

    def is_bearer(self, presented_value: bytes) -> bool:
        """See `Presented`. The scheme has been looked at by the caller."""
        return presented_value[6:].lstrip(b" ") == self.secret


def extract_token(request: RequestView) -> PresentedToken | None:
    """The token, or None when the request carries none.

    Raises:
        Rejected: `credential_in_query`, `header_repeated`, `credential_malformed`.
    """
    if _QUESTION_MARK in request.raw_target:
        _refuse_query(request.raw_query)
    value = request.value(b"authorization")
    if value is None or _DOT not in value:
        return None
    # What nearly every request carries, in one step; anything else takes the long way to the same answer.
    token = value[len(_BEARER) :]
    if not value.startswith(_BEARER) or len(token) > CREDENTIALS_BYTES_MAX or _SPACE in token or not token.isascii():
        text = parse_authorization(value, b"bearer")
        if text is None or "." not in text:
            return None
        token = text.encode("ascii")
    return PresentedToken(CredentialId(sha256(token).hexdigest()), token)


def _refuse_query(presented_query: bytes) -> None:
    search = _IN_QUERY.search
    if search(presented_query) or (b"%" in presented_query and search(unquote_to_bytes(presented_query))):
        raise Rejected("credential_in_query", "a parameter for an access token in the query")
