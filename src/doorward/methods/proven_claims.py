"""Every claim of a token that was proven, for handlers to read.

Rules of this file:

* What was proven is kept and shared by all requests with the same token. A handler that adds a role to it for this
  request would add it for every later one, of whoever presents that token.
* So nothing of it can be changed: texts and numbers are handed out as they are, and of lists and objects a copy, made
  when somebody asks for it. Proving a token pays for one object.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Final, final

__all__ = ["ProvenClaims"]


@final
class ProvenClaims(Mapping[str, object]):
    """A mapping that cannot be changed, at any depth.

    Args:
        members: of JSON values; whoever hands it over keeps no other way to it.
    """

    __slots__ = ("_members",)

    def __init__(self, members: dict[str, object]) -> None:
        self._members: Final = members

    def __getitem__(self, name: str) -> object:
        value = self._members[name]
        return deepcopy(value) if type(value) is list or type(value) is dict else value

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __repr__(self) -> str:
        return repr(self._members)
