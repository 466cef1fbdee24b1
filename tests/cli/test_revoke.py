"""`doorward revoke` and `doorward sectors`, whole commands on a real store."""

import pytest
from tests.fixtures_cli import Shell

JWT = "eyJhbGciOiJFUzI1NiJ9.e30.c2ln"
MEMBERS = {
    "kind", "id", "issuer", "revoked_at", "kept_until", "later_is_good", "sectors", "keys", "passwords",
    "signature_keys", "webhook_secrets",
}  # fmt: skip
KINDS = ("subject", "token", "session", "grant", "client", "organization")


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_is_named_is_revoked_and_the_answer_says_what_survives(shell: Shell, kind: str) -> None:
    said = shell.good("revoke", f"--{kind}", "abc", "--because", "phone stolen")
    assert said.out == ""
    assert f"{kind} 'abc'" in said.err
    assert ("for good." in said.err) == (kind in {"token", "session", "grant"})
    for told in ("Refused", "within 2 s", "max_staleness_s", "Survives", "Remembered until"):
        assert told in said.err
    (event,) = [line for line in shell.good("audit", "list", "--json").lines if line["action"] == f"{kind}.revoked"]
    assert (event["object_id"], event["reason"], event["actor_kind"]) == ("abc", "phone stolen", "operator")


def test_our_own_issuer_is_not_taken_for_another(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its row would be one that no verifier of ours ever asks for."""
    monkeypatch.setenv("DOORWARD_ISSUER", "https://id.example")
    said = ("revoke", "--subject", "alice", "--because", "x", "--issuer")
    assert shell.json(*said, "https://id.example")["issuer"] is None
    assert shell.json(*said, "https://other.example")["issuer"] == "https://other.example"


def test_for_programs(shell: Shell) -> None:
    done = shell.json("revoke", "--subject", "alice", "--because", "x", "--issuer", "https://i.example")
    assert set(done) == MEMBERS
    assert (done["kind"], done["id"], done["issuer"]) == ("subject", "alice", "https://i.example")
    assert done["kept_until"] - done["revoked_at"] == 90 * 86_400
    assert done["later_is_good"] is True


def test_an_organization_says_how_many_credentials_went_along(shell: Shell) -> None:
    app = shell.json("apps", "create", "till", "--organization", "acme")["id"]
    key = shell.json("keys", "create", app)["key"]["id"]
    shell.json("keys", "create", app)
    shell.json("passwords", "create", app)
    said = shell.good("revoke", "--organization", "acme", "--because", "left us")
    assert "2 API keys, 1 app password, 0 signature keys and 0 webhook secrets, for good" in said.err
    assert shell.json("keys", "show", key)["state"] == "revoked"
    again = shell.json("revoke", "--organization", "acme", "--because", "left us")
    assert (again["keys"], again["passwords"]) == (0, 0)
    assert "misspelt" not in said.err
    assert "misspelt" in shell.good("revoke", "--organization", "acme", "--because", "left us").err


def test_an_organization_says_how_many_webhook_secrets_went_along(shell: Shell) -> None:
    shell.good("webhooks", "senders", "add", "till", "--scheme", "standard", "--organization", "acme")
    shell.json("webhooks", "secrets", "add", "till")
    said = shell.good("revoke", "--organization", "acme", "--because", "left us")
    assert "0 signature keys and 1 webhook secret, for good" in said.err
    assert "misspelt" not in said.err
    (event,) = [
        line for line in shell.good("audit", "list", "--json").lines if line["action"] == "organization.revoked"
    ]
    assert event["details"]["webhook_secrets"] == 1
    again = shell.json("revoke", "--organization", "acme", "--because", "left us")
    assert again["webhook_secrets"] == 0


def test_a_credential_is_found_whatever_it_is(shell: Shell, shop: str) -> None:
    key = shell.json("keys", "create", shop)["key"]["id"]
    password = shell.json("passwords", "create", shop)["password"]["id"]
    said = shell.good("revoke", "--credential", f"dw_live_{key}", "--because", "leaked")
    assert f"Revoked for good: API key {key} of shop" in said.err
    done = shell.json("revoke", "--credential", password, "--because", "leaked")
    assert done == {
        "kind": "credential", "what": "password", "id": password, "whose": "shop", "revoked_before": False
    }  # fmt: skip
    for credential in (key, password):
        again = shell.good("revoke", "--credential", credential, "--because", "leaked")
        assert "revoked before" in again.err
    assert shell.json("keys", "show", key)["state"] == "revoked"
    unknown = shell("revoke", "--credential", "000000000000", "--because", "x")
    assert unknown.code == 1
    assert "object_unknown" in unknown.err


@pytest.mark.parametrize("kind", [*KINDS, "credential"])
@pytest.mark.parametrize("secret", [JWT, f"Bearer {JWT}", "dw_live_" + "a" * 50])
def test_a_pasted_secret_is_refused_and_never_repeated(shell: Shell, kind: str, secret: str) -> None:
    said = shell("revoke", f"--{kind}", secret, "--because", "x")
    assert said.code == 2
    assert "itself" in said.err
    for part in (secret, JWT, "a" * 13):
        assert part not in said.out + said.err
    assert [line for line in shell.good("audit", "list", "--json").lines if "revoked" in line["action"]] == []


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ((), "Say what to take back"),
        (("--subject", "a", "--client", "b"), "one thing at a time"),
        (("--signing-key", "k"), "keyring retire"),
        (("--credential", "000000000000", "--issuer", "https://i.example"), "always ours"),
        (("--subject", "a", "--issuer", "nope"), "https://id.example"),
        (("--subject", " alice"), "spaces around"),
        (("--token", "a "), "spaces around"),
    ],
)
def test_what_cannot_be_meant_is_not_done(shell: Shell, arguments: tuple[str, ...], hint: str) -> None:
    said = shell("revoke", *arguments, "--because", "x")
    assert said.code == 2
    assert hint in said.err


def test_without_a_reason_nothing_is_revoked(shell: Shell) -> None:
    assert shell("revoke", "--subject", "alice").code == 2
    assert shell("revoke", "--subject", "alice", "--because", " ").code == 2


def test_a_sector_is_told_by_the_name_it_knows(shell: Shell) -> None:
    assert shell.json("sectors", "add", "https://a.example") == {
        "sector": "https://a.example", "new": True, "count": 1
    }  # fmt: skip
    assert shell.json("sectors", "add", "https://a.example")["new"] is False
    assert shell("sectors", "add", "two words").code == 1
    assert "https://a.example" in shell.good("sectors", "list").out
    assert shell.good("sectors", "list", "--json").lines == [{"sector": "https://a.example"}]
    assert shell.json("revoke", "--subject", "alice", "--because", "x")["sectors"] == 1
    assert "1 resource\n" in shell.good("revoke", "--subject", "alice", "--because", "x").err
    assert "resource" not in shell.good("revoke", "--client", "shop", "--because", "x").err


@pytest.mark.parametrize("secret", ["eyJhbGciOiJFUzI1NiJ9.e30.c2ln", "dw_live_" + "a" * 50])
def test_a_secret_in_a_reason_or_for_a_sector_is_refused_and_never_repeated(shell: Shell, secret: str) -> None:
    for arguments in (
        ("revoke", "--subject", "alice", "--because", f"this leaked: {secret}"),
        ("db", "restore", "backup.db", "--because", secret),
        ("sectors", "add", secret),
    ):
        said = shell(*arguments)
        assert said.code != 0
        assert secret not in said.out + said.err
        assert "token or key" in said.err
    assert shell.good("audit", "list", "--json").out.count("alice") == 0
    assert secret not in shell.good("sectors", "list").out
