"""`doorward masterkey reseal`: what rests under which key, before an old one is taken out of the file."""

import pytest
from tests.fixtures_cli import Shell

from doorward.app.master_key import Resealed
from doorward.cli.masterkey_view import show_resealed
from doorward.cli.output import Output
from doorward.cli.problems import Failed
from doorward.crypto.sealing import MasterKeys


def test_what_rests_under_which_key_is_said(shell: Shell, shop: str) -> None:
    old = (shell.folder / "doorward-keys" / "master.key").read_text()
    shell.good("masterkey", "rotate")
    both = (shell.folder / "doorward-keys" / "master.key").read_text()
    # A server that was not restarted. Its probe is the new key's, so it was started before.
    sealed_late(shell, shop, old, both)
    said = shell.good("masterkey", "reseal")
    assert "nothing; before: 1 signature key" in said.out
    assert "k2 (current)" in said.out
    assert "1 signature key" in said.out
    assert "Everything that is sealed is under k2." in said.err
    assert "Nothing rests under k1 any more" in said.err
    done = shell.json("masterkey", "reseal")
    assert (done["current"], done["left"], done["unused"]) == ("k2", 0, ["k1"])
    assert done["before"] == done["after"] == {"k2": done["after"]["k2"]}
    # And the old line may go.
    (shell.folder / "doorward-keys" / "master.key").write_text(both.splitlines()[-1] + "\n")
    (key,) = shell.good("signatures", "keys", "list", "--json").lines
    assert "does not open" not in shell.good("signatures", "keys", "show", key["id"]).err


def sealed_late(shell: Shell, app: str, old: str, both: str) -> None:
    """Make a key under the old master key: the file's lines the other way round seal under the first."""
    path = shell.folder / "doorward-keys" / "master.key"
    path.write_text("".join(f"{line}\n" for line in [*both.splitlines()[1:], old.strip().splitlines()[-1]]))
    shell.json("signatures", "keys", "create", app)
    path.write_text(both)


def test_what_is_left_under_an_old_key_is_said_and_is_no_success(capsys: pytest.CaptureFixture[str]) -> None:
    keys = MasterKeys({"k1": bytes(32), "k2": bytes([1]) * 32}, current="k2", entropy=bytes)
    resealed = Resealed({"k1": {"probe": 1}}, {"k2": {"probe": 1}, "k1": {"webhook secret": 2}})
    for as_json in (False, True):
        out = Output(as_json=as_json)
        with pytest.raises(Failed, match="2 are still under an older key"):
            show_resealed(out, resealed, keys)
        out.flush()
        assert "webhook secret" in capsys.readouterr().out


def test_without_a_master_key_there_is_nothing_to_seal_again(shell: Shell) -> None:
    (shell.folder / "doorward.toml").write_text("")
    said = shell("masterkey", "reseal")
    assert said.code == 1
    assert "There is no master key" in said.err
