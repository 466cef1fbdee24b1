"""Where the keys of other issuers come from, wired: the guarded client, and what keeps a key set current.

One connection pool serves every issuer that is fetched under the same rules; it is closed with the door.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Final, final
from urllib.parse import urlsplit

from doorward.crypto.jose.algorithms import Algorithm
from doorward.crypto.jose.jwk import JWK_SET_BYTES_MAX
from doorward.keys.jwks_client import JwksClient
from doorward.keys.port import KeySource
from doorward.methods.contract import Resource

if TYPE_CHECKING:
    from doorward.adapters.http.client import GuardedClient
    from doorward.keys.documents import DocumentPort

__all__ = ["KeyFetching", "fetch_key_set_text"]

_OWN_PATH: Final = "/.well-known/jwks.json"


@final
class _Pool:
    """A client as a `Resource`: it opens connections when it is asked for something."""

    def __init__(self, client: "GuardedClient") -> None:
        self.client: Final = client

    async def start(self) -> None:
        """Nothing to do."""

    async def aclose(self) -> None:
        """Close every connection."""
        await self.client.aclose()


@final
class KeyFetching:
    """Makes sources of keys over HTTP. `resources` is what they need closed after them."""

    def __init__(self) -> None:
        self._pools: Final[dict[tuple[Path | None, bool], _Pool]] = {}

    @property
    def resources(self) -> tuple[Resource, ...]:
        """Every pool that was made."""
        return tuple(self._pools.values())

    def keys_of(
        self,
        issuer: str,
        *,
        jwks_url: str | None,
        own: bool,
        algorithms: frozenset[Algorithm],
        ca_file: Path | None,
        danger_plain_http: bool,
        saved_in: Path | None = None,
    ) -> KeySource:
        """The keys of one issuer: at `jwks_url`, or where its kind of issuer has them; saved for a restart in a folder.

        Raises:
            Misconfigured: a URL we would not ask, or certificates that cannot be used.
        """
        from doorward.adapters.http.documents import HttpDocuments  # noqa: PLC0415  # the extra [http]: only for this
        from doorward.adapters.http.url import parse_operator_url  # noqa: PLC0415  # as above
        from doorward.keys.documents import discovery_url  # noqa: PLC0415  # as above

        if jwks_url is None and own:
            jwks_url = issuer.rstrip("/") + _OWN_PATH
        # Asked now, so that a mistake stops the start and not the first request.
        setting = "The issuer" if jwks_url is None or own else "jwks_url"
        parse_operator_url(
            discovery_url(issuer) if jwks_url is None else jwks_url, setting, danger_plain_http=danger_plain_http
        )
        documents: DocumentPort = HttpDocuments(self._pool(ca_file, danger_plain_http=danger_plain_http).client)
        if saved_in is not None:
            # Not on every platform: files are locked as POSIX does.
            from doorward.adapters.files.saved_keys import SavedKeys  # noqa: PLC0415

            documents = SavedKeys(documents, saved_in)
        return JwksClient(documents, issuer=issuer, jwks_url=jwks_url, algorithms=algorithms)

    def _pool(self, ca_file: Path | None, *, danger_plain_http: bool) -> _Pool:
        from doorward.adapters.http.client import GuardedClient  # noqa: PLC0415  # as above

        rules = (ca_file, danger_plain_http)
        if rules not in self._pools:
            client = GuardedClient(unavailable="keys_unavailable", ca_file=ca_file, danger_plain_http=danger_plain_http)
            self._pools[rules] = _Pool(client)
        return self._pools[rules]


async def fetch_key_set_text(url: str) -> bytes:
    """The text of a JWK set, fetched once, for a command; nothing of it has been looked at.

    Args:
        url: `https`; plain `http` to this machine only, where nobody is on the way.

    Raises:
        Misconfigured: it is no URL we would ask.
        Unavailable: `keys_unavailable`.
    """
    from doorward.adapters.http.client import GuardedClient  # noqa: PLC0415  # as above
    from doorward.adapters.http.url import parse_operator_url  # noqa: PLC0415  # as above

    plain = urlsplit(url).scheme == "http"
    where = parse_operator_url(url, "The URL of the key set", danger_plain_http=plain)
    client = GuardedClient(unavailable="keys_unavailable", danger_plain_http=plain)
    try:
        fetched = await client.fetch(where, octets_max=JWK_SET_BYTES_MAX)
    finally:
        await client.aclose()
    return fetched.body
