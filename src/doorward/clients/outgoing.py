"""A request that is about to leave: what of it can be signed, and whether a credential may go with it at all.

Nothing goes over plain HTTP, signatures no more than keys: whoever listens can send them once more. `http` to this
machine itself can be allowed, for development, and only by a name that cannot lead anywhere else: not where the
environment names a proxy for it, which would be handed the credential in the clear. A proxy that is given to the client
itself cannot be seen from here.
"""

import os
from ipaddress import ip_address
from typing import Any, Final, final
from urllib.request import getproxies

import msgspec

from doorward.errors import Misconfigured
from doorward.wire.request import Header

__all__ = ["AuthorizationHeader", "OutgoingRequest", "check_transport", "require_kind"]

# RFC 6761 section 6.3: names under it as well, but those are looked up by some resolvers.
_THIS_MACHINE: Final = "localhost"


@final
class AuthorizationHeader:
    """A value of `Authorization` that shows itself to nobody who does not ask for it."""

    __slots__ = ("kind", "value")

    def __init__(self, kind: str, value: str) -> None:
        self.kind: Final = kind
        self.value: Final = value

    def __repr__(self) -> str:
        return f"AuthorizationHeader({self.kind!r}, <secret>)"


@final
class OutgoingRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request as the peer will see it.

    Args:
        method: as it is sent.
        url: absolute, as it is called: without a fragment, which is never sent.
        scheme: `http` or `https`.
        authority: host and port, as `Host` says.
        target: path and query as they are sent.
        headers: (lower-case name, raw value), in order.
    """

    method: str
    url: str
    scheme: str
    authority: bytes
    target: bytes
    headers: tuple[Header, ...]

    def __repr__(self) -> str:
        # Headers and query may hold secrets.
        return f"OutgoingRequest({self.method!r})"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("method", self.method)]

    def value(self, name: bytes) -> bytes | None:
        """The first header of that lower-case name."""
        return next((value for key, value in self.headers if key == name), None)

    @property
    def has_body(self) -> bool:
        """Whether the headers announce one."""
        return self.value(b"transfer-encoding") is not None or self.value(b"content-length") not in (None, b"0")


def require_kind(given: object, kinds: tuple[Any, ...], what: str, *, cure: str) -> None:
    """Refuse what is of another type, in words: whoever runs no type checker hands over what an unset variable is.

    Args:
        given: what was handed over; it is not repeated.
        kinds: what `isinstance` takes.
        what: its name at the beginning of a sentence.
        cure: what to do.

    Raises:
        Misconfigured: it is none of these.
    """
    if not isinstance(given, kinds):
        kind = "nothing (None)" if given is None else f"something of the type {type(given).__name__}"
        raise Misconfigured(f"{what} is needed, and {kind} was given.", cure=cure)


def check_transport(scheme: str, host: str, *, danger_plain_http_on_loopback: bool) -> None:
    """Refuse to send a credential where anybody can read it.

    Args:
        scheme: of the URL.
        host: of the URL, without port and brackets.
        danger_plain_http_on_loopback: let `http` pass to this machine.

    Raises:
        Misconfigured: the URL is not https; or a proxy stands in between.
    """
    if scheme == "https":
        return
    if scheme == "http" and danger_plain_http_on_loopback and _is_this_machine(host):
        _refuse_proxy(host)
        return
    raise Misconfigured(
        f"A credential would go to {host or 'nowhere'} over {scheme or 'no'} without encryption.",
        cure="Call an https URL; for this machine, say danger_plain_http_on_loopback=True.",
    )


def _refuse_proxy(host: str) -> None:
    proxies = getproxies()
    if not (proxies.get("http") or proxies.get("all")):
        return
    # Exact names only: what else is written there each library reads in its own way.
    written = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    direct = {name.strip().lower() for name in written.split(",")}
    if "*" not in direct and host.lower() not in direct:
        raise Misconfigured(
            f"A credential for {host} would go to the proxy of the environment without encryption.",
            cure=f"Say NO_PROXY={host}, or take HTTP_PROXY and ALL_PROXY out of the environment.",
        )


def _is_this_machine(host: str) -> bool:
    if host.lower() == _THIS_MACHINE:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
