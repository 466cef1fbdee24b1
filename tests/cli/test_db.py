"""`doorward db`, `doorward masterkey` and `doorward check`."""

import secrets

import pytest
from tests.fixtures_cli import Shell

from doorward.crypto.master_key import generate_master_key


def test_a_database_that_is_not_there(empty_shell: Shell) -> None:
    assert empty_shell.json("db", "state") == {"state": "missing"}
    said = empty_shell("keys", "list")
    assert said.code == 3
    assert "doorward db upgrade" in said.err
    assert empty_shell.json("db", "upgrade") == {"state": "current", "state_before": "missing"}
    assert "Nothing was to be done" in empty_shell.good("db", "upgrade").err


def test_a_backup_is_put_back_with_a_reason(shell: Shell, shop: str) -> None:
    target = shell.folder / "backup.db"
    assert shell.json("db", "backup", str(target))["bytes"] == target.stat().st_size
    assert shell("db", "backup", str(target)).code == 3, "nothing is overwritten"
    shell.good("apps", "revoke", "shop", "--because", "after the backup")
    assert shell("db", "restore", str(target)).code == 2
    assert shell("db", "restore", str(target), "--because", "drill").code == 3, "it is not empty"
    said = shell.good("db", "restore", str(target), "--replace", "--because", "drill")
    assert "revoke it again" in said.err
    assert shell.json("apps", "show", shop)["state"] == "active"
    last = shell.good("audit", "list", "--json").lines[-1]
    assert (last["action"], last["reason"]) == ("database.restored", "drill")
    assert shell.json("audit", "verify")["intact"] is True


def test_a_database_that_was_put_back_past_us_is_given_a_new_generation(shell: Shell) -> None:
    assert shell("db", "new-generation").code == 2, "it wants a reason"
    said = shell.good("db", "new-generation", "--because", "promoted a replica")
    assert "revoke it again" in said.err
    last = shell.good("audit", "list", "--json").lines[-1]
    assert (last["action"], last["reason"]) == ("database.generation_begun", "promoted a replica")
    assert shell.json("db", "new-generation", "--because", "again")["begun"] is True
    assert shell.json("audit", "verify")["intact"] is True


def test_a_backup_that_is_none(shell: Shell) -> None:
    (shell.folder / "nonsense").write_text("nonsense")
    for source in ("nonsense", "nowhere"):
        said = shell("db", "restore", source, "--replace", "--because", "x")
        assert said.code in {1, 3}
        assert said.err.count("\n") == 1


@pytest.mark.usefixtures("shop")
def test_a_rotated_master_key_seals_and_verifies(shell: Shell) -> None:
    rotated = shell.json("masterkey", "rotate")
    assert rotated["current"] == "k2"
    assert rotated["key_ids"] == ["k1", "k2"]
    shell.good("apps", "suspend", "shop", "--because", "x")
    assert shell.json("audit", "verify")["intact"] is True
    assert "k3 seals from now on" in shell.good("masterkey", "rotate").err


def test_a_master_key_is_written_once_and_never_shown(shell: Shell) -> None:
    path = shell.folder / "elsewhere" / "new.key"
    said = shell.good("masterkey", "generate", str(path))
    assert path.stat().st_mode & 0o077 == 0
    assert path.read_text().partition(":")[2].strip() not in said.out + said.err
    again = shell("masterkey", "generate", str(path))
    assert again.code == 3


@pytest.mark.usefixtures("shop")
def test_a_lost_master_key_is_replaced(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    path = shell.folder / "new" / "master.key"
    shell.good("masterkey", "generate", str(path), "--id", "second")
    monkeypatch.setenv("DOORWARD_MASTER_KEY_FILE", str(path))
    refused = shell("apps", "list")
    assert refused.code == 3
    assert "not the one this database was set up with" in refused.err
    assert shell("masterkey", "replace-lost").code == 2
    shell.good("masterkey", "replace-lost", "--because", "the safe burned")
    assert shell.json("apps", "show", "shop")["state"] == "active"
    assert shell.good("audit", "list", "--json").lines[-1]["reason"] == "the safe burned"


def test_a_master_key_of_the_environment_is_not_rotated_in_a_file(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shell.folder / "doorward-keys" / "master.key"
    (shell.folder / "doorward.toml").write_text("")
    monkeypatch.setenv("DOORWARD_MASTER_KEY", path.read_text())
    said = shell("masterkey", "rotate")
    assert said.code == 1
    assert "in no file" in said.err


def test_check_lists_what_is_unsafe(shell: Shell) -> None:
    said = shell("check")
    assert said.code == 3
    assert said.out.count("✗") >= 1
    assert "→" in said.out
    assert "unsafe" in said.err
    machine = shell("check", "--json")
    assert machine.code == 3
    assert machine.lines[0]["safe"] is False
    assert {"what", "why", "cure"} == set(machine.lines[0]["findings"][0])


def test_check_is_content_with_a_safe_configuration(shell: Shell) -> None:
    with (shell.folder / "doorward.toml").open("a") as config:
        config.write('trusted_proxies = ["192.0.2.1"]\npublic_url = "https://doors.example"\n')
    said = shell("check")
    assert (said.code, said.err) == (0, "✓ Nothing unsafe was found: `doorward serve` would start.\n"), said.out
    assert shell.json("check") == {"safe": True, "findings": [], "due": []}
    shell.good("webhooks", "senders", "add", "acme", "--scheme", "standard")
    said = shell.good("check")
    assert "✗ Senders without an active secret: acme." in said.out
    assert "would start" in said.err
    (due,) = shell.json("check")["due"]
    assert (set(due), due["what"]) == ({"what", "why", "cure"}, "Senders without an active secret: acme")


def test_check_knows_the_master_key_of_the_database(shell: Shell) -> None:
    with (shell.folder / "doorward.toml").open("a") as config:
        config.write('trusted_proxies = ["192.0.2.1"]\npublic_url = "https://doors.example"\n')
    (file,) = shell.folder.rglob("master.key")
    file.write_text(generate_master_key(secrets.token_bytes, key_id="k9"))
    said = shell("check")
    assert (said.code, said.out) == (3, "")
    assert "not the one this database was set up with" in said.err
    assert "would start" not in said.err


def test_a_misspelt_setting_is_misconfigured(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORWARD_DATABSE_URL", "sqlite:///x.db")
    said = shell("keys", "list")
    assert said.code == 3
    assert "DOORWARD_DATABASE_URL" in said.err


def test_an_unreachable_store_is_code_4(empty_shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORWARD_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    said = empty_shell("apps", "list")
    assert said.code == 4
    assert "(store_unavailable)" in said.err


def test_a_database_password_on_the_command_line_is_refused(empty_shell: Shell) -> None:
    said = empty_shell("apps", "list", "--database", "postgresql://u:hunter2secret@127.0.0.1/x")
    assert said.code == 2
    assert "hunter2secret" not in said.err
