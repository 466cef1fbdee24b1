"""Prove a token. Pure: no clock, no fetch, no store (RFC 7515 section 5.2, RFC 7519 section 7.2, RFC 8725, RFC 9068).

Order: the form and the size; the issuer the token *names*, which selects a policy and nothing else; the key among that
policy's own; the signature; and only then what the token says, so that only the proven holder learns that it has
expired or is for somebody else (invariant 3).

Rules of this file:

* The claims are parsed once, before the signature, and believed only after it. Until then `iss` alone is looked at.
* What was proven is kept as a `Proof` that names its policy, its key and the generation of the keys: it answers for
  that very token under that very policy and for nothing else (CVE-2026-35039). Time is asked again on every use.
* A function that lies in a field is read before it is called: Python 3.11 is twice as slow when it takes the field for
  a method.
* What a token rests on (`handles`) and when it was issued (`since`) come from its claims, never from its text: a text
  can be spelled anew ((r, n-s) verifies as (r, s) does), an id cannot.
"""

from collections.abc import Mapping
from typing import Any, Final, final

import msgspec

from doorward.crypto.hashing import sha256_digest
from doorward.crypto.jose.jwk import VerificationKey
from doorward.crypto.jose.jws import Compact, parse_compact, parse_payload, verify_signature
from doorward.errors import Rejected
from doorward.methods.bearer.claims import (
    find_text,
    find_text_of,
    parse_scopes,
    require_kind,
    verify_audience,
    verify_times,
)
from doorward.methods.bearer.config import TOKEN_BYTES_MAX, IssuerPolicy
from doorward.methods.bearer.handles import handles_abroad, handles_of_ours, parse_watermark
from doorward.methods.contract import Verified
from doorward.values import IssuedAbroad, MethodName, OrganizationId, Principal, PrincipalKind

__all__ = [
    "METHOD",
    "ParsedToken",
    "Proof",
    "find_key",
    "is_still_good",
    "parse_token",
    "verify_token",
]

METHOD: Final = MethodName("bearer")

# Enum members as globals: looking one up on its class is slow.
_APP: Final = PrincipalKind.APP
_PERSON: Final = PrincipalKind.PERSON


@final
class ParsedToken(msgspec.Struct, frozen=True, eq=False):
    """A token of the right form that names an issuer we have a policy for. Nothing of it is proven."""

    presented: Compact
    presented_claims: dict[str, object]
    policy: IssuerPolicy

    def __repr__(self) -> str:
        return f"ParsedToken(of {self.policy.issuer!r}, <unverified>)"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        return [("issuer", self.policy.issuer)]


@final
class Proof(msgspec.Struct, frozen=True):
    """What one token proves under one policy, until `expires_at` and while the keys are of `key_generation`.

    `not_before` and `expires_at` (exclusive) are epoch seconds with the policy's leeway in them.
    """

    verified: Verified
    not_before: int
    expires_at: int
    policy: IssuerPolicy
    key: VerificationKey
    key_generation: int

    def __repr__(self) -> str:
        return f"Proof(of {self.policy.issuer!r}, expires_at={self.expires_at})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        return [("issuer", self.policy.issuer), ("expires_at", self.expires_at)]


def parse_token(
    presented_token: bytes, policies: Mapping[str, IssuerPolicy], *, token_bytes_max: int = TOKEN_BYTES_MAX
) -> ParsedToken:
    """Take a token apart and find the policy it is to be judged by.

    Args:
        presented_token: the whole token; unverified bytes of any length.
        policies: by issuer.
        token_bytes_max: the longest token of any of them.

    Raises:
        Rejected: `token_malformed`, `token_header`, `token_issuer`.
    """
    compact = parse_compact(presented_token, token_bytes_max=token_bytes_max)
    presented_claims = parse_payload(compact)
    presented_issuer = presented_claims.get("iss")
    policy = policies.get(presented_issuer) if type(presented_issuer) is str else None
    if policy is None:
        raise Rejected("token_issuer", "it names no issuer whose tokens are taken here")
    if len(presented_token) > policy.token_bytes_max:
        raise Rejected("token_malformed", f"a token of over {policy.token_bytes_max} bytes")
    return ParsedToken(compact, presented_claims, policy)


def find_key(parsed: ParsedToken) -> VerificationKey | None:
    """The key the token names, among the keys of its policy; None when it is not there (yet).

    Raises:
        Rejected: `token_algorithm`: no key of this policy could answer, so none is worth fetching.
    """
    header, policy = parsed.presented.header, parsed.policy
    if header.alg not in policy.algorithm_names:
        raise Rejected("token_algorithm", f"{header.alg[:20]!r} is not taken from this issuer")
    find = policy.keys.find
    return find(header.kid, header.alg)


def verify_token(parsed: ParsedToken, now: int) -> Proof:
    """What a parsed token proves at `now`, by the keys at hand.

    Raises:
        Rejected: before the proof `token_algorithm`, `token_key_unknown`, `token_signature`; after it `token_type`,
            `token_claims`, `token_audience`, `credential_expired`, `token_not_yet_valid`, `token_lifetime`.
    """
    compact, claims, policy = parsed.presented, parsed.presented_claims, parsed.policy
    key_generation = policy.keys.generation
    key = find_key(parsed)
    if key is None:
        raise Rejected("token_key_unknown", "its key is not among the issuer's")
    # The key has one algorithm (RFC 8725 section 3.1); the header has to agree and has no say.
    verify_signature(compact, key)
    # From here on the claims are the issuer's own words.
    require_kind(claims, compact.header.typ, policy.profile)
    if "cnf" in claims:
        # RFC 7800: it is good only together with a proof of that key. Taken alone, whoever steals it could use it.
        raise Rejected("token_claims", "it is bound to a key (cnf), and no proof of that key is asked for here")
    verify_audience(claims, policy.audiences)
    expires_at, not_before, issued_at = verify_times(claims, policy, now)
    principal = _principal_of(parsed, expires_at)
    if policy.own:
        handles = handles_of_ours(principal, claims, key.kid or key.thumbprint)
        watermark = claims.get("dw_wm")
        since = parse_watermark(watermark if type(watermark) is str else "")
        verified = Verified(principal=principal, handles=handles, since=since)
    else:
        handles = handles_abroad(principal, policy.issuer, find_text(claims, "jti"))
        verified = Verified(principal=principal, handles=handles, since=IssuedAbroad(issued_at))
    leeway_s = policy.leeway_s
    return Proof(verified, not_before - leeway_s, expires_at + leeway_s, policy, key, key_generation)


def is_still_good(proof: Proof, now: int) -> bool:
    """Whether a proof of before still says what a new one would; no: verify the whole token again.

    Raises:
        Rejected: `credential_expired`, `token_not_yet_valid`.
    """
    if now >= proof.expires_at:
        raise Rejected("credential_expired", "it has expired since it was first seen")
    if now < proof.not_before:
        raise Rejected("token_not_yet_valid", "the clock has gone back to before it was valid")
    return proof.key_generation == proof.policy.keys.generation


def _principal_of(parsed: ParsedToken, expires_at: int) -> Principal:
    claims, profile = parsed.presented_claims, parsed.policy.profile
    subject = find_text(claims, "sub")
    client = find_text_of(claims, profile.client_from)
    if not client and (profile.client_required or (profile.subject_required and not subject)):
        raise Rejected("token_claims", f"no client: none of {' '.join(profile.client_from)}")
    if " " in client:
        # The feed names a client and a subject together: `a b` with `c` must not be read as `a` with `b c`.
        raise Rejected("token_claims", "the id of its client holds a space")
    is_own = profile.is_app
    is_app = is_own(subject, client, claims)
    token_id: Any = find_text(claims, "jti") or _name_of(parsed.presented)  # Any: a NewType is slow to call
    organization_id = session_id = None
    for name in profile.optional:
        if name in claims:
            organization_id = find_text_of(claims, profile.organization_from) or None
            session_id = find_text_of(claims, profile.session_from) or None
            break
    return Principal(
        kind=_APP if is_app else _PERSON,
        id=subject or client,
        name=subject or client,
        method=METHOD,
        credential_id=token_id,
        scopes=parse_scopes(claims, profile, is_app=is_app),
        organization_id=None if organization_id is None else OrganizationId(organization_id),
        not_after=expires_at,
        issuer=parsed.policy.issuer,
        client_id=client or None,
        session_id=session_id,
        claims=claims,
    )


def _name_of(compact: Compact) -> str:
    # For the log alone: a token without an id cannot be taken back by one. The signed part, not the whole text: that
    # has more than one spelling.
    return f"sha256:{sha256_digest(compact.signing_input).hex()[:32]}"
