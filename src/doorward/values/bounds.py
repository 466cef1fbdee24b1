"""Limits on what people write about objects: names, reasons, metadata, source networks, rates.

All of it may come from outside and is shown again in tables, logs and exports, so it is bounded and printable:
`str.isprintable` refuses control characters, line separators and the invisible ones that reorder text on a screen.
"""

import re
from collections.abc import Mapping
from ipaddress import IPv6Network, ip_network
from typing import Final

from doorward.errors import Rejected
from doorward.values.identifiers import OrganizationId
from doorward.values.principal import RateLimit

__all__ = [
    "METADATA_ENTRIES_MAX",
    "METADATA_KEY_CHARACTERS_MAX",
    "METADATA_VALUE_CHARACTERS_MAX",
    "NAME_CHARACTERS_MAX",
    "NETWORKS_MAX",
    "RATE_REQUESTS_MAX",
    "RATE_WINDOW_S_MAX",
    "REASON_CHARACTERS_MAX",
    "parse_duration",
    "parse_metadata",
    "parse_name",
    "parse_networks",
    "parse_organization_id",
    "parse_rate",
    "parse_text",
]

NAME_CHARACTERS_MAX: Final = 100
"""How long a name may be."""
REASON_CHARACTERS_MAX: Final = 500
"""How long the reason of a change may be."""
METADATA_ENTRIES_MAX: Final = 16
"""How many metadata entries an object may have."""
METADATA_KEY_CHARACTERS_MAX: Final = 64
"""How long the key of one may be."""
METADATA_VALUE_CHARACTERS_MAX: Final = 256
"""How long its value may be."""
NETWORKS_MAX: Final = 32
"""How many networks a key may be used from."""
NETWORK_CHARACTERS_MAX: Final = 64
"""How long one may be as it is written."""
RATE_REQUESTS_MAX: Final = 1_000_000
"""How many requests a rate limit may allow in its window."""
RATE_WINDOW_S_MAX: Final = 86_400
"""How long that window may be."""

_ORGANIZATION_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


def parse_name(presented_name: str) -> str:
    """A name: 1 to 100 printable characters, without spaces around it. Raises `Rejected("input_invalid")`."""
    return parse_text(presented_name, "the name", NAME_CHARACTERS_MAX)


def parse_metadata(presented_metadata: Mapping[str, str]) -> dict[str, str]:
    """At most 16 entries, keys of 1 to 64 and values of 0 to 256 printable characters.

    Raises:
        Rejected: `input_invalid`.
    """
    if len(presented_metadata) > METADATA_ENTRIES_MAX:
        raise Rejected("input_invalid", f"more than {METADATA_ENTRIES_MAX} metadata entries")
    for key, value in presented_metadata.items():
        parse_text(key, "a metadata key", METADATA_KEY_CHARACTERS_MAX)
        if len(value) > METADATA_VALUE_CHARACTERS_MAX or not value.isprintable():
            raise Rejected(
                "input_invalid", f"a metadata value is 0 to {METADATA_VALUE_CHARACTERS_MAX} printable characters"
            )
    return dict(presented_metadata)


def parse_networks(presented_networks: tuple[str, ...]) -> tuple[str, ...]:
    """At most 32 networks in CIDR form, each without host bits, in canonical spelling and order.

    IPv4-mapped IPv6 networks are refused: clients are compared as IPv4, so such a network would match nobody.

    Raises:
        Rejected: `input_invalid`.
    """
    if len(presented_networks) > NETWORKS_MAX:
        raise Rejected("input_invalid", f"more than {NETWORKS_MAX} networks")
    return tuple(dict.fromkeys(_network(text) for text in presented_networks))


def parse_organization_id(presented_id: str) -> OrganizationId:
    """1 to 64 of `A-Z a-z 0-9 . _ -`. Raises `Rejected("input_invalid")`."""
    if _ORGANIZATION_ID.fullmatch(presented_id) is None:
        raise Rejected("input_invalid", "an organization id is 1 to 64 of A-Z a-z 0-9 . _ -")
    return OrganizationId(presented_id)


def parse_rate(presented_rate: RateLimit) -> RateLimit:
    """1 to 1,000,000 requests in 1 to 86,400 seconds. Raises `Rejected("input_invalid")`."""
    if not 1 <= presented_rate.requests <= RATE_REQUESTS_MAX:
        raise Rejected("input_invalid", f"a rate is 1 to {RATE_REQUESTS_MAX} requests")
    if not 1 <= presented_rate.window_s <= RATE_WINDOW_S_MAX:
        raise Rejected("input_invalid", f"a rate window is 1 to {RATE_WINDOW_S_MAX} seconds")
    return presented_rate


def _span(span_s: int) -> str:
    days, rest_s = divmod(span_s, 86_400)
    return f"{span_s:,} s" if rest_s or not days else "1 day" if days == 1 else f"{days:,} days"


def parse_duration(presented_s: int, what: str, *, least_s: int, most_s: int) -> int:
    """A number of seconds within limits. Raises `Rejected("input_invalid")`."""
    if not least_s <= presented_s <= most_s:
        raise Rejected("input_invalid", f"{what} is {least_s} s to {_span(most_s)}")
    return presented_s


def parse_text(text: str, what: str, characters_max: int) -> str:
    """1 to so many printable characters, without spaces around them. Raises `Rejected("input_invalid")`."""
    if not 0 < len(text) <= characters_max or not text.isprintable() or text != text.strip():
        raise Rejected("input_invalid", f"{what} is 1 to {characters_max} printable characters without spaces around")
    return text


def _network(text: str) -> str:
    # A scope id (`%eth0`) names an interface of ours, says nothing of a client, and may hold any character.
    if len(text) > NETWORK_CHARACTERS_MAX or "%" in text:
        raise Rejected("input_invalid", "a network is too long, or has a scope id")
    try:
        network = ip_network(text)
    except ValueError:
        raise Rejected("input_invalid", "a network is not in CIDR form, or has host bits set") from None
    if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped is not None:
        raise Rejected("input_invalid", "an IPv4-mapped network: write it as IPv4")
    return str(network)
