"""Scopes: what a credential may be used for, as a set of tokens (RFC 6749 section 3.3).

A scope is compared as a whole, case-sensitively. There are no wildcards: `orders:*` would make what a key may do
depend on which scopes exist later.
"""

import re
from collections.abc import Iterator
from typing import Final, final

from doorward.errors import Rejected

__all__ = ["SCOPES_MAX", "SCOPE_CHARACTERS_MAX", "Scopes"]

SCOPES_MAX: Final = 64
"""How many scopes one credential may carry."""
SCOPE_CHARACTERS_MAX: Final = 128
"""How long one scope may be."""

# RFC 6749 section 3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E ), that is no space, quote or backslash.
_SCOPE_TOKEN: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,128}")


@final
class Scopes:
    """An immutable set of scope tokens. `Scopes("orders:read", "orders:write")`; `Scopes()` grants nothing.

    Raises:
        Rejected: `input_invalid` for a token RFC 6749 does not allow, one over a limit, or too many.
    """

    __slots__ = ("tokens",)
    tokens: frozenset[str]

    def __init__(self, *tokens: str) -> None:
        if len(tokens) > SCOPES_MAX:
            raise Rejected("input_invalid", f"more than {SCOPES_MAX} scopes")
        for token in tokens:
            if _SCOPE_TOKEN.fullmatch(token) is None:
                raise Rejected("input_invalid", f"not a scope: {token[:SCOPE_CHARACTERS_MAX]!r}")
        object.__setattr__(self, "tokens", frozenset(tokens))

    @classmethod
    def parse(cls, presented_text: str) -> "Scopes":
        """Scopes from a space-separated list; unverified text, limits as in the class."""
        return cls(*presented_text.split(" ")) if presented_text else cls()

    def missing_from(self, granted: "Scopes") -> tuple[str, ...]:
        """The tokens required here that `granted` lacks, sorted; empty when nothing is missing."""
        return tuple(sorted(self.tokens - granted.tokens))

    def __le__(self, other: "Scopes") -> bool:
        return self.tokens <= other.tokens

    def __or__(self, other: "Scopes") -> "Scopes":
        return Scopes(*(self.tokens | other.tokens))

    def __contains__(self, token: object) -> bool:
        return token in self.tokens

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self.tokens))

    def __len__(self) -> int:
        return len(self.tokens)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scopes) and self.tokens == other.tokens

    def __hash__(self) -> int:
        return hash(self.tokens)

    def __str__(self) -> str:
        return " ".join(self)

    def __repr__(self) -> str:
        return f"Scopes({', '.join(map(repr, self))})"

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"Scopes are immutable: cannot set {name}")
