"""`/.well-known/jwks.json`: the public keys tokens of this issuer are verified with (RFC 7517 section 5).

Open, and cached by everybody: nothing here is secret, and a verifier that had to hold a credential to fetch keys would
be one more thing to set up. The media type is `application/json`, not the registered `application/jwk-set+json`:
verifiers that look at it at all expect what the large issuers send, and whoever takes the second takes the first.

The bytes are made when the ring changes. A set without keys is not to be cached: the first key signs at once.
"""

from typing import Final, Protocol, final
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from doorward.errors import Rejected, Unavailable
from doorward.keys.config import RingPolicy
from doorward.keys.jwks import PublishedKeys
from doorward.server.answers import send_answer
from doorward.wire.render import Answer, render_refusal
from doorward.wire.request import Header

__all__ = ["JWKS_PATH", "Jwks", "PublishingRing", "jwks_routes"]

JWKS_PATH: Final = "/.well-known/jwks.json"
_ALLOW: Final = (b"allow", b"GET, HEAD")


class PublishingRing(Protocol):
    """What this page needs of a keyring."""

    @property
    def policy(self) -> RingPolicy:
        """Says how long the answer may be cached."""
        ...

    async def published(self) -> PublishedKeys:
        """The keys as the feed has them. Raises `Unavailable` when they were never read."""
        ...


@final
class Jwks:
    """Answers GET and HEAD.

    Args:
        ring: whose public keys these are.
    """

    def __init__(self, ring: PublishingRing) -> None:
        self._ring: Final = ring
        self._cached: Final = b"public, max-age=%d" % ring.policy.jwks_max_age_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers."""
        del receive
        if scope["method"] not in {"GET", "HEAD"}:
            await send_answer(send, render_refusal(Rejected("method_not_allowed", answer_headers=(_ALLOW,))))
            return
        try:
            published = await self._ring.published()
        except Unavailable as error:
            await send_answer(send, render_refusal(error))
            return
        await send_answer(send, self._answer(published, scope["headers"]), head=scope["method"] == "HEAD")

    def _answer(self, published: PublishedKeys, headers: list[Header]) -> Answer:
        cache = (b"cache-control", self._cached if published.count else b"no-store")
        validator = (b"etag", published.etag)
        if _is_held(published.etag, headers):
            return Answer(304, (cache, validator), b"")
        length = (b"content-length", b"%d" % len(published.body))
        return Answer(200, ((b"content-type", b"application/json"), length, cache, validator), published.body)


def jwks_routes(ring: PublishingRing) -> dict[str, ASGIApp]:
    """The page at its place, and below the issuer's own path when it has one."""
    page = Jwks(ring)
    path = urlsplit(ring.policy.issuer).path.rstrip("/")
    return {JWKS_PATH: page, path + JWKS_PATH: page}


def _is_held(etag: bytes, headers: list[Header]) -> bool:
    """Whether the caller has this already: `If-None-Match` by the weak comparison (RFC 9110 section 13.1.2)."""
    presented = b",".join(value for name, value in headers if name == b"if-none-match")
    return any(tag.strip() in {b"*", etag, b"W/" + etag} for tag in presented.split(b","))
