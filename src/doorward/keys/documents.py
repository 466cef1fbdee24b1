"""What an issuer publishes about its keys, and the port it is fetched through. OpenID Connect Discovery 1.0, RFC 8414.

A discovery document counts only when its `issuer` is, character for character, the issuer that was asked for: otherwise
whoever may write one document on a shared host would speak for everybody there (RFC 8414 section 3.3).
"""

from typing import Final, Protocol, final

import msgspec

from doorward.crypto.jose.members import parse_object
from doorward.errors import Rejected, Unavailable

__all__ = ["DISCOVERY_OCTETS_MAX", "Document", "DocumentPort", "discovery_url", "parse_discovery"]

DISCOVERY_OCTETS_MAX: Final = 65_536
"""How long a discovery document may be."""
DISCOVERY_PATH: Final = "/.well-known/openid-configuration"


@final
class Document(msgspec.Struct, frozen=True):
    """A document as it was answered."""

    body: bytes
    max_age_s: int | None
    """How long its publisher says it may be kept, when it says so (`Cache-Control: max-age`)."""
    age_s: float = 0.0
    """How long ago it was answered; more than 0 where nobody answers now, and this was kept from before."""


class DocumentPort(Protocol):
    """Fetches a document of JSON. Guarded: which addresses may be asked, how long and how much, is its business."""

    async def fetch(self, url: str, *, octets_max: int) -> Document:
        """Ask once.

        Args:
            url: the operator's, or one that the issuer's own document named.
            octets_max: how long the answer may be.

        Raises:
            Unavailable: `keys_unavailable`, for whatever is not a whole answer with status 200.
        """
        ...


def discovery_url(issuer: str) -> str:
    """Where an issuer describes itself (OpenID Connect Discovery 1.0 section 4.1)."""
    return issuer.rstrip("/") + DISCOVERY_PATH


def parse_discovery(presented_document: bytes, *, issuer: str) -> str:
    """The `jwks_uri` of an issuer's document.

    Args:
        presented_document: at most `DISCOVERY_OCTETS_MAX` octets.
        issuer: the one that was asked for.

    Raises:
        Unavailable: `keys_unavailable`: it is not the document of that issuer, or names no keys.
    """
    try:
        members = parse_object(presented_document)
    except Rejected as error:
        raise Unavailable("keys_unavailable", f"the discovery document is {error.detail}") from None
    if members.get("issuer") != issuer:
        raise Unavailable("keys_unavailable", "the discovery document is that of another issuer")
    url = members.get("jwks_uri")
    if not isinstance(url, str):
        raise Unavailable("keys_unavailable", "the discovery document names no jwks_uri")
    return url
