"""No test talks to another machine: connections and name lookups outside loopback are refused in this process.

An audit hook sees every socket, also those made in C, and needs no test to remember it.
"""

import ipaddress
import sys
from typing import Any, Final

__all__ = ["NetworkRefused", "is_local"]

_LOCAL_NAMES: Final = frozenset({"", "localhost", "testserver"})


class NetworkRefused(RuntimeError):
    """A test tried to leave this machine. Not an `OSError`, so that no client takes it for an outage and goes on."""


def is_local(host: str) -> bool:
    """Whether a host, as given to a socket call, is this machine: 127.0.0.0/8, ::1 or a name for them."""
    if host in _LOCAL_NAMES:
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback


# The interpreter passes whatever the call was given.
def _refuse_outside(event: str, arguments: tuple[Any, ...]) -> None:
    if event in {"socket.connect", "socket.sendto"}:
        address = arguments[1]
    elif event == "socket.getaddrinfo":
        address = (arguments[0],)
    else:
        return
    # A UNIX socket's address is text or bytes, an Internet address a tuple.
    if not isinstance(address, tuple):
        return
    host = address[0]
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host or "")
    if not is_local(name):
        raise NetworkRefused(f"{event}: tests reach this machine only, not {name}")


def pytest_configure() -> None:
    """Install the hook before anything is collected. Audit hooks stay for the life of the process."""
    sys.addaudithook(_refuse_outside)
