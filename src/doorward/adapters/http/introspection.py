"""Carries one question about a token to its issuer (RFC 7662 section 2.1).

The token goes in the body, our own key in a header: neither is in a URL, and neither is in what a failure tells.
"""

from collections.abc import Callable
from typing import Final, final
from urllib.parse import quote_from_bytes

from doorward.adapters.http.client import GuardedClient
from doorward.adapters.http.credential import bearer_header, is_carriable
from doorward.adapters.http.url import OutboundUrl
from doorward.errors import Misconfigured
from doorward.methods.opaque.config import ANSWER_BYTES_MAX
from doorward.wire.form import FORM_TYPE

__all__ = ["QUESTION_S_MAX", "HttpIntrospection"]

QUESTION_S_MAX: Final = 3.0
"""How long one question may take, looking up the name included: somebody waits for the answer."""


@final
class HttpIntrospection:
    """Implements `IntrospectionPort`.

    Args:
        client: whose failures are `introspection_unavailable`; so is a key that cannot be read.
        url: of the endpoint.
        key: our credential there, an API key or another bearer token; or a function that reads it when it is needed, so
            that it can be rotated under a process that runs.
    """

    def __init__(self, client: GuardedClient, url: OutboundUrl, key: str | Callable[[], str]) -> None:
        self._client: Final = client
        self._url: Final = url
        self._key: Final[Callable[[], str]] = (lambda: key) if isinstance(key, str) else key
        if isinstance(key, str) and not is_carriable(key):
            # Not even its length: it is a secret with something else in it.
            raise Misconfigured(
                "The key for introspection is not one: it holds a space, a line end or no character at all.",
                cure="Read it without the line end of its file.",
            )

    def __repr__(self) -> str:
        return f"HttpIntrospection({self._url.origin!r})"

    async def ask(self, presented_token: bytes) -> bytes:
        """See the port."""
        answer = await self._client.fetch(
            self._url,
            method="POST",
            headers=(
                bearer_header(self._key, unavailable="introspection_unavailable"),
                (b"content-type", FORM_TYPE),
                (b"accept", b"application/json"),
            ),
            content=b"token=" + quote_from_bytes(presented_token, safe="").encode("ascii"),
            content_type="application/json",
            octets_max=ANSWER_BYTES_MAX,
            total_s=QUESTION_S_MAX,
        )
        return answer.body

    async def aclose(self) -> None:
        """See the port."""
        await self._client.aclose()
