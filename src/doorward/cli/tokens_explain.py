"""What each member of a token's header and each of its claims is, in words. Pure; believes nothing it reads.

Everything shown may come from a stranger: values are cut and made printable, names nobody knows are said to be that,
and nothing in a token is fetched, opened or run.
"""

import json
from collections.abc import Mapping
from typing import Final, NamedTuple, final

from doorward.cli.text import moment, printable, relative

__all__ = ["MEMBERS_SHOWN_MAX", "VALUE_CHARACTERS_SHOWN_MAX", "Explained", "explain_claims", "explain_header"]

VALUE_CHARACTERS_SHOWN_MAX: Final = 160
"""How much of one value is shown to people; programs get all of it."""
MEMBERS_SHOWN_MAX: Final = 100
"""How many members are shown of a token."""
_SECONDS_MAX: Final = 253_402_300_799

_HEADER: Final = {
    "alg": "how it is signed",
    "kid": "which of the issuer's keys signed it",
    "typ": "what kind of token it is",
    "cty": "what is inside, when that is a token again",
    "crit": "members a reader must understand; refused here",
    "b64": "whether the payload is encoded; refused here",
    "zip": "how the payload is compressed; refused here",
    "enc": "how it is encrypted; refused here",
    "jwk": "a key the token brings along; ignored",
    "jku": "where the token says keys are; never fetched",
    "x5u": "where the token says a certificate is; never fetched",
    "x5c": "certificates the token brings along; ignored",
    "x5t": "the digest of a certificate; ignored",
    "x5t#S256": "the digest of a certificate; ignored",
}
_ALGORITHMS: Final = {
    "HS": "HMAC: who can verify it can forge it",
    "RS": "RSA, PKCS #1 v1.5",
    "PS": "RSA, PSS",
    "ES": "ECDSA",
    "Ed": "Ed25519",
}
_TYPES: Final = {
    "at+jwt": "an access token (RFC 9068)",
    "application/at+jwt": "an access token (RFC 9068)",
    "jwt": "any signed token; does not say which kind",
    "logout+jwt": "a logout token, no access token",
    "dpop+jwt": "a proof of a key, no access token",
    "secevent+jwt": "a security event, no access token",
}
_CLAIMS: Final = {
    "iss": "who issued it",
    "sub": "whom it is about",
    "aud": "which resource may take it",
    "exp": "expires",
    "nbf": "valid from",
    "iat": "issued",
    "jti": "its id: what it is revoked by",
    "client_id": "the client it was issued to",
    "azp": "the client it was issued to",
    "appid": "the client it was issued to",
    "cid": "the client it was issued to",
    "scope": "what it may be used for",
    "scp": "what it may be used for",
    "roles": "roles the issuer gives the holder",
    "groups": "groups the issuer puts the holder in",
    "sid": "the sign-in it comes from",
    "org_id": "the organization it is for",
    "tid": "the tenant it is for",
    "oid": "the holder's object id",
    "auth_time": "signed in",
    "acr": "how strong the sign-in was",
    "amr": "how the subject signed in",
    "cnf": "the key it is bound to",
    "act": "who acts on the subject's behalf",
    "may_act": "who may act on the subject's behalf",
    "nonce": "ties an ID token to a sign-in",
    "at_hash": "ties an ID token to an access token",
    "email": "an address, as the issuer knows it",
    "name": "a name, for people",
    "preferred_username": "a name to sign in with",
    "dw_grant": "the consent it comes from",
    "dw_own": "what resources with derived names call the client itself",
    "dw_wm": "how far revocations were when the sign-in began",
}
_TIMES: Final = {
    "exp": ("expired", "expires"),
    "nbf": ("valid since", "valid only"),
    "iat": ("issued", "issued, it says,"),
    "auth_time": ("signed in", "signed in, it says,"),
    "updated_at": ("last changed", "last changed, it says,"),
}
"""What a time in the past and one to come are called."""


@final
class Explained(NamedTuple):
    """One member: its name and value as they are shown, and what it is."""

    name: str
    value: str
    says: str


def explain_header(header: Mapping[str, object]) -> list[Explained]:
    """Every member of a header."""
    return [Explained(_shown(name), _value(value), _say_header(name, value)) for name, value in _first(header)]


def explain_claims(claims: Mapping[str, object], now: int) -> list[Explained]:
    """Every claim, with times as people read them, seen from `now` (epoch seconds)."""
    explained = []
    for name, value in _first(claims):
        says = _CLAIMS.get(name, "a claim of the issuer's own")
        if name in _TIMES and type(value) in {int, float} and _is_a_time(value):
            at = int(value)  # type: ignore[call-overload]  # its exact type was asked
            explained.append(Explained(_shown(name), moment(at), f"{_said_time(name, at <= now)} {relative(at, now)}"))
        else:
            explained.append(Explained(_shown(name), _value(value), says))
    return explained


def _say_header(name: str, value: object) -> str:
    says = _HEADER.get(name, "not known here; ignored")
    if name == "alg" and isinstance(value, str):
        return _ALGORITHMS.get(value[:2], "no algorithm that is taken")
    if name == "typ" and isinstance(value, str):
        return _TYPES.get(value.lower(), "no kind of token known here")
    return says


def _said_time(name: str, is_over: bool) -> str:  # noqa: FBT001  # one of two words
    past, future = _TIMES[name]
    return past if is_over else future


def _is_a_time(value: object) -> bool:
    return isinstance(value, int | float) and 0 <= value <= _SECONDS_MAX


def _first(members: Mapping[str, object]) -> list[tuple[str, object]]:
    return list(members.items())[:MEMBERS_SHOWN_MAX]


def _value(value: object) -> str:
    if isinstance(value, str):
        return _shown(value) if value else "(empty)"
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return _shown("  ".join(value))
    # Not by the strict encoder: what is explained may hold what no strict reader takes, half a character for one.
    return _shown(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _shown(text: str) -> str:
    # Cut before it is made printable: an escape is up to ten characters, and a megabyte of them is a megabyte.
    cut = printable(text[:VALUE_CHARACTERS_SHOWN_MAX])
    return cut if len(text) <= VALUE_CHARACTERS_SHOWN_MAX else f"{cut}…"
