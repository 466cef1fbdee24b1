"""An issuer's answer about a token (RFC 7662 section 2.2), read as if the issuer were somebody else today.

Rules of this file:

* `active` must be literally `true`. `false` is an answer; anything else is none, and nobody is admitted on it.
* The issuer, the audience and the end must be there and must fit. An issuer that answers for several others, or about
  tokens of somebody else's resource, would otherwise let one of them in here (the confused deputy of section 4).
* A token that is bound to a key (`cnf`, or a `token_type` other than `Bearer`) is refused: nothing here asks for the
  proof, and a bound token must not fall back to a bearer token (RFC 9449 section 7.2, RFC 8705 section 3).
* Strict JSON and strict types, as for a signed token: see `crypto/jose/members.py`.
"""

from collections.abc import Mapping
from math import ceil, isfinite
from typing import Final, final

import msgspec

from doorward.crypto.jose.members import parse_object
from doorward.errors import Rejected, Unavailable
from doorward.methods.contract import Verified
from doorward.methods.opaque.config import ANSWER_BYTES_MAX
from doorward.methods.proven_claims import ProvenClaims
from doorward.values import (
    CredentialId,
    FeedKind,
    Handle,
    IssuedAbroad,
    MethodName,
    OrganizationId,
    Principal,
    PrincipalKind,
    Scopes,
)
from doorward.values.bounds import parse_organization_id

__all__ = ["INTROSPECTION", "Introspected", "parse_answer"]

INTROSPECTION: Final = MethodName("introspection")
TEXT_CHARACTERS_MAX: Final = 512
"""How long an id in an answer may be."""
SECONDS_MAX: Final = 253_402_300_799
"""The last second of the year 9999."""
CLOCKS_APART_S: Final = 30
"""How far the issuer's clock may be from ours where it says from when on a token is valid. Never for its end."""

Claims = Mapping[str, object]


@final
class Introspected(msgspec.Struct, frozen=True):
    """A token the issuer calls active.

    `barred` is the refusal code it has here whoever asks, None when there is none; then `verified` says who it is.
    """

    barred: str | None
    not_after: int
    verified: Verified | None

    def __repr__(self) -> str:
        return f"Introspected(barred={self.barred!r}, not_after={self.not_after})"


def parse_answer(
    presented_answer: bytes, *, token_id: str, issuer: str, audiences: frozenset[str], now: int
) -> Introspected | None:
    """What the issuer says; None when it says the token is not active.

    Args:
        presented_answer: the body; unverified, of any length.
        token_id: what the token is called when the answer gives it no `jti`.
        issuer: whose tokens are asked about.
        audiences: what this resource is called.
        now: epoch seconds.

    Raises:
        Unavailable: `introspection_unavailable`: this is no answer to the question.
    """
    claims = _parse_object(presented_answer)
    active = claims.get("active")
    if active is False:
        return None
    if active is not True:
        raise Unavailable("introspection_unavailable", "an answer whose `active` is neither true nor false")
    try:
        return _judge(claims, token_id, issuer, audiences, now)
    except Rejected as error:
        return Introspected(error.code, 0, None)


def _parse_object(presented_answer: bytes) -> dict[str, object]:
    if len(presented_answer) > ANSWER_BYTES_MAX:
        raise Unavailable("introspection_unavailable", f"an answer of more than {ANSWER_BYTES_MAX} octets")
    try:
        return parse_object(presented_answer)
    except Rejected as error:
        raise Unavailable("introspection_unavailable", f"an answer that is {error.detail}") from None


def _judge(claims: Claims, token_id: str, issuer: str, audiences: frozenset[str], now: int) -> Introspected:
    if claims.get("iss") != issuer:
        raise Rejected("token_issuer", "the answer is about a token of another issuer, or does not say whose it is")
    _require_audience(claims.get("aud"), audiences)
    if "cnf" in claims or str(claims.get("token_type", "bearer")).lower() not in {"bearer", "access_token"}:
        raise Rejected("token_type", "the token is bound to a key, or of a kind that is not carried like this")
    expires_at = _seconds(claims, "exp")
    if expires_at is None:
        raise Rejected("token_claims", "exp is missing")
    if now >= expires_at:
        raise Rejected("credential_expired", "the token has expired by our clock")
    if (_seconds(claims, "nbf") or 0) > now + CLOCKS_APART_S:
        raise Rejected("token_not_yet_valid", "the token is not valid yet")
    return Introspected(None, expires_at, _verified(claims, token_id, issuer, expires_at))


def _verified(claims: Claims, token_id: str, issuer: str, expires_at: int) -> Verified:
    client_id = _text(claims, "client_id")
    subject = _text(claims, "sub") or client_id
    if subject is None:
        raise Rejected("token_claims", "neither sub nor client_id is there")
    jti, session_id = _text(claims, "jti") or token_id, _text(claims, "sid")
    organization_id = _organization(claims)
    principal = Principal(
        kind=PrincipalKind.APP if subject == client_id else PrincipalKind.PERSON,
        id=subject,
        name=_text(claims, "username") or subject,
        method=INTROSPECTION,
        credential_id=CredentialId(jti),
        scopes=_scopes(claims),
        organization_id=organization_id,
        not_after=expires_at,
        issuer=issuer,
        client_id=client_id,
        session_id=session_id,
        claims=ProvenClaims({name: value for name, value in claims.items() if name != "active"}),
    )
    wanted = (
        (FeedKind.TOKEN, jti),
        (FeedKind.CLIENT, client_id),
        (FeedKind.SUBJECT, subject),
        (FeedKind.SESSION, session_id),
        (FeedKind.ORGANIZATION, organization_id),
    )
    handles = tuple(Handle(kind, f"{issuer} {value}") for kind, value in wanted if value is not None)
    return Verified(principal=principal, handles=handles, since=IssuedAbroad(_seconds(claims, "iat") or 0))


def _require_audience(audience: object, audiences: frozenset[str]) -> None:
    names = [audience] if type(audience) is str else audience
    if type(names) is not list or not all(type(name) is str for name in names):
        raise Rejected("token_claims", "aud is neither a text nor a list of texts")
    if audiences.isdisjoint(names):
        raise Rejected("token_audience", "none of its audiences is this resource")


def _seconds(claims: Claims, name: str) -> int | None:
    value = claims.get(name)
    if value is None and name not in claims:
        return None
    if type(value) is float and isfinite(value):
        value = ceil(value)
    # Exact types: a bool is an int to Python.
    if type(value) is not int or not 0 <= value <= SECONDS_MAX:
        raise Rejected("token_claims", f"{name} is no number of seconds")
    return value


def _text(claims: Claims, name: str) -> str | None:
    value = claims.get(name)
    if value is None and name not in claims:
        return None
    if type(value) is str and 0 < len(value) <= TEXT_CHARACTERS_MAX and value.isprintable():
        return value
    raise Rejected("token_claims", f"{name} is no text of 1 to {TEXT_CHARACTERS_MAX} printable characters")


def _organization(claims: Claims) -> OrganizationId | None:
    value = _text(claims, "org_id")
    try:
        return None if value is None else parse_organization_id(value)
    except Rejected:
        raise Rejected("token_claims", "org_id is no id of an organization") from None


def _scopes(claims: Claims) -> Scopes:
    value = claims.get("scope", "")
    if type(value) is not str:
        raise Rejected("token_claims", "scope is no text")
    try:
        return Scopes.parse(value)
    except Rejected:
        raise Rejected("token_claims", "scope holds what is no scope, or too many of them") from None
