"""What is unsafe about how callers reach the server: TLS, proxies, hosts, and what the environment says of them."""

import os
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Final

from doorward.app.check.finding import Finding
from doorward.app.settings import Settings
from doorward.errors import Misconfigured
from doorward.wire.hops import TrustedHops

__all__ = [
    "check_environment",
    "check_hosts",
    "check_issuer",
    "check_listening",
    "check_proxies",
    "check_transport",
    "is_loopback",
]

# Addresses are compared as IPv4 when they are; whoever lists these thinks otherwise.
_MAPPED: Final = ip_network("::ffff:0:0/96")


def check_transport(settings: Settings) -> Iterator[Finding]:
    """Whether callers come over TLS, ours or a listed proxy's."""
    certificate, key = settings.tls_certificate_file, settings.tls_key_file
    if (certificate is None) != (key is None):
        yield Finding(
            what="Only one of tls_certificate_file and tls_key_file is set",
            why="TLS needs both, and plain HTTP is not what was meant",
            cure="Set both",
        )
    elif not settings.serves_tls and not settings.trusted_proxies and not settings.dev:
        yield Finding(
            what="There is neither TLS nor a listed proxy that ends it",
            why="Credentials would cross the network in the clear",
            cure="Set tls_certificate_file and tls_key_file, or list your TLS proxy in trusted_proxies "
            "(or use --dev, on this machine only)",
        )


def check_listening(settings: Settings) -> Iterator[Finding]:
    """Whether a development server stays on this machine."""
    if settings.dev and not is_loopback(settings.listen_host):
        yield Finding(
            what=f"--dev listens on {settings.listen_host}",
            why="Development mode speaks plain HTTP and must not be reachable from another machine",
            cure="Listen on 127.0.0.1 or ::1, or configure TLS and leave --dev out",
        )
    if settings.dev and settings.metrics_port is not None and not is_loopback(settings.metrics_host):
        yield Finding(
            what=f"--dev shows metrics on {settings.metrics_host}",
            why="Development mode must not be reachable from another machine",
            cure="Set metrics_host to 127.0.0.1 or ::1",
        )
    if settings.dev and settings.trusted_proxies:
        yield Finding(
            what="--dev has trusted_proxies",
            why="A proxy makes a loopback-only server reachable from elsewhere",
            cure="Leave --dev out behind a proxy",
        )


def check_proxies(settings: Settings) -> Iterator[Finding]:
    """Whether those whose word counts are known."""
    try:
        TrustedHops(settings.trusted_proxies)
    except Misconfigured as error:
        yield Finding(
            what=error.problem.rstrip("."), why="Nobody could tell whose word counts", cure=error.cure.rstrip(".")
        )
    for entry in settings.trusted_proxies:
        if _is_most_of_the_world(entry):
            yield Finding(
                what=f"trusted_proxies lists {entry}",
                why="Callers you do not know could then say they come from anywhere, over TLS",
                cure="List the addresses of your own proxies",
            )
    if set(settings.trusted_proxies) == {"unix"} and not settings.serves_tls:
        yield Finding(
            what="trusted_proxies lists only unix, and the server listens on TCP",
            why="Whoever comes is not that proxy, so nothing would end TLS",
            cure="List the proxy's addresses",
        )


def check_hosts(settings: Settings) -> Iterator[Finding]:
    """Whether the server answers under its own names only."""
    if not settings.hosts:
        yield Finding(
            what="Neither public_url nor allowed_hosts is set",
            why="A server that answers for any host can be reached under an attacker's name (DNS rebinding)",
            cure="Set public_url to the URL callers use",
        )
    if any("*" in host for host in settings.hosts):
        yield Finding(
            what="allowed_hosts has a wildcard",
            why="Hosts are compared as a whole, so it would match nothing",
            cure="Name each host",
        )


def check_issuer(settings: Settings) -> Iterator[Finding]:
    """Whether keys are fetched from an https URL."""
    issuer = settings.token_issuer
    if issuer is not None and not settings.dev and not issuer.startswith("https://"):
        yield Finding(
            what=f"The issuer is {issuer}",
            why="Verifiers fetch the keys from there, and over plain HTTP whoever sits in between gives them his own",
            cure="Set issuer (or public_url) to an https URL",
        )


def check_environment(settings: Settings) -> Iterator[Finding]:
    """What the environment says to servers of other makes."""
    del settings
    if os.environ.get("FORWARDED_ALLOW_IPS"):
        yield Finding(
            what="FORWARDED_ALLOW_IPS is set",
            why="Doorward does not use it, so what it promises is not in force",
            cure="Unset it and list proxies in trusted_proxies",
        )
    if os.environ.get("WEB_CONCURRENCY", "1") != "1":
        yield Finding(
            what="WEB_CONCURRENCY asks for several workers",
            why="One `doorward serve` is one process, and its view of revocations lives there",
            cure="Unset it and start several `doorward serve` on one database",
        )


def _is_most_of_the_world(entry: str) -> bool:
    try:
        network = ip_network(entry)
    except ValueError:
        return False  # `unix`, or none at all: `TrustedHops` says so
    # Two halves are a whole. The largest networks anybody has of his own are 10.0.0.0/8 and fc00::/7.
    return network.prefixlen < (8 if network.version == 4 else 7) or network.overlaps(_MAPPED)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
