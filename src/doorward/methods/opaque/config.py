"""What a deployment may choose about opaque tokens, and the limits it may not."""

import re
from typing import Final, final

import msgspec

from doorward.errors import Misconfigured, Rejected
from doorward.methods.token_order import parse_audiences
from doorward.wire.credential import PREFIX_PATTERN

__all__ = [
    "ANSWER_BYTES_MAX",
    "ANSWER_LIFETIME_S",
    "ANSWER_LIFETIME_S_MAX",
    "INTROSPECTIONS_KEPT_MAX",
    "LABEL",
    "TOKEN_CHARACTERS_MAX",
    "OpaqueConfig",
    "require_audiences",
]

LABEL: Final = "token"
"""What stands between prefix and id."""
ANSWER_LIFETIME_S: Final = 5.0
"""How long an answer of the issuer about a token is believed when nothing is said: the bound within which a revoked
token is refused where it is introspected."""
ANSWER_LIFETIME_S_MAX: Final = 60.0
"""How long one may be believed at all; never past the token's own end."""
ANSWER_BYTES_MAX: Final = 64 * 1024
"""How long such an answer may be."""
INTROSPECTIONS_KEPT_MAX: Final = 10_000
"""How many answers one process keeps; the oldest leaves first."""
TOKEN_CHARACTERS_MAX: Final = 4_096
"""How long an opaque token of somebody else may be."""


@final
class OpaqueConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Which tokens a door takes: for one of these audiences, and with one prefix."""

    audiences: tuple[str, ...]
    prefix: str = "dw"

    def __post_init__(self) -> None:
        require_audiences(self.audiences)
        if re.fullmatch(PREFIX_PATTERN, self.prefix) is None:
            raise Misconfigured(
                f"{self.prefix!r} cannot be a token prefix.",
                cure="Choose 2 to 12 lower-case letters and digits that start with a letter.",
            )


def require_audiences(audiences: tuple[str, ...]) -> None:
    """Refuse a door that takes tokens for nobody, or for everybody. Raises `Misconfigured`."""
    try:
        parse_audiences(audiences)
    except Rejected as error:
        raise Misconfigured(
            f"A door for tokens must say which resource it is: {error.detail}.",
            cure='Name the audience its tokens carry: audience="https://api.example".',
        ) from None
