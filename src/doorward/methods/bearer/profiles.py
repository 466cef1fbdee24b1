"""How issuers write their access tokens: the strict profile of RFC 9068, and lenient ones for issuers that have none.

Rules of this file:

* A profile is data: which header types it takes, which claims must be there, where to read the client, the scopes, the
  organization and the session from, and how a token of an app is told from one of a person.
* Lenient never means optional proof: signature, issuer, audience and expiry are asked of every token by every profile.
* An ID token is for the client that signed somebody in, not for an API. What each profile can do about one that is sent
  to an API is said where it is defined; what always holds is the audience: an API has a name of its own, and an ID
  token is for a client. A resource that goes by the id of a client has given that away.
* A role is what a person is; a scope is what a token was issued for. A person's roles stay in `Principal.claims`.
"""

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Final, final

import msgspec

__all__ = ["ANY", "AUTH0", "ENTRA", "GENERIC", "KEYCLOAK", "PROFILES", "RFC9068", "Profile"]

Claims = Mapping[str, object]

_ID_TOKEN_MARKS: Final = frozenset({"nonce", "at_hash", "c_hash", "s_hash"})
_OTHER_KINDS: Final = frozenset(
    {
        "dpop+jwt",
        "id+jwt",
        "kb+jwt",
        "dc+sd-jwt",
        "vc+sd-jwt",
        "logout+jwt",
        "secevent+jwt",
        "statuslist+jwt",
        "oauth-authz-req+jwt",
        "client-authentication+jwt",
        "token-introspection+jwt",
        "authorization-grant+jwt",
        "oauth-id-jag+jwt",
        "jwk-set+jwt",
        "entity-statement+jwt",
    }
)


@final
class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """How an issuer writes its access tokens. Header types are lower case and without `application/`."""

    name: str
    types: frozenset[str] | None
    """Header types it takes; `""` stands for none. None: every type but `types_refused`."""
    types_refused: frozenset[str] = frozenset()
    required: frozenset[str]
    """Claims that must be there, whatever else."""
    refused: frozenset[str] = frozenset()
    """Claims that only a token of another kind has."""
    exact: tuple[tuple[str, frozenset[str]], ...] = ()
    """Claims that must have one of these values."""
    client_from: tuple[str, ...]
    """Where the client's id is, best first."""
    client_required: bool = True
    """Whether a token that names no client is refused."""
    subject_required: bool = True
    """Whether a token must name a subject or, for an app's own token, at least a client."""
    scopes_from: tuple[str, ...] = ("scope",)
    """Where the scopes are, best first: a space-separated string or a list of strings."""
    app_scopes_from: tuple[str, ...] = ()
    """Where they are in a token of an app that has none of the above."""
    organization_from: tuple[str, ...] = ()
    session_from: tuple[str, ...] = ("sid",)
    is_app: Callable[[str, str, Claims], bool]
    """Whether the token is an app's own: of its subject (may be empty), its client (may be empty) and all claims."""
    optional: tuple[str, ...] = ()
    """Where organization and session may be; worked out, never given."""
    read_required: Callable[[Claims], object] = dict
    """Reads all required claims in one step, and raises `KeyError` when one is not there; worked out, never given."""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "optional", self.organization_from + self.session_from)
        msgspec.structs.force_setattr(self, "read_required", itemgetter(*sorted(self.required)))


def _is_its_own_subject(subject: str, client: str, claims: Claims) -> bool:  # noqa: ARG001  # the shape of all of them
    return not subject or subject == client


def _is_auth0_app(subject: str, client: str, claims: Claims) -> bool:  # noqa: ARG001  # as above
    # `gty` names the grant in one dialect only; the subject is written so in both, and a person's has a `|` in it.
    return bool(client) and subject == f"{client}@clients"


def _is_entra_app(subject: str, client: str, claims: Claims) -> bool:  # noqa: ARG001  # as above
    # `idtyp` is there only where it was asked for; a token on behalf of a person always has `scp`.
    return claims.get("idtyp") == "app" or "scp" not in claims


def _is_keycloak_app(subject: str, client: str, claims: Claims) -> bool:
    # Written into tokens of service accounts alone. The user name says so too, but somebody could register it.
    return not subject or (bool(client) and client in (claims.get("client_id"), claims.get("clientId")))


RFC9068: Final = Profile(
    name="rfc9068",
    types=frozenset({"at+jwt"}),
    required=frozenset({"iss", "exp", "aud", "sub", "client_id", "iat", "jti"}),
    client_from=("client_id",),
    organization_from=("org_id",),
    is_app=_is_its_own_subject,
)
"""RFC 9068, strict: `typ` is `at+jwt` and all seven claims are there. No ID token has that type."""

AUTH0: Final = Profile(
    name="auth0",
    types=frozenset({"jwt", "at+jwt"}),
    required=frozenset({"iss", "exp", "aud", "sub", "iat"}),
    refused=_ID_TOKEN_MARKS,
    client_from=("azp", "client_id"),
    organization_from=("org_id",),
    is_app=_is_auth0_app,
)
"""Auth0, both of its dialects. An ID token is told apart by what only it carries (`nonce`, `at_hash`) and because it
names no client beside its audience; one with several audiences and without a nonce is told apart by the audience alone.
Its `permissions` stay in the claims: `scope` has been cut down to them by Auth0."""

ENTRA: Final = Profile(
    name="entra",
    types=frozenset({"jwt", "at+jwt"}),
    required=frozenset({"iss", "exp", "aud", "sub", "iat", "tid"}),
    refused=_ID_TOKEN_MARKS,
    exact=(("ver", frozenset({"1.0", "2.0"})),),
    client_from=("azp", "appid"),
    scopes_from=("scp",),
    app_scopes_from=("roles",),
    organization_from=("tid",),
    is_app=_is_entra_app,
)
"""Microsoft Entra ID, tokens of version 1 (`appid`) and 2 (`azp`). An ID token names no client in either claim and is
refused. Name the issuer of one tenant: with a placeholder for all tenants anybody's tenant would do. `roles` count as
scopes in an app's own token only; `sub` differs from client to client, `oid` in the claims does not."""

KEYCLOAK: Final = Profile(
    name="keycloak",
    types=frozenset({"jwt", "at+jwt"}),
    required=frozenset({"iss", "exp", "aud", "iat", "jti", "typ"}),
    exact=(("typ", frozenset({"Bearer"})),),
    client_from=("azp",),
    organization_from=(),
    session_from=("sid", "session_state"),
    is_app=_is_keycloak_app,
)
"""Keycloak. The claim `typ` says what a token is (`Bearer`, `ID`, `Refresh`, `Logout`), so every other kind is told
apart. Give the client an audience mapper: without one its tokens have no `aud` and are refused. Roles
(`realm_access`, `resource_access`) stay in the claims."""

GENERIC: Final = Profile(
    name="generic",
    types=None,
    types_refused=_OTHER_KINDS,
    required=frozenset({"iss", "exp", "aud"}),
    refused=_ID_TOKEN_MARKS,
    client_from=("client_id", "azp", "cid", "appid"),
    client_required=False,
    scopes_from=("scope", "scp"),
    organization_from=("org_id",),
    is_app=_is_its_own_subject,
)
"""Any other issuer: `iss`, `exp`, `aud`, and a subject or a client. Of the ID tokens only those are told apart that
carry a nonce or a hash, or say another type in the header; the rest by the audience alone."""

ANY: Final = Profile(
    name="any",
    types=None,
    required=frozenset({"iss", "exp", "aud"}),
    client_from=("client_id", "azp", "cid", "appid"),
    client_required=False,
    subject_required=False,
    scopes_from=("scope", "scp"),
    organization_from=("org_id",),
    is_app=_is_its_own_subject,
)
"""Every JWT that is signed, in time and for us, ID tokens included: to look at tokens with, never for a door."""

PROFILES: Final = {profile.name: profile for profile in (RFC9068, AUTH0, ENTRA, KEYCLOAK, GENERIC)}
"""The profiles a door may be given, by name."""
