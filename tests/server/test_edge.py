"""No exception leaves, no secret is written, and the numbers say nothing about anybody."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send
from tests.server.conftest import Ask
from tests.simulators.issuer import SimulatedIssuer

from doorward.errors import Rejected, Unavailable
from doorward.server.edge import Edge
from doorward.server.health import Health
from doorward.server.logs import blot_out_credentials, configure_logs
from doorward.server.metrics import Metrics, MetricsPage
from doorward.values import AppId, CredentialId, FeedKind, MethodName

KEY = "dw_live_" + "a" * 50


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logs("info", stream)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)


def raising(error: Exception) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    return app


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (KeyError(KEY), 500, "internal_error"),
        (Rejected("object_unknown", KEY), 404, "object_unknown"),
        (Unavailable("store_unavailable"), 503, "store_unavailable"),
    ],
)
async def test_what_was_raised_becomes_a_problem_without_a_trace(
    ask: Ask, lines: io.StringIO, error: Exception, status: int, code: str
) -> None:
    answered, headers, body = await ask(Edge(raising(error), Metrics()))
    assert answered == status
    assert headers[b"content-type"] == b"application/problem+json"
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert json.loads(body)["code"] == code
    assert KEY.encode() not in body
    assert KEY not in lines.getvalue()


async def test_a_fault_is_logged_with_its_trace_and_without_credentials(ask: Ask, lines: io.StringIO) -> None:
    await ask(Edge(raising(KeyError(KEY)), Metrics()), f"/api/v1/keys/{KEY}\n", query=KEY.encode())
    written = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [line["event"] for line in written] == ["fault", "request"]
    assert "KeyError" in written[0]["exception"]
    assert written[1]["path"] == "/api/v1/keys/<credential>\n"
    assert KEY not in lines.getvalue()


def test_every_look_alike_is_blotted_out() -> None:
    assert KEY not in blot_out_credentials(f"a {KEY} b acme_test_{'Z' * 50}!")
    assert "acme" not in blot_out_credentials(f"acme_test_{'Z' * 50}")


def test_a_signed_token_is_blotted_out() -> None:
    token = SimulatedIssuer().issue().decode()
    assert blot_out_credentials(f"a {token} b") == "a <credential> b"


async def test_metrics_count_and_name_nobody(ask: Ask, lines: io.StringIO) -> None:
    metrics = Metrics()
    metrics.watch_view(age_s=lambda: 1.5, entries=lambda: 3, by_kind=lambda: dict.fromkeys(FeedKind, 2))
    await ask(Edge(raising(Rejected("route_unknown")), metrics), f"/{KEY}", method="BREW")
    metrics.record(
        1, MethodName("apikey"), CredentialId("A" * 12), AppId("app_x"), None, "192.0.2.1", "rate_limited", "GET /"
    )
    metrics.record(1, MethodName("<invented>"), None, None, None, None, "no such code", "GET /")
    status, headers, body = await ask(MetricsPage(metrics), "/metrics")
    text = body.decode()
    assert status == 200
    assert headers[b"content-type"].startswith(b"text/plain")
    assert 'doorward_requests_total{method="other",status="404"} 1.0' in text
    assert 'doorward_verifications_total{code="rate_limited",method="apikey"} 1.0' in text
    assert 'doorward_verifications_total{code="other",method="none"} 1.0' in text
    assert "doorward_feed_age_seconds 1.5" in text
    assert "doorward_view_entries 3.0" in text
    assert 'doorward_view_revoked{kind="client_subject"} 2.0' in text
    assert all(word not in text for word in (KEY, "A" * 12, "app_x", "192.0.2.1", "BREW", "invented"))


async def test_the_metrics_listener_has_one_page(ask: Ask) -> None:
    page = MetricsPage(Metrics())
    assert (await ask(page, "/"))[0] == 404
    assert (await ask(page, "/metrics", method="POST"))[0] == 405
    assert (await ask(page, "/metrics", method="HEAD"))[2] == b""


async def test_health_is_open_and_says_one_word(ask: Ask, hello: ASGIApp, lines: io.StringIO) -> None:
    failing = True

    async def require_ready() -> None:
        if failing:
            raise Unavailable("store_unavailable", "the host db.internal is away")

    health = Health(hello, require_ready)
    assert (await ask(health, "/healthz"))[0] == 200
    status, _, body = await ask(health, "/readyz")
    assert (status, body) == (503, b'{"status":"unready"}')
    failing = False
    assert (await ask(health, "/readyz"))[0] == 200
    assert (await ask(health, "/readyz", method="POST"))[0] == 405
    assert (await ask(health, "/healthz/"))[2] == b"0"
