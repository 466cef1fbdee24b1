"""`doorward serve`: one process, one loop, two listeners, and an end that loses nothing.

Rules of this file:

* Nothing listens before every check has passed and the view of revocations is whole.
* uvicorn's own proxy handling, access log, server header and signal handling are off: the hops are ours, the log is
  ours, and a signal stops both listeners first and then flushes what was counted.
"""

import asyncio
import contextlib
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Final, final

import msgspec
import uvicorn
from starlette.types import ASGIApp

from doorward.app.administration import prepare_dev, prepare_dev_files
from doorward.app.assemble import build_server, open_settings_store
from doorward.app.check import require_safe
from doorward.app.settings import Settings
from doorward.errors import Misconfigured
from doorward.methods.apikey.order import IssuedKey
from doorward.server.logs import configure_logs
from doorward.server.metrics import Metrics, MetricsPage
from doorward.server.protocol import LimitedProtocol, make_protocol
from doorward.server.sites import SiteGuard
from doorward.wire.hops import TrustedHops

__all__ = ["Ready", "serve"]

BACKLOG: Final = 2_048
METRICS_CONNECTIONS_MAX: Final = 50
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@final
class Ready(msgspec.Struct, frozen=True):
    """What may be said to people once requests are answered."""

    url: str
    metrics_url: str | None
    first_admin: IssuedKey | None
    """Made by `--dev` in a fresh database; its text is shown once."""


def serve(settings: Settings, *, on_ready: Callable[[Ready], None] | None = None) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is under way, flush and return.

    Args:
        settings: checked here, all at once.
        on_ready: called in the serving thread when requests are answered.

    Raises:
        Misconfigured: something is unsafe or cannot be used, with the cure; nothing was listening.
        Unavailable: the store is away at the start.
    """
    if settings.dev:
        prepare_dev_files(settings)
    require_safe(settings)
    configure_logs(settings.log_level)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(settings, on_ready))


async def _serve(settings: Settings, on_ready: Callable[[Ready], None] | None) -> None:
    metrics = Metrics()
    async with open_settings_store(settings, metrics) as store:
        stopping: list[Callable[[], None]] = []
        listeners = [_listen(settings, build_server(settings, store, metrics, stopping=stopping))]
        if settings.metrics_port is not None:
            listeners.append(_listen_for_metrics(settings, metrics, settings.metrics_port))
        # After everything that can go wrong: a secret that is shown once must not be made and then never shown.
        await store.plane.start()
        if store.issuer is not None:
            await store.keyring.found()
        first_admin = await prepare_dev(settings, store) if settings.dev else None
        scheme = "https" if settings.serves_tls else "http"
        ready = Ready(
            url=f"{scheme}://{_shown(listeners[0].socket)}",
            metrics_url=f"http://{_shown(listeners[1].socket)}/metrics" if listeners[1:] else None,
            first_admin=first_admin,
        )
        with _stopped_by_signals(listeners, stopping):
            await _run(listeners, lambda: None if on_ready is None else on_ready(ready))


@final
class _Listener(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, listening: socket.socket) -> None:
        super().__init__(config)
        self.socket: Final = listening
        self.is_up: Final = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Signals stop both listeners, so neither takes them for itself.
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()


async def _run(listeners: list[_Listener], told: Callable[[], None]) -> None:
    running = [asyncio.create_task(listener.serve(sockets=[listener.socket])) for listener in listeners]
    up = asyncio.create_task(_all_up(listeners))
    await asyncio.wait([up, *running], return_when=asyncio.FIRST_COMPLETED)
    if up.done():
        told()
    up.cancel()
    # One that ends, for whatever reason, ends the other.
    await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    for listener in listeners:
        listener.should_exit = True
    await asyncio.gather(*running)


async def _all_up(listeners: list[_Listener]) -> None:
    for listener in listeners:
        await listener.is_up.wait()


@contextlib.contextmanager
def _stopped_by_signals(listeners: list[_Listener], stopping: list[Callable[[], None]]) -> Iterator[None]:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        for listener in listeners:
            # Asked twice: whoever asks does not want to wait for connections any more.
            listener.force_exit = listener.should_exit
            listener.should_exit = True
        # Answers without an end would be waited for.
        for end in stopping:
            end()

    for number in _SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


def _listen(settings: Settings, app: ASGIApp) -> _Listener:
    config = uvicorn.Config(
        app,
        http=_protocol(settings),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=settings.connections_max,
        timeout_keep_alive=settings.keep_alive_s,
        timeout_graceful_shutdown=settings.shutdown_grace_s,
        ssl_certfile=settings.tls_certificate_file,
        ssl_keyfile=settings.tls_key_file,
    )
    try:
        config.load()
    except (ssl.SSLError, OSError) as error:
        raise Misconfigured(
            "The TLS certificate and its key cannot be used together.",
            cure="Set a PEM certificate chain and its own unencrypted key.",
        ) from error
    return _Listener(config, _bind(settings.listen_host, settings.listen_port, "listen_port"))


def _protocol(settings: Settings) -> type[LimitedProtocol]:
    return make_protocol(
        head_bytes_max=settings.head_bytes_max,
        head_timeout_s=settings.head_timeout_s,
        stall_timeout_s=settings.body_timeout_s,
    )


def _listen_for_metrics(settings: Settings, metrics: Metrics, port: int) -> _Listener:
    page: ASGIApp = MetricsPage(metrics)
    if settings.dev:
        # A browser runs on this machine, and an attacker's name may be made to mean it.
        page = SiteGuard(page, hosts=settings.hosts, hops=TrustedHops(), danger_plain_http=True)
    config = uvicorn.Config(
        page,
        http=_protocol(settings),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=METRICS_CONNECTIONS_MAX,
        timeout_graceful_shutdown=1,
    )
    return _Listener(config, _bind(settings.metrics_host, port, "metrics_port"))


def _bind(host: str, port: int, name: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise Misconfigured(
            f"Cannot listen on {host} port {port}: {error.strerror}.", cure=f"Choose another {name}, or free it."
        ) from None


def _shown(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop  # noqa: PLC0415  # not on every platform
    except ModuleNotFoundError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop
