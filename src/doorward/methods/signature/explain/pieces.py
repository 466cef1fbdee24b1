"""A request taken apart, so that one piece of it can be tried otherwise, and the base the pieces make.

Rules:

* What the door normalises (case and port of the authority, an empty path) is normalised here once, as received; what is
  tried instead is taken as it is, because a sender that signs `API.example:443` signs these very letters.
* Values are only compared by a signature that exists. Nothing here is sent anywhere.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeAlias, final

from doorward.errors import Rejected
from doorward.methods.explaining import Change
from doorward.methods.signature.components import DERIVED, Message, Resolver
from doorward.methods.signature.wire import PresentedSignature
from doorward.wire.request import Header
from doorward.wire.structured import Item, parse_inner_items

__all__ = ["Alternative", "BaseOf", "Pieces", "component_key", "take_apart", "with_field"]

Pieces: TypeAlias = Mapping[str, bytes]
"""`method`, `scheme`, `authority`, `path`, `query` (with its `?`, or empty), `parameters`, `signature`, and by
`component_key` the lines that are something else than what these make."""


class Alternative(NamedTuple):
    """Other values for some pieces, and what it would mean if the signature fitted so."""

    change: Change
    pieces: tuple[tuple[str, bytes], ...]


def component_key(place: int) -> str:
    """The name of the piece that stands for the covered component of that place, whatever it would be by itself."""
    return f"#{place}"


def take_apart(message: Message, presented: PresentedSignature) -> dict[str, bytes]:
    """The pieces as they were received."""
    try:
        authority = DERIVED["@authority"](message)
    except Rejected:
        authority = message.authority or b""
    try:
        path, query = message.parts
    except Rejected:
        path, mark, rest = message.target.partition(b"?")
        query = mark + rest
    return {
        "method": message.method.encode("ascii", "replace"),
        "scheme": message.scheme.lower().encode("ascii", "replace"),
        "authority": authority,
        "path": path,
        "query": query if b"?" in message.target else b"",
        "parameters": presented.said.text.encode("ascii"),
        "signature": presented.signature,
    }


_FROM_PIECES: Final[Mapping[str, Callable[[Pieces], bytes]]] = {
    "@method": lambda pieces: pieces["method"],
    "@scheme": lambda pieces: pieces["scheme"],
    "@authority": lambda pieces: pieces["authority"],
    "@path": lambda pieces: pieces["path"],
    "@query": lambda pieces: pieces["query"] or b"?",
    "@request-target": lambda pieces: pieces["path"] + pieces["query"],
    "@target-uri": lambda pieces: (
        b"%b://%b%b%b" % (pieces["scheme"], pieces["authority"], pieces["path"], pieces["query"])
    ),
}


def with_field(message: Message, name: bytes, lines: list[bytes]) -> Message:
    """The message with these lines of a header, and no others."""
    kept: list[Header] = [header for header in message.headers if header[0] != name]
    return _copied(message, message.target, [*kept, *((name, line) for line in lines)])


def _copied(message: Message, target: bytes, headers: list[Header]) -> Message:
    return Message(
        method=message.method, target=target, scheme=message.scheme, authority=message.authority, headers=headers
    )


@final
class BaseOf:
    """The signature base as a function of the pieces.

    Args:
        message: as received.
        presented: the signature whose components are meant.
    """

    def __init__(self, message: Message, presented: PresentedSignature) -> None:
        self.items: Final[tuple[Item, ...]] = tuple(parse_inner_items(presented.covered.text))
        self._message: Final = message
        self._asked: Final[dict[bytes, Message]] = {}
        self._frame: Final = presented.covered.frame
        self._values: Final = [
            (component_key(place), self._value_of(item, presented.covered.resolvers[place]))
            for place, item in enumerate(self.items)
        ]

    def values(self, pieces: Pieces) -> list[bytes | None]:
        """The text of every covered component; None where it cannot be had."""
        return [pieces[key] if key in pieces else value_of(pieces) for key, value_of in self._values]

    def base(self, pieces: Pieces) -> bytes | None:
        """The whole base, or None when a component cannot be had."""
        values = self.values(pieces)
        return None if None in values else self._frame % (*values, pieces["parameters"])

    def _value_of(self, item: Item, resolve: Resolver) -> Callable[[Pieces], bytes | None]:
        from_pieces = _FROM_PIECES.get(str(item.value))
        if from_pieces is not None:
            return from_pieces
        if item.value == "@query-param":
            return lambda pieces: self._query_parameter(resolve, pieces)
        try:
            received: bytes | None = resolve(self._message)
        except Rejected:
            received = None
        return lambda _: received

    def _query_parameter(self, resolve: Resolver, pieces: Pieces) -> bytes | None:
        # A query is taken apart once, and not for each of its parameters in each attempt.
        query = pieces["query"]
        asked = self._asked.get(query)
        if asked is None:
            asked = self._asked[query] = _copied(self._message, b"/" + query, [])
        try:
            return resolve(asked)
        except Rejected:
            return None
