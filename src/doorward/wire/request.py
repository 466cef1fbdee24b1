"""The request as the door sees it: what was received, untouched.

Nothing here is trusted. Header names are lower case (the server's job), values are raw bytes, and the body is not
read unless a method asks. `scheme` and `client` are what the *trusted hops* say (`wire/hops.py`); with none listed
they are the socket's own.
"""

from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Final, final

from doorward.errors import Rejected

__all__ = ["Header", "Peer", "RequestView"]

Header = tuple[bytes, bytes]


@final
class Peer:
    """The other end of the socket: who really connected, proxies included."""

    __slots__ = ("address", "certificate_der")

    def __init__(self, address: IPv4Address | IPv6Address | None, certificate_der: bytes | None = None) -> None:
        self.address: Final = address
        self.certificate_der: Final = certificate_der


@final
class RequestView:
    """One request, unverified.

    Args:
        method: as received, e.g. `GET`.
        raw_target: path and query as received, percent-encoding untouched.
        headers: (lower-case name, raw value) in order of arrival, duplicates kept.
        scheme: `http` or `https` towards the client, by the rule for trusted hops.
        peer: the socket's other end.
        client: the client's address by the rule for trusted hops, or None when there is none (a UNIX socket).
        forwarded: whether any forwarding header came with the request, trusted or not.
        read_body: reads the whole body once and keeps it for the handler; bounded by the caller.
    """

    __slots__ = ("client", "forwarded", "headers", "method", "peer", "raw_target", "read_body", "scheme")

    def __init__(
        self,
        *,
        method: str,
        raw_target: bytes,
        headers: Sequence[Header],
        scheme: str,
        peer: Peer,
        client: IPv4Address | IPv6Address | None,
        forwarded: bool,
        read_body: Callable[[int], Awaitable[bytes]],
    ) -> None:
        self.method: Final = method
        self.raw_target: Final = raw_target
        self.headers: Final = headers
        self.scheme: Final = scheme
        self.peer: Final = peer
        self.client: Final = client
        self.forwarded: Final = forwarded
        self.read_body: Final = read_body

    def values(self, name: bytes) -> list[bytes]:
        """All values of a header, in order; `name` in lower case."""
        return [value for key, value in self.headers if key == name]

    def value(self, name: bytes) -> bytes | None:
        """The value of a header that may come once.

        Raises:
            Rejected: `header_repeated`. Two hops that each look at another copy is how requests are smuggled.
        """
        found = self.values(name)
        if len(found) > 1:
            raise Rejected("header_repeated", name.decode("ascii"))
        return found[0] if found else None

    @property
    def raw_query(self) -> bytes:
        """The query as received, without `?`; empty when there is none."""
        return self.raw_target.partition(b"?")[2]
