"""What makes a configuration unsafe: one table, asked before anything listens.

Each row looks at one thing and says what is unsafe, why, and what to change. All rows are asked and everything found
is told at once, so that an operator does not mend one thing to meet the next. Nothing is opened but files' metadata
and the database's schema version, and nothing is changed.
"""

import os
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Final, final
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from doorward.app.maintenance import SchemaState, schema_state
from doorward.app.settings import Settings
from doorward.errors import Misconfigured, Unavailable
from doorward.wire.hops import TrustedHops

__all__ = ["CHECKS", "Finding", "find_unsafe", "require_safe"]

_GROUP_AND_OTHERS: Final = 0o077
_OTHERS: Final = 0o007
_VERIFIED: Final = frozenset({"verify-full", "verify-ca"})
# Addresses are compared as IPv4 when they are; whoever lists these thinks otherwise.
_MAPPED: Final = ip_network("::ffff:0:0/96")


@final
class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One unsafe thing. No secret and no value of a secret setting is in it."""

    what: str
    why: str
    cure: str

    def __str__(self) -> str:
        return f"{self.what}. {self.why}. {self.cure}."


Check = Callable[[Settings], Iterator[Finding]]


def find_unsafe(settings: Settings) -> tuple[Finding, ...]:
    """Everything that keeps `serve` from starting with these settings."""
    return tuple(finding for check in CHECKS for finding in check(settings))


def require_safe(settings: Settings) -> None:
    """Stop the start unless nothing is unsafe.

    Raises:
        Misconfigured: with every finding.
    """
    found = find_unsafe(settings)
    if len(found) == 1:
        raise Misconfigured(f"{found[0].what}. {found[0].why}.", cure=f"{found[0].cure}.")
    if found:
        listed = "\n".join(f"- {finding}" for finding in found)
        raise Misconfigured(f"{len(found)} things are unsafe:\n{listed}\n", cure="Run `doorward check` after mending.")


def _transport(settings: Settings) -> Iterator[Finding]:
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


def _tls_files(settings: Settings) -> Iterator[Finding]:
    for name, path in (
        ("tls_certificate_file", settings.tls_certificate_file),
        ("tls_key_file", settings.tls_key_file),
    ):
        if path is not None and not os.access(path, os.R_OK):
            yield Finding(
                what=f"{name} cannot be read: {path}",
                why="Without it there is no TLS",
                cure="Correct the path or the file's owner",
            )
    yield from _private_file("tls_key_file", settings.tls_key_file)


def _listening(settings: Settings) -> Iterator[Finding]:
    if settings.dev and not _is_loopback(settings.listen_host):
        yield Finding(
            what=f"--dev listens on {settings.listen_host}",
            why="Development mode speaks plain HTTP and must not be reachable from another machine",
            cure="Listen on 127.0.0.1 or ::1, or configure TLS and leave --dev out",
        )
    if settings.dev and settings.metrics_port is not None and not _is_loopback(settings.metrics_host):
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


def _proxies(settings: Settings) -> Iterator[Finding]:
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


def _hosts(settings: Settings) -> Iterator[Finding]:
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


def _master_key(settings: Settings) -> Iterator[Finding]:
    path = settings.master_key_file
    if (path is None) == (settings.master_key is None):
        yield Finding(
            what="There is no master key" if path is None else "There are two master keys: a file and the environment",
            why="It seals secrets and chains the audit log, so there must be exactly one source",
            cure="Set master_key_file (or DOORWARD_MASTER_KEY), or run `doorward init` to make one",
        )
    elif path is not None and not settings.dev:
        yield from _key_place(settings, path)
    yield from _private_file("master_key_file", path)


def _key_place(settings: Settings, path: Path) -> Iterator[Finding]:
    if not os.access(path, os.R_OK):
        yield Finding(
            what=f"master_key_file cannot be read: {path}",
            why="Without the master key nothing sealed opens and the audit chain cannot go on",
            cure="Correct the path or the owner, restore it from your safe, or run `doorward init`",
        )
    database = settings.database_path
    if database is not None and database.resolve().parent == path.resolve().parent:
        yield Finding(
            what=f"The master key lies beside the database in {path.resolve().parent}",
            why="Whoever copies the folder has the lock and the key",
            cure="Move the key to a folder of its own and set master_key_file",
        )


def _private_file(name: str, path: Path | None) -> Iterator[Finding]:
    mode = _mode(path)
    if mode is not None and mode & _GROUP_AND_OTHERS:
        yield Finding(
            what=f"{name} can be read or written by others: {path} has mode {mode:04o}",
            why="A key others can read is theirs too",
            cure=f"chmod 600 {path}",
        )


def _issuer(settings: Settings) -> Iterator[Finding]:
    issuer = settings.token_issuer
    if issuer is not None and not settings.dev and not issuer.startswith("https://"):
        yield Finding(
            what=f"The issuer is {issuer}",
            why="Verifiers fetch the keys from there, and over plain HTTP whoever sits in between gives them his own",
            cure="Set issuer (or public_url) to an https URL",
        )


def _database_file(settings: Settings) -> Iterator[Finding]:
    url = settings.database_url.get_secret_value()
    if url.partition("://")[0] not in {"sqlite", "postgresql"}:
        yield Finding(
            what="database_url is of no kind Doorward knows",
            why="Only SQLite and PostgreSQL are tested",
            cure="Use sqlite:///file.db or postgresql://user@host/database",
        )
    elif url.startswith("sqlite") and (":memory:" in url or not url.partition(":///")[2]):
        yield Finding(
            what="database_url keeps everything in this process's memory",
            why="Another worker would not see a revocation, and a restart forgets every key",
            cure="Name a file: sqlite:///doorward.db",
        )
    path = settings.database_path
    mode = _mode(path)
    if mode is not None and mode & _OTHERS:
        yield Finding(
            what=f"Every user of this machine can open the database: {path} has mode {mode:04o}",
            why="It holds who may do what, and who did",
            cure=f"chmod o-rwx {path}",
        )


def _database_transport(settings: Settings) -> Iterator[Finding]:
    try:
        parts = urlsplit(settings.database_url.get_secret_value())
        query = parse_qs(parts.query)
    except ValueError:
        return  # told by `_schema`
    if parts.scheme not in {"postgresql", "postgres"} or settings.danger_database_in_the_clear:
        return
    # asyncpg's rules: several hosts are one comma-separated text, and what the URL leaves open the environment says.
    said = parts.netloc.rpartition("@")[2] or ",".join(query.get("host", ())) or os.environ.get("PGHOST", "localhost")
    mode = query.get("sslmode", [os.environ.get("PGSSLMODE", "prefer")])[-1]
    if mode not in _VERIFIED and not all(_is_this_machine(host) for host in said.split(",")):
        yield Finding(
            what="PostgreSQL is on another machine, and its certificate is not verified",
            why="Whoever sits in between reads its password, and answers with digests of keys of his own",
            cure="Add ?sslmode=verify-full (and sslrootcert=…) to database_url; in a network nobody else is in, set "
            "danger_database_in_the_clear",
        )


def _schema(settings: Settings) -> Iterator[Finding]:
    if any(_database_transport(settings)):
        return  # asking would already show the password
    cure = "Run `doorward db upgrade` (or `doorward init` for a new deployment)"
    try:
        # In a thread of its own: it may need an event loop, and the caller may be inside one.
        with ThreadPoolExecutor(1) as pool:
            state = pool.submit(schema_state, settings.database_url.get_secret_value()).result()
    except Misconfigured as error:
        yield Finding(what=error.problem.rstrip("."), why="Nothing can be stored there", cure=error.cure.rstrip("."))
    except Unavailable:
        yield Finding(
            what="The database cannot be reached",
            why="Nobody can be verified without it",
            cure="Start it, or correct database_url",
        )
    else:
        if state is SchemaState.NEWER:
            yield Finding(
                what="The database was made by a newer Doorward",
                why="This version does not know what its columns mean",
                cure="Upgrade Doorward",
            )
        elif state is not SchemaState.CURRENT and not (settings.dev and state is SchemaState.MISSING):
            yield Finding(
                what=f"The database's schema is {state.value}", why="This version works with its own", cure=cure
            )


def _audit_directory(settings: Settings) -> Iterator[Finding]:
    path = settings.audit_log_dir
    if path is not None and not settings.dev and not (path.is_dir() and os.access(path, os.W_OK | os.X_OK)):
        yield Finding(
            what=f"audit_log_dir is no folder that can be written: {path}",
            why="Who was admitted and refused would not be recorded",
            cure="Create it, owned by the user that serves, with mode 700",
        )


def _folders(settings: Settings) -> Iterator[Finding]:
    # Whoever may write a folder may put another file in the place of one he may not even read.
    named = (settings.master_key_file, settings.tls_key_file, settings.database_path)
    folders = [path.absolute().parent for path in named if path is not None]
    if settings.audit_log_dir is not None:
        folders.append(settings.audit_log_dir.absolute())
    for folder in dict.fromkeys(folders):
        mode = _mode(folder)
        if mode is not None and mode & stat.S_IWOTH:
            yield Finding(
                what=f"Every user of this machine can write into {folder} (mode {mode:04o})",
                why="What lies there can be replaced or removed, and what SQLite looks for beside a database put there",
                cure=f"chmod o-w {folder}, or choose a folder of its own",
            )


def _environment(settings: Settings) -> Iterator[Finding]:
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


CHECKS: Final[tuple[Check, ...]] = (
    _transport,
    _tls_files,
    _listening,
    _proxies,
    _hosts,
    _master_key,
    _issuer,
    _database_file,
    _database_transport,
    _schema,
    _audit_directory,
    _folders,
    _environment,
)
"""Every check there is, in the order they are told."""


def _mode(path: Path | None) -> int | None:
    try:
        return stat.S_IMODE(path.stat().st_mode) if path is not None else None
    except OSError:
        return None


def _is_this_machine(presented_host: str) -> bool:
    host = presented_host.partition("]")[0].removeprefix("[") if presented_host[:1] == "[" else presented_host
    host = host if host.count(":") > 1 else host.partition(":")[0]
    # A path, or nothing, is a UNIX socket.
    return unquote(host)[:1] in {"", "/"} or _is_loopback(host)


def _is_most_of_the_world(entry: str) -> bool:
    try:
        network = ip_network(entry)
    except ValueError:
        return False  # `unix`, or none at all: `TrustedHops` says so
    # Two halves are a whole. The largest networks anybody has of his own are 10.0.0.0/8 and fc00::/7.
    return network.prefixlen < (8 if network.version == 4 else 7) or network.overlaps(_MAPPED)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
