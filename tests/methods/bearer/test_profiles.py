"""Tokens as real issuers write them, and what each profile can tell of tokens that are none."""

from typing import Any

import pytest
from tests.simulators.issuer import API, NOW, SimulatedIssuer

from doorward.errors import Rejected
from doorward.methods.bearer.profiles import ANY, AUTH0, ENTRA, GENERIC, KEYCLOAK, PROFILES, RFC9068, Profile
from doorward.methods.bearer.verify import parse_token, verify_token
from doorward.values import FeedKind, Handle, IssuedAbroad, Principal, PrincipalKind, RestsOn, Scopes

AUTH0_PERSON: dict[str, Any] = {
    "iss": "https://tenant.eu.auth0.com/",
    "sub": "auth0|6553da60a54af58e29493993",
    "aud": [API, "https://tenant.eu.auth0.com/userinfo"],
    "azp": "K1AUPhZq8mRi0Q0pjhkfu1D7y6KjDQja",
    "exp": NOW + 600,
    "iat": NOW,
    "scope": "openid profile read:patients",
    "org_id": "org_9ybsU1dN2dKfDkBi",
    "permissions": ["read:patients", "delete:patients"],
}
AUTH0_APP: dict[str, Any] = {
    **AUTH0_PERSON,
    "sub": "K1AUPhZq8mRi0Q0pjhkfu1D7y6KjDQja@clients",
    "gty": "client-credentials",
    "aud": API,
    "scope": "read:patients",
}
ENTRA_PERSON: dict[str, Any] = {
    "iss": "https://login.microsoftonline.com/9122040d-6c67-4c5b-b112-36a304b66dad/v2.0",
    "aud": API,
    "iat": NOW,
    "nbf": NOW,
    "exp": NOW + 4_000,
    "azp": "11111111-2222-3333-4444-555555555555",
    "azpacr": "0",
    "oid": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
    "scp": "Orders.Read Orders.Write",
    "roles": ["Orders.Admin"],
    "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
    "tid": "9122040d-6c67-4c5b-b112-36a304b66dad",
    "uti": "fqiBqXLPj0eQa82S-IYFAA",
    "ver": "2.0",
}
ENTRA_APP: dict[str, Any] = {
    **{name: value for name, value in ENTRA_PERSON.items() if name not in {"scp", "azp", "azpacr"}},
    "iss": "https://sts.windows.net/9122040d-6c67-4c5b-b112-36a304b66dad/",
    "appid": "11111111-2222-3333-4444-555555555555",
    "appidacr": "1",
    "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
    "roles": ["Orders.Read.All"],
    "ver": "1.0",
}
KEYCLOAK_PERSON: dict[str, Any] = {
    "exp": NOW + 300,
    "iat": NOW,
    "auth_time": NOW - 5,
    "jti": "onrtac:c8c2b4a1-6a0d-7fcb-a0c4-2a5a5a5a5a5a",
    "iss": "https://sso.example/realms/shop",
    "aud": [API, "account"],
    "sub": "7a6d2b1e-3a44-4f0e-9a5e-1f6a8a1c2b3d",
    "typ": "Bearer",
    "azp": "storefront",
    "sid": "2f3b5f0a-1111-4a4a-8b8b-3c3c3c3c3c3c",
    "acr": "1",
    "realm_access": {"roles": ["offline_access", "admin"]},
    "resource_access": {"account": {"roles": ["manage-account"]}},
    "scope": "openid email profile",
    "preferred_username": "alice",
}
KEYCLOAK_APP: dict[str, Any] = {
    **{name: value for name, value in KEYCLOAK_PERSON.items() if name not in {"sid", "auth_time"}},
    "azp": "reports",
    "client_id": "reports",
    "clientHost": "192.0.2.7",
    "preferred_username": "service-account-reports",
    "scope": "email profile",
}


def _principal(profile: Profile, claims: dict[str, Any], typ: str | None = "JWT", /, **changes: object) -> Principal:
    issuer = SimulatedIssuer(claims["iss"])
    whole = {"client_id": ..., "jti": ..., "scope": ..., "dw_wm": ..., **claims, **changes}
    policy = issuer.policy(profile=profile)
    return verify_token(
        parse_token(issuer.issue({"typ": typ}, **whole), {policy.issuer: policy}), NOW
    ).verified.principal


def _handles(profile: Profile, claims: dict[str, Any], **said: Any) -> tuple[RestsOn, ...]:
    issuer = SimulatedIssuer(claims["iss"])
    token = issuer.issue({"typ": "JWT"}, **{"client_id": ..., "jti": ..., "scope": ..., **claims})
    policy = issuer.policy(profile=profile, **said)
    return verify_token(parse_token(token, {policy.issuer: policy}), NOW).verified.handles


def _code(profile: Profile, claims: dict[str, Any], typ: str | None = "JWT", /, **changes: object) -> str:
    with pytest.raises(Rejected) as caught:
        _principal(profile, claims, typ, **changes)
    return caught.value.code


@pytest.mark.parametrize(
    ("profile", "claims", "kind", "client", "scopes"),
    [
        (AUTH0, AUTH0_PERSON, PrincipalKind.PERSON, AUTH0_PERSON["azp"], Scopes("openid", "profile", "read:patients")),
        (AUTH0, AUTH0_APP, PrincipalKind.APP, AUTH0_APP["azp"], Scopes("read:patients")),
        (ENTRA, ENTRA_PERSON, PrincipalKind.PERSON, ENTRA_PERSON["azp"], Scopes("Orders.Read", "Orders.Write")),
        (ENTRA, ENTRA_APP, PrincipalKind.APP, ENTRA_APP["appid"], Scopes("Orders.Read.All")),
        (KEYCLOAK, KEYCLOAK_PERSON, PrincipalKind.PERSON, "storefront", Scopes("openid", "email", "profile")),
        (KEYCLOAK, KEYCLOAK_APP, PrincipalKind.APP, "reports", Scopes("email", "profile")),
    ],
)
def test_tokens_of_real_issuers(
    profile: Profile, claims: dict[str, Any], kind: PrincipalKind, client: str, scopes: Scopes
) -> None:
    principal = _principal(profile, claims)
    assert (principal.kind, principal.client_id, principal.scopes) == (kind, client, scopes)
    assert principal.id == claims["sub"]
    # The strict profile takes none of them: their header says JWT.
    assert _code(RFC9068, claims) == "token_type"


def test_where_organization_and_session_are() -> None:
    for profile, claims, theirs in (
        (AUTH0, AUTH0_PERSON, "org_9ybsU1dN2dKfDkBi"),
        (ENTRA, ENTRA_PERSON, ENTRA_PERSON["tid"]),
    ):
        assert (FeedKind.ORGANIZATION, f"{claims['iss']} {theirs}") in _handles(profile, claims)
    assert _principal(KEYCLOAK, KEYCLOAK_PERSON).session_id == KEYCLOAK_PERSON["sid"]
    old = {**KEYCLOAK_PERSON, "session_state": "s0"}
    del old["sid"]
    assert _principal(KEYCLOAK, old).session_id == "s0"


def test_claims_of_any_shape_are_no_surprise() -> None:
    for value in (["reports"], {"a": 1}, 1, None):
        assert _principal(KEYCLOAK, KEYCLOAK_PERSON, client_id=value, clientId=value).kind is PrincipalKind.PERSON
        assert _principal(ENTRA, ENTRA_PERSON, idtyp=value).kind is PrincipalKind.PERSON


def test_auth0_writes_the_strict_form_as_well() -> None:
    strict = {**AUTH0_APP, "client_id": AUTH0_APP["azp"], "jti": "73WakrfVbNJBaAmhQtEeDv"}
    del strict["azp"], strict["gty"]
    assert _principal(AUTH0, strict, "at+jwt").kind is PrincipalKind.APP
    assert _principal(RFC9068, strict, "at+jwt").client_id == AUTH0_APP["azp"]


def test_a_name_that_sounds_like_an_app_makes_none() -> None:
    assert _principal(KEYCLOAK, KEYCLOAK_PERSON, preferred_username="service-account-x").kind is PrincipalKind.PERSON
    assert _principal(AUTH0, AUTH0_PERSON, sub="auth0|x@clients").kind is PrincipalKind.PERSON
    assert _principal(KEYCLOAK, KEYCLOAK_PERSON, client_id="another").kind is PrincipalKind.PERSON


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"])
def test_the_type_is_a_media_type(typ: str) -> None:
    issuer = SimulatedIssuer()
    policy = issuer.policy()
    verify_token(parse_token(issuer.issue({"typ": typ}), {policy.issuer: policy}), NOW)


@pytest.mark.parametrize(
    "typ", [None, "", "JWT", "jwt", "at+jwt ", "application/application/at+jwt", "text/at+jwt", "at", "at+jwt; v=1"]
)
def test_nothing_else_is_one_to_the_strict_profile(typ: str | None) -> None:
    issuer = SimulatedIssuer()
    policy = issuer.policy()
    with pytest.raises(Rejected) as caught:
        verify_token(parse_token(issuer.issue({"typ": typ}), {policy.issuer: policy}), NOW)
    assert caught.value.code == "token_type"


@pytest.mark.parametrize(
    ("profile", "claims", "changes"),
    [
        (AUTH0, AUTH0_PERSON, {"azp": ..., "aud": "K1AUPhZq8mRi0Q0pjhkfu1D7y6KjDQja"}),
        (AUTH0, AUTH0_PERSON, {"azp": ..., "aud": API}),
        (AUTH0, AUTH0_PERSON, {"nonce": "n"}),
        (AUTH0, AUTH0_PERSON, {"at_hash": "h"}),
        (ENTRA, ENTRA_PERSON, {"azp": ..., "scp": ...}),
        (ENTRA, ENTRA_PERSON, {"nonce": "n"}),
        (ENTRA, ENTRA_PERSON, {"ver": "3.0"}),
        (ENTRA, ENTRA_PERSON, {"tid": ...}),
        (KEYCLOAK, KEYCLOAK_PERSON, {"typ": "ID"}),
        (KEYCLOAK, KEYCLOAK_PERSON, {"typ": "Refresh"}),
        (KEYCLOAK, KEYCLOAK_PERSON, {"typ": "Logout"}),
        (KEYCLOAK, KEYCLOAK_PERSON, {"typ": "DPoP"}),
        (KEYCLOAK, KEYCLOAK_PERSON, {"typ": ["Bearer"]}),
        (KEYCLOAK, KEYCLOAK_PERSON, {"typ": ...}),
        (KEYCLOAK, KEYCLOAK_PERSON, {"azp": ["storefront"]}),
        (GENERIC, AUTH0_PERSON, {"nonce": "n"}),
        (GENERIC, AUTH0_PERSON, {"c_hash": "h"}),
        (GENERIC, AUTH0_PERSON, {"sub": ..., "azp": ...}),
    ],
)
def test_what_is_no_access_token_is_told_apart(
    profile: Profile, claims: dict[str, Any], changes: dict[str, object]
) -> None:
    assert _code(profile, claims, **changes) in {"token_type", "token_claims", "token_audience"}


@pytest.mark.parametrize("typ", ["logout+jwt", "dpop+jwt", "secevent+jwt", "application/logout+jwt"])
def test_a_token_that_says_it_is_of_another_kind_is_believed(typ: str) -> None:
    assert _code(GENERIC, AUTH0_PERSON, typ) == "token_type"


def test_any_asks_for_nothing_but_issuer_audience_and_expiry() -> None:
    claims = {"iss": "https://x.example", "aud": API, "exp": NOW + 1, "sub": ..., "iat": ...}
    for typ in (None, "JWT", "logout+jwt", "whatever"):
        assert _principal(ANY, claims, typ).id == ""
    for name in ("aud", "exp"):
        assert _code(ANY, {**claims, name: ...}) == "token_claims"
    assert _principal(ANY, {**claims, "sub": "alice", "nonce": "n"}).id == "alice"


def test_any_is_for_no_door() -> None:
    assert ANY not in PROFILES.values()


def test_an_organization_of_another_issuer_is_ours_only_where_it_is_said() -> None:
    """Ours of the same name is somebody else's customer."""
    theirs = "org_9ybsU1dN2dKfDkBi"
    assert _principal(AUTH0, AUTH0_PERSON).organization_id is None
    issuer = SimulatedIssuer(AUTH0_PERSON["iss"])
    token = issuer.issue({"typ": "JWT"}, **{"client_id": ..., **AUTH0_PERSON})
    for organizations, ours in (({theirs: "acme"}, "acme"), ({"other": "acme"}, None), ({}, None)):
        policy = issuer.policy(profile=AUTH0, organizations=organizations)
        verified = verify_token(parse_token(token, {policy.issuer: policy}), NOW).verified
        assert verified.principal.organization_id == ours
        # Revoked by either name.
        assert (FeedKind.ORGANIZATION, f"{policy.issuer} {theirs}") in verified.handles
        assert ((FeedKind.ORGANIZATION, "acme") in verified.handles) == (ours == "acme")


def test_a_person_of_entra_is_revoked_by_what_all_clients_call_her() -> None:
    prefix = ENTRA_PERSON["iss"]
    handles = _handles(ENTRA, ENTRA_PERSON)
    assert (FeedKind.SUBJECT, f"{prefix} {ENTRA_PERSON['sub']}") in handles
    assert (FeedKind.SUBJECT, f"{prefix} {ENTRA_PERSON['oid']}") in handles
    assert _code(ENTRA, ENTRA_PERSON, oid=7) == "token_claims"


def test_ids_of_another_issuer_are_his() -> None:
    issuer = SimulatedIssuer("https://sso.example/realms/shop")
    policy = issuer.policy(profile=KEYCLOAK)
    token = issuer.issue({"typ": "JWT"}, **{"client_id": ..., **KEYCLOAK_PERSON})
    verified = verify_token(parse_token(token, {policy.issuer: policy}), NOW).verified
    prefix, subject = policy.issuer, KEYCLOAK_PERSON["sub"]
    assert verified.since == IssuedAbroad(NOW, policy.clock_fast_s)
    assert set(verified.handles) == {
        Handle(FeedKind.TOKEN, f"{prefix} {KEYCLOAK_PERSON['jti']}"),
        Handle(FeedKind.SUBJECT, f"{prefix} {subject}"),
        Handle(FeedKind.CLIENT, f"{prefix} storefront"),
        Handle(FeedKind.CLIENT_SUBJECT, f"{prefix} storefront {subject}"),
        Handle(FeedKind.SESSION, f"{prefix} {KEYCLOAK_PERSON['sid']}"),
    }


def test_a_foreign_token_without_a_date_is_older_than_every_epoch() -> None:
    issuer = SimulatedIssuer("https://x.example")
    policy = issuer.policy(profile=GENERIC)
    token = issuer.issue({"typ": None}, iat=..., jti=...)
    verified = verify_token(parse_token(token, {policy.issuer: policy}), NOW).verified
    assert verified.since == IssuedAbroad(0, policy.clock_fast_s)
    # It has no id of its own; the log still has to call it something.
    assert verified.principal.credential_id.startswith("sha256:")
    assert not any(kind is FeedKind.TOKEN for kind, _ in verified.handles)


def test_no_client_is_read_as_part_of_another_pair() -> None:
    for own in (True, False):
        issuer = SimulatedIssuer()
        policy = issuer.policy(own=own)
        with pytest.raises(Rejected) as caught:
            verify_token(parse_token(issuer.issue(client_id="shop alice", sub="b"), {policy.issuer: policy}), NOW)
        assert caught.value.code == "token_claims"
