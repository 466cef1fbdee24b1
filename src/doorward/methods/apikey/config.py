"""What a deployment may choose about API keys, and the limits it may not."""

import re
from enum import Enum
from typing import Final, final

import msgspec

from doorward.errors import Misconfigured
from doorward.values import Environment
from doorward.wire.credential import PREFIX_PATTERN

__all__ = [
    "CACHE_LIFETIME_S_MAX",
    "EXPIRES_IN_S",
    "EXPIRES_IN_S_MAX",
    "FEED_ROW_LIFETIME_S",
    "NEVER",
    "OVERLAP_S",
    "OVERLAP_S_MAX",
    "ApiKeyConfig",
    "Never",
]

EXPIRES_IN_S: Final = 90 * 86_400
"""How long a key lives when nothing is said."""
EXPIRES_IN_S_MAX: Final = 10 * 365 * 86_400
"""How long a key may live, unless it never expires."""
OVERLAP_S: Final = 86_400
"""How long a rotated key keeps working when nothing is said."""
OVERLAP_S_MAX: Final = 30 * 86_400
"""How long a rotated key may keep working."""

CACHE_LIFETIME_S_MAX: Final = 3_600
"""How long a process may keep a loaded record."""
FEED_ROW_LIFETIME_S: Final = 2 * CACHE_LIFETIME_S_MAX
"""How long a feed row about a key is kept: it matters only to records loaded before it, since a fresh load reads the
key's state itself; twice the life of such a record leaves room for clocks and slow readers."""


@final
class Never(Enum):
    """The one value of `NEVER`."""

    NEVER = "never"


NEVER: Final = Never.NEVER
"""An expiry that must be said out loud: a key without an end is the failing this method is rid of by default."""


@final
class ApiKeyConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Which keys a door takes: of one environment, and with one prefix."""

    environment: Environment = Environment.LIVE
    prefix: str = "dw"

    def __post_init__(self) -> None:
        if re.fullmatch(PREFIX_PATTERN, self.prefix) is None:
            raise Misconfigured(
                f"{self.prefix!r} cannot be a key prefix.",
                cure="Choose 2 to 12 lower-case letters and digits that start with a letter.",
            )
