"""How an opaque token travels: `Authorization: Bearer` (RFC 6750 section 2.1), never in the URL or a form.

Rules:

* One of ours starts with `<prefix>_token_` and has a fixed length; anything else under `Bearer` belongs to another
  method. So a door may list API keys, signed and opaque tokens together, and each value is exactly one of them.
* Where tokens of somebody else are introspected, every bearer value is meant for us but two: one with a dot (a signed
  token), and one of the form of another secret of ours.
* A query that names `access_token`, or holds anything of the shape of our tokens, is refused whatever else came.
"""

import re
from hashlib import sha256
from typing import Final, final
from urllib.parse import unquote_to_bytes

from doorward.errors import Rejected
from doorward.methods.contract import Presented
from doorward.methods.opaque.config import LABEL, TOKEN_CHARACTERS_MAX
from doorward.values import CredentialId
from doorward.wire.authorization import parse_authorization
from doorward.wire.credential import CREDENTIAL_PATTERN, ID_CHARACTERS, TAIL_CHARACTERS
from doorward.wire.request import RequestView

__all__ = ["AnyTokenReader", "OpaqueReader", "PresentedToken", "TokenReader"]

_QUESTION_MARK: Final = ord("?")
_NAMED_IN_QUERY: Final = rb"(?:^|[&;])access_token="
_OURS: Final = re.compile(CREDENTIAL_PATTERN)
# RFC 6750 section 2.1: b64token; without the dot, which makes a signed token of it.
_B64TOKEN: Final = re.compile(r"[A-Za-z0-9\-_~+/]+=*")


@final
class PresentedToken(Presented, frozen=True):
    """A token as it came: of the right form, and nothing more."""

    secret: bytes
    """The whole text; unverified ASCII of bounded length."""

    def is_bearer(self, presented_value: bytes) -> bool:
        """See `Presented`. The scheme has been looked at by the caller."""
        return presented_value[6:].lstrip(b" ") == self.secret


class TokenReader:
    """Finds opaque tokens in a request; what is one is said by `parse`."""

    __slots__ = ("_in_query",)

    def __init__(self, shape: bytes) -> None:
        self._in_query: Final = re.compile(_NAMED_IN_QUERY + rb"|" + shape, re.IGNORECASE)

    def extract(self, request: RequestView) -> PresentedToken | None:
        """The token, or None when the request carries none.

        Raises:
            Rejected: `credential_in_query`, `header_repeated`, `credential_malformed`.
        """
        if _QUESTION_MARK in request.raw_target:
            self._refuse_query(request.raw_query)
        value = request.value(b"authorization")
        if value is None:
            return None
        text = parse_authorization(value, b"bearer")
        return None if text is None else self.parse(text)

    def parse(self, presented_text: str) -> PresentedToken | None:
        """A token from unverified text; None when it is one of another method.

        Raises:
            Rejected: `credential_malformed`.
        """
        raise NotImplementedError

    def _refuse_query(self, presented_query: bytes) -> None:
        search = self._in_query.search
        if search(presented_query) or (b"%" in presented_query and search(unquote_to_bytes(presented_query))):
            raise Rejected("credential_in_query", "a token, or a parameter for one, in the query")


@final
class OpaqueReader(TokenReader):
    """Finds tokens of ours, of one prefix. Immutable."""

    __slots__ = ("_characters", "_head")

    def __init__(self, prefix: str) -> None:
        self._head: Final = f"{prefix}_{LABEL}_"
        self._characters: Final = len(self._head) + TAIL_CHARACTERS
        super().__init__(rb"%b[0-9a-z]{%d}" % (self._head.encode("ascii"), TAIL_CHARACTERS))

    def parse(self, presented_text: str) -> PresentedToken | None:
        """See `TokenReader`."""
        if not presented_text.startswith(self._head):
            return None
        tail = presented_text[len(self._head) :]
        if len(presented_text) != self._characters or not (tail.isascii() and tail.isalnum()):
            raise Rejected("credential_malformed", "not of the form of an opaque token")
        return PresentedToken(CredentialId(tail[:ID_CHARACTERS]), presented_text.encode("ascii"))


@final
class AnyTokenReader(TokenReader):
    """Finds bearer tokens of an issuer whose form we do not know. Immutable.

    The id they are found under is the SHA-256 of the whole text: nothing shorter names a token we cannot read.
    """

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(CREDENTIAL_PATTERN.encode("ascii"))

    def parse(self, presented_text: str) -> PresentedToken | None:
        """See `TokenReader`."""
        if "." in presented_text or (len(presented_text) < 100 and _OURS.fullmatch(presented_text)):
            return None
        if len(presented_text) > TOKEN_CHARACTERS_MAX or _B64TOKEN.fullmatch(presented_text) is None:
            raise Rejected("credential_malformed", "not of the form of a bearer token")
        secret = presented_text.encode("ascii")
        return PresentedToken(CredentialId(sha256(secret).hexdigest()), secret)
