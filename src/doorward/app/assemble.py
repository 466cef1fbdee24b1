"""The whole server from its settings: the store, and the layers every request goes through, outermost first.

`Edge` (counts, logs, ends exceptions) > `LoadLimit` > `SiteGuard` (hosts, origins) > `Health` > `BodyLimit` >
`Routes`: what programs ask by exact path > the management API behind its doors.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from starlette.types import ASGIApp

from doorward.app.master_key import load_master_keys
from doorward.app.settings import Settings
from doorward.app.store import Store, open_store
from doorward.door import Door
from doorward.errors import Unavailable
from doorward.methods.apikey import ApiKeys
from doorward.revocation.hub import FeedHub
from doorward.server.audiences import REVOCATIONS_READ
from doorward.server.edge import Edge
from doorward.server.explain_page import explain_form_room, explain_routes
from doorward.server.health import HEALTH_PATHS, Health
from doorward.server.introspection import introspection_routes
from doorward.server.jwks import jwks_routes
from doorward.server.limits import BodyLimit, LoadLimit
from doorward.server.management import build_management, explained_bytes_max
from doorward.server.management.doors import AdministratorScope
from doorward.server.metrics import Metrics
from doorward.server.own_tokens import OwnTokens
from doorward.server.revocation_streams import STREAMS_MAX, RevocationStreams
from doorward.server.revocations import RevocationPages, RevocationSource
from doorward.server.routes import Routes
from doorward.server.sites import SiteGuard
from doorward.values import Environment, PrincipalKind, Scopes
from doorward.wire.hops import TrustedHops

__all__ = ["build_server", "open_settings_store"]

READY_TIMEOUT_S: Final = 2.0


def open_settings_store(settings: Settings, metrics: Metrics) -> Store:
    """The store the settings name; nothing is opened yet. Raises `Misconfigured` as `open_store`."""
    text = settings.master_key
    keys = load_master_keys(
        settings.master_key_file, None if text is None else text.get_secret_value(), entropy=secrets.token_bytes
    )
    return open_store(
        settings.database_url.get_secret_value(),
        master_keys=keys,
        ring_policy=settings.ring_policy,
        audit_log=settings.audit_log_dir,
        observers=(metrics,),
        max_staleness_s=settings.max_staleness_s,
        pull_interval_s=settings.pull_interval_s,
        push=settings.push,
    )


def build_server(
    settings: Settings, store: Store, metrics: Metrics, *, stopping: list[Callable[[], None]] | None = None
) -> ASGIApp:
    """What the main listener serves.

    Args:
        settings: checked.
        store: need not be open yet.
        metrics: where requests are counted.
        stopping: what is to be called when the server is told to stop is added here: answers without an end.
    """
    hops = TrustedHops(settings.trusted_proxies, settings.proxy_header if settings.trusted_proxies else None)
    view = store.plane.view
    metrics.watch_view(
        age_s=lambda: view.age_s(time.monotonic()),
        entries=lambda: view.rows_held,
        by_kind=lambda: view.rows_by_kind,
    )

    async def require_ready() -> None:
        if not store.plane.started:
            raise Unavailable("store_unavailable", "the plane has not started")
        view.require_fresh(time.monotonic())
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                await store.audit.read_head()
        except TimeoutError:
            raise Unavailable("store_unavailable", "the store does not answer in time") from None

    source = _revocation_source(settings, store, hops)
    streams = RevocationStreams(source, streams_max=min(STREAMS_MAX, settings.connections_max // 2))
    if stopping is not None:
        stopping.append(streams.end)
    management = build_management(
        store,
        hops=hops,
        key_prefix=settings.key_prefix,
        environment=settings.environment,
        version=_version(),
        open_docs=settings.dev,
    )
    table = _protocol_table(source, streams) | _token_table(settings, store, hops)
    if settings.dev:
        table |= explain_routes(store.clock, store)
    protocol = Routes(table, management)
    limited = BodyLimit(
        protocol,
        body_bytes_max=settings.body_bytes_max,
        body_timeout_s=settings.body_timeout_s,
        room_for=lambda path: max(explained_bytes_max(path), explain_form_room(path) if settings.dev else 0),
    )
    # A development server answers nobody else's name, not even about its health.
    open_paths = frozenset[str]() if settings.dev else HEALTH_PATHS
    sited = SiteGuard(
        Health(limited, require_ready),
        hosts=settings.hosts,
        hops=hops,
        open_paths=open_paths,
        danger_plain_http=settings.dev,
    )
    return Edge(LoadLimit(sited, requests_max=settings.connections_max), metrics)


def _protocol_table(source: RevocationSource, streams: RevocationStreams) -> dict[str, ASGIApp]:
    """What programs ask that is no management: one line a route."""
    return {
        "/revocations": RevocationPages(source),
        "/revocations/stream": streams,
    }


def _token_table(settings: Settings, store: Store, hops: TrustedHops) -> dict[str, ASGIApp]:
    """What is asked about tokens: their keys, and what they are worth."""
    keys = ApiKeys(store, environment=Environment.LIVE, prefix=settings.key_prefix)
    asker = Door(keys, require=Scopes(AdministratorScope.TOKENS_INTROSPECT), principal_kind=PrincipalKind.APP)
    tokens = OwnTokens(store, prefix=settings.key_prefix)
    table = introspection_routes(tokens, asker, hops=hops, clock=store.clock)
    if store.issuer is not None:
        table |= jwks_routes(store.keyring)
    return table


def _revocation_source(settings: Settings, store: Store, hops: TrustedHops) -> RevocationSource:
    hub = FeedHub()
    store.plane.watch_feed(hub.take)
    keys = ApiKeys(store, environment=Environment.LIVE, prefix=settings.key_prefix)
    door = Door(keys, require=REVOCATIONS_READ, principal_kind=PrincipalKind.APP)

    async def sectors() -> frozenset[str]:
        # Names alone: a key that no longer opens, after a rotation elsewhere, must not silence the feed.
        return frozenset(await store.sectors.list_settled_sectors())

    return RevocationSource(door, hub, store.feed, hops=hops, sectors=sectors, issuer=store.issuer)


def _version() -> str:
    try:
        return version("doorward")
    except PackageNotFoundError:
        # Run from a source tree that was never installed.
        return "0"
