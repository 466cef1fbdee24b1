"""What an access token of ours shall say, whichever form it takes: signed, or opaque with a stored record.

Rules of this file:

* Both forms say the same: the claims of RFC 9068 section 2.2 and ours, built here once, so that whoever changes the
  form of a token changes nothing for whoever reads it.
* A subject of None is the client itself (client credentials), and then `sub` is the client's id. A subject that is
  *called* like its client is refused: it would be taken for the client (RFC 9700 section 4.15).
* Texts that become part of a handle hold no space, since a handle joins two of them with one. Subjects neither: one of
  ours called `https://idp.example alice` would be revoked with that issuer's alice, and she with it.
* Further claims are the caller's own, and can take no name that means something already (`further_claims.py`).
"""

import re
from collections.abc import Mapping
from typing import Final, final

import msgspec

from doorward.errors import Rejected
from doorward.methods.further_claims import require_further_claims
from doorward.values import FeedKind, Handle, Scopes, Watermark
from doorward.values.bounds import parse_duration, parse_organization_id

__all__ = [
    "ACCESS_TOKEN_LIFETIME_S",
    "ACCESS_TOKEN_LIFETIME_S_MAX",
    "AMR_VALUES_MAX",
    "AUDIENCES_MAX",
    "IDENTIFIER_CHARACTERS_MAX",
    "SUBJECT_CHARACTERS_MAX",
    "TokenOrder",
    "build_claims",
    "handles_of",
    "parse_audiences",
    "parse_order",
    "parse_watermark",
    "write_watermark",
]

ACCESS_TOKEN_LIFETIME_S: Final = 600
"""How long an access token lives when nothing is said."""
ACCESS_TOKEN_LIFETIME_S_MAX: Final = 86_400
"""How long an access token may live; keys and revocations are kept for as long."""
AUDIENCES_MAX: Final = 8
"""How many resources one token may be for."""
IDENTIFIER_CHARACTERS_MAX: Final = 255
"""How long a client id, a session id, a grant id or an audience may be."""
SUBJECT_CHARACTERS_MAX: Final = 255
"""How long a subject may be (OpenID Connect Core section 2)."""
AMR_VALUES_MAX: Final = 16
"""How many ways of signing in a token may name."""
_IDENTIFIER: Final = re.compile(r"[\x21-\x7e]{1,255}")
_WATERMARK: Final = re.compile(r"([0-9A-Za-z_-]{1,64})\.(0|[1-9][0-9]{0,18})")


@final
class TokenOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a new access token shall be. Unverified: `parse_order` checks every field.

    `audience` is 1 to 8 resources; `lifetime_s` is 1 second to a day; `auth_time` is epoch seconds. `claims` are
    further ones, 32 at most. Where the audience is a registered sector the subject gets its derived name there;
    `pairwise_sector` insists on it, and is refused for a sector that is not registered.
    """

    client_id: str
    audience: tuple[str, ...]
    subject: str | None = None
    """Whom the token is about; None: the client itself."""
    scopes: Scopes = Scopes()
    lifetime_s: int = ACCESS_TOKEN_LIFETIME_S
    session_id: str | None = None
    grant_id: str | None = None
    organization_id: str | None = None
    auth_time: int | None = None
    acr: str | None = None
    amr: tuple[str, ...] = ()
    claims: Mapping[str, object] = msgspec.field(default_factory=dict)
    pairwise_sector: str | None = None


def parse_order(order: TokenOrder, *, now: int) -> TokenOrder:
    """The order, checked.

    Raises:
        Rejected: `input_invalid`, and what is wrong.
    """
    _identifier(order.client_id, "a client id")
    parse_audiences(order.audience)
    parse_duration(order.lifetime_s, "a token's lifetime", least_s=1, most_s=ACCESS_TOKEN_LIFETIME_S_MAX)
    for value, what in ((order.session_id, "a session id"), (order.grant_id, "a grant id")):
        if value is not None:
            _identifier(value, what)
    if order.organization_id is not None:
        parse_organization_id(order.organization_id)
    if order.acr is not None:
        _identifier(order.acr, "an acr")
    _require_subject(order)
    _require_sign_in(order, now)
    require_further_claims(order.claims)
    return order


def parse_audiences(presented_audiences: tuple[str, ...]) -> tuple[str, ...]:
    """1 to 8 audiences, each of 1 to 255 printable ASCII characters without a space, each once.

    Raises:
        Rejected: `input_invalid`.
    """
    # A lone text has characters, each of which would be an audience.
    if type(presented_audiences) is not tuple or not 1 <= len(presented_audiences) <= AUDIENCES_MAX:
        raise Rejected("input_invalid", f"a token is for 1 to {AUDIENCES_MAX} audiences")
    for audience in presented_audiences:
        _identifier(audience, "an audience")
    if len(set(presented_audiences)) < len(presented_audiences):
        raise Rejected("input_invalid", "an audience is named twice")
    return presented_audiences


def build_claims(
    order: TokenOrder,
    *,
    issuer: str,
    subject: str,
    token_id: str,
    watermark: Watermark,
    now: int,
    own_names: str | None = None,
) -> dict[str, object]:
    """The claims of a token that was ordered, in the order people read them.

    Args:
        order: checked.
        issuer: ours, exactly.
        subject: as the resource is to know it: the client's id, the subject itself, or its derived name.
        token_id: the `jti`.
        watermark: read before the sign-in was checked that this token comes from.
        now: epoch seconds; the token expires exactly `lifetime_s` later.
        own_names: see `issuing.Granted`.
    """
    audience: object = order.audience[0] if len(order.audience) == 1 else list(order.audience)
    wanted: tuple[tuple[str, object], ...] = (
        ("iss", issuer),
        ("sub", subject),
        ("aud", audience),
        ("client_id", order.client_id),
        ("scope", str(order.scopes) or None),
        ("iat", now),
        ("exp", now + order.lifetime_s),
        ("jti", token_id),
        ("sid", order.session_id),
        ("org_id", order.organization_id),
        ("auth_time", order.auth_time),
        ("acr", order.acr),
        ("amr", list(order.amr) or None),
        ("dw_grant", order.grant_id),
        ("dw_own", own_names),
        ("dw_wm", write_watermark(watermark)),
    )
    claims = {name: value for name, value in wanted if value is not None}
    # Whatever a check above may have missed: a claim of the caller's replaces none of ours.
    return claims | {name: value for name, value in order.claims.items() if name not in claims}


def handles_of(
    *,
    token_id: str | None,
    client_id: str,
    subject: str,
    session_id: str | None,
    grant_id: str | None,
    organization_id: str | None,
) -> tuple[Handle, ...]:
    """Everything a token of ours rests on, but the key it was signed with."""
    wanted = (
        (FeedKind.TOKEN, token_id),
        (FeedKind.CLIENT, client_id),
        (FeedKind.SUBJECT, subject),
        (FeedKind.CLIENT_SUBJECT, f"{client_id} {subject}"),
        (FeedKind.SESSION, session_id),
        (FeedKind.GRANT, grant_id),
        (FeedKind.ORGANIZATION, organization_id),
    )
    return tuple(Handle(kind, value) for kind, value in wanted if value is not None)


def write_watermark(watermark: Watermark) -> str:
    """`<generation>.<position>`."""
    return f"{watermark.generation}.{watermark.position}"


def parse_watermark(presented_text: str) -> Watermark | None:
    """What `write_watermark` wrote; None for anything else."""
    found = _WATERMARK.fullmatch(presented_text)
    return None if found is None else Watermark(found[1], int(found[2]))


def _identifier(text: str, what: str) -> None:
    if _IDENTIFIER.fullmatch(text) is None:
        raise Rejected(
            "input_invalid", f"{what} is 1 to {IDENTIFIER_CHARACTERS_MAX} printable ASCII characters without a space"
        )


def _require_subject(order: TokenOrder) -> None:
    subject = order.subject
    if subject is None:
        if order.pairwise_sector is not None:
            raise Rejected("input_invalid", "a client's own token has no subject whose name could be derived")
        return
    if not 0 < len(subject) <= SUBJECT_CHARACTERS_MAX or not subject.isprintable() or " " in subject:
        raise Rejected(
            "input_invalid", f"a subject is 1 to {SUBJECT_CHARACTERS_MAX} printable characters without a space"
        )
    if subject == order.client_id:
        raise Rejected("input_invalid", "a subject named like its client; leave it out for the client's own token")


def _require_sign_in(order: TokenOrder, now: int) -> None:
    if order.auth_time is not None and not 0 <= order.auth_time <= now:
        raise Rejected("input_invalid", "an auth_time lies between 1970 and now")
    if len(order.amr) > AMR_VALUES_MAX:
        raise Rejected("input_invalid", f"an amr has at most {AMR_VALUES_MAX} values")
    for value in order.amr:
        _identifier(value, "an amr value")
