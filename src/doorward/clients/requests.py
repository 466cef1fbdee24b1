"""`auth=` for `requests`.

Rules of this file:

* `requests` takes `Authorization` off when a redirect leads to another origin, and copies every other header. So a
  signature is taken off here before the copy is made: it fits one URL, and no redirect gets one.
* A request is sent once more only for a refused token, only when the answer is one to that token (not what another
  origin said after a redirect), and only when its body is at hand.
* A file is read once for its digest, put back, and sent: its size costs no memory.
"""

import secrets
import time
from collections.abc import Sequence
from functools import partial
from typing import Any, Final, final
from urllib.parse import urlsplit

from doorward.clients.apikey import api_key_header
from doorward.clients.basic import basic_header
from doorward.clients.bearer import RenewedTokens, TokenSource
from doorward.clients.body import content_digest_of
from doorward.clients.outgoing import AuthorizationHeader, check_transport
from doorward.clients.requests_outgoing import can_be_read_twice, drop_when_redirected, outgoing_of
from doorward.clients.signature import RequestSigning, SigningMaterial
from doorward.clients.webhook import DeliverySecrets, DeliverySigning
from doorward.methods.signature import DEFAULT_PROFILE, CoverageProfile
from doorward.methods.webhook import Scheme

try:
    from requests import PreparedRequest, Response
    from requests.auth import AuthBase
except ModuleNotFoundError as missing:
    raise ImportError("Client code for requests needs: pip install requests", name=missing.name) from missing

__all__ = ["ApiKeyAuth", "BasicAuth", "BearerAuth", "SignatureAuth", "WebhookAuth"]

_UNAUTHORIZED: Final = 401


class _GuardedAuth(AuthBase):
    _danger_plain_http_on_loopback: bool

    def _check(self, request: PreparedRequest) -> None:
        url = urlsplit(request.url or "")
        check_transport(
            url.scheme, url.hostname or "", danger_plain_http_on_loopback=self._danger_plain_http_on_loopback
        )


class _FixedAuth(_GuardedAuth):
    _header: AuthorizationHeader

    def __repr__(self) -> str:
        return f"{type(self).__name__}(<secret>)"

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        """Called by the library."""
        self._check(r)
        r.headers["Authorization"] = self._header.value
        return r


@final
class ApiKeyAuth(_FixedAuth):
    """Sends an API key.

    Args:
        key: as it was shown when it was made.
        danger_plain_http_on_loopback: send it over plain HTTP to this machine. For development.

    Raises:
        Misconfigured: it is no key; at a request: it would go over plain HTTP.
    """

    def __init__(self, key: str, *, danger_plain_http_on_loopback: bool = False) -> None:
        self._header = api_key_header(key)
        self._danger_plain_http_on_loopback = danger_plain_http_on_loopback


@final
class BasicAuth(_FixedAuth):
    """Sends an app password.

    Args:
        user_id: the app's id.
        password: the app password.
        danger_plain_http_on_loopback: see `ApiKeyAuth`.

    Raises:
        Misconfigured: see `ApiKeyAuth`.
    """

    def __init__(self, user_id: str, password: str, *, danger_plain_http_on_loopback: bool = False) -> None:
        self._header = basic_header(user_id, password)
        self._danger_plain_http_on_loopback = danger_plain_http_on_loopback


@final
class BearerAuth(_GuardedAuth):
    """Sends an access token, renewed before it ends and once when it is refused.

    Args:
        token: a token; or a function that gets one, as text or as `IssuedToken`, which says how long it is good. It
            uses a session without this auth.
        danger_plain_http_on_loopback: see `ApiKeyAuth`.

    Raises:
        Misconfigured: see `ApiKeyAuth`; at a request: what was got is no token.
    """

    def __init__(self, token: TokenSource, *, danger_plain_http_on_loopback: bool = False) -> None:
        self._tokens: Final = RenewedTokens(token, monotonic=time.monotonic)
        self._danger_plain_http_on_loopback = danger_plain_http_on_loopback

    def __repr__(self) -> str:
        return f"BearerAuth({self._tokens!r})"

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        """Called by the library."""
        self._check(r)
        token = self._tokens.current()
        r.headers["Authorization"] = f"Bearer {token}"
        r.register_hook("response", partial(self._answer, token))
        return r

    # The keyword arguments are what the session sends with; they are handed on as they came.
    def _answer(self, token: str, response: Response, **sending: Any) -> Response:
        request = response.request
        # After a redirect to another origin the token was not there, and what that one says is not about it.
        if response.status_code != _UNAUTHORIZED or request.headers.get("Authorization") != f"Bearer {token}":
            return response
        fresh = self._tokens.replace(token)
        if fresh is None or not isinstance(request.body, bytes | str | None):
            return response
        # Read and given back first, so that the new request may have its connection.
        _ = response.content
        response.close()
        # Also on the one the session goes on from, when what comes back is a redirect.
        request.headers["Authorization"] = f"Bearer {fresh}"
        again = request.copy()
        answer: Response = response.connection.send(again, **sending)
        answer.history.append(response)
        answer.request = again
        return answer


class _SignedAuth(_GuardedAuth):
    _signing: RequestSigning | DeliverySigning

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._signing!r})"

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        """Called by the library when all else of the request is there."""
        self._check(r)
        if isinstance(r.body, str):
            r.body = r.body.encode()
        body = b"" if r.body is None else r.body if isinstance(r.body, bytes) else None
        if body is None:
            self._digest_file(r)
        headers = [
            (name.decode("ascii"), value.decode("ascii")) for name, value in self._signing.sign(outgoing_of(r), body)
        ]
        for name, value in headers:
            r.headers[name] = value
        r.register_hook("response", partial(drop_when_redirected, tuple(name for name, _ in headers)))
        return r

    def _digest_file(self, request: PreparedRequest) -> None:
        file: Any = request.body
        signs_digest = isinstance(self._signing, RequestSigning)
        if signs_digest and not self._signing.takes_stream(outgoing_of(request)) and can_be_read_twice(file):
            request.headers["Content-Digest"] = content_digest_of(file)


@final
class SignatureAuth(_SignedAuth):
    """Signs requests (RFC 9421) and their bodies (RFC 9530).

    Args:
        key: a JWK with its private half, or a private key in PEM, as text; a secret as bytes, for hmac-sha256; or a
            `SignatureSigner`.
        key_id: by which the peer knows it; a JWK may say its own.
        algorithm: what an RSA key in PEM signs with: `rsa-pss-sha512` or `rsa-v1_5-sha256`.
        profile: what the peer demands: a profile, or the name of one.
        more_components: what else to cover, as a signature writes it: `"x-id"` with its quotes.
        lifetime_s: how long until `expires`.
        label: how the signature is named among several.
        danger_plain_http_on_loopback: see `ApiKeyAuth`.

    Raises:
        Misconfigured: see `ApiKeyAuth`; at a request: what must be signed is not there, or the body can be read once
            only and comes without `Content-Digest`.
    """

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


@final
class WebhookAuth(_SignedAuth):
    """Signs what is sent as a webhook.

    Args:
        scheme: `standard`, `svix`, `stripe`, `github`, `slack`, `shopify`, `twilio`, `plain`, or a `Scheme`.
        secret: as the scheme writes it; or parsed, one or several while one replaces another.
        danger_plain_http_on_loopback: see `ApiKeyAuth`.

    Raises:
        Misconfigured: see `ApiKeyAuth`; at a request: a body that is not at hand.
    """

    def __init__(
        self, scheme: Scheme | str, secret: DeliverySecrets, *, danger_plain_http_on_loopback: bool = False
    ) -> None:
        self._signing = DeliverySigning(scheme, secret, clock=time.time, entropy=secrets.token_bytes)
        self._danger_plain_http_on_loopback = danger_plain_http_on_loopback
