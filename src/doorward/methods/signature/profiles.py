"""The profiles there are by name. `default` is what nothing said means; the others say what they give up.

`danger-replayable` and `danger-any` exist for senders that cannot do better, and for looking at what they send.

A body is covered with what says how it is read: its type, and its coding where one is said. Whoever adds, drops or
changes `Content-Encoding` on the way leaves the bytes and their digest as they were, and gives the handler something
else (RFC 9530 section 6.3).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from doorward.methods.signature.components import Message
from doorward.methods.signature.config import CoverageProfile

__all__ = ["DEFAULT_PROFILE", "PROFILES", "demanded_components"]

_REQUEST: Final = frozenset({'"@method"', '"@authority"', '"@path"', '"@query"'})
_BODY: Final = frozenset({'"content-digest"', '"content-type"'})
_BODY_FIELDS: Final = ("content-encoding",)

DEFAULT_PROFILE: Final = CoverageProfile(
    name="default", components=_REQUEST, body_components=_BODY, body_fields=_BODY_FIELDS
)
"""Method, authority, path, query; with a body its digest, type and coding; `created`, `keyid` and `nonce`."""

_WEB_BOT_AUTH: Final = CoverageProfile(
    name="web-bot-auth",
    components=frozenset({'"@authority"'}),
    parameters=frozenset({"created", "expires"}),
    tag="web-bot-auth",
    age_s_max=86_400,
    danger_unproven_body=True,
)

PROFILES: Final[Mapping[str, CoverageProfile]] = MappingProxyType(
    {
        profile.name: profile
        for profile in (
            DEFAULT_PROFILE,
            # Everything of the default but the nonce: within its age the same request can be sent again.
            CoverageProfile(
                name="danger-replayable",
                components=_REQUEST,
                body_components=_BODY,
                body_fields=_BODY_FIELDS,
                parameters=frozenset({"created"}),
            ),
            # Who runs this crawler, and nothing else (draft-meunier-web-bot-auth-architecture section 4.2): the same
            # signature fits every request to the host until it expires.
            _WEB_BOT_AUTH,
            # Whatever is covered: nothing else of the request is proven, and its age is judged only if it says so.
            CoverageProfile(
                name="danger-any", components=frozenset(), parameters=frozenset(), danger_unproven_body=True
            ),
        )
    }
)
"""Every named profile."""


def demanded_components(profile: CoverageProfile, message: Message, *, with_body: bool) -> frozenset[str]:
    """The identifiers a signature of this very message must cover.

    Args:
        profile: whose demands.
        message: unverified.
        with_body: whether it has a body.
    """
    if not with_body:
        return profile.components
    demanded = profile.components_with_body
    for name, identifier in profile.identified_body_fields:
        if message.has(name):
            demanded |= {identifier}
    return demanded
