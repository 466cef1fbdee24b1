"""Fetch an issuer's key set once, for a command. A verifier that serves has a client that keeps it (`keys/`)."""

from urllib.parse import urlsplit

from doorward.adapters.http.client import GuardedClient
from doorward.adapters.http.url import parse_operator_url
from doorward.crypto.jose.jwk import JWK_SET_BYTES_MAX

__all__ = ["fetch_key_set_text"]


async def fetch_key_set_text(url: str) -> bytes:
    """The text of a JWK set; nothing of it has been looked at.

    Args:
        url: `https`; plain `http` to this machine only, where nobody is on the way.

    Raises:
        Misconfigured: it is no URL we would ask.
        Unavailable: `keys_unavailable`.
    """
    plain = urlsplit(url).scheme == "http"
    where = parse_operator_url(url, "The URL of the key set", danger_plain_http=plain)
    client = GuardedClient(unavailable="keys_unavailable", danger_plain_http=plain)
    try:
        fetched = await client.fetch(where, octets_max=JWK_SET_BYTES_MAX)
    finally:
        await client.aclose()
    return fetched.body
