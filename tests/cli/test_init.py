"""The first command."""

import stat

import pytest
from tests.fixtures_cli import Shell

from doorward.wire.credential import has_valid_checksum


def test_everything_is_made_and_the_administrators_key_is_alone_on_stdout(empty_shell: Shell) -> None:
    said = empty_shell.good("init")
    key = said.out.strip()
    assert said.out == key + "\n"
    assert has_valid_checksum(key)
    assert key not in said.err
    assert "shown this once" in said.err
    assert "DOORWARD_ISSUER" in said.err
    assert 'curl -H "Authorization: Bearer $KEY"' in said.err
    key_file = empty_shell.folder / "doorward-keys" / "master.key"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(key_file.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE((empty_shell.folder / "doorward.db").stat().st_mode) == 0o600
    assert key_file.read_text().strip() not in said.out + said.err


def test_a_second_time_nothing_is_lost_and_the_way_on_is_told(shell: Shell) -> None:
    before = (shell.folder / "doorward-keys" / "master.key").read_bytes()
    said = shell("init")
    assert said.code == 3
    assert said.out == ""
    assert "doorward init --replace-admin" in said.err
    assert (shell.folder / "doorward-keys" / "master.key").read_bytes() == before


def test_a_lost_administrator_is_replaced(shell: Shell) -> None:
    (first,) = shell.good("keys", "list", "--json").lines
    issued = shell.json("init", "--replace-admin", "--expires", "30d")
    keys = {key["id"]: key for key in shell.good("keys", "list", "--json").lines}
    assert keys[first["id"]]["state"] == "revoked"
    second = keys[issued["key"]["id"]]
    assert second["state"] == "active"
    assert second["expires_at"] - second["created_at"] == 30 * 86_400


def test_for_programs_it_is_one_object(empty_shell: Shell) -> None:
    made = empty_shell.json("init")
    assert set(made) == {"database", "master_key_file", "key", "secret"}
    assert has_valid_checksum(made["secret"])
    assert made["key"]["scopes"] == sorted(made["key"]["scopes"])
    assert all(scope.startswith("doorward:") for scope in made["key"]["scopes"])


def test_a_configuration_without_a_master_key_is_not_rewritten(empty_shell: Shell) -> None:
    config = empty_shell.folder / "doorward.toml"
    config.write_text('database_url = "sqlite:///mine.db"\n')
    said = empty_shell("init")
    assert said.code == 3
    assert "master_key_file =" in said.err
    assert config.read_text() == 'database_url = "sqlite:///mine.db"\n'


def test_a_database_password_is_not_written_down(empty_shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nobody listens there; what is asked is only what was written before the database was reached.
    monkeypatch.setenv("DOORWARD_DATABASE_URL", "postgresql://somebody:hunter2secret@127.0.0.1:1/none")
    said = empty_shell("init")
    assert said.code == 4
    assert "hunter2secret" not in said.out + said.err
    assert "hunter2secret" not in (empty_shell.folder / "doorward.toml").read_text()


def test_on_postgresql(empty_shell: Shell, empty_postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORWARD_DATABASE_URL", empty_postgres_url)
    empty_shell.good("init")
    app = empty_shell.json("apps", "create", "shop")
    issued = empty_shell.json("keys", "create", "shop", "--scope", "orders:read")
    assert issued["key"]["app_id"] == app["id"]
    empty_shell.good("keys", "revoke", issued["key"]["id"], "--because", "test")
    assert empty_shell.json("db", "state") == {"state": "current"}
    assert empty_shell.json("audit", "verify")["intact"] is True


@pytest.mark.parametrize("flags", [(), ("--dev",)])
def test_the_next_steps_are_for_the_store_that_was_made(empty_shell: Shell, flags: tuple[str, ...]) -> None:
    told = empty_shell.good("init", *flags).err
    steps = [line.strip() for line in told.splitlines() if line.startswith("  doorward ")]
    assert [step.split()[:2] for step in steps if "check" not in step] == [
        ["doorward", "apps"],
        ["doorward", "keys"],
        ["doorward", "serve"],
    ]
    assert all(("--dev" in step) == bool(flags) for step in steps)
