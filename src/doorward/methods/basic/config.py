"""What a deployment may choose about Basic, and the limits it may not."""

import re
from typing import Final, final

import msgspec

from doorward.errors import Misconfigured
from doorward.methods.owned_credential import CACHE_LIFETIME_S_MAX, FEED_ROW_LIFETIME_S
from doorward.wire.credential import PREFIX_PATTERN

__all__ = [
    "CACHE_LIFETIME_S_MAX",
    "DEPRECATED_AT",
    "EXPIRES_IN_S",
    "EXPIRES_IN_S_MAX",
    "FEED_ROW_LIFETIME_S",
    "BasicConfig",
]

EXPIRES_IN_S: Final = 90 * 86_400
"""How long an app password lives when nothing is said."""
EXPIRES_IN_S_MAX: Final = 366 * 86_400
"""How long an app password may live; there is no never."""

DEPRECATED_AT: Final = 1_795_392_000
"""2026-11-23: Basic was deprecated from the first release on (RFC 9745 wants a date, and it may lie in the past)."""


@final
class BasicConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Which passwords a door takes, and what it tells those who use them.

    `sunset` is the epoch second at which Basic stops, when that is decided; `migration_link` says where to go.
    `danger_plain_http_on_loopback` takes passwords over plain HTTP from this machine itself, when no proxy stands in
    between: for development only.
    """

    prefix: str = "dw"
    sunset: int | None = None
    migration_link: str | None = None
    danger_plain_http_on_loopback: bool = False

    def __post_init__(self) -> None:
        if re.fullmatch(PREFIX_PATTERN, self.prefix) is None:
            raise Misconfigured(
                f"{self.prefix!r} cannot be a password prefix.",
                cure="Choose 2 to 12 lower-case letters and digits that start with a letter.",
            )
