"""`doorward tokens issue` and `revoke`, whole commands on a real store."""

import json

import pytest
from tests.fixtures_cli import Shell

from doorward.wire.credential import checksum_of, has_valid_checksum

API = "https://api.example"


@pytest.fixture
def issuer(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setenv("DOORWARD_ISSUER", "https://id.example")
    return shell


def _issue(shell: Shell, *more: str) -> tuple[str, dict[str, object]]:
    said = shell.json("tokens", "issue", "--client", "web", "--audience", API, *more)
    text: str = said["secret"]
    token: dict[str, object] = said["token"]
    return text, token


def test_a_new_token_is_alone_on_stdout_and_told_about_beside(issuer: Shell) -> None:
    said = issuer.good("tokens", "issue", "--client", "web", "--subject", "alice", "--audience", API, "--scope", "a")
    token = said.out.strip()
    assert said.out == token + "\n"
    assert token.count(".") == 2
    assert token not in said.err
    for told in ("for alice, to web", "shown this once", "expires in 10 minutes", "doorward tokens revoke", API):
        assert told in said.err


def test_a_new_token_for_programs(issuer: Shell) -> None:
    text, token = _issue(
        issuer, "--subject", "alice", "--scope", "a", "--scope", "b", "--lifetime", "2h", "--session", "s1",
        "--grant", "g1", "--organization", "acme", "--claim", "plan=gold",
    )  # fmt: skip
    assert text.count(".") == 2
    assert set(token) == {"id", "form", "expires_at", "claims"}
    claims = token["claims"]
    assert isinstance(claims, dict)
    assert {name: claims[name] for name in ("iss", "sub", "aud", "scope", "sid", "dw_grant", "org_id", "plan")} == {
        "iss": "https://id.example", "sub": "alice", "aud": API, "scope": "a b", "sid": "s1", "dw_grant": "g1",
        "org_id": "acme", "plan": "gold",
    }  # fmt: skip
    assert claims["exp"] - claims["iat"] == 7_200


def test_a_token_of_a_session_says_from_when_it_counts(issuer: Shell) -> None:
    order = ("tokens", "issue", "--client", "web", "--subject", "alice", "--audience", API)
    for more in (("--session", "s1"), ("--grant", "g1", "--opaque")):
        assert "counts as signed in now" in " ".join(issuer.good(*order, *more).err.split())
    assert "signed in now" not in issuer.good(*order).err


def test_an_opaque_token_and_a_clients_own(issuer: Shell) -> None:
    text, token = _issue(issuer, "--opaque")
    assert has_valid_checksum(text)
    assert text.startswith(f"dw_token_{token['id']}")
    claims = token["claims"]
    assert isinstance(claims, dict)
    assert claims["sub"] == "web"


def test_the_audit_log_says_who_issued_what_and_never_the_token(issuer: Shell) -> None:
    for form in ((), ("--opaque",)):
        text, token = _issue(issuer, "--subject", "alice", *form)
        (event,) = [e for e in issuer.good("audit", "list", "--json").lines if e["object_id"] == token["id"]]
        assert (event["action"], event["actor_kind"], event["details"]["subject"]) == (
            "token.issued",
            "operator",
            "alice",
        )
        assert text[-30:] not in json.dumps(event)


def test_what_cannot_be_issued_is_said_in_one_line(issuer: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [
        (("--client", "two words", "--audience", API), 1, "(input_invalid)"),
        (("--client", "web", "--audience", "a b"), 1, "(input_invalid)"),
        (("--client", "web", "--subject", "web", "--audience", API), 1, "(input_invalid)"),
        (("--client", "web", "--audience", API, "--lifetime", "25h"), 1, "(input_invalid)"),
        (("--client", "web", "--audience", API, "--lifetime", "soon"), 2, "no duration"),
        (("--client", "web", "--audience", API, "--claim", "sub=root"), 1, "(input_invalid)"),
        (("--client", "web", "--audience", API, "--claim", "plan"), 2, "no claim"),
        (("--client", "web", "--audience", API, "--claim", "a=1", "--claim", "a=2"), 2, "given twice"),
        (("--client", "web", "--audience", API, "--scope", "a b"), 1, "(input_invalid)"),
        (("--client", "web"), 2, "--audience"),
    ]
    for arguments, code, told in cases:
        said = issuer("tokens", "issue", *arguments)
        assert (said.code, said.out) == (code, ""), arguments
        assert told in said.err
    monkeypatch.delenv("DOORWARD_ISSUER")
    said = issuer("tokens", "issue", "--client", "web", "--audience", API)
    assert (said.code, said.out) == (3, "")
    assert "issuer" in said.err


@pytest.mark.parametrize("form", [(), ("--opaque",)], ids=["signed", "opaque"])
def test_a_token_is_taken_back(issuer: Shell, form: tuple[str, ...]) -> None:
    text, token = _issue(issuer, "--subject", "alice", "--session", "s1", *form)
    said = issuer.good("tokens", "revoke", "--because", "leaked", typed=f"Bearer {text}\n")
    assert str(token["id"]) in said.err
    assert text[-30:] not in said.out + said.err
    (event,) = [e for e in issuer.good("audit", "list", "--json").lines if e["action"] == "token.revoked"]
    assert (event["object_id"], event["reason"]) == (token["id"], "leaked")
    inspected = json.loads(issuer.good("tokens", "inspect", "--json", typed=text).out)
    assert (inspected["verdict"], inspected["code"]) == ("refused", "credential_revoked")


def test_an_opaque_token_is_taken_back_by_its_id(issuer: Shell) -> None:
    text, token = _issue(issuer, "--opaque")
    whole = issuer("tokens", "revoke", text, "--because", "x")
    assert whole.code == 2
    assert text[-38:] not in whole.err
    assert issuer.json("tokens", "revoke", str(token["id"]), "--because", "x")["revoked"] is True
    again = issuer("tokens", "revoke", str(token["id"]), "--because", "x")
    assert again.code == 1
    assert "(state_final)" in again.err


def test_a_forged_token_takes_nothing_back(issuer: Shell) -> None:
    signed, token = _issue(issuer, "--subject", "alice")
    opaque, _ = _issue(issuer, "--opaque")
    head, payload, signature = signed.split(".")
    body = opaque[:-38] + "0" * 32
    forged = [
        f"{head}.{payload}.{'A' * len(signature)}",
        f"{head}.{payload}.",
        f"{head}.{payload[:-4]}AAAA.{signature}",
        f"eyJhbGciOiJub25lIn0.{payload}.",
        body + checksum_of(body),
        "x",
        "a.b.c",
    ]
    for text in forged:
        said = issuer("tokens", "revoke", "--because", "x", typed=text)
        assert (said.code, said.out) == (1, ""), text
    actions = [event["action"] for event in issuer.good("audit", "list", "--json").lines]
    assert "token.revoked" not in actions
    good = json.loads(issuer.good("tokens", "inspect", "--audience", API, "--json", typed=signed).out)
    assert good["verdict"] == "accepted"
    del token


def test_a_token_of_another_issuer_is_not_taken_back(issuer: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    text, _ = _issue(issuer, "--subject", "alice")
    monkeypatch.setenv("DOORWARD_ISSUER", "https://other.example")
    assert issuer("tokens", "revoke", "--because", "x", typed=text).code == 1


@pytest.mark.parametrize("because", [(), ("--because", " ")])
def test_a_reason_must_be_said(issuer: Shell, because: tuple[str, ...]) -> None:
    said = issuer("tokens", "revoke", *because, typed="x")
    assert said.code == 2
    assert "--because" in said.err


def test_nothing_on_standard_input_is_said(issuer: Shell) -> None:
    for command in (("revoke", "--because", "x"), ("inspect",)):
        said = issuer("tokens", *command, typed=" \n")
        assert said.code == 2
        assert "standard input" in said.err


def test_a_token_that_has_expired_is_said_to_be_over(issuer: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    text, token = _issue(issuer, "--lifetime", "1m")
    claims = token["claims"]
    assert isinstance(claims, dict)
    monkeypatch.setattr("doorward.cli.frame.Desk.now", claims["exp"])
    said = issuer("tokens", "revoke", "--because", "x", typed=text)
    assert (said.code, said.out) == (1, "")
    assert "nothing is left to revoke" in said.err
