"""Claims have the type the RFC gives them, or the token is refused."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.simulators.issuer import API, NOW, SimulatedIssuer

from doorward.errors import Rejected
from doorward.methods.bearer.claims import (
    find_text,
    find_text_of,
    parse_scopes,
    verify_audience,
    verify_times,
)
from doorward.methods.bearer.profiles import ENTRA, GENERIC, RFC9068
from doorward.methods.bearer.verify import parse_token, verify_token
from doorward.values import Scopes

POLICY = SimulatedIssuer().policy()


def _code(token: bytes, at: int = NOW) -> str:
    with pytest.raises(Rejected) as caught:
        verify_token(parse_token(token, {POLICY.issuer: POLICY}), at)
    return caught.value.code


def _times(at: int = NOW, *, leeway_s: int = 0, ahead_s: int = 0, most_s: int | None = None, **claims: object) -> str:
    policy = SimulatedIssuer().policy(leeway_s=leeway_s, issued_ahead_s=ahead_s, lifetime_s_max=most_s)
    try:
        verify_times({"exp": NOW + 600, **claims}, policy, at)
    except Rejected as refused:
        return refused.code
    return "good"


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize(
    "value",
    [str(NOW + 600), True, False, None, [], {}, [NOW], -1, -0.5, 2**53, 2**64, 1e300, float("nan"), float("inf"), ""],
)
def test_a_time_is_a_number_within_the_years_there_are(name: str, value: object) -> None:
    claims: dict[str, Any] = {name: value}
    assert _times(**claims) == "token_claims"
    assert _times(**{"iat": NOW, **claims}) == "token_claims"


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400", "0x7fffffff", "1_000", "01", "+1"])
def test_no_json_of_another_kind_gives_a_time(text: str) -> None:
    issuer = SimulatedIssuer()
    payload = issuer.issue(exp=12345).split(b".")[1]
    assert payload
    raw = f'{{"iss":"{issuer.name}","sub":"alice","aud":"{API}","exp":{text},"iat":1,"jti":"j","client_id":"shop"}}'
    assert _code(issuer.sign(raw.encode())) == "token_malformed"


def test_every_second_is_exact() -> None:
    assert _times(NOW + 599) == "good"
    assert _times(NOW + 600) == "credential_expired"
    assert _times(nbf=NOW) == "good"
    assert _times(nbf=NOW + 1) == "token_not_yet_valid"
    assert _times(iat=NOW) == "good"
    assert _times(iat=NOW + 1) == "token_not_yet_valid"
    # A token that says when it was issued is judged in one step.
    assert _times(NOW + 599, iat=NOW) == "good"
    assert _times(NOW + 600, iat=NOW) == "credential_expired"
    assert _times(iat=NOW - 1, nbf=NOW) == "good"
    assert _times(iat=NOW - 1, nbf=NOW + 1) == "token_not_yet_valid"


def test_fractions_lengthen_no_life_and_shorten_no_wait() -> None:
    assert _times(NOW + 600, exp=NOW + 600.5) == "good"
    assert _times(NOW + 601, exp=NOW + 600.5) == "credential_expired"
    assert _times(NOW, nbf=NOW + 0.5) == "token_not_yet_valid"
    assert _times(NOW + 1, nbf=NOW + 0.5) == "good"
    assert _times(NOW + 600, exp=float(NOW + 600)) == "credential_expired"


def test_leeway_and_room_ahead_are_as_wide_as_said() -> None:
    assert _times(NOW + 629, leeway_s=30) == "good"
    assert _times(NOW + 630, leeway_s=30) == "credential_expired"
    assert _times(nbf=NOW + 30, leeway_s=30) == "good"
    assert _times(nbf=NOW + 31, leeway_s=30) == "token_not_yet_valid"
    # A clock of ours that runs ahead: `iat` alone has room, `exp` and `nbf` have none.
    assert _times(iat=NOW + 30, ahead_s=30) == "good"
    assert _times(iat=NOW + 31, ahead_s=30) == "token_not_yet_valid"
    assert _times(nbf=NOW + 1, ahead_s=30) == "token_not_yet_valid"


def test_a_life_has_a_limit_where_one_is_said() -> None:
    assert _times(iat=NOW, most_s=600) == "good"
    assert _times(iat=NOW, most_s=599) == "token_lifetime"
    # Without an issue date it may have lived since 1970.
    assert _times(most_s=86_400) == "token_lifetime"


@pytest.mark.parametrize("audience", [API, [API], ["https://other.example", API], ["", API]])
def test_an_audience_is_a_text_or_a_list(audience: object) -> None:
    verify_audience({"aud": audience}, frozenset({API, "second"}))


@pytest.mark.parametrize(
    ("audience", "code"),
    [
        ("", "token_audience"),
        (API + "/", "token_audience"),
        (API[:-1], "token_audience"),
        (API.upper(), "token_audience"),
        (f"{API} https://other.example", "token_audience"),
        (["https://other.example"], "token_audience"),
        ([], "token_claims"),
        ([API, 1], "token_claims"),
        ([[API]], "token_claims"),
        ({API: 1}, "token_claims"),
        (None, "token_claims"),
        (1, "token_claims"),
        (True, "token_claims"),
    ],
)
def test_an_audience_is_compared_whole(audience: object, code: str) -> None:
    with pytest.raises(Rejected) as caught:
        verify_audience({"aud": audience}, frozenset({API}))
    assert caught.value.code == code


@pytest.mark.parametrize("value", ["", "x" * 513, 1, True, None, ["a"], "a\x00", "a\nb", "\u202eevil", "a\u2028b"])
def test_an_id_is_a_printable_text_of_bounded_length(value: object) -> None:
    with pytest.raises(Rejected) as caught:
        find_text({"sub": value}, "sub")
    assert caught.value.code == "token_claims"


def test_an_id_that_is_not_there_is_empty() -> None:
    assert find_text({}, "sub") == ""
    assert find_text({"sub": "x" * 512}, "sub") == "x" * 512
    assert find_text_of({"azp": "b"}, ("client_id", "azp")) == "b"
    assert find_text_of({}, ("client_id", "azp")) == ""
    # The better one is there and wrong: the next best does not make up for it.
    with pytest.raises(Rejected):
        find_text_of({"client_id": None, "azp": "b"}, ("client_id", "azp"))


def test_scopes_are_a_text_or_a_list_by_profile() -> None:
    assert parse_scopes({"scope": "a b"}, RFC9068, is_app=False) == Scopes("a", "b")
    assert parse_scopes({"scope": ""}, RFC9068, is_app=False) == Scopes()
    assert parse_scopes({}, RFC9068, is_app=False) == Scopes()
    assert parse_scopes({"scp": ["a", "b"]}, GENERIC, is_app=False) == Scopes("a", "b")
    assert parse_scopes({"roles": ["a"]}, ENTRA, is_app=True) == Scopes("a")


def test_the_roles_of_a_person_are_no_scopes() -> None:
    assert parse_scopes({"roles": ["admin"]}, ENTRA, is_app=False) == Scopes()
    assert parse_scopes({"scp": "read", "roles": ["admin"]}, ENTRA, is_app=True) == Scopes("read")


@pytest.mark.parametrize(
    "value",
    [
        *(None, 1, True, {"a": 1}, ["a", 1], ["a b"], 'a"b', "a  b", " a", "a\n", "é", [""], "x" * 129),
        " ".join(f"s{number}" for number in range(65)),
    ],
)
def test_what_is_no_scope_is_refused_and_not_repeated(value: object) -> None:
    with pytest.raises(Rejected) as caught:
        parse_scopes({"scope": value}, RFC9068, is_app=False)
    assert caught.value.code == "token_claims"
    assert "s64" not in caught.value.detail
    assert caught.value.__cause__ is None


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from(["sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "scope", "sid", "org_id", "cnf", "x"]),
        _JSON,
        max_size=6,
    )
)
def test_whatever_is_signed_is_proven_or_refused(changes: dict[str, object]) -> None:
    issuer = SimulatedIssuer()
    try:
        proof = verify_token(parse_token(issuer.issue(**changes), {POLICY.issuer: POLICY}), NOW)
    except Rejected:
        return
    assert proof.expires_at > NOW
    assert proof.verified.principal.id
