"""`doorward tokens inspect`: everything explained, nothing believed."""

import json
import sqlite3
import time
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fixtures_cli import Said, Shell

from doorward.cli.text import printable
from doorward.cli.tokens_explain import VALUE_CHARACTERS_SHOWN_MAX, explain_claims, explain_header
from doorward.wire.credential import checksum_of

API = "https://api.example"


def _encode(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _unsigned(claims: object, **header: object) -> str:
    return f"{_encode({'alg': 'ES256', 'typ': 'at+jwt', **header})}.{_encode(claims)}.{'A' * 86}"


def _claims(**changed: object) -> dict[str, object]:
    now = int(time.time())
    fields: dict[str, object] = {
        "iss": "https://id.example", "sub": "alice", "aud": API, "client_id": "web", "jti": "j", "iat": now - 5,
        "exp": now + 600,
    }  # fmt: skip
    return {name: value for name, value in (fields | changed).items() if value is not None}


@pytest.fixture
def inspect(empty_shell: Shell) -> Any:  # Any: a function of any options
    def _inspect(token: str, *options: str) -> dict[str, Any]:
        (said,) = empty_shell.good("tokens", "inspect", "--json", *options, typed=token).lines
        return dict(said)

    return _inspect


def _check(said: dict[str, Any], what: str) -> dict[str, Any]:
    (found,) = [check for check in said["checks"] if check["what"] == what]
    return dict(found)


def test_a_token_is_explained_without_a_store_and_without_keys(empty_shell: Shell) -> None:
    said = empty_shell.good("tokens", "inspect", typed=_unsigned(_claims(plan="gold")))
    for told in (
        "not issuer, signature, audience and revocation",
        "which resource may take it",
        "whom it is about",
        "a claim of the issuer's own",
        "expires in 10 minutes",
        "ECDSA",
        "an access token (RFC 9068)",
        "the same by a clock 30 s slow or fast",
    ):
        assert told in said.out
    assert "No store was asked" in said.err
    assert "doorward tokens revoke" in said.err


HALF = rb'{"\ud800":1,"exp":1e999,"a":{"\udc00":["\ud800"]},"b":"\ud800","c":NaN}'


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        pytest.param(b'{"alg":"ES256"}', HALF, id="claims with half characters"),
        pytest.param(HALF, b'{"sub":"alice"}', id="a header with half characters"),
        pytest.param(b'{"alg":"ES256"}', b'{"a":' + b"[" * 950 + b"]" * 950 + b"}", id="nested deep"),
    ],
)
def test_what_no_strict_reader_takes_is_explained_all_the_same(
    empty_shell: Shell, inspect: Any, header: bytes, claims: bytes
) -> None:
    encoded = [urlsafe_b64encode(part).rstrip(b"=").decode() for part in (header, claims)]
    token = ".".join([*encoded, "A" * 86])
    assert "A verifier would refuse it" in empty_shell.good("tokens", "inspect", typed=token).out
    said = inspect(token)
    assert (said["verdict"], said["code"]) == ("refused", "token_malformed")
    # What programs are told is JSON: it holds no NaN.
    json.dumps(said, allow_nan=False)


CASES: list[tuple[str, dict[str, object], dict[str, object], tuple[str, ...]]] = [
    ("credential_expired", {"exp": 1_700_000_000}, {}, ()),
    ("token_not_yet_valid", {"nbf": 2_000_000_000, "exp": 2_000_000_600}, {}, ()),
    ("token_not_yet_valid", {"iat": 2_000_000_000, "exp": 2_000_000_600}, {}, ()),
    ("token_claims", {"exp": None}, {}, ()),
    ("token_claims", {"exp": "soon"}, {}, ()),
    ("token_claims", {"sub": None}, {}, ()),
    ("token_type", {}, {"typ": "JWT"}, ()),
    ("token_type", {}, {"typ": "dpop+jwt"}, ()),
    ("token_algorithm", {}, {"alg": "none"}, ()),
    ("token_algorithm", {}, {"alg": "nOnE"}, ()),
    ("token_header", {}, {"crit": ["exp"]}, ()),
    ("token_issuer", {}, {}, ("--issuer", "https://id.example/")),
    ("token_audience", {}, {}, ("--audience", "https://api.example/")),
]


@pytest.mark.parametrize(("code", "claims", "header", "options"), CASES, ids=range(len(CASES)))
def test_the_first_reason_is_the_verdict(
    inspect: Any, code: str, claims: dict[str, object], header: dict[str, object], options: tuple[str, ...]
) -> None:
    said = inspect(_unsigned(_claims(**claims), **header), *options)
    assert (said["verdict"], said["code"]) == ("refused", code)
    assert said["detail"]


def test_people_are_told_what_to_do(empty_shell: Shell) -> None:
    said = empty_shell.good("tokens", "inspect", typed=_unsigned(_claims(exp=1_700_000_000)))
    assert said.out.startswith("✗ A verifier would refuse it: it expired")
    assert "→ Get a new token" in said.out
    # What is over need not be taken back.
    assert "doorward tokens revoke" not in said.err


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({"exp": 10}, "refused by a clock 30 s fast"),
        ({"exp": -10}, "accepted by a clock 30 s slow"),
        ({"nbf": -10}, "refused by a clock 30 s slow"),
        ({"nbf": 10}, "accepted by a clock 30 s fast"),
        ({}, "the same by a clock 30 s slow or fast"),
    ],
)
def test_a_clock_that_is_off_is_explained(inspect: Any, claims: dict[str, int], told: str) -> None:
    now = 1_800_000_000
    whole = _claims(iat=now - 100, exp=now + 600) | {name: now + off for name, off in claims.items()}
    assert inspect(_unsigned(whole), "--at", str(now))["clock_drift"] == told


def test_keys_from_a_file_prove_it_or_not(shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOORWARD_ISSUER", "https://id.example")
    text = shell.json("tokens", "issue", "--client", "web", "--audience", API)["secret"]
    rows = sqlite3.connect(tmp_path / "doorward.db").execute("SELECT kid, public_jwk FROM signing_keys").fetchall()
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": [json.loads(jwk) | {"kid": kid} for kid, jwk in rows]}))
    (said,) = shell.good("tokens", "inspect", "--json", "--jwks", str(keys), typed=text).lines
    assert _check(said, "signature")["holds"] is True
    assert _check(said, "revocation")["holds"] is None
    forged = text[:-4] + ("AAAA" if text[-4:] != "AAAA" else "BBBB")
    (said,) = shell.good("tokens", "inspect", "--json", "--jwks", str(keys), typed=forged).lines
    assert said["code"] == "token_signature"
    keys.write_text("{}")
    assert shell("tokens", "inspect", "--jwks", str(keys), typed=text).code == 2


def test_the_store_at_hand_knows_its_own(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORWARD_ISSUER", "https://id.example")
    for form in ((), ("--opaque",)):
        text = shell.json("tokens", "issue", "--client", "web", "--audience", API, *form)["secret"]
        (said,) = shell.good("tokens", "inspect", "--json", "--audience", API, typed=text).lines
        assert said["verdict"] == "accepted"
        (said,) = shell.good("tokens", "inspect", "--json", "--audience", "https://b.example", typed=text).lines
        assert said["code"] == "token_audience"
        assert said["claims"]["client_id"] == "web"
    (said,) = shell.good("tokens", "inspect", "--json", typed=_unsigned(_claims(), kid="x")).lines
    assert said["code"] == "token_key_unknown"
    (said,) = shell.good("tokens", "inspect", "--json", typed=_unsigned(_claims(iss="https://o.example"))).lines
    assert "another issuer" in said["note"]


def test_a_token_of_a_compromised_key_is_said_to_be_that_first(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORWARD_ISSUER", "https://id.example")
    text = shell.json("tokens", "issue", "--client", "web", "--audience", API)["secret"]
    (kid,) = [key["kid"] for key in shell.good("keyring", "list", "--json").lines if key["state"] == "current"]
    shell.good("keyring", "retire", kid, "--compromised", "--because", "stolen")
    (said,) = shell.good("tokens", "inspect", "--json", "--audience", API, typed=text).lines
    assert (said["verdict"], said["code"]) == ("refused", "token_key_unknown")
    assert "retired as compromised" in said["detail"]
    assert _check(said, "revocation")["says"] == "the signing key it rests on was revoked"


def test_of_an_opaque_token_only_its_holder_is_told(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORWARD_ISSUER", "https://id.example")
    text = shell.json("tokens", "issue", "--client", "web", "--audience", API, "--opaque")["secret"]
    body = text[:-38] + "0" * 32
    (said,) = shell.good("tokens", "inspect", "--json", typed=body + checksum_of(body)).lines
    assert (said["code"], said["claims"]) == ("credential_secret_mismatch", None)


def test_what_is_no_token_is_said_in_one_line(empty_shell: Shell) -> None:
    for text in ("x", "dw_live_" + "a" * 50, "hello world", "..", "a.b.c", "\x00" * 100, "é" * 50):
        said = empty_shell("tokens", "inspect", typed=text)
        assert (said.code, said.out) == (1, ""), text
        assert said.err.count("\n") == 1
        assert text not in said.err


def test_a_token_of_another_form_is_shown_as_far_as_it_can_be_read(inspect: Any) -> None:
    token = f"{_encode({'alg': 'RS256'})}.{_encode({'sub': 'alice'})}"
    said = inspect(token + ".c2ln=")
    assert (said["code"], said["claims"]) == ("token_malformed", {"sub": "alice"})
    five = inspect(token + ".a.b.c")
    assert five["code"] == "token_malformed"


def test_nothing_in_a_token_reaches_the_terminal_raw(empty_shell: Shell) -> None:
    hostile = "\x1b[2J\x1b]0;owned\x07\u202erevoked\u2066\x9b31m"
    token = _unsigned(_claims(sub=hostile, **{hostile: hostile}), kid=hostile, jku="http://169.254.169.254/")
    for form in ((), ("--json",)):
        said = empty_shell.good("tokens", "inspect", *form, typed=token)
        shown = said.out + said.err
        assert not any(character in shown for character in "\x1b\x07\u202e\u2066\x9b")
        assert token not in shown


def test_long_values_are_cut_for_people(empty_shell: Shell) -> None:
    token = _unsigned(_claims(sub="x" * 2_000))
    said = empty_shell.good("tokens", "inspect", typed=token)
    assert "x" * VALUE_CHARACTERS_SHOWN_MAX + "…" in said.out
    assert "x" * (VALUE_CHARACTERS_SHOWN_MAX + 1) not in said.out


def test_a_megabyte_is_refused(empty_shell: Shell) -> None:
    said: Said = empty_shell("tokens", "inspect", typed="a" * 1_000_000)
    assert said.code == 1
    said = empty_shell("tokens", "inspect", typed="." * 1_000_000)
    assert said.code == 1


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
_NAMES = st.sampled_from(["alg", "typ", "exp", "iat", "nbf", "aud", "sub", "crit", "auth_time"]) | st.text(max_size=9)


@given(st.dictionaries(_NAMES, _JSON, max_size=6), st.integers(0, 2**40))
def test_any_member_can_be_explained(members: dict[str, object], now: int) -> None:
    for explained in (*explain_header(members), *explain_claims(members, now)):
        # What `printable` lets through is seen; controls, overrides and separators are not among it.
        assert printable("".join(explained)) == "".join(explained)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(st.dictionaries(_NAMES, _JSON, max_size=5), st.dictionaries(_NAMES, _JSON, max_size=5))
def test_no_token_is_a_bug(empty_shell: Shell, header: dict[str, object], claims: dict[str, object]) -> None:
    token = f"{_encode(header)}.{_encode(claims)}.AAAA"
    for form in ((), ("--json",)):
        assert empty_shell("tokens", "inspect", *form, typed=token).code in {0, 1}
