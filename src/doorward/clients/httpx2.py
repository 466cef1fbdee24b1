"""`auth=` for `httpx2`, in sync and async clients alike.

A redirect to another origin goes without the credential; one within the origin keeps a key or a token. A signature is
made for one URL, so no redirect gets one.
"""

from typing import ClassVar, final

from doorward.clients.httpx_flow import ApiKeyFlow, BasicFlow, BearerFlow, SignatureFlow, WebhookFlow
from doorward.clients.httpx_shapes import SentOnce
from doorward.wire.request import Header

try:
    import httpx2
except ModuleNotFoundError as missing:
    raise ImportError("Client code for httpx2 needs: pip install 'doorward[http]'", name=missing.name) from missing

__all__ = ["ApiKeyAuth", "BasicAuth", "BearerAuth", "SignatureAuth", "WebhookAuth"]


class _Headers(SentOnce, httpx2.Headers):
    """Headers some of which are sent once."""


@final
class ApiKeyAuth(ApiKeyFlow[httpx2.Request, httpx2.Response], httpx2.Auth):
    """Sends an API key.

    Args:
        key: as it was shown when it was made.
        danger_plain_http_on_loopback: send it over plain HTTP to this machine. For development.

    Raises:
        Misconfigured: it is no key; at a request: it would go over plain HTTP.
    """


@final
class BasicAuth(BasicFlow[httpx2.Request, httpx2.Response], httpx2.Auth):
    """Sends an app password.

    Args:
        user_id: the app's id.
        password: the app password.
        danger_plain_http_on_loopback: see `ApiKeyAuth`.

    Raises:
        Misconfigured: see `ApiKeyAuth`.
    """


@final
class BearerAuth(BearerFlow[httpx2.Request, httpx2.Response], httpx2.Auth):
    """Sends an access token, renewed before it ends and once when it is refused.

    Args:
        token: a token; or a function that gets one, as text or as `IssuedToken`, which says how long it is good. It is
            async or plain; a plain one must not wait for long in an async client. It uses a client without this auth.
        danger_plain_http_on_loopback: see `ApiKeyAuth`.

    Raises:
        Misconfigured: see `ApiKeyAuth`; at a request: what was got is no token.
    """

    memory_stream: ClassVar[type[object]] = httpx2.ByteStream


@final
class SignatureAuth(SignatureFlow[httpx2.Request, httpx2.Response], httpx2.Auth):
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
        Misconfigured: see `ApiKeyAuth`; at a request: what must be signed is not there, or a streamed body is longer
            than 16 MiB, or of unknown length, and comes without `Content-Digest`.
    """

    memory_stream: ClassVar[type[object]] = httpx2.ByteStream

    def _add_once(self, request: httpx2.Request, headers: tuple[Header, ...]) -> None:
        request.headers = _Headers(request.headers).with_once(headers)


@final
class WebhookAuth(WebhookFlow[httpx2.Request, httpx2.Response], httpx2.Auth):
    """Signs what is sent as a webhook.

    Args:
        scheme: `standard`, `svix`, `stripe`, `github`, `slack`, `shopify`, `twilio`, `plain`, or a `Scheme`.
        secret: as the scheme writes it; or parsed, one or several while one replaces another.
        danger_plain_http_on_loopback: see `ApiKeyAuth`.

    Raises:
        Misconfigured: see `ApiKeyAuth`; at a request: a streamed body that is longer than 16 MiB, or of unknown length.
    """

    memory_stream: ClassVar[type[object]] = httpx2.ByteStream

    def _add_once(self, request: httpx2.Request, headers: tuple[Header, ...]) -> None:
        request.headers = _Headers(request.headers).with_once(headers)
