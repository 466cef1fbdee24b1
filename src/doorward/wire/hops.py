"""Trusted hops: who the client is and which scheme it used, when proxies stand in between.

Rules (invariant 10):

* Only a listed peer is believed, and nobody is listed by default. Loopback is not trust: a proxy on the same host
  makes the whole internet loopback.
* The list of hops is walked from the right, the end our proxies wrote. What stands left of the first hop that is not
  listed was written by a stranger and is never looked at.
* A listed proxy must say who connected to it and by which scheme. When it does not, the request is refused: guessing
  https would let a password through in the clear, guessing the client would open a network list.

`X-Forwarded-For`, `-Proto`, `-Host` by default; RFC 7239 `Forwarded` when chosen. Header lines that repeat are joined
in order (RFC 9110 section 5.3); in a request whose body comes in chunks they are refused, since the last of them may be
a trailer, which the client writes.
"""

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Final, Literal, final

import msgspec

from doorward.errors import Misconfigured, Rejected
from doorward.wire.forwarded import UNIX, Address, Node, parse_address, parse_forwarded, parse_node
from doorward.wire.request import Header, Peer

__all__ = ["HOPS_MAX", "Hop", "TrustedHops", "parse_address"]

HOPS_MAX: Final = 32
"""How many hops are walked."""
FORWARDING_BYTES_MAX: Final = 8 * 1024
"""How long one forwarding header may be, all its lines together."""

# Any of them shows that a proxy stands in between, whoever it is.
_FORWARDING: Final = frozenset(
    {
        b"forwarded",
        b"via",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-port",
        b"x-forwarded-proto",
        b"x-forwarded-server",
        b"x-forwarded-ssl",
        b"x-real-ip",
        b"x-client-ip",
        b"x-cluster-client-ip",
        b"cf-connecting-ip",
        b"true-client-ip",
    }
)
_BELIEVED: Final = frozenset({b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto"})
_SCHEMES: Final = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_HOST_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]")
_HOST_CHARACTERS_MAX: Final = 260


@final
class Hop(msgspec.Struct, frozen=True, gc=False):
    """The client's end of the connection.

    `scheme` is `http` or `https`; `forwarded` says whether any forwarding header came with the request, believed or
    not; `host` is what the listed proxy says or else the `Host` header: raw, unverified.
    """

    client: Address | None
    scheme: str
    forwarded: bool
    host: bytes | None


@final
class TrustedHops:
    """Which proxies are believed.

    Args:
        proxies: addresses, CIDR networks, and `unix` for peers on a UNIX socket. Empty: nobody.
        header: which headers they write; `x-forwarded` when not said.

    Raises:
        Misconfigured: an entry that is neither, or a header chosen with nobody listed.
    """

    __slots__ = ("_networks", "_unix", "header", "proxies")

    def __init__(
        self, proxies: tuple[str, ...] = (), header: Literal["x-forwarded", "forwarded"] | None = None
    ) -> None:
        if header is not None and not proxies:
            raise Misconfigured(
                f"Forwarding headers ({header}) are asked for, but no proxy is listed.",
                cure="List the addresses of your proxies, or do not choose a header.",
            )
        self.proxies: Final = proxies
        self.header: Final = header or "x-forwarded"
        self._unix: Final = UNIX in proxies
        self._networks: Final = tuple(_parse_network(entry) for entry in proxies if entry != UNIX)

    def resolve(
        self, peer: Peer, scheme: str, headers: Sequence[Header], by_name: Mapping[bytes, bytes] | None = None
    ) -> Hop:
        """Who the client is. `scheme` is the socket's own: `http`, `https`, `ws` or `wss`; `by_name` is what
        `index_headers` says of `headers`, when it was asked.

        Raises:
            Rejected: `request_malformed` when a listed proxy does not say what it must, or says it unreadably;
                `header_repeated` for two `Host` headers (RFC 9112 section 3.2).
        """
        if by_name is None:
            forwarded, host = _look_through(headers)
        else:
            forwarded, host = not _FORWARDING.isdisjoint(by_name), by_name.get(b"host")
        address = peer.address
        if isinstance(address, IPv6Address):
            address = address.ipv4_mapped or address
        if not self.proxies or not self._lists(UNIX if address is None else address):
            return Hop(address, _SCHEMES.get(scheme, "http"), forwarded, host)
        _refuse_trailers(headers)
        hops = _x_forwarded(headers) if self.header == "x-forwarded" else _forwarded(headers)
        return self._walk(hops, host)

    def _walk(self, hops: Iterable[tuple[Node, str, str | None]], host: bytes | None) -> Hop:
        last: tuple[Node, str, str | None] | None = None
        for last in hops:
            if not self._lists(last[0]):
                break
        if last is None:
            raise Rejected("request_malformed", "a listed proxy does not say whom it forwards for")
        node, proto, said_host = last
        scheme = _SCHEMES.get(proto.lower())
        if scheme is None:
            raise Rejected("request_malformed", "a listed proxy does not say http or https")
        client = None if isinstance(node, str) else node
        return Hop(client, scheme, forwarded=True, host=_checked_host(said_host) or host)

    def _lists(self, node: Node) -> bool:
        if isinstance(node, str):
            return self._unix
        return any(node in network for network in self._networks)


def _parse_network(entry: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(entry)
    except ValueError as error:
        raise Misconfigured(
            f"{entry!r} in the list of trusted proxies is no address.",
            cure="List addresses, CIDR networks without host bits, or `unix`.",
        ) from error


def _look_through(headers: Sequence[Header]) -> tuple[bool, bytes | None]:
    forwarded = False
    host: bytes | None = None
    for name, value in headers:
        if name in _FORWARDING:
            forwarded = True
        elif name == b"host":
            if host is not None:
                raise Rejected("header_repeated", "host")
            host = value
    return forwarded, host


def _refuse_trailers(headers: Sequence[Header]) -> None:
    # uvicorn over httptools adds trailers to the headers, against RFC 9110 section 6.5.1: behind a proxy that passes
    # them on, a client would write the last line. Only a body in chunks has trailers.
    if any(name == b"transfer-encoding" for name, _ in headers):
        said = [name for name, _ in headers if name in _BELIEVED]
        if len(set(said)) < len(said):
            raise Rejected("header_repeated", "forwarding headers that repeat, in a request that may have trailers")


def _lines(headers: Sequence[Header], name: bytes) -> list[str]:
    lines = [value for key, value in headers if key == name]
    if sum(map(len, lines)) > FORWARDING_BYTES_MAX:
        raise Rejected("request_malformed", "a forwarding header is too long")
    try:
        return [line.decode("ascii") for line in lines]
    except UnicodeDecodeError:
        raise Rejected("request_malformed", "a forwarding header is not ASCII") from None


def _entries(headers: Sequence[Header], name: bytes) -> list[str]:
    lines = _lines(headers, name)
    return [entry.strip(" \t") for entry in ",".join(lines).split(",")] if lines else []


def _x_forwarded(headers: Sequence[Header]) -> Iterable[tuple[Node, str, str | None]]:
    addresses = _entries(headers, b"x-forwarded-for")
    protos = _entries(headers, b"x-forwarded-proto")
    hosts = _entries(headers, b"x-forwarded-host")
    for distance in range(1, min(len(addresses), HOPS_MAX) + 1):
        yield parse_node(addresses[-distance]), _said(protos, distance) or "", _said(hosts, distance)


def _said(entries: list[str], distance: int) -> str | None:
    # Most proxies overwrite (one value, said by the nearest); those that append write one per hop, so both are
    # counted from the right, like the addresses.
    if len(entries) == 1:
        return entries[0]
    return entries[-distance] if len(entries) >= distance else None


def _forwarded(headers: Sequence[Header]) -> Iterable[tuple[Node, str, str | None]]:
    elements: list[Mapping[str, str]] = parse_forwarded(_lines(headers, b"forwarded"), elements_max=HOPS_MAX)
    for element in reversed(elements):
        yield parse_node(element.get("for", "")), element.get("proto", ""), element.get("host")


def _checked_host(presented_host: str | None) -> bytes | None:
    if presented_host is None:
        return None
    if not 0 < len(presented_host) <= _HOST_CHARACTERS_MAX or not _HOST_CHARACTERS.issuperset(presented_host):
        raise Rejected("request_malformed", "a forwarded host is not a host")
    return presented_host.encode("ascii")
