"""Why a verifier would refuse a signed token: every check a verifier makes, in its order, each with what to do.

The checks are the verifier's own functions, called one by one, so that what is told here is what happens behind a door.
What cannot be checked for want of keys, an issuer or an audience is said to be unchecked, never to hold.
"""

from collections.abc import Callable, Mapping
from typing import Final, final

import msgspec

from doorward.cli.text import moment, relative
from doorward.crypto.jose.algorithms import find_algorithm
from doorward.crypto.jose.jwk import KeySet, VerificationKey
from doorward.crypto.jose.jws import Compact, verify_signature
from doorward.errors import Rejected
from doorward.keys.fixed import FixedKeys
from doorward.keys.port import KeySource
from doorward.methods.bearer.claims import require_kind, verify_audience, verify_times
from doorward.methods.bearer.config import OWN_LIFETIME_S_MAX, IssuerPolicy
from doorward.methods.bearer.profiles import RFC9068
from doorward.methods.token_order import parse_watermark

__all__ = ["CURES", "DRIFT_S", "Check", "Known", "judge_token", "refused", "say_drift"]

DRIFT_S: Final = 30
"""How far a clock is thought off when drift is explained."""

CURES: Final[Mapping[str, str]] = {
    "token_malformed": "Copy the token again, whole: from the first character to the last, without a line break.",
    "token_header": "Ask the issuer for a plain signed token (JWS, RFC 7515) without extensions.",
    "token_algorithm": "Sign with ES256, RS256, PS256 or EdDSA, by a key that is for that algorithm.",
    "token_issuer": "Get a token from the issuer this resource trusts, or add that issuer to its door.",
    "token_key_unknown": "Compare `kid` with the issuer's JWKS: of another environment? If retired, get a new token.",
    "token_signature": "Get a new token: this one was altered, cut, or signed by another key of that name.",
    "token_type": "Send the access token, not the ID token; its header must say at+jwt (RFC 9068).",
    "token_claims": "Have the issuer set that claim; an RFC 9068 token has iss, exp, aud, sub, client_id, iat, jti.",
    "token_audience": "Ask for a token whose audience is this resource, exactly as it is called.",
    "credential_expired": "Get a new token: refresh, or sign in again. No leeway is given on our own tokens.",
    "token_not_yet_valid": "Wait, or set the clocks: one of the two machines is off.",
    "token_lifetime": "Have the issuer give it a shorter life, or raise lifetime_s_max where that is meant.",
    "credential_revoked": "Sign in again: what was issued before the revocation stays refused.",
}
"""What to do about each refusal."""


@final
class Check(msgspec.Struct, frozen=True):
    """One check. `holds` None: it could not be made. `code` is the refusal a verifier gives."""

    what: str
    holds: bool | None
    says: str
    code: str | None = None


@final
class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to judge by. `keys` None: none. `own`: they are of this store's own issuer."""

    keys: KeySource | None = None
    whose_keys: str = ""
    issuer: str | None = None
    audiences: frozenset[str] = frozenset()
    own: bool = False
    revoked: str | None = None
    """Which revoked thing it rests on; None: none, if `revocation_checked`."""
    revocation_checked: bool = False
    key_compromised: bool = False
    """Whether the key it names was retired as compromised."""
    now: int


def judge_token(compact: Compact, claims: Mapping[str, object], known: Known) -> list[Check]:
    """Every check on a token of the right form, in the order a verifier makes them."""
    return [
        *_key(known),
        _issuer(claims, known),
        _signature(compact, known),
        _check("kind", "an access token (RFC 9068)", lambda: require_kind(claims, compact.header.typ, RFC9068)),
        _audience(claims, known),
        _times(claims, known),
        *_watermark(claims, known),
        _revocation(known),
    ]


def refused(checks: list[Check]) -> Check | None:
    """The first check that fails: what a verifier would say."""
    return next((check for check in checks if check.holds is False), None)


def say_drift(claims: Mapping[str, object], known: Known) -> str:
    """What would happen with a clock that is off by half a minute; empty when the times cannot be read."""
    outcomes = {
        off: _times(claims, msgspec.structs.replace(known, now=known.now + off)) for off in (-DRIFT_S, 0, DRIFT_S)
    }
    if any(check.code == "token_claims" for check in outcomes.values()):
        return ""
    slow, here, fast = (outcomes[off].holds for off in (-DRIFT_S, 0, DRIFT_S))
    if slow == here == fast:
        return f"the same by a clock {DRIFT_S} s slow or fast"
    other = [f"{DRIFT_S} s {name}" for name, holds in (("slow", slow), ("fast", fast)) if holds != here]
    return f"{'refused' if here else 'accepted'} by a clock {' or '.join(other)}"


def _check(what: str, holds: str, made: Callable[[], object]) -> Check:
    try:
        made()
    except Rejected as error:
        return Check(what, False, error.detail or error.refusal.text, error.code)
    return Check(what, True, holds)


def _key(known: Known) -> list[Check]:
    if not known.key_compromised:
        return []
    # First: whoever has that key may have written all the rest.
    return [Check("key", False, "signed, it says, by a key that was retired as compromised", "token_key_unknown")]


def _issuer(claims: Mapping[str, object], known: Known) -> Check:
    if known.issuer is None:
        return Check("issuer", None, "not compared: say --issuer")
    if claims.get("iss") == known.issuer:
        return Check("issuer", True, "exactly the one expected")
    return Check("issuer", False, "another issuer than the one expected, to the letter", "token_issuer")


def _signature(compact: Compact, known: Known) -> Check:
    if find_algorithm(compact.header.alg) is None:
        # Whatever keys there are: `none` is no algorithm, in no spelling.
        return Check("signature", False, "alg names no signature algorithm that is taken", "token_algorithm")
    if known.keys is None:
        return Check("signature", None, "not verified: no keys at hand, say --jwks")
    keys, header = known.keys, compact.header

    def verify() -> None:
        verify_signature(compact, _find(keys, header.kid, header.alg))

    return _check("signature", f"verified with {known.whose_keys}", verify)


def _find(keys: KeySource, kid: str | None, algorithm: str) -> VerificationKey:
    key = keys.find(kid, algorithm)
    if key is None:
        raise Rejected("token_key_unknown", "none of the keys at hand has that id and that algorithm")
    return key


def _audience(claims: Mapping[str, object], known: Known) -> Check:
    if not known.audiences:
        return Check("audience", None, "not compared: say --audience")
    if "aud" not in claims:
        return Check("audience", False, "aud is missing", "token_claims")
    return _check("audience", "this resource is among its own", lambda: verify_audience(claims, known.audiences))


def _times(claims: Mapping[str, object], known: Known) -> Check:
    if "exp" not in claims:
        return Check("time", False, "exp is missing: it would never expire", "token_claims")
    policy = IssuerPolicy(
        issuer="any",
        audiences=frozenset({"any"}),
        keys=FixedKeys(KeySet(())),
        own=known.own,
        lifetime_s_max=OWN_LIFETIME_S_MAX if known.own else None,
    )
    check = _check("time", "in force", lambda: verify_times(claims, policy, known.now))
    at = {"credential_expired": claims.get("exp"), "token_not_yet_valid": claims.get("nbf")}.get(check.code or "")
    if type(at) is not int:
        return check
    said = "it expired" if check.code == "credential_expired" else "it is not valid yet, only"
    return Check("time", False, f"{said} {relative(at, known.now)} ({moment(at)})", check.code)


def _watermark(claims: Mapping[str, object], known: Known) -> list[Check]:
    if not known.own:
        return []
    written = claims.get("dw_wm")
    if isinstance(written, str) and parse_watermark(written) is not None:
        return []
    return [Check("watermark", False, "dw_wm is missing or unreadable; every token of ours has one", "token_claims")]


def _revocation(known: Known) -> Check:
    if not known.revocation_checked:
        return Check("revocation", None, "not looked up: only the issuer's own store or feed knows")
    if known.revoked is None:
        return Check("revocation", True, "nothing it rests on is revoked")
    says = "it was revoked" if known.revoked == "token" else f"the {known.revoked} it rests on was revoked"
    return Check("revocation", False, says, "credential_revoked")
