"""Claims of a token whose signature has been verified, read strictly (RFC 7519 section 4.1, RFC 9068 section 2.2).

Rules of this file:

* A claim has the type the RFC gives it or the token is refused: no number in quotes, no `true` for 1, no `null` for
  absent. What one verifier coerces another ignores, and the token means two things.
* A time is a whole or fractional number of seconds; fractions are rounded so that no token lives longer for it.
* `exp` is exclusive at the exact second. `nbf` and `iat` may lie ahead by what the policy says, and no further.
* Every text is bounded and printable: it becomes an id in the log, in the feed's handles, on a screen.
"""

from collections.abc import Mapping
from functools import lru_cache
from math import ceil, isfinite
from typing import Final

from doorward.errors import Rejected
from doorward.methods.bearer.config import IssuerPolicy
from doorward.methods.bearer.profiles import Profile
from doorward.values import Scopes

__all__ = [
    "CLAIM_CHARACTERS_MAX",
    "NO_SCOPES",
    "SECONDS_MAX",
    "find_text",
    "find_text_of",
    "parse_scopes",
    "require_kind",
    "verify_audience",
    "verify_times",
]

CLAIM_CHARACTERS_MAX: Final = 512
"""How long an id in a token may be: subject, client, session, organization, the token's own."""
SECONDS_MAX: Final = 253_402_300_799
"""The last second of the year 9999: a time after it is a mistake or an attempt."""
SCOPE_TEXTS_KEPT: Final = 1_024
"""How many different scope texts are remembered with what they mean."""

NO_SCOPES: Final = Scopes()

Claims = Mapping[str, object]


def require_kind(claims: Claims, presented_type: str | None, profile: Profile) -> None:
    """Refuse what is not an access token as this issuer writes them.

    Raises:
        Rejected: `token_type`, `token_claims`.
    """
    types = profile.types
    if types is None or presented_type not in types:
        _require_type(presented_type, profile)
    # Whether what is there has the right form is asked where it is read; `null` has none.
    read_required = profile.read_required
    try:
        read_required(claims)
    except KeyError:
        raise Rejected("token_claims", f"without {' '.join(sorted(profile.required - claims.keys()))}") from None
    if profile.refused and not profile.refused.isdisjoint(claims):
        raise Rejected("token_type", f"it has {' '.join(sorted(profile.refused & claims.keys()))}, as an ID token has")
    for name, values in profile.exact:
        value = claims.get(name)
        if type(value) is not str or value not in values:
            raise Rejected("token_type", f"its {name} is not that of an access token")


def _require_type(presented_type: str | None, profile: Profile) -> None:
    # RFC 7515 section 4.1.9: a media type, without regard to case, whose `application/` may be left out.
    kind = "" if presented_type is None else presented_type.lower().removeprefix("application/")
    if kind not in profile.types if profile.types is not None else kind in profile.types_refused:
        raise Rejected("token_type", f"its header says {kind[:40]!r}, which is no type of an access token here")


def verify_audience(claims: Claims, audiences: frozenset[str]) -> None:
    """Refuse a token that is for somebody else. Whole names are compared, nothing is normalised.

    Raises:
        Rejected: `token_claims` for a wrong form, `token_audience`.
    """
    audience = claims["aud"]
    if type(audience) is str:
        if audience in audiences:
            return
    elif type(audience) is list and audience and all(type(name) is str for name in audience):
        if not audiences.isdisjoint(audience):
            return
    else:
        raise Rejected("token_claims", "aud is neither a text nor a list of texts")
    raise Rejected("token_audience", "none of its audiences is this resource")


def verify_times(claims: Claims, policy: IssuerPolicy, now: int) -> tuple[int, int, int]:
    """Refuse a token that is not in force at `now` (epoch seconds).

    Returns:
        The first second at which it has expired, the first at which it is in force (0: always was), and when it was
        issued (0: it does not say). Leeway is not in them.

    Raises:
        Rejected: `token_claims`, `credential_expired`, `token_not_yet_valid`, `token_lifetime`.
    """
    expires_at, issued_at, not_before = claims["exp"], claims.get("iat"), 0
    # Nearly always whole numbers, and in force whatever the leeway; the rest takes the long way to the same answer.
    if (
        type(expires_at) is not int
        or type(issued_at) is not int
        or not 0 <= issued_at <= now < expires_at <= SECONDS_MAX
        or "nbf" in claims
    ):
        expires_at, not_before, issued_at = _verify_times_at_length(claims, policy, now)
    if policy.lifetime_s_max is not None and expires_at - issued_at > policy.lifetime_s_max:
        raise Rejected("token_lifetime", f"it lives longer than {policy.lifetime_s_max} s")
    return expires_at, not_before, issued_at


def _verify_times_at_length(claims: Claims, policy: IssuerPolicy, now: int) -> tuple[int, int, int]:
    expires_at = _find_seconds(claims, "exp")
    not_before = _find_seconds(claims, "nbf")
    issued_at = _find_seconds(claims, "iat")
    if now >= expires_at + policy.leeway_s:
        raise Rejected("credential_expired", f"it expired at {expires_at}")
    if now < not_before - policy.leeway_s:
        raise Rejected("token_not_yet_valid", f"it is valid from {not_before} on")
    if now < issued_at - policy.issued_ahead_s:
        raise Rejected("token_not_yet_valid", f"it says it was issued at {issued_at}, which is still to come")
    return expires_at, not_before, issued_at


def _find_seconds(claims: Claims, name: str) -> int:
    """A time, rounded up; 0 when the claim is not there."""
    value = claims.get(name)
    if type(value) is float and isfinite(value) and value >= 0:
        # Up: `now >= exp` holds for whole seconds from the next one on, and `nbf` then begins no sooner.
        value = ceil(value)
    # Exact types: a bool is an int to Python, and `true` would be the first second of 1970.
    if type(value) is not int:
        if value is None and name not in claims:
            return 0
        raise Rejected("token_claims", f"{name} is no number of seconds")
    if not 0 <= value <= SECONDS_MAX:
        raise Rejected("token_claims", f"{name} lies outside of the years there are")
    return value


def find_text(claims: Claims, name: str) -> str:
    """A text of 1 to 512 printable characters; empty when the claim is not there.

    Raises:
        Rejected: `token_claims`.
    """
    value = claims.get(name)
    if type(value) is str and value and len(value) <= CLAIM_CHARACTERS_MAX and value.isprintable():
        return value
    if value is None and name not in claims:
        return ""
    raise Rejected("token_claims", f"{name} is no text of 1 to {CLAIM_CHARACTERS_MAX} printable characters")


def find_text_of(claims: Claims, names: tuple[str, ...]) -> str:
    """The first of several claims that is there, as `find_text`; empty when none is."""
    for name in names:
        if name in claims:
            return find_text(claims, name)
    return ""


def parse_scopes(claims: Claims, profile: Profile, *, is_app: bool) -> Scopes:
    """What the token was issued for. None of its claims for that is there: no scope.

    Raises:
        Rejected: `token_claims`: not scopes, or more than a credential may carry.
    """
    for name in profile.scopes_from:
        value = claims.get(name)
        if type(value) is str:
            return _scopes_of_text(value)
        if name in claims:
            return _scopes_of_list(value)
    if is_app:
        for name in profile.app_scopes_from:
            if name in claims:
                return _scopes_of_list(claims[name])
    return NO_SCOPES


# The few scope texts there are come with every token, and a set of scopes costs more to build than to find.
@lru_cache(maxsize=SCOPE_TEXTS_KEPT)
def _scopes_of_text(text: str) -> Scopes:
    return _scopes_of_list(text.split(" ")) if text else NO_SCOPES


def _scopes_of_list(value: object) -> Scopes:
    if type(value) is not list or not all(type(token) is str for token in value):
        raise Rejected("token_claims", "its scopes are neither a text nor a list of texts")
    try:
        return Scopes(*value)
    except Rejected:
        # That one says that the *input* is invalid, and repeats what the token says.
        raise Rejected("token_claims", "it has a scope that is none, or too many of them") from None
