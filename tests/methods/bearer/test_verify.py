"""What a token proves, and every way to make one prove something else."""

import json
from typing import Any

import pytest
from tests.simulators.issuer import API, ISSUER, NOW, SimulatedIssuer, encode_raw

from doorward.crypto.hashing import hmac_sha256
from doorward.crypto.jose.algorithms import Algorithm
from doorward.crypto.jose.base64url import encode_base64url
from doorward.errors import Rejected
from doorward.methods.bearer.config import IssuerPolicy
from doorward.methods.bearer.verify import Proof, is_still_good, parse_token, verify_token
from doorward.values import FeedKind, Handle, PrincipalKind, Scopes, Watermark


def _prove(token: bytes, *policies: IssuerPolicy, at: int = NOW) -> Proof:
    return verify_token(parse_token(token, {policy.issuer: policy for policy in policies}), at)


def _refusal(token: bytes, *policies: IssuerPolicy, at: int = NOW) -> str:
    with pytest.raises(Rejected) as caught:
        _prove(token, *policies, at=at)
    assert token.decode("latin-1")[-20:] not in caught.value.detail
    return caught.value.code


@pytest.fixture(scope="module")
def issuer() -> SimulatedIssuer:
    return SimulatedIssuer()


@pytest.fixture(scope="module")
def own(issuer: SimulatedIssuer) -> IssuerPolicy:
    return issuer.policy(own=True)


def test_a_good_token_of_ours_names_a_person(issuer: SimulatedIssuer, own: IssuerPolicy) -> None:
    proof = _prove(issuer.issue(sid="s1", dw_grant="gr1", org_id="acme"), own)
    principal = proof.verified.principal
    assert (principal.kind, principal.id, principal.client_id) == (PrincipalKind.PERSON, "alice", "shop")
    assert (principal.issuer, principal.session_id, principal.organization_id) == (ISSUER, "s1", "acme")
    assert principal.scopes == Scopes("orders:read", "orders:write")
    assert (principal.credential_id, principal.not_after) == ("tok1", NOW + 600)
    assert principal.claims["aud"] == API
    assert proof.verified.since == Watermark("g1", 0)
    assert set(proof.verified.handles) == {
        Handle(FeedKind.TOKEN, "tok1"),
        Handle(FeedKind.SIGNING_KEY, issuer.key.kid),
        Handle(FeedKind.CLIENT, "shop"),
        Handle(FeedKind.SUBJECT, "alice"),
        Handle(FeedKind.CLIENT_SUBJECT, "shop alice"),
        Handle(FeedKind.SESSION, "s1"),
        Handle(FeedKind.GRANT, "gr1"),
        Handle(FeedKind.ORGANIZATION, "acme"),
    }


def test_a_clients_own_token_names_an_app(issuer: SimulatedIssuer, own: IssuerPolicy) -> None:
    principal = _prove(issuer.issue(sub="shop"), own).verified.principal
    assert (principal.kind, principal.id) == (PrincipalKind.APP, "shop")


@pytest.mark.parametrize("algorithm", sorted(Algorithm))
def test_every_algorithm_the_policy_takes_verifies(algorithm: Algorithm) -> None:
    issuer = SimulatedIssuer(algorithm=algorithm)
    token = issuer.issue()
    assert _prove(token, issuer.policy(algorithms=frozenset({algorithm}))).key == issuer.key.verification
    others = frozenset(Algorithm) - {algorithm}
    assert _refusal(token, issuer.policy(algorithms=others)) == "token_algorithm"


def test_hmac_is_not_taken_unless_it_is_said() -> None:
    issuer = SimulatedIssuer(algorithm=Algorithm.HS256)
    assert _refusal(issuer.issue(), issuer.policy()) == "token_algorithm"


@pytest.mark.parametrize("spelling", ["none", "None", "NONE", "nOnE", "none ", "", "NULL"])
@pytest.mark.parametrize("signature", [b"", b"AA"])
def test_none_is_no_algorithm_in_any_spelling(
    spelling: str, signature: bytes, issuer: SimulatedIssuer, own: IssuerPolicy
) -> None:
    payload = encode_base64url(json.dumps(issuer.claims()).encode())
    header = encode_base64url(json.dumps({"alg": spelling, "kid": issuer.key.kid, "typ": "at+jwt"}).encode())
    code = _refusal(header + b"." + payload + b"." + signature, own)
    assert code in {"token_algorithm", "token_header"}


def test_a_public_key_is_no_secret_whatever_the_header_says() -> None:
    issuer = SimulatedIssuer(algorithm=Algorithm.RS256)
    everything = issuer.policy(algorithms=frozenset(Algorithm))
    spelled = json.dumps(issuer.key.verification.public_jwk()).encode()
    head = encode_base64url(json.dumps({"alg": "HS256", "kid": issuer.key.kid, "typ": "at+jwt"}).encode())
    signing_input = head + b"." + encode_base64url(json.dumps(issuer.claims()).encode())
    token = signing_input + b"." + encode_base64url(hmac_sha256(spelled, signing_input))
    assert _refusal(token, issuer.policy()) == "token_algorithm"
    assert _refusal(token, everything) == "token_key_unknown"


def test_a_key_of_another_issuer_does_not_count(issuer: SimulatedIssuer) -> None:
    other = SimulatedIssuer("https://other.example", number=2)
    policies = (issuer.policy(), other.policy())
    assert _prove(other.issue(), *policies).policy.issuer == "https://other.example"
    # The other's key and key id, under our name; and ours under its name.
    assert _refusal(other.issue(iss=ISSUER), *policies) == "token_key_unknown"
    assert _refusal(issuer.issue(iss=other.name), *policies) == "token_key_unknown"
    # The same with a key id that exists on both sides.
    forged = other.sign(json.dumps(issuer.claims()).encode(), {"kid": issuer.key.kid})
    assert _refusal(forged, *policies) == "token_signature"


@pytest.mark.parametrize("iss", [..., None, 1, "", [ISSUER], ISSUER + "/", ISSUER.upper(), "http://id.example", "é"])
def test_an_issuer_is_known_by_its_exact_name(iss: object, issuer: SimulatedIssuer, own: IssuerPolicy) -> None:
    assert _refusal(issuer.issue(iss=iss), own) == "token_issuer"


def test_a_signature_covers_everything(issuer: SimulatedIssuer, own: IssuerPolicy) -> None:
    good, other = issuer.issue(), issuer.issue(sub="mallory")
    head, _, signature = good.split(b".")
    assert _refusal(b".".join((head, other.split(b".")[1], signature)), own) == "token_signature"
    assert _refusal(b".".join((*good.split(b".")[:2], other.split(b".")[2])), own) == "token_signature"


def test_the_key_has_the_last_word_on_the_algorithm(issuer: SimulatedIssuer) -> None:
    policy = issuer.policy(algorithms=frozenset(Algorithm))
    assert _refusal(issuer.sign(json.dumps(issuer.claims()).encode(), {"alg": "ES384"}), policy) == "token_key_unknown"


def test_keys_in_the_header_are_not_looked_at(issuer: SimulatedIssuer, own: IssuerPolicy) -> None:
    mallory = SimulatedIssuer(number=3)
    for member in ("jwk", "jku", "x5u", "x5c"):
        value: object = mallory.key.verification.public_jwk() if member == "jwk" else "https://evil.example/keys"
        header: dict[str, object] = {"kid": issuer.key.kid, member: value}
        assert _refusal(mallory.sign(json.dumps(issuer.claims()).encode(), header), own) == "token_signature"
        _prove(issuer.sign(json.dumps(issuer.claims()).encode(), {member: value}), own)


@pytest.mark.parametrize(
    "kid", ["../../dev/null", "' OR 1=1 --", "\x00", "k" * 257, 1, None, ["ES256-1"], "es256-1", "ES256-1 "]
)
def test_a_key_id_only_selects(kid: object, issuer: SimulatedIssuer, own: IssuerPolicy) -> None:
    header = {"alg": "ES256", "typ": "at+jwt", "kid": kid}
    code = _refusal(encode_raw(header, json.dumps(issuer.claims()).encode(), issuer.key), own)
    assert code in {"token_key_unknown", "token_header"}


def test_without_a_key_id_the_only_key_of_the_algorithm_is_meant(issuer: SimulatedIssuer, own: IssuerPolicy) -> None:
    assert _prove(issuer.issue({"kid": None}), own).key.kid == issuer.key.kid


@pytest.mark.parametrize("name", ["crit", "b64", "zip", "enc"])
def test_what_the_header_demands_is_not_done(name: str, issuer: SimulatedIssuer, own: IssuerPolicy) -> None:
    assert _refusal(issuer.issue({name: ["exp"]}), own) == "token_header"


def test_claims_are_asked_for_in_order_and_only_of_the_holder(issuer: SimulatedIssuer, own: IssuerPolicy) -> None:
    bad: dict[str, Any] = {"aud": "https://other.example", "exp": NOW - 1}
    token = issuer.issue({"typ": "JWT"}, **bad)
    assert _refusal(token, own) == "token_type"
    assert _refusal(issuer.issue(**bad, jti=...), own) == "token_claims"
    assert _refusal(issuer.issue(**bad), own) == "token_audience"
    assert _refusal(issuer.issue(exp=NOW - 1), own) == "credential_expired"
    for forged in (token, issuer.issue(**bad), issuer.issue(exp=NOW - 1)):
        assert _refusal(forged[:-8] + b"AAAAAAAA", own) == "token_signature"


@pytest.mark.parametrize("name", ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"])
def test_each_claim_of_the_strict_profile_is_needed(name: str, issuer: SimulatedIssuer, own: IssuerPolicy) -> None:
    wanted = "token_issuer" if name == "iss" else "token_claims"
    assert _refusal(issuer.issue(**{name: ...}), own) == wanted
    assert _refusal(issuer.issue(**{name: None}), own) == wanted


def test_a_token_bound_to_a_key_is_no_bearer_token(issuer: SimulatedIssuer, own: IssuerPolicy) -> None:
    assert _refusal(issuer.issue(cnf={"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}), own) == "token_claims"


@pytest.mark.parametrize(
    "watermark",
    [..., None, 1, "", "g1", "g1.", ".1", "g1.-1", "g1.01", "g1.1 ", "g1.\u0661", "g 1.1", "g1.1e9", "g" * 65 + ".1"],
)
def test_a_token_of_ours_without_a_watermark_is_none(
    watermark: object, issuer: SimulatedIssuer, own: IssuerPolicy
) -> None:
    assert _refusal(issuer.issue(dw_wm=watermark), own) == "token_claims"


def test_expiry_is_exact_and_leeway_is_for_others_only(issuer: SimulatedIssuer, own: IssuerPolicy) -> None:
    token = issuer.issue()
    _prove(token, own, at=NOW + 599)
    assert _refusal(token, own, at=NOW + 600) == "credential_expired"
    foreign = issuer.policy(leeway_s=30)
    _prove(token, foreign, at=NOW + 629)
    assert _refusal(token, foreign, at=NOW + 630) == "credential_expired"


def test_a_proof_is_asked_for_time_and_keys_again(issuer: SimulatedIssuer) -> None:
    policy = issuer.policy(leeway_s=30)
    proof = _prove(issuer.issue(nbf=NOW), policy)
    assert is_still_good(proof, NOW + 629)
    for at, code in ((NOW + 630, "credential_expired"), (NOW - 31, "token_not_yet_valid")):
        with pytest.raises(Rejected) as caught:
            is_still_good(proof, at)
        assert caught.value.code == code
    issuer.keys.generation += 1
    assert not is_still_good(proof, NOW)


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b'"x"', b"null", b"1", b"{", b'{"iss":1}{}', b"\xff", b"eyJhbGciOiJub25lIn0.e30."]
)
def test_a_payload_is_one_object(payload: bytes, issuer: SimulatedIssuer, own: IssuerPolicy) -> None:
    assert _refusal(issuer.sign(payload), own) in {"token_malformed", "token_issuer"}


def test_a_claim_named_twice_is_refused_though_it_is_signed(issuer: SimulatedIssuer, own: IssuerPolicy) -> None:
    text = json.dumps(issuer.claims())
    for more in ('"sub":"mallory",', '"iss":"https://evil.example",', '"\\u0073ub":"mallory",'):
        assert _refusal(issuer.sign(text.replace("{", "{" + more, 1).encode()), own) == "token_malformed"


def test_size_is_asked_before_anything_else(issuer: SimulatedIssuer, own: IssuerPolicy) -> None:
    assert _refusal(issuer.issue(x="y" * 8_000), own) == "token_malformed"
    small = issuer.policy(token_bytes_max=len(issuer.issue()) - 1)
    assert _refusal(issuer.issue(), small) == "token_malformed"
    assert _refusal(b"." * 100_000, own) == "token_malformed"


def test_nothing_of_a_token_shows_in_what_is_printed(issuer: SimulatedIssuer, own: IssuerPolicy) -> None:
    token = issuer.issue()
    parsed = parse_token(token, {own.issuer: own})
    proof = verify_token(parsed, NOW)
    shown = repr(parsed) + repr(proof) + repr(proof.__rich_repr__()) + repr(parsed.__rich_repr__()) + repr(own)
    assert "alice" not in shown
    assert token[-20:].decode() not in shown


@pytest.mark.parametrize("subject", ["https://idp.example alice", "web alice"])
def test_no_subject_of_ours_is_named_like_one_of_another_issuer(subject: str) -> None:
    issuer = SimulatedIssuer()
    policy = issuer.policy(own=True)
    with pytest.raises(Rejected) as caught:
        verify_token(parse_token(issuer.issue(sub=subject), {policy.issuer: policy}), NOW)
    assert caught.value.code == "token_claims"
    # Another issuer's people are called what they are called: his name stands before theirs.
    abroad = issuer.policy()
    verify_token(parse_token(issuer.issue(sub=subject), {abroad.issuer: abroad}), NOW)
