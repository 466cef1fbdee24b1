"""What a token rests on, as the revocation feed names it, and when it was issued (DESIGN section 7).

Rules of this file:

* Ids of our own tokens stand as they are; ids of another issuer's are prefixed by that issuer and a space, so that no
  issuer can name, and no row about his tokens can hit, what is somebody else's. No issuer has a space in its name, and
  no subject of ours has one: `https://idp.example alice` is theirs.
* A client and a subject that are named together must not be read as another pair: a client's id holds no space
  (`verify.py` refuses one that does).
* Our tokens carry the watermark of the feed that their sign-in began with. Without a readable one a token is refused:
  nobody could say which epochs it outlived.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from doorward.errors import Rejected
from doorward.methods.bearer.claims import find_text, find_text_of
from doorward.methods.bearer.profiles import Profile
from doorward.values import FeedKind, Principal, RestsOn, Watermark

__all__ = ["handles_abroad", "handles_of_ours", "parse_watermark"]

WATERMARKS_KEPT: Final = 1_024
"""How many watermarks are remembered as they are compared: few, and in every token."""

# 18 digits stay below 2**63, which is what a feed counts in.
_WATERMARK: Final = re.compile(r"([!-~]{1,64})\.(0|[1-9][0-9]{0,17})", re.ASCII)

# Enum members as globals: looking one up on its class costs as much as the rest of its line.
_TOKEN: Final = FeedKind.TOKEN
_SIGNING_KEY: Final = FeedKind.SIGNING_KEY
_CLIENT: Final = FeedKind.CLIENT
_SUBJECT: Final = FeedKind.SUBJECT
_CLIENT_SUBJECT: Final = FeedKind.CLIENT_SUBJECT
_SESSION: Final = FeedKind.SESSION
_GRANT: Final = FeedKind.GRANT
_ORGANIZATION: Final = FeedKind.ORGANIZATION


def handles_of_ours(principal: Principal, claims: Mapping[str, object], key_id: str) -> tuple[RestsOn, ...]:
    """What a token of our own issuer rests on.

    Raises:
        Rejected: `token_claims`: the id of its grant is none, or its subject could be another issuer's.
    """
    subject, client = principal.id, principal.client_id or ""
    if " " in subject:
        raise Rejected("token_claims", "its subject holds a space")
    handles: tuple[RestsOn, ...] = (
        (_TOKEN, principal.credential_id),
        (_SIGNING_KEY, key_id),
        (_CLIENT, client),
        (_SUBJECT, subject),
        (_CLIENT_SUBJECT, f"{client} {subject}"),
    )
    if principal.session_id is not None:
        handles += ((_SESSION, principal.session_id),)
    if "dw_own" in claims:
        # A client's own token where clients' names are withheld: what a revocation calls it there.
        handles += tuple((_SUBJECT, name) for name in find_text(claims, "dw_own").split())
    if "dw_grant" in claims:
        handles += ((_GRANT, find_text(claims, "dw_grant")),)
    if principal.organization_id is not None:
        handles += ((_ORGANIZATION, principal.organization_id),)
    return handles


def handles_abroad(
    principal: Principal, claims: Mapping[str, object], issuer: str, profile: Profile
) -> tuple[RestsOn, ...]:
    """What a token of another issuer rests on, and the organization of ours it speaks for, if any.

    Raises:
        Rejected: `token_claims`: an id that is none.
    """
    subject, client = principal.id, principal.client_id or ""
    token_id = find_text(claims, "jti")
    organization = find_text_of(claims, profile.organization_from)
    handles: list[RestsOn] = []
    if token_id:
        handles.append((_TOKEN, f"{issuer} {token_id}"))
    if subject:
        handles.append((_SUBJECT, f"{issuer} {subject}"))
    # Some issuers call one person differently at each client, and have another name that stays.
    also = [find_text(claims, name) for name in profile.subject_also_from if name in claims]
    handles += [(_SUBJECT, f"{issuer} {name}") for name in also]
    if client:
        handles.append((_CLIENT, f"{issuer} {client}"))
        handles.append((_CLIENT_SUBJECT, f"{issuer} {client} {subject}"))
    if principal.session_id is not None:
        handles.append((_SESSION, f"{issuer} {principal.session_id}"))
    if organization:
        handles.append((_ORGANIZATION, f"{issuer} {organization}"))
    if principal.organization_id is not None:
        handles.append((_ORGANIZATION, principal.organization_id))
    return tuple(handles)


@lru_cache(maxsize=WATERMARKS_KEPT)
def parse_watermark(presented_text: str) -> Watermark:
    """The watermark of a token of ours: `<feed generation>.<position>`.

    Raises:
        Rejected: `token_claims`.
    """
    found = _WATERMARK.fullmatch(presented_text)
    if found is None:
        raise Rejected("token_claims", "dw_wm is no watermark of ours")
    return Watermark(found[1], int(found[2]))
