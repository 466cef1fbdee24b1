"""How an API key travels: `Authorization: Bearer`, `Authorization: Api-Key`, or `X-API-Key`; never in the URL.

Rules:

* A bearer value is ours when it starts like a key (`<prefix>_live_`, `<prefix>_test_`); anything else under `Bearer`
  belongs to another method. Under `Api-Key` and `X-API-Key` everything is meant for us.
* One carrier, once. Two are refused even when equal: a proxy may check one and the application use the other.
* A URL ends in logs, histories and `Referer`. A query that names a key parameter, or holds anything of the shape of
  our keys, is refused whatever else came, so that such a client is noticed the first time. A parameter `key` alone
  is no reason: too many APIs have one that is not a secret.
"""

import re
from typing import Final, final
from urllib.parse import unquote_to_bytes

from doorward.errors import Rejected
from doorward.methods.contract import Presented
from doorward.values import CredentialId
from doorward.wire.authorization import parse_authorization
from doorward.wire.credential import ID_CHARACTERS, TAIL_CHARACTERS
from doorward.wire.request import Header, RequestView

__all__ = ["CARRIER_HEADER", "KeyReader", "PresentedKey"]

CARRIER_HEADER: Final = "X-API-Key"

_CARRIERS: Final = (b"authorization", b"x-api-key")
# As a number: looking for a number in bytes costs a seventh of looking for bytes in them.
_QUESTION_MARK: Final = ord("?")
_BEARER_BYTES: Final = len(b"Bearer ")
_LABELS: Final = ("live", "test")
_NAMED_IN_QUERY: Final = rb"(?:^|[&;])(?:api[_-]?key|x[_-]api[_-]key|access_token)="


@final
class PresentedKey(Presented, frozen=True):
    """A key as it came: the right prefix, a known label, the right length and alphabet, and nothing more."""

    secret: bytes
    """The whole text; unverified ASCII of fixed length."""

    def is_bearer(self, presented_value: bytes) -> bool:
        """See `Presented`. The scheme has been looked at by the caller."""
        return presented_value[6:].lstrip(b" ") == self.secret


@final
class KeyReader:
    """Finds keys of one prefix in a request. Immutable."""

    __slots__ = ("_bearer_bytes", "_bearers", "_characters", "_heads", "_in_query")

    def __init__(self, prefix: str) -> None:
        self._heads: Final = tuple(f"{prefix}_{label}_" for label in _LABELS)
        # Both labels have four letters, so all keys of a prefix have one length.
        self._characters: Final = len(self._heads[0]) + TAIL_CHARACTERS
        self._bearers: Final = tuple(b"Bearer " + head.encode("ascii") for head in self._heads)
        self._bearer_bytes: Final = _BEARER_BYTES + self._characters
        shape = rb"%b_(?:live|test)_[0-9a-z]{%d}" % (prefix.encode("ascii"), TAIL_CHARACTERS)
        self._in_query: Final = re.compile(_NAMED_IN_QUERY + rb"|" + shape, re.IGNORECASE)

    def extract(self, request: RequestView) -> PresentedKey | None:
        """The key, or None when the request carries none.

        Raises:
            Rejected: `credential_in_query`, `header_repeated`, `credential_conflict`, `credential_malformed`.
        """
        if _QUESTION_MARK in request.raw_target:
            self._refuse_query(request.raw_query)
        by_name = request.by_name
        if by_name is None or b"x-api-key" in by_name:
            return self._only_one(request)
        value = by_name.get(b"authorization")
        return None if value is None else self._from_authorization(value)

    def parse(self, presented_text: str) -> PresentedKey:
        """A key from unverified text of any length.

        Raises:
            Rejected: `credential_malformed` for anything that is not exactly of the form.
        """
        head = self._characters - TAIL_CHARACTERS
        tail = presented_text[head:]
        if (
            len(presented_text) != self._characters
            or not presented_text.startswith(self._heads)
            or not (tail.isascii() and tail.isalnum())
        ):
            raise Rejected("credential_malformed", "not of the form of an API key")
        return PresentedKey(CredentialId(tail[:ID_CHARACTERS]), presented_text.encode("ascii"))

    def _from_carrier(self, header: Header) -> PresentedKey | None:
        name, value = header
        if name == b"x-api-key":
            # Latin-1 takes any byte; what is not ASCII then fails the form.
            return self.parse(value[: self._characters + 1].decode("latin-1"))
        return self._from_authorization(value)

    def _from_authorization(self, value: bytes) -> PresentedKey | None:
        # What nearly every request carries, in one step; anything else takes the long way to the same answer.
        if value.startswith(self._bearers) and len(value) == self._bearer_bytes:
            tail = value[-TAIL_CHARACTERS:]
            if tail.isalnum():
                return PresentedKey(CredentialId(tail[:ID_CHARACTERS].decode("ascii")), value[_BEARER_BYTES:])
        text = parse_authorization(value, b"bearer")
        if text is not None:
            return self.parse(text) if text.startswith(self._heads) else None
        text = parse_authorization(value, b"api-key")
        return None if text is None else self.parse(text)

    def _only_one(self, request: RequestView) -> PresentedKey | None:
        found = [(name, value) for name in _CARRIERS if (value := request.value(name)) is not None]
        keys = [key for key in map(self._from_carrier, found) if key is not None]
        if len(keys) > 1:
            raise Rejected("credential_conflict", "an API key in two headers")
        return keys[0] if keys else None

    def _refuse_query(self, presented_query: bytes) -> None:
        search = self._in_query.search
        if search(presented_query) or (b"%" in presented_query and search(unquote_to_bytes(presented_query))):
            raise Rejected("credential_in_query", "an API key, or a parameter for one, in the query")
