"""What a deployment may choose about API keys, and the limits it may not: those all credentials of apps share."""

import re
from typing import final

import msgspec

from doorward.errors import Misconfigured
from doorward.methods.owned_credential import CACHE_LIFETIME_S_MAX, FEED_ROW_LIFETIME_S
from doorward.methods.rotation import EXPIRES_IN_S, EXPIRES_IN_S_MAX, NEVER, OVERLAP_S, OVERLAP_S_MAX, Never
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
