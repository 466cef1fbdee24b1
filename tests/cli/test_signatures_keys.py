"""`doorward signatures keys`, whole commands on a real store."""

import sqlite3
from base64 import b64decode
from pathlib import Path

import pytest
from tests.fixtures_cli import Shell
from tests.simulators.stored_signature_keys import private_pem, public_pem

from doorward.crypto.signature_keys import parse_json_keys

MEMBERS = {
    "id", "app_id", "app_name", "app_state", "organization_id", "name", "algorithm", "public_jwk", "scopes", "networks",
    "rate", "state", "created_at", "expires_at", "rotated_from", "rotated_to", "last_used_at", "last_source",
    "use_count", "version", "metadata",
}  # fmt: skip
REQUEST = (
    "POST /orders?id=7 HTTP/1.1\r\nHost: api.example\r\nContent-Type: application/json\r\n"
    'Content-Length: 14\r\n\r\n{"amount":100}'
)
UNKNOWN = "sig_a1B2c3D4e5F6"


def _make(shell: Shell, *more: str) -> str:
    key_id: str = shell.json("signatures", "keys", "create", "shop", *more)["key"]["id"]
    return key_id


def _write(shell: Shell, name: str, content: bytes) -> str:
    (shell.folder / name).write_bytes(content)
    return name


def test_a_new_secret_is_alone_on_stdout_and_told_about_beside(shell: Shell, shop: str) -> None:
    said = shell.good("signatures", "keys", "create", "shop", "--scope", "orders:read")
    secret = said.out.strip()
    assert said.out == secret + "\n"
    assert len(b64decode(secret, validate=True)) == 32
    assert secret not in said.err
    for told in ("shown this once", "hmac-sha256", "orders:read", "in 90 days", f"shop ({shop})", 'key_id="sig_'):
        assert told in said.err


def test_a_new_key_for_programs(shell: Shell, shop: str) -> None:
    issued = shell.json(
        "signatures", "keys", "create", shop, "--expires", "never", "--network", "10.0.0.0/8",
        "--rate", "100/1m", "--metadata", "team=checkout", "--name", "till",
    )  # fmt: skip
    assert set(issued) == {"key", "secret"}
    key = issued["key"]
    assert set(key) == MEMBERS
    assert (key["algorithm"], key["public_jwk"], key["expires_at"]) == ("hmac-sha256", None, None)
    assert (key["networks"], key["rate"]) == (["10.0.0.0/8"], {"requests": 100, "window_s": 60})
    assert (key["name"], key["metadata"]) == ("till", {"team": "checkout"})
    assert len(b64decode(issued["secret"])) == 32


def test_a_secret_in_a_file_signs_there_and_shows_nowhere(shell: Shell, shop: str) -> None:
    file = shell.folder / "shop.jwk"
    said = shell.good("signatures", "keys", "create", shop, "--jwk-file", "shop.jwk")
    assert file.stat().st_mode & 0o777 == 0o600
    (key,) = parse_json_keys(file.read_bytes()).values()
    assert said.out == ""
    assert key.key_id in said.err
    member = file.read_text().split('"k":"')[1][:43]
    assert member not in said.err
    request, signed = shell.folder / "request.http", shell.folder / "signed.http"
    request.write_text(REQUEST, newline="")
    lines = shell.good("signatures", "sign", "--keys", "shop.jwk", "--request", "request.http").out
    head, body = REQUEST.split("\r\n\r\n")
    signed.write_text(head + "\r\n" + lines.replace("\n", "\r\n") + "\r\n" + body, newline="")
    verified = shell.good("signatures", "verify", "--keys", "shop.jwk", "--request", "signed.http")
    assert key.key_id in verified.out
    shape = shell.json("signatures", "keys", "create", shop, "--jwk-file", "other.jwk")
    assert set(shape) == {"key", "jwk_file"}


def test_a_file_that_is_there_is_never_overwritten_and_no_key_is_made(shell: Shell, shop: str) -> None:
    _write(shell, "shop.jwk", b"precious")
    for path in ("shop.jwk", "nowhere/shop.jwk"):
        said = shell("signatures", "keys", "create", shop, "--jwk-file", path)
        assert (said.code, said.out) == (2, "")
    assert (shell.folder / "shop.jwk").read_bytes() == b"precious"
    assert shell.good("signatures", "keys", "list", "--json").lines == []


def test_a_key_that_is_not_made_leaves_no_file(shell: Shell) -> None:
    assert shell("signatures", "keys", "create", "nobody", "--jwk-file", "shop.jwk").code == 1
    assert not (shell.folder / "shop.jwk").exists()


@pytest.mark.parametrize("kind", ["Ed25519", "P-256"])
def test_a_public_key_is_registered_and_told_how_to_sign(shell: Shell, shop: str, kind: str) -> None:
    path = _write(shell, "shop.pem", public_pem(kind))
    key = shell.json("signatures", "keys", "register", shop, path, "--scope", "a")
    assert set(key) == MEMBERS
    assert key["public_jwk"]["crv"] == kind
    again = shell("signatures", "keys", "register", shop, path)
    assert (again.code, f"is {key['id']} already" in again.err) == (1, True)
    assert shell.json("apps", "create", "till")["id"]
    other = _write(shell, "till.pem", public_pem("P-384"))
    said = shell.good("signatures", "keys", "register", "till", other, "--expires", "1d", "--name", "till")
    assert "keyid=sig_" in said.err
    assert "till" in said.out


def test_a_public_key_may_come_on_standard_input(shell: Shell, shop: str) -> None:
    typed = shell.good("signatures", "keys", "register", shop, "-", "--json", typed=public_pem("P-256").decode())
    assert typed.lines[0]["public_jwk"]["crv"] == "P-256"


def test_a_pair_that_was_revoked_is_told_by_its_old_id(shell: Shell, shop: str) -> None:
    path = _write(shell, "shop.pem", public_pem("P-256"))
    old = shell.json("signatures", "keys", "register", shop, path)["id"]
    shell.good("signatures", "keys", "revoke", old, "--because", "stolen")
    said = shell("signatures", "keys", "register", shop, path)
    assert (said.code, said.out) == (1, "")
    assert f"revoked as {old}: make a new pair" in said.err


def test_rsa_must_say_its_algorithm(shell: Shell, shop: str) -> None:
    path = _write(shell, "shop.pem", public_pem("RSA-2048"))
    said = shell("signatures", "keys", "register", shop, path)
    assert (said.code, "rsa-pss-sha512" in said.err) == (1, True)
    key = shell.json("signatures", "keys", "register", shop, path, "--algorithm", "rsa-pss-sha512")
    assert key["algorithm"] == "rsa-pss-sha512"
    for algorithm in ("hmac-sha256", "RS256", "none"):
        said = shell("signatures", "keys", "register", shop, path, "--algorithm", algorithm)
        assert said.code == 2


def test_a_private_key_is_not_registered_and_called_leaked(shell: Shell, shop: str) -> None:
    said = shell("signatures", "keys", "register", shop, _write(shell, "oops.pem", private_pem("P-256")))
    assert said.code == 1
    assert "consider the pair leaked" in said.err
    assert shell.good("signatures", "keys", "list", "--json").lines == []


def test_lists_and_shows_never_tell_a_secret(shell: Shell, shop: str) -> None:
    issued = shell.json("signatures", "keys", "create", "shop", "--name", "till")
    key_id, secret = issued["key"]["id"], issued["secret"]
    commands = (
        ("signatures", "keys", "list"),
        ("signatures", "keys", "list", "--app", "shop"),
        ("signatures", "keys", "show", key_id),
        ("signatures", "keys", "inspect", key_id),
        ("audit", "list"),
    )
    for command in commands:
        for form in ((), ("--json",)):
            said = shell.good(*command, *form)
            assert key_id in said.out
            assert secret not in said.out + said.err
    listed = shell.good("signatures", "keys", "list").out
    assert max(len(line) for line in listed.splitlines()) <= 80
    assert shop not in listed


@pytest.mark.usefixtures("shop")
def test_the_life_of_a_key(shell: Shell) -> None:
    key_id = _make(shell, "--scope", "orders:read", "--rate", "5/1s")
    changed = shell.json(
        "signatures", "keys", "change", key_id, "--scope", "a", "--network", "10.0.0.0/8", "--no-rate",
        "--name", "new name", "--because", "narrower",
    )  # fmt: skip
    assert (changed["scopes"], changed["networks"], changed["rate"]) == (["a"], ["10.0.0.0/8"], None)
    said = shell.good("signatures", "keys", "disable", key_id, "--because", "odd traffic")
    assert "opens no door until `doorward signatures keys enable`" in said.err
    assert "disabled" in shell.good("signatures", "keys", "show", key_id).out
    assert "It works again" in shell.good("signatures", "keys", "enable", key_id, "--because", "explained").err
    assert "no door any more" in shell.good("signatures", "keys", "revoke", key_id, "--because", "done").err
    assert "erased when it was revoked" in shell.good("signatures", "keys", "show", key_id).out
    refused = shell("signatures", "keys", "enable", key_id, "--because", "please")
    assert (refused.code, "(state_final)" in refused.err) == (1, True)
    actions = [event["action"] for event in shell.good("audit", "list", "--credential", key_id, "--json").lines]
    assert actions == [f"signature_key.{done}" for done in ("created", "changed", "disabled", "enabled", "revoked")]


@pytest.mark.usefixtures("shop")
def test_rotation_of_both_sorts(shell: Shell) -> None:
    first = _make(shell, "--scope", "orders:read")
    said = shell.good("signatures", "keys", "rotate", first, "--overlap", "2h", "--because", "routine")
    assert "another 2h at most" in said.err
    second = shell.json("signatures", "keys", "show", first)["rotated_to"]
    leaked = shell.json(
        "signatures", "keys", "rotate", second, "--overlap", "0", "--jwk-file", "new.jwk", "--because", "leaked"
    )
    assert leaked["key"]["rotated_from"] == second
    assert leaked["key"]["scopes"] == ["orders:read"]
    assert Path(leaked["jwk_file"]).exists()
    assert shell.json("signatures", "keys", "show", second)["state"] == "revoked"
    public = shell.json("signatures", "keys", "register", "shop", _write(shell, "a.pem", public_pem("P-256")))["id"]
    missing = shell("signatures", "keys", "rotate", public, "--because", "routine")
    assert (missing.code, "give the new public key" in missing.err) == (1, True)
    path = _write(shell, "b.pem", public_pem("Ed25519"))
    both = shell("signatures", "keys", "rotate", public, "--public-key", path, "--jwk-file", "x", "--because", "r")
    assert both.code == 2
    successor = shell.json("signatures", "keys", "rotate", public, "--public-key", path, "--because", "routine")
    assert (successor["rotated_from"], successor["algorithm"]) == (public, "ed25519")


@pytest.mark.usefixtures("shop")
def test_any_credential_is_taken_back_by_its_id(shell: Shell) -> None:
    key_id = _make(shell)
    said = shell.good("revoke", "--credential", key_id, "--because", "leaked")
    assert f"signature key {key_id} of shop" in said.err
    assert shell.json("revoke", "--credential", key_id, "--because", "leaked") == {
        "kind": "credential",
        "what": "signature_key",
        "id": key_id,
        "whose": "shop",
        "revoked_before": True,
    }


def test_an_organization_takes_its_signature_keys_along(shell: Shell) -> None:
    shell.good("apps", "create", "theirs", "--organization", "acme")
    key_id = shell.json("signatures", "keys", "create", "theirs")["key"]["id"]
    said = shell.good("revoke", "--organization", "acme", "--because", "left")
    assert "0 API keys, 0 app passwords, 1 signature key and 0 webhook secrets, for good" in said.err
    assert shell.json("signatures", "keys", "show", key_id)["state"] == "revoked"
    assert shell.json("revoke", "--organization", "acme", "--because", "left")["signature_keys"] == 0


@pytest.mark.parametrize("action", ["disable", "enable", "revoke", "rotate", "change"])
def test_a_reason_must_be_said(shell: Shell, action: str) -> None:
    for reason in ((), ("--because", ""), ("--because", "  ")):
        said = shell("signatures", "keys", action, UNKNOWN, *reason)
        assert (said.code, "--because" in said.err) == (2, True)


def test_what_is_not_there_and_what_is_wrong_is_said_in_one_line(shell: Shell, shop: str) -> None:
    keys = ("signatures", "keys")
    cases = [
        ((*keys, "show", UNKNOWN), 1, f"No signature key {UNKNOWN}"),
        ((*keys, "show", "a1B2c3D4e5F6"), 2, "`doorward signatures keys list` shows them"),
        ((*keys, "create", "nobody"), 1, "No app 'nobody'"),
        ((*keys, "create", shop, "--network", "10.0.0.1/8"), 1, "(input_invalid)"),
        ((*keys, "create", shop, "--name", ""), 1, "(input_invalid)"),
        ((*keys, "create", shop, "--expires", "soon"), 2, "no expiry"),
        ((*keys, "create", shop, "--rate", "many"), 2, "no rate limit"),
        ((*keys, "register", shop, "absent.pem"), 2, "cannot be read"),
        ((*keys, "change", UNKNOWN, "--because", "x"), 2, "Say what to change"),
        ((*keys, "list", "--limit", "0"), 2, "--limit"),
    ]
    for arguments, code, told in cases:
        said = shell(*arguments)
        assert (said.code, said.out) == (code, ""), arguments
        assert told in said.err
        assert said.err.count("\n") == 1


def test_a_whole_secret_is_never_repeated(shell: Shell, shop: str) -> None:
    issued = shell.json("signatures", "keys", "create", shop)
    said = shell("signatures", "keys", "show", issued["secret"])
    assert said.code == 2
    assert issued["secret"] not in said.err


def test_an_empty_list_says_what_to_do(shell: Shell) -> None:
    assert "`doorward signatures keys create APP` makes one" in shell.good("signatures", "keys", "list").err


@pytest.mark.usefixtures("shop")
def test_a_secret_that_does_not_open_is_told(shell: Shell) -> None:
    key_id = _make(shell)
    assert "a secret, sealed" in shell.good("signatures", "keys", "show", key_id).out
    (database,) = shell.folder.rglob("doorward.db")
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE signature_keys SET sealed_secret = ?", (b"\x02k1" + bytes(60),))
    assert "does not open under this master key" in shell.good("signatures", "keys", "show", key_id).out
