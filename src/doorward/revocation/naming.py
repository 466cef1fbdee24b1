"""What a revocation is told to name: unverified text, parsed into handles.

Rules of this file:

* An id is public. Whoever pastes the token itself, or a key, where its id belongs has put a secret on its way into the
  audit log: it is refused, never repeated, and what to give instead is said.
* Ids of another issuer are prefixed by it and one space. An issuer holds no space, so no id of one issuer can be read
  as an id of another. For the same reason our own ids hold none, subjects included: none is issued with one.
"""

import re
from typing import Final

from doorward.errors import Rejected
from doorward.values import FeedKind, Handle
from doorward.wire.reason import is_secret

__all__ = ["ID_CHARACTERS_MAX", "ISSUER_CHARACTERS_MAX", "parse_handle", "parse_issuer"]

ID_CHARACTERS_MAX: Final = 512
"""How long an id in a revocation may be."""
ISSUER_CHARACTERS_MAX: Final = 512
"""How long an issuer may be."""

_ISSUER: Final = re.compile(r"[\x21-\x7e]{1,512}")


def parse_issuer(presented_issuer: str) -> str:
    """The issuer of foreign tokens, exactly as their `iss` says: visible ASCII. Raises `Rejected("input_invalid")`."""
    if _ISSUER.fullmatch(presented_issuer) is None or is_secret(presented_issuer):
        raise Rejected("input_invalid", f"an issuer is 1 to {ISSUER_CHARACTERS_MAX} visible ASCII characters")
    return presented_issuer


def parse_handle(kind: FeedKind, presented_id: str, *, issuer: str | None) -> Handle:
    """What a row of the feed is to name.

    Args:
        kind: of what.
        presented_id: unverified.
        issuer: from `parse_issuer`; None for what is ours.

    Raises:
        Rejected: `input_invalid`; also for a secret in place of an id.
    """
    if is_secret(presented_id):
        raise Rejected("input_invalid", "that is a secret itself, not its id")
    if not 0 < len(presented_id) <= ID_CHARACTERS_MAX or not presented_id.isprintable():
        raise Rejected("input_invalid", f"an id is 1 to {ID_CHARACTERS_MAX} printable characters")
    if issuer is not None:
        return Handle(kind, f"{issuer} {presented_id}")
    if " " in presented_id:
        raise Rejected("input_invalid", f"no id of a {kind.value} of ours holds a space")
    return Handle(kind, presented_id)
