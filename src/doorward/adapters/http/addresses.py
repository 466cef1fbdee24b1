"""Which addresses a request of ours may go to. The list is the whole defence against being sent to the wrong machine.

Rules of this file:

* A URL that somebody else supplied reaches public unicast addresses and nothing else: an address is refused unless it
  is known to be one (IANA special-purpose registries, RFC 6890 and its successors).
* A URL the operator wrote may name private machines and this one. It never reaches link-local addresses (where clouds
  hand out credentials to whoever asks), multicast, or what no server can have.
* An IPv6 address that holds an IPv4 address is judged by both. What is translated on the way (NAT64, 6to4, Teredo) is
  refused for strangers: the inner address would be reached, and the outer one looks public.
"""

from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Final

__all__ = ["Address", "Reach", "is_allowed"]

Address = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network


class Reach(Enum):
    """How far a URL may reach, by who wrote it."""

    OPERATOR = "operator"
    """Written by whoever runs this: private machines and loopback too."""
    STRANGER = "stranger"
    """Supplied by a client, a document or anybody else: public addresses only."""


def _networks(*texts: str) -> tuple[_Network, ...]:
    return tuple(ip_network(text) for text in texts)


_NEVER: Final = _networks(
    "0.0.0.0/8",  # "this host": connects to loopback on Linux
    "169.254.0.0/16",  # link-local: metadata services
    "224.0.0.0/4",  # multicast
    "240.0.0.0/4",  # reserved, broadcast
    "::/128",
    "fe80::/10",  # link-local
    "fec0::/10",  # site-local, deprecated
    "ff00::/8",  # multicast
    "fd00:ec2::/32",  # the metadata service of a cloud, in the unique local space
)
_NOT_PUBLIC: Final = _networks(
    "10.0.0.0/8",
    "100.64.0.0/10",  # carrier-grade NAT: also metadata services of clouds
    "127.0.0.0/8",
    "172.16.0.0/12",
    "192.0.0.0/24",  # protocol assignments
    "192.0.2.0/24",  # documentation
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",  # 6to4 relays
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",  # benchmarks
    "198.51.100.0/24",  # documentation
    "203.0.113.0/24",  # documentation
    "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarks
    "2001:db8::/32",  # documentation
    "2002::/16",  # 6to4: an IPv4 address inside
    "2620:4f:8000::/48",
    "3fff::/20",  # documentation
    "5f00::/16",  # segment routing
)
_PUBLIC_V6: Final = IPv6Network("2000::/3")
"""All IPv6 unicast that is given out. Loopback, mapped, NAT64, unique local and the rest lie outside."""

_TRANSLATED: Final = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"), IPv6Network("::/96"))
"""NAT64 (RFC 6052, RFC 8215) and IPv4-compatible addresses: the last four octets are an IPv4 address."""


def is_allowed(address: Address, reach: Reach) -> bool:
    """Whether a request of that reach may go to an address.

    Args:
        address: as it was resolved, or as it stands in the URL.
        reach: by who wrote the URL.
    """
    if isinstance(address, IPv6Address):
        if address.scope_id is not None or any(inner in network for inner in _inner(address) for network in _NEVER):
            return False
        if address.ipv4_mapped is not None:
            # The operating system connects to the IPv4 address.
            return reach is Reach.OPERATOR and is_allowed(address.ipv4_mapped, reach)
    if any(address in network for network in _NEVER):
        return False
    if reach is Reach.OPERATOR:
        return True
    if isinstance(address, IPv6Address) and address not in _PUBLIC_V6:
        return False
    # What the standard library knows as well: its list grows with its version, ours with this file.
    return address.is_global and not any(address in network for network in _NOT_PUBLIC)


def _inner(address: IPv6Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses that something on the way would make of an IPv6 one."""
    found = [address.sixtofour, *(address.teredo or ())]
    if not address.is_loopback and any(address in network for network in _TRANSLATED):
        found.append(IPv4Address(int(address) & 0xFFFF_FFFF))
    return tuple(inner for inner in found if inner is not None)
