"""Request views as a framework would build them."""

from collections.abc import Callable
from ipaddress import ip_address

from doorward.wire.request import Header, Peer, RequestView, index_headers

__all__ = ["view_of"]


def view_of(
    *headers: Header,
    client: str | None = "192.0.2.1",
    target: bytes = b"/orders",
    method: str = "GET",
    body: bytes = b"",
    authority: bytes | None = b"api.example",
) -> RequestView:
    """A request over TLS with these headers."""

    async def read_body(limit: int) -> bytes:
        assert len(body) <= limit
        return body

    async def pass_body(see: Callable[[bytes], None], limit: int, sender: str) -> None:
        assert len(body) <= limit
        see(body)

    address = None if client is None else ip_address(client)
    return RequestView(
        method=method,
        raw_target=target,
        headers=headers,
        scheme="https",
        peer=Peer(address),
        client=address,
        forwarded=False,
        read_body=read_body,
        pass_body=pass_body,
        authority=authority,
        by_name=index_headers(headers),
    )
