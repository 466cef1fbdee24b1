"""Headers that tell a caller his method is going away: `Deprecation`, `Sunset`, `Link`.

RFC 9745 (`Deprecation` is a structured-field date, `@` and epoch seconds), RFC 8594 (`Sunset` is an HTTP date, and
the `sunset` link relation). RFC 9745 section 4: a sunset must not come before the deprecation.
"""

import re
from email.utils import formatdate
from typing import Final

from doorward.errors import Misconfigured
from doorward.wire.request import Header

__all__ = ["LINK_CHARACTERS_MAX", "deprecation_headers"]

LINK_CHARACTERS_MAX: Final = 2_000
"""How long the link to the migration page may be."""

# RFC 3986 characters only: anything else could close the angle brackets or split the header.
_LINK: Final = re.compile(r"(?:https?://|/)[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]{0,1990}")


def deprecation_headers(*, deprecated_at: int, sunset: int | None, link: str | None) -> tuple[Header, ...]:
    """The headers, for every answer.

    Args:
        deprecated_at: epoch second since which the method is deprecated.
        sunset: epoch second at which it stops, when that is decided.
        link: where migration is described: an absolute http(s) URL or an absolute path, ≤ 2,000 characters.

    Raises:
        Misconfigured: a sunset before the deprecation, or a link that cannot be sent.
    """
    headers: list[Header] = [(b"deprecation", b"@%d" % deprecated_at)]
    if sunset is not None:
        if sunset < deprecated_at:
            raise Misconfigured("The sunset comes before the deprecation.", cure="Set a later sunset, or none.")
        headers.append((b"sunset", formatdate(sunset, usegmt=True).encode("ascii")))
    if link is not None:
        if len(link) > LINK_CHARACTERS_MAX or _LINK.fullmatch(link) is None:
            raise Misconfigured(
                "The migration link is not a URL.", cure="Set an https URL or a path that starts with /."
            )
        relations = ("deprecation",) if sunset is None else ("deprecation", "sunset")
        linked = [f'<{link}>; rel="{relation}"; type="text/html"' for relation in relations]
        headers += [(b"link", text.encode("ascii")) for text in linked]
    return tuple(headers)
