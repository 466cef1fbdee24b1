"""Claims of the caller's own in a token: plain JSON of bounded size and depth, under names that mean nothing yet."""

import re
from collections.abc import Mapping
from math import isfinite
from typing import Final

import msgspec

from doorward.errors import Rejected

__all__ = [
    "FURTHER_CLAIMS_BYTES_MAX",
    "FURTHER_CLAIMS_DEPTH_MAX",
    "FURTHER_CLAIMS_MAX",
    "RESERVED_CLAIMS",
    "require_further_claims",
]

FURTHER_CLAIMS_MAX: Final = 32
"""How many claims of the caller's own a token may carry."""
FURTHER_CLAIMS_BYTES_MAX: Final = 4_096
"""How long they may be together, as JSON."""
FURTHER_CLAIMS_DEPTH_MAX: Final = 8
"""How deep objects and arrays in them may be nested."""


RESERVED_CLAIMS: Final = frozenset(
    {
        *("iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "scope", "sid", "org_id"),
        *("auth_time", "acr", "amr", "azp", "act", "may_act", "cnf", "typ", "token_type", "active"),
        *("nonce", "at_hash", "c_hash", "s_hash", "events"),
    }
)
"""Claims a caller cannot set as his own: they are set by the order, or mean something to verifiers. So is every name
that begins with `dw_`."""

_OWN_PREFIX: Final = "dw_"
_CLAIM_NAME: Final = re.compile(r"[\x21-\x7e]{1,128}")


def require_further_claims(claims: Mapping[str, object]) -> None:
    """Refuse claims a token of ours cannot carry as the caller's own.

    Raises:
        Rejected: `input_invalid`.
    """
    if len(claims) > FURTHER_CLAIMS_MAX:
        raise Rejected("input_invalid", f"at most {FURTHER_CLAIMS_MAX} further claims")
    if not claims:
        return
    for name in claims:
        _require_name(name)
    _require_json(dict(claims))
    try:
        encoded = msgspec.json.encode(dict(claims))
    except (ValueError, OverflowError):
        raise Rejected("input_invalid", "a further claim has no JSON form") from None
    if len(encoded) > FURTHER_CLAIMS_BYTES_MAX:
        raise Rejected("input_invalid", f"the further claims are longer than {FURTHER_CLAIMS_BYTES_MAX} octets")


def _require_name(name: str) -> None:
    if _CLAIM_NAME.fullmatch(name) is None:
        raise Rejected("input_invalid", "a claim's name is 1 to 128 printable ASCII characters without a space")
    if name in RESERVED_CLAIMS or name.startswith(_OWN_PREFIX):
        raise Rejected("input_invalid", f"the claim {name} is not the caller's to set")


def _require_json(claims: object) -> None:
    """Refuse what would come back as something else, or is nested too deep to be read by everybody."""
    # One turn for the claims together, and one for what the deepest of them hold.
    level = [claims]
    for _ in range(FURTHER_CLAIMS_DEPTH_MAX + 2):
        level = [child for node in level for child in _members(node)]
        if not level:
            return
    raise Rejected("input_invalid", f"further claims are nested more than {FURTHER_CLAIMS_DEPTH_MAX} deep")


def _members(node: object) -> list[object]:
    if isinstance(node, dict):
        if not all(type(name) is str for name in node):
            raise Rejected("input_invalid", "a member of a claim has a name that is no text")
        return list(node.values())
    if isinstance(node, list):
        return list(node)
    if not _is_plain(node):
        raise Rejected("input_invalid", f"a claim holds a {type(node).__name__} that JSON has no form for")
    return []


def _is_plain(value: object) -> bool:
    if type(value) is float:
        return isfinite(value)
    # RFC 8259 section 6: beyond 53 bits two readers may see two numbers.
    if type(value) is int:
        return -(2**53) < value < 2**53
    return value is None or type(value) in {bool, str}
