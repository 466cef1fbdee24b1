"""How `httpx2` and `httpx` are given a credential: two libraries of one shape, so one flow for both.

Rules of this file:

* `Authorization` is taken off by the library itself when a redirect leads to another origin. Other headers are not, so
  a signature goes into headers that are sent once (`httpx_shapes.SentOnce`): it fits one request.
* A request is sent once more only for a refused token, only when the answer is one to that token (not what another
  origin said after a redirect), and only when its body can be sent again.
"""

import secrets
import time
from collections.abc import AsyncGenerator, Generator, Sequence
from typing import Any, ClassVar, Final, Generic

from doorward.clients.apikey import api_key_header
from doorward.clients.basic import basic_header
from doorward.clients.bearer import RenewedTokens, TokenSource
from doorward.clients.body import BUFFERED_BODY_BYTES_MAX
from doorward.clients.httpx_shapes import RequestT, ResponseT, outgoing_of
from doorward.clients.outgoing import AuthorizationHeader, check_transport
from doorward.clients.signature import RequestSigning, SigningMaterial
from doorward.clients.webhook import DeliverySecrets, DeliverySigning
from doorward.methods.signature import DEFAULT_PROFILE, CoverageProfile
from doorward.methods.webhook import Scheme
from doorward.wire.request import Header

__all__ = ["ApiKeyFlow", "BasicFlow", "BearerFlow", "SignatureFlow", "WebhookFlow"]

_UNAUTHORIZED: Final = 401


class _Guarded(Generic[RequestT, ResponseT]):
    _danger_plain_http_on_loopback: bool

    def _check(self, request: RequestT) -> None:
        check_transport(
            request.url.scheme,
            request.url.host,
            danger_plain_http_on_loopback=self._danger_plain_http_on_loopback,
        )


class _FixedFlow(_Guarded[RequestT, ResponseT]):
    _header: AuthorizationHeader

    def __repr__(self) -> str:
        return f"{type(self).__name__}(<secret>)"

    def auth_flow(self, request: RequestT) -> Generator[RequestT, ResponseT, None]:
        """Called by the library."""
        self._check(request)
        request.headers["Authorization"] = self._header.value
        yield request


class ApiKeyFlow(_FixedFlow[RequestT, ResponseT]):
    """See `ApiKeyAuth`."""

    def __init__(self, key: str, *, danger_plain_http_on_loopback: bool = False) -> None:
        self._header = api_key_header(key)
        self._danger_plain_http_on_loopback = danger_plain_http_on_loopback


class BasicFlow(_FixedFlow[RequestT, ResponseT]):
    """See `BasicAuth`."""

    def __init__(self, user_id: str, password: str, *, danger_plain_http_on_loopback: bool = False) -> None:
        self._header = basic_header(user_id, password)
        self._danger_plain_http_on_loopback = danger_plain_http_on_loopback


class _InMemory(_Guarded[RequestT, ResponseT]):
    memory_stream: ClassVar[type[object]]
    """The library's kind of body that is at hand."""

    def _is_in_memory(self, request: RequestT) -> bool:
        return isinstance(request.stream, self.memory_stream)


class BearerFlow(_InMemory[RequestT, ResponseT]):
    """See `BearerAuth`."""

    def __init__(self, token: TokenSource, *, danger_plain_http_on_loopback: bool = False) -> None:
        self._tokens = RenewedTokens(token, monotonic=time.monotonic)
        self._danger_plain_http_on_loopback = danger_plain_http_on_loopback

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._tokens!r})"

    def sync_auth_flow(self, request: RequestT) -> Generator[RequestT, ResponseT, None]:
        """Called by the library."""
        self._check(request)
        token = self._tokens.current()
        response = yield _carry(request, token)
        if _has_refused(response, token):
            fresh = self._tokens.replace(token)
            if fresh is not None and self._is_in_memory(request):
                yield _carry(request, fresh)

    async def async_auth_flow(self, request: RequestT) -> AsyncGenerator[RequestT, ResponseT]:
        """Called by the library."""
        self._check(request)
        token = await self._tokens.current_async()
        response = yield _carry(request, token)
        if _has_refused(response, token):
            fresh = await self._tokens.replace_async(token)
            if fresh is not None and self._is_in_memory(request):
                yield _carry(request, fresh)


def _carry(request: RequestT, token: str) -> RequestT:
    request.headers["Authorization"] = f"Bearer {token}"
    return request


def _has_refused(response: Any, token: str) -> bool:
    # After a redirect to another origin the token was not there, and what that one says is not about it.
    carried: object = response.request.headers.get("authorization")
    return response.status_code == _UNAUTHORIZED and carried == f"Bearer {token}"


class _SignedFlow(_InMemory[RequestT, ResponseT]):
    _signing: RequestSigning | DeliverySigning

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._signing!r})"

    def _add_once(self, request: RequestT, headers: tuple[Header, ...]) -> None:
        raise NotImplementedError

    def sync_auth_flow(self, request: RequestT) -> Generator[RequestT, ResponseT, None]:
        """Called by the library."""
        self._check(request)
        self._sign(request, request.read() if self._reads(request) else None)
        yield request

    async def async_auth_flow(self, request: RequestT) -> AsyncGenerator[RequestT, ResponseT]:
        """Called by the library."""
        self._check(request)
        self._sign(request, await request.aread() if self._reads(request) else None)
        yield request

    def _reads(self, request: RequestT) -> bool:
        if self._is_in_memory(request):
            return True
        outgoing = outgoing_of(request)
        if self._signing.takes_stream(outgoing):
            return False
        length = outgoing.value(b"content-length") or b""
        return length.isdigit() and int(length) <= BUFFERED_BODY_BYTES_MAX

    def _sign(self, request: RequestT, body: bytes | None) -> None:
        self._add_once(request, self._signing.sign(outgoing_of(request), body))


class SignatureFlow(_SignedFlow[RequestT, ResponseT]):
    """See `SignatureAuth`."""

    def __init__(
        self,
        key: SigningMaterial,
        key_id: str | None = None,
        *,
        algorithm: str | None = None,
        profile: CoverageProfile | str = DEFAULT_PROFILE,
        more_components: Sequence[str] = (),
        lifetime_s: int | None = None,
        label: str = "sig1",
        danger_plain_http_on_loopback: bool = False,
    ) -> None:
        self._signing = RequestSigning(
            key,
            key_id,
            algorithm=algorithm,
            profile=profile,
            more_components=more_components,
            lifetime_s=lifetime_s,
            label=label,
            clock=time.time,
            entropy=secrets.token_bytes,
        )
        self._danger_plain_http_on_loopback = danger_plain_http_on_loopback


class WebhookFlow(_SignedFlow[RequestT, ResponseT]):
    """See `WebhookAuth`."""

    def __init__(
        self, scheme: Scheme | str, secret: DeliverySecrets, *, danger_plain_http_on_loopback: bool = False
    ) -> None:
        self._signing = DeliverySigning(scheme, secret, clock=time.time, entropy=secrets.token_bytes)
        self._danger_plain_http_on_loopback = danger_plain_http_on_loopback
