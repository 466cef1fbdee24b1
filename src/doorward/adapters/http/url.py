"""URLs of outbound requests, read strictly: what two parsers may read differently is refused.

Rules of this file (RFC 3986; the reasons are in the URL standard of the WHATWG, sections 3.5 and 4.4):

* `https` only; `http` where the caller says so. Nothing else is a scheme here: no `file:`, no `data:`.
* A host is a name of letters, digits and hyphens, an IPv4 address of four plain decimal numbers, or an IPv6 address in
  brackets. A name that ends in a number (`0x7f.1`, `127.1`, `2130706433`, `0177.0.0.1`) is an address to some resolvers
  and is refused.
* No user information, no fragment, no backslash, no control or non-ASCII character, no dot segment.
"""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final, final

import msgspec

from doorward.adapters.http.addresses import Address
from doorward.errors import DoorwardError, Misconfigured

__all__ = ["URL_CHARACTERS_MAX", "OutboundUrl", "UnusableUrl", "parse_operator_url", "parse_url"]

URL_CHARACTERS_MAX: Final = 2_048
"""How long the URL of an outbound request may be."""
_HOST_CHARACTERS_MAX: Final = 253

_URL: Final = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9.-]{1,253})"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<target>(?:/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?(?:\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?)",
)
_LABEL: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_NUMBER: Final = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")


class UnusableUrl(DoorwardError):
    """The URL is not one we would ask. The message says why and never quotes it: a URL may hold a secret."""


@final
class OutboundUrl(msgspec.Struct, frozen=True):
    """A URL in pieces. `host` is lower case and without brackets; `address` is set when the host is one."""

    scheme: str
    host: str
    port: int
    target: str
    """Path and query, as they are sent."""
    address: Address | None

    @property
    def authority(self) -> str:
        """What `Host` says: without the port where it is the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.scheme == "https" else 80) else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme and authority: what may be shown in a log."""
        return f"{self.scheme}://{self.authority}"


def parse_url(presented_url: str, *, danger_plain_http: bool = False) -> OutboundUrl:
    """Read a URL.

    Args:
        presented_url: at most `URL_CHARACTERS_MAX` characters.
        danger_plain_http: let `http:` through as well.

    Raises:
        UnusableUrl: see the module.
    """
    if len(presented_url) > URL_CHARACTERS_MAX:
        raise UnusableUrl(f"it is longer than {URL_CHARACTERS_MAX} characters")
    match = _URL.fullmatch(presented_url)
    if match is None:
        raise UnusableUrl("it is not of the form https://host/path, in plain ASCII and without a user or a fragment")
    scheme, target = match["scheme"], match["target"]
    if scheme == "http" and not danger_plain_http:
        raise UnusableUrl("it is not https")
    path = target.partition("?")[0]
    if any(segment in {".", ".."} for segment in path.replace("%2e", ".").replace("%2E", ".").split("/")):
        raise UnusableUrl("its path holds a dot segment")
    host, address = _parse_host(match["host"])
    port = int(match["port"]) if match["port"] else 443 if scheme == "https" else 80
    if not 1 <= port <= 65_535:
        raise UnusableUrl("its port is none")
    return OutboundUrl(scheme, host, port, target if target.startswith("/") else f"/{target}", address)


def parse_operator_url(url: str, setting: str, *, danger_plain_http: bool = False) -> OutboundUrl:
    """A URL of the operator's, named by its setting.

    Raises:
        Misconfigured: it is not one we would ask.
    """
    try:
        return parse_url(url, danger_plain_http=danger_plain_http)
    except UnusableUrl as unusable:
        cure = "Write it as https://id.example, and nothing unusual in it."
        if url.startswith("http://") and not danger_plain_http:
            cure = "Write it as https://id.example; for a server on this machine alone, say danger_plain_http=True."
        raise Misconfigured(f"{setting} cannot be used: {unusable}.", cure=cure) from None


def _parse_host(presented_host: str) -> tuple[str, Address | None]:
    if presented_host.startswith("["):
        try:
            address = IPv6Address(presented_host[1:-1])
        except AddressValueError:
            raise UnusableUrl("its host is no IPv6 address") from None
        return str(address), address
    host = presented_host.lower()
    # The root's dot makes another name of the same host: one spelling only.
    labels = host.split(".")
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise UnusableUrl("its host is no name of letters, digits and hyphens")
    if _NUMBER.fullmatch(labels[-1]) is None:
        return host, None
    try:
        return host, IPv4Address(host)
    except AddressValueError:
        raise UnusableUrl("its host is a number that some read as an address") from None
