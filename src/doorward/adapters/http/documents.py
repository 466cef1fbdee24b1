"""What issuers publish about their keys, fetched by the guarded client: the port of `keys/documents.py`.

The operator wrote where an issuer is; where its keys are, the issuer's own document says. So that one may lie on a
private machine where the operator's own URL does, and nowhere else: whoever writes the document would otherwise have
this server ask any machine it can reach.
"""

import re
from typing import Final, final

from doorward.adapters.http.client import GuardedClient
from doorward.adapters.http.url import UnusableUrl, parse_url
from doorward.errors import Unavailable
from doorward.keys.documents import Document

__all__ = ["HttpDocuments", "parse_max_age"]

_DIRECTIVE: Final = re.compile(r'\s*([A-Za-z-]+)\s*(?:=\s*(?:"([0-9]{1,10})"|([0-9]{1,10})|[^,]*))?\s*(?:,|$)')


@final
class HttpDocuments:
    """Implements `DocumentPort`.

    Args:
        client: for URLs of the origin the operator wrote.
        strangers: for every other; reaches public addresses only.
        operators_origin: scheme, host and port, as `OutboundUrl.origin` says it.
    """

    def __init__(self, client: GuardedClient, *, strangers: GuardedClient, operators_origin: str) -> None:
        self._client: Final = client
        self._strangers: Final = strangers
        self._origin: Final = operators_origin

    async def fetch(self, url: str, *, octets_max: int) -> Document:
        """See `DocumentPort`."""
        try:
            where = parse_url(url, danger_plain_http=self._client.danger_plain_http)
        except UnusableUrl as unusable:
            raise Unavailable("keys_unavailable", f"a URL that cannot be used: {unusable}") from None
        client = self._client if where.origin == self._origin else self._strangers
        fetched = await client.fetch(where, octets_max=octets_max)
        return Document(fetched.body, parse_max_age(fetched.headers.get("cache-control", "")))


def parse_max_age(presented_directives: str) -> int | None:
    """`max-age` of a `Cache-Control` (RFC 9111 section 5.2), 0 where nothing may be kept, None where it is silent."""
    age: int | None = None
    for name, quoted, plain in _DIRECTIVE.findall(presented_directives[:1_000]):
        directive = name.lower()
        if directive in {"no-store", "no-cache"}:
            return 0
        if directive == "max-age" and (quoted or plain):
            age = int(quoted or plain)
    return age
