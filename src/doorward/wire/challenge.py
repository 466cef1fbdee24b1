"""`WWW-Authenticate` challenges: what a door tells a caller it would accept.

RFC 9110 section 11.6.1 (one challenge per header line here: lists of challenges with parameters are read differently
by different clients), RFC 6750 section 3 (error parameters), RFC 7617 section 2.1 (`charset`).
"""

import re
from collections.abc import Sequence
from typing import Final

__all__ = ["build_challenge", "with_bearer_error"]

_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# RFC 6750 section 3: error_description and scope may hold no quote and no backslash, so that no escape is needed.
_UNQUOTED: Final = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]*")


def build_challenge(scheme: str, **parameters: str) -> bytes:
    """`Scheme name="value", …`; parameters in the order given, values as quoted strings. All text is our own."""
    assert _TOKEN.fullmatch(scheme), "not a scheme"
    return scheme.encode("ascii") + _write(b" ", list(parameters.items()))


def with_bearer_error(challenge: bytes, error: str, description: str, scopes: Sequence[str] = ()) -> bytes:
    """A `Bearer` challenge with `error`, `error_description` and, when a scope is missing, `scope`.

    Challenges of other schemes come back unchanged: RFC 7617 knows no error parameters.
    """
    scheme, space, _ = challenge.partition(b" ")
    if scheme.lower() != b"bearer":
        return challenge
    assert _UNQUOTED.fullmatch(description), "a description that would need escapes"
    parameters = [("error", error), ("error_description", description)]
    if scopes:
        parameters.append(("scope", " ".join(scopes)))
    return challenge + _write(b", " if space else b" ", parameters)


def _write(lead: bytes, parameters: list[tuple[str, str]]) -> bytes:
    written = []
    for name, value in parameters:
        assert _TOKEN.fullmatch(name), "not a parameter name"
        assert value.isascii(), "a parameter outside ASCII"
        assert value.isprintable(), "a parameter that would split the header"
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        written.append(f'{name}="{escaped}"')
    return lead + ", ".join(written).encode("ascii") if written else b""
