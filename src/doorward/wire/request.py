"""The request as the door sees it: what was received, untouched.

Nothing here is trusted. Header names are lower case (the server's job), values are raw bytes, and the body is not
read unless a method asks. `scheme` and `client` are what the *trusted hops* say (`wire/hops.py`); with none listed
they are the socket's own.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Final, final

import msgspec

from doorward.errors import Rejected

__all__ = ["Header", "Peer", "RequestView", "index_headers"]

Header = tuple[bytes, bytes]


@final
class Peer:
    """The other end of the socket: who really connected, proxies included. `text` is the address to be written."""

    __slots__ = ("address", "certificate_der", "text")

    def __init__(self, address: IPv4Address | IPv6Address | None, certificate_der: bytes | None = None) -> None:
        self.address: Final = address
        self.certificate_der: Final = certificate_der
        self.text: Final = None if address is None else str(address)


def index_headers(headers: Sequence[Header]) -> Mapping[bytes, bytes] | None:
    """Every header by its name, or None when any name comes twice: then nobody may pick one of them unawares."""
    by_name = dict(headers)
    return by_name if len(by_name) == len(headers) else None


@final
class RequestView(msgspec.Struct, frozen=True, kw_only=True):
    """One request, unverified.

    Args:
        method: as received, e.g. `GET`.
        raw_target: path and query as received, percent-encoding untouched.
        headers: (lower-case name, raw value) in order of arrival, duplicates kept.
        by_name: `index_headers(headers)`, made once for everybody who looks; None is always right, and slower.
        scheme: `http` or `https` towards the client, by the rule for trusted hops.
        peer: the socket's other end.
        client: the client's address by the rule for trusted hops, or None when there is none (a UNIX socket).
        forwarded: whether any forwarding header came with the request, trusted or not.
        read_body: reads the whole body once and keeps it for the handler; bounded by the caller.
        pass_body: shows every piece of the body to what is given, in order, and keeps it for the handler; bounded by
            the caller, who says whose it is, proven. Memory does not grow with the body.
        authority: the host the client asked for, by the rule for trusted hops; raw, and None when there is none.
        body: the whole body as received, when a method needs it for its proof; None: it was not read.
    """

    method: str
    raw_target: bytes
    headers: Sequence[Header]
    scheme: str
    peer: Peer
    client: IPv4Address | IPv6Address | None
    forwarded: bool
    read_body: Callable[[int], Awaitable[bytes]]
    pass_body: Callable[[Callable[[bytes], None], int, str], Awaitable[None]]
    authority: bytes | None = None
    by_name: Mapping[bytes, bytes] | None = None
    body: bytes | None = None

    def __repr__(self) -> str:
        # Headers and query hold secrets.
        return f"RequestView({self.method!r})"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("method", self.method)]

    def values(self, name: bytes) -> list[bytes]:
        """All values of a header, in order; `name` in lower case."""
        return [value for key, value in self.headers if key == name]

    def value(self, name: bytes) -> bytes | None:
        """The value of a header that may come once.

        Raises:
            Rejected: `header_repeated`. Two hops that each look at another copy is how requests are smuggled.
        """
        if self.by_name is not None:
            return self.by_name.get(name)
        found = self.values(name)
        if len(found) > 1:
            raise Rejected("header_repeated", name.decode("ascii"))
        return found[0] if found else None

    @property
    def raw_query(self) -> bytes:
        """The query as received, without `?`; empty when there is none."""
        return self.raw_target.partition(b"?")[2]
