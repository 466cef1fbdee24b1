"""Connections that go to the address that was checked, and to no other.

A name is resolved once, every address it has is judged, and the connection is made to one of those very addresses:
there is no second lookup whose answer could differ (DNS rebinding). `Host` and the name that TLS verifies stay the
URL's own, because only the connection is told the address.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable
from ipaddress import ip_address
from typing import Final, final

import httpcore2

from doorward.adapters.http.addresses import Address, Reach, is_allowed

__all__ = ["ADDRESSES_TRIED_MAX", "PinnedBackend", "Resolve", "resolve"]

ADDRESSES_TRIED_MAX: Final = 4
"""How many addresses of a name are tried before the request fails."""
_CONNECT_SHARE_S: Final = 3.0

Resolve = Callable[[str, int], Awaitable[tuple[Address, ...]]]
"""All addresses of a name, best first."""


async def resolve(host: str, port: int) -> tuple[Address, ...]:
    """Ask the system's resolver. Raises `OSError` when the name has no address."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    # A scope id (`%eth0`) comes as a number of its own and would be lost: such an address is link-local and refused.
    return tuple(dict.fromkeys(ip_address(str(sockaddr[0]).partition("%")[0]) for *_, sockaddr in found))


@final
class PinnedBackend(httpcore2.AsyncNetworkBackend):
    """Opens connections for a pool.

    Args:
        reach: by who writes the URLs.
        loopback_only: refuse everything but this machine: what is not encrypted must not leave it.
        resolve: the resolver.
    """

    def __init__(self, reach: Reach, *, loopback_only: bool = False, resolve: Resolve = resolve) -> None:
        self._reach: Final = reach
        self._loopback_only: Final = loopback_only
        self._resolve: Final = resolve
        self._backend: Final = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # the engine's own signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to one of the checked addresses of a name.

        Raises:
            httpcore2.ConnectError: it has none, one of them may not be reached, or none answers.
        """
        addresses = await self._checked(host, port)
        each_s = _CONNECT_SHARE_S if timeout is None else min(timeout, _CONNECT_SHARE_S)
        failure: Exception = httpcore2.ConnectError("no address")
        for address in addresses[:ADDRESSES_TRIED_MAX]:
            try:
                return await self._backend.connect_tcp(
                    str(address), port, timeout=each_s, local_address=local_address, socket_options=socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109  # the engine's own signature
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Never: no URL of ours names a socket of this machine."""
        del path, timeout, socket_options
        raise httpcore2.ConnectError("no local sockets")

    async def sleep(self, seconds: float) -> None:
        """Between the tries of the engine, which makes none here."""
        await asyncio.sleep(seconds)

    async def _checked(self, host: str, port: int) -> tuple[Address, ...]:
        literal = _parse_literal(host)
        try:
            addresses = (literal,) if literal is not None else await self._resolve(host, port)
        except OSError as error:
            raise httpcore2.ConnectError("the name cannot be resolved") from error
        if not addresses:
            raise httpcore2.ConnectError("the name has no address")
        # All of them, not the one that is used: a name with one good and one bad address is a trap, not a mistake.
        if not all(is_allowed(address, self._reach) for address in addresses):
            raise httpcore2.ConnectError("the address may not be reached")
        if self._loopback_only and not all(address.is_loopback for address in addresses):
            raise httpcore2.ConnectError("what is not encrypted stays on this machine")
        return addresses


def _parse_literal(host: str) -> Address | None:
    try:
        return ip_address(host.strip("[]"))
    except ValueError:
        return None
