"""The `Forwarded` header of RFC 7239, and the node names it shares with `X-Forwarded-For`.

The whole header must parse, strangers' part included: a client that opens a quote must not swallow what the proxy
appends. Each line is parsed by itself, so no quote spans two. Every parameter may come once per element (section 4).
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, TypeAlias

from doorward.errors import Rejected

__all__ = ["UNIX", "Address", "Node", "parse_address", "parse_forwarded", "parse_node"]

Address: TypeAlias = IPv4Address | IPv6Address
Node: TypeAlias = "Address | str"
"""An address, or `UNIX` for the other end of a UNIX socket."""

UNIX: Final = "unix"

_ADDRESS_CHARACTERS_MAX: Final = 64
# RFC 7239 section 4 wants nodes with a colon quoted; enough proxies do not that both are read.
_PAIR: Final = re.compile(
    r"""[ \t]*(?P<name>[!#$%&'*+\-.^_`|~0-9A-Za-z]+)="""
    r"""(?:(?P<token>[!#$%&'*+\-.^_`|~0-9A-Za-z:\[\]]+)"""
    r"""|"(?P<quoted>(?:[\t\x20\x21\x23-\x5b\x5d-\x7e]|\\[\t\x20-\x7e])*)")"""
    r"""[ \t]*(?P<end>[;,]|$)"""
)
_V4_WITH_PORT: Final = re.compile(r"([0-9.]{7,15})(?::[0-9]{1,5})?")
_V6_WITH_PORT: Final = re.compile(r"\[([0-9A-Fa-f:.]{2,45})\](?::[0-9]{1,5})?")
_V6_BARE: Final = re.compile(r"[0-9A-Fa-f:.]{2,45}")


@lru_cache(maxsize=4096)
def parse_address(text: str) -> Address | None:
    """The socket's own text form as an address, or None. IPv4-mapped IPv6 becomes IPv4, scope ids are dropped.

    An address in two spellings would be two sources for a budget and a way around a network list.
    """
    if len(text) > _ADDRESS_CHARACTERS_MAX:
        return None
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def parse_node(presented_text: str) -> Node:
    """An address with or without a port, or `unix:`, as a proxy wrote it.

    Raises:
        Rejected: `request_malformed` for anything else: `unknown` and obfuscated names (RFC 7239 section 6) say
            nothing a network list or a budget could be judged by.
    """
    if presented_text in {"unix", "unix:"}:
        return UNIX
    matched = _V4_WITH_PORT.fullmatch(presented_text) or _V6_WITH_PORT.fullmatch(presented_text)
    text = matched.group(1) if matched else presented_text
    if matched or _V6_BARE.fullmatch(text):
        address = parse_address(text)
        if address is not None:
            return address
    raise Rejected("request_malformed", "a forwarding header names no address")


def parse_forwarded(presented_lines: list[str], *, elements_max: int) -> list[Mapping[str, str]]:
    """The elements of all lines in order, parameter names in lower case; values unverified.

    Raises:
        Rejected: `request_malformed` for what RFC 7239 section 4 does not allow, or more elements than allowed.
    """
    elements: list[Mapping[str, str]] = []
    for line in presented_lines:
        elements += _parse_line(line, elements_max)
        if len(elements) > elements_max:
            raise Rejected("request_malformed", "too many forwarding elements")
    return elements


def _parse_line(line: str, elements_max: int) -> list[Mapping[str, str]]:
    elements: list[dict[str, str]] = [{}]
    position = 0
    end = ","
    while end:
        matched = _PAIR.match(line, position)
        if matched is None or len(elements) > elements_max:
            raise Rejected("request_malformed", "the Forwarded header does not parse")
        name, token, quoted, end = matched.group("name", "token", "quoted", "end")
        if name.lower() in elements[-1]:
            raise Rejected("request_malformed", "a Forwarded parameter comes twice")
        elements[-1][name.lower()] = _value(token, quoted)
        position = matched.end()
        if end == ",":
            elements.append({})
    return list(elements)


def _value(token: str | None, quoted: str | None) -> str:
    return token if token is not None else re.sub(r"\\(.)", r"\1", quoted or "")
