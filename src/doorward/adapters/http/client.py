"""The one client for requests to other machines (invariant 9).

Rules of this file:

* TLS, verified, at least 1.2; plain HTTP only where a caller says `danger_plain_http`, and then to this machine only.
* The address is checked and pinned (`pinned.py`); a redirect is an answer like any other that is not 200: refused.
* Nothing comes from the environment: no proxy, no `.netrc`, no certificate file. No cookie is kept or sent.
* A whole exchange has one deadline and one size, counted as octets arrive. Encoded bodies are refused instead of
  inflated: we ask for `identity`, and whoever sends something else wants to find out what we do.
* What fails is `Unavailable` with the caller's code. The detail names the origin and the failure: never the path, the
  query, a header or a body, which may hold what must not be in a log.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from pathlib import Path
from typing import Final, final

import httpcore2
import httpx2
import msgspec

from doorward.adapters.http.addresses import Reach
from doorward.adapters.http.pinned import PinnedBackend, Resolve, resolve
from doorward.adapters.http.url import OutboundUrl
from doorward.errors import Misconfigured, Unavailable

__all__ = ["Fetched", "GuardedClient", "Streamed"]

CONNECTIONS_MAX: Final = 8
"""How many connections one client keeps open."""
ANSWER_HEADERS_MAX: Final = 100
"""How many headers an answer may have."""
ANSWER_HEADER_OCTETS_MAX: Final = 32_768
"""How long they may be together. The parser itself stops at 100 KiB."""
FETCH_S_MAX: Final = 10.0
"""How long one exchange may take when the caller says nothing else."""
FETCH_OCTETS_MAX: Final = 1_048_576
"""How long the body of an answer may be when the caller says nothing else."""
_KEPT_S: Final = 30.0
# Whoever logs user agents must be able to see who this is.
_ALWAYS: Final = ((b"user-agent", b"doorward"), (b"accept-encoding", b"identity"))


@final
class Fetched(msgspec.Struct, frozen=True):
    """A whole answer. Header names are lower case; of a repeated header the first counts."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@final
class Streamed:
    """An answer whose body is still coming."""

    def __init__(self, headers: Mapping[str, str], chunks: AsyncIterator[bytes]) -> None:
        self.headers: Final = headers
        self.chunks: Final = chunks


@final
class GuardedClient:
    """Belongs to the event loop it is first used in, until it is closed.

    Args:
        unavailable: the code of every failure: whose absence it is (`keys_unavailable`, `store_unavailable`, …).
        reach: by who writes the URLs.
        ca_file: certificates to trust instead of the system's, PEM.
        danger_plain_http: let URLs of scheme `http` be asked, on loopback only. For development.
        resolve: the resolver; for tests.

    Raises:
        Misconfigured: `ca_file` cannot be used.
    """

    def __init__(
        self,
        *,
        unavailable: str,
        reach: Reach = Reach.OPERATOR,
        ca_file: Path | None = None,
        danger_plain_http: bool = False,
        resolve: Resolve = resolve,
    ) -> None:
        self._unavailable: Final = unavailable
        self.danger_plain_http: Final = danger_plain_http
        context = _tls_context(ca_file)
        self._pools: Final = {
            scheme: httpcore2.AsyncConnectionPool(
                ssl_context=context,
                max_connections=CONNECTIONS_MAX,
                keepalive_expiry=_KEPT_S,
                http1=True,
                http2=False,
                retries=0,
                network_backend=PinnedBackend(reach, loopback_only=scheme == "http", resolve=resolve),
            )
            for scheme in ("https", "http")
        }

    async def fetch(
        self,
        url: OutboundUrl,
        *,
        method: str = "GET",
        headers: tuple[tuple[bytes, bytes], ...] = (),
        content: bytes | None = None,
        content_type: str = "application/json",
        octets_max: int = FETCH_OCTETS_MAX,
        total_s: float = FETCH_S_MAX,
    ) -> Fetched:
        """One exchange. Answers what the other side says with 200 and the wanted content type.

        Args:
            url: from `parse_url`.
            method: `GET`, or `POST` with `content`.
            headers: names in lower case.
            content: the body to send.
            content_type: what the answer must be, without parameters. `application/json` stands for all its kin
                (`application/jwk-set+json`).
            octets_max: how long its body may be.
            total_s: how long everything together may take, looking up the name included.

        Raises:
            Unavailable: anything else. Its `detail` says what; `Unavailable.detail` starts with `status 401` and the
                like for a refusal.
        """
        try:
            async with asyncio.timeout(total_s), self._exchange(url, method, headers, content) as answer:
                told = self._accept(url, answer, content_type)
                body = await _read_whole(answer, octets_max)
        except TimeoutError as error:
            raise self._failed(url, "no answer in time") from error
        except _TooLong as error:
            raise self._failed(url, f"an answer of more than {octets_max} octets") from error
        return Fetched(200, told, body)

    @contextlib.asynccontextmanager
    async def stream(
        self,
        url: OutboundUrl,
        *,
        headers: tuple[tuple[bytes, bytes], ...] = (),
        content_type: str,
        head_s: float = FETCH_S_MAX,
        idle_s: float = FETCH_S_MAX,
    ) -> AsyncGenerator[Streamed]:
        """An answer without an end. Whoever reads `chunks` bounds what is kept of them.

        Args:
            url: as for `fetch`.
            headers: as for `fetch`.
            content_type: as for `fetch`.
            head_s: how long it may take until the answer begins.
            idle_s: how long nothing may come; then the other side is taken for gone.

        Raises:
            Unavailable: also out of `chunks`, when the stream is cut or falls silent.
        """
        async with contextlib.AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(head_s):
                    answer = await stack.enter_async_context(self._exchange(url, "GET", headers, None))
            except TimeoutError as error:
                raise self._failed(url, "no answer in time") from error
            yield Streamed(self._accept(url, answer, content_type), self._chunks(url, answer, idle_s))

    async def aclose(self) -> None:
        """Close every connection. Idempotent."""
        for pool in self._pools.values():
            await pool.aclose()

    @contextlib.asynccontextmanager
    async def _exchange(
        self, url: OutboundUrl, method: str, headers: tuple[tuple[bytes, bytes], ...], content: bytes | None
    ) -> AsyncGenerator[httpcore2.Response]:
        if url.scheme == "http" and not self.danger_plain_http:
            raise self._failed(url, "plain HTTP, which nobody has allowed")
        host = f"[{url.host}]" if ":" in url.host else url.host
        target = httpcore2.URL(
            scheme=url.scheme.encode(), host=host.encode(), port=url.port, target=url.target.encode()
        )
        sent = [(b"host", url.authority.encode()), *_ALWAYS, *headers]
        try:
            async with self._pools[url.scheme].stream(method, target, headers=sent, content=content) as answer:
                yield answer
        except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException) as error:
            # The engine's own words: of the connection, never of what was sent over it.
            raise self._failed(url, type(error).__name__ + (f" ({error})" if _is_ours(error) else "")) from error
        except ssl.SSLError as error:
            raise self._failed(url, f"TLS: {error.reason}") from error
        except OSError as error:
            raise self._failed(url, type(error).__name__) from error

    def _accept(self, url: OutboundUrl, answer: httpcore2.Response, content_type: str) -> dict[str, str]:
        headers = answer.headers
        octets = sum(len(name) + len(value) for name, value in headers)
        if len(headers) > ANSWER_HEADERS_MAX or octets > ANSWER_HEADER_OCTETS_MAX:
            raise self._failed(url, "an answer of too many headers")
        told: dict[str, str] = {}
        for name, value in headers:
            told.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))
        if answer.status != 200:
            raise self._failed(url, f"status {answer.status}")
        if told.get("content-encoding", "identity").lower() != "identity":
            raise self._failed(url, "an encoded answer, which was not asked for")
        if not _is_of_type(told.get("content-type", ""), content_type):
            raise self._failed(url, f"an answer that is not {content_type}")
        return told

    async def _chunks(self, url: OutboundUrl, answer: httpcore2.Response, idle_s: float) -> AsyncGenerator[bytes]:
        try:
            async with contextlib.aclosing(answer.aiter_stream()) as arriving:
                while True:
                    async with asyncio.timeout(idle_s):
                        chunk = await anext(arriving, None)
                    if chunk is None:
                        return
                    yield chunk
        except TimeoutError as error:
            raise self._failed(url, f"silence for {idle_s} s") from error

    def _failed(self, url: OutboundUrl, why: str) -> Unavailable:
        return Unavailable(self._unavailable, f"{why}, from {url.origin}")


class _TooLong(Exception):
    pass


async def _read_whole(answer: httpcore2.Response, octets_max: int) -> bytes:
    chunks: list[bytes] = []
    octets = 0
    async with contextlib.aclosing(answer.aiter_stream()) as arriving:
        async for chunk in arriving:
            octets += len(chunk)
            if octets > octets_max:
                raise _TooLong
            chunks.append(chunk)
    return b"".join(chunks)


def _is_of_type(presented_type: str, wanted: str) -> bool:
    told = presented_type.partition(";")[0].strip().lower()
    return told == wanted or (
        wanted == "application/json" and told.startswith("application/") and told.endswith("+json")
    )


def _is_ours(error: Exception) -> bool:
    """Whether the words are those of `pinned.py`; the engine's may quote what came over the wire."""
    return isinstance(error, httpcore2.ConnectError)


def _tls_context(ca_file: Path | None) -> ssl.SSLContext:
    try:
        # The system's certificates, or those of the file alone; never what a variable of the environment names.
        context = httpx2.create_ssl_context(trust_env=False) if ca_file is None else _trusting(ca_file)
    except (OSError, ssl.SSLError) as error:
        raise Misconfigured(
            f"The certificates in {ca_file} cannot be used.", cure="Name a PEM file of CA certificates."
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _trusting(ca_file: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cafile=ca_file)
    return context
