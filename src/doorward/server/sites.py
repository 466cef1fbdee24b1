"""Which host is spoken to, over what, and from which page: clear text, DNS rebinding and cross-site requests end here.

A page in the user's own browser can make the browser resolve the attacker's name to 127.0.0.1 and then read what a
server on this machine answers: the `Host` header is then still the attacker's, so any host that is not ours is
refused, before anything else happens (RFC 9110 section 7.4). A page of another origin can also post to us blindly:
`Origin` (RFC 6454 section 7) and `Sec-Fetch-Site` (W3C Fetch Metadata) say so, and programs send neither.

Behind a proxy that ends TLS the socket itself speaks plain HTTP, to whoever reaches it: who goes around the proxy, or
comes to it without TLS, has sent a credential in the clear, and is told so instead of being served.
"""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, final

from starlette.types import ASGIApp, Receive, Scope, Send

from doorward.errors import Rejected
from doorward.server.answers import send_answer
from doorward.wire.hops import Hop, TrustedHops
from doorward.wire.render import render_refusal
from doorward.wire.request import Header, Peer

__all__ = ["SiteGuard", "peer_of"]

_HOST: Final = re.compile(rb"(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(?::([0-9]{1,5}))?")
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITE: Final = frozenset({b"same-origin", b"none"})


@final
class SiteGuard:
    """Lets through what speaks to one of our hosts, over TLS, and does not come from another site's page.

    Args:
        app: what is guarded.
        hosts: names without a port (any port is meant) or with one. Empty refuses everything.
        hops: whose word about the host and the scheme counts.
        open_paths: paths answered for any host, over anything. Load balancers ask for health by address; nothing is
            read there.
        danger_plain_http: answer what was not sent over TLS; for loopback only.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: tuple[str, ...],
        hops: TrustedHops,
        open_paths: frozenset[str] = frozenset(),
        danger_plain_http: bool = False,
    ) -> None:
        self._app: Final = app
        self._hosts: Final = frozenset(host.lower().encode() for host in hosts)
        self._hops: Final = hops
        self._open_paths: Final = open_paths
        self._plain_http: Final = danger_plain_http

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuses or hands on."""
        if scope["type"] == "http" and scope["path"] not in self._open_paths:
            try:
                hop = self._hops.resolve(peer_of(scope), scope["scheme"], scope["headers"])
                own = self._require_own_host(scope["headers"], hop)
                self._require_tls(hop)
                if scope["method"] not in _SAFE:
                    _require_own_page(scope["headers"], hop.scheme.encode() + b"://" + own)
            except Rejected as refused:
                await send_answer(send, render_refusal(refused))
                return
        await self._app(scope, receive, send)

    def _require_tls(self, hop: Hop) -> None:
        if hop.scheme != "https" and not self._plain_http:
            raise Rejected("credential_insecure_transport", "plain HTTP, or a proxy that was asked by it")

    def _require_own_host(self, headers: list[Header], hop: Hop) -> bytes:
        # Two hosts in one request: the next hop may look at the other one (RFC 9112 section 3.2).
        if sum(name == b"host" for name, _ in headers) != 1:
            raise Rejected("header_repeated" if hop.host else "host_refused", "host")
        host = (hop.host or b"").lower()
        match = _HOST.fullmatch(host)
        if match is None or not {host, match[1]} & self._hosts:
            raise Rejected("host_refused", host[:100].decode("latin-1"))
        return host


def _require_own_page(headers: list[Header], own_origin: bytes) -> None:
    for name, value in headers:
        if name == b"origin" and value.lower() != own_origin:
            raise Rejected("origin_refused", value[:100].decode("latin-1"))
        if name == b"sec-fetch-site" and value not in _OWN_SITE:
            raise Rejected("origin_refused", value[:100].decode("latin-1"))


def peer_of(scope: Scope) -> Peer:
    """The socket's other end; without an address when it has none (a UNIX socket)."""
    client = scope.get("client")
    return Peer(_parse_peer(client[0]) if client else None)


def _parse_peer(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
