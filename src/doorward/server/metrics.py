"""Numbers for Prometheus, on a listener of their own.

A label takes only values from a fixed set: HTTP methods we know, statuses, method names, refusal codes. An id, a path
or an address in a label would be a secret's neighbour in a place nobody guards, and a way to fill memory.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import Receive, Scope, Send

from doorward.errors import REFUSALS, Rejected
from doorward.server.answers import open_answer, send_answer
from doorward.values import AppId, CredentialId, FeedKind, MethodName, OrganizationId
from doorward.wire.render import render_refusal

__all__ = ["Metrics", "MetricsPage"]

_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
_CREDENTIAL_METHODS: Final = frozenset(
    {"apikey", "basic", "bearer", "opaque", "introspection", "issuance", "webhook", "signature"}
)
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


def _one_of(by_kind: Callable[[], Mapping[FeedKind, int]], kind: FeedKind) -> float:
    return by_kind()[kind]


@final
class Metrics:
    """The numbers of one server process. Also a `VerificationLog`: it counts what the doors decide."""

    def __init__(self) -> None:
        self._registry: Final = CollectorRegistry(auto_describe=True)
        self._requests: Final = Counter(
            "doorward_requests", "Answers given.", ["method", "status"], registry=self._registry
        )
        self._seconds: Final = Histogram(
            "doorward_request_seconds",
            "Time from the request head to the end of the answer.",
            ["method"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._verifications: Final = Counter(
            "doorward_verifications", "What doors decided.", ["method", "code"], registry=self._registry
        )
        self._age: Final = Gauge("doorward_feed_age_seconds", "Age of the last full read.", registry=self._registry)
        self._entries: Final = Gauge("doorward_view_entries", "Handles held in memory.", registry=self._registry)
        self._revoked: Final = Gauge(
            "doorward_view_revoked", "Of them, what is revoked.", ["kind"], registry=self._registry
        )

    def watch_view(
        self,
        *,
        age_s: Callable[[], float],
        entries: Callable[[], float],
        by_kind: Callable[[], Mapping[FeedKind, int]],
    ) -> None:
        """Read the age and the size of the view whenever somebody looks."""
        self._age.set_function(age_s)
        self._entries.set_function(entries)
        for kind in FeedKind:
            self._revoked.labels(kind.value).set_function(partial(_one_of, by_kind, kind))

    def count_request(self, presented_method: str, status: int, seconds: float) -> None:
        """One answer."""
        method = presented_method if presented_method in _METHODS else "other"
        self._requests.labels(method, str(status)).inc()
        self._seconds.labels(method).observe(seconds)

    def record(
        self,
        at: int,
        method: MethodName | None,
        credential_id: CredentialId | None,
        app_id: AppId | str | None,
        organization_id: OrganizationId | None,
        source: str | None,
        code: str | None,
        request_line: str,
    ) -> None:
        """One decision of a door, as `audit/port.py: VerificationLog` is told it; who it was is not counted."""
        del at, credential_id, app_id, organization_id, source, request_line
        name = method if method in _CREDENTIAL_METHODS else "none"
        self._verifications.labels(name, "admitted" if code is None else code if code in REFUSALS else "other").inc()

    def expose(self) -> bytes:
        """The text format Prometheus reads."""
        return generate_latest(self._registry)


@final
class MetricsPage:
    """`GET /metrics` and nothing else: the whole ASGI app of the metrics listener."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics: Final = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        del receive
        if scope["type"] != "http":
            return
        if scope["path"] != "/metrics":
            answer = render_refusal(Rejected("route_unknown"))
        elif scope["method"] not in {"GET", "HEAD"}:
            answer = render_refusal(Rejected("method_not_allowed"))
        else:
            answer = open_answer(200, self._metrics.expose(), CONTENT_TYPE_LATEST.encode())
        await send_answer(send, answer, head=scope["method"] == "HEAD")
