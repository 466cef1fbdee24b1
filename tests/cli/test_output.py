"""What a command writes, and where."""

import json
import re

import pytest

from doorward.cli.output import Column, Output

EVIL = "\x1b[2J\x1b]0;owned\x07 [red]markup[/red] :skull: \u202e\x9b31m"


def test_a_name_from_outside_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output(as_json=False)
    out.table([Column("Id", fixed=True), Column("Name")], [("app_1", EVIL)], empty="none")
    out.facts([("Name", EVIL)])
    out.done(EVIL)
    out.warn(EVIL)
    out.note(EVIL)
    out.heading(EVIL)
    written = "".join(capsys.readouterr())
    for forbidden in ("\x1b", "\x07", "\u202e", "\x9b"):
        assert forbidden not in written
    assert written.count("[red]markup[/red] :skull:") == 6, "markup and emoji names are text"


def test_json_leaves_as_ascii_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=True).json({"name": EVIL})
    line = capsys.readouterr().out
    assert line.isascii()
    assert line.count("\n") == 1
    assert "\x1b" not in line
    assert json.loads(line) == {"name": EVIL}


@pytest.mark.parametrize("columns", ["40", "80", "120"])
def test_ids_are_never_cut_or_folded(
    columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    out = Output(as_json=False)
    row = ("dw_live_a1B2c3D4e5F6", "a name that goes on and on " * 5)
    out.table([Column("Key", fixed=True), Column("Name")], [row], empty="none")
    written = capsys.readouterr().out
    assert "dw_live_a1B2c3D4e5F6 " in written
    assert "…" in written
    assert max(map(len, written.splitlines())) <= int(columns)


@pytest.mark.parametrize("columns", ["20", "40", "60", "80"])
def test_a_terminal_that_is_too_narrow_for_a_table_gets_a_block_for_each_row(
    columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    titles = ("Id", "State", "Expires", "Used")
    shown = [Column("Id", fixed=True), Column("App"), *(Column(title, fixed=True) for title in titles[1:])]
    rows = [(f"whs_a1B2c3D4e5F{place}", "shop", "active", "in 90 d", "5 min ago") for place in range(2)]
    Output(as_json=False).table(shown, rows, empty="none")
    written = capsys.readouterr().out
    for id_, *_ in rows:
        assert id_ in written
    assert "…" not in written
    assert len(written.splitlines()) == (4 if int(columns) >= 60 else 11)
    assert written.count("in 90 d") == 2


def test_a_pipe_gets_everything_uncut(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    name = "a name that goes on and on " * 5
    Output(as_json=False).table([Column("Name")], [(name,)], empty="none")
    assert name in capsys.readouterr().out


def test_a_secret_is_alone_on_stdout_and_never_folded(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    secret = "dw_live_" + "x" * 50
    out = Output(as_json=False)
    out.done("Created.")
    out.secret(secret)
    out.warn("Shown once.")
    assert capsys.readouterr().out == secret + "\n"


def test_an_empty_list_says_what_to_do_and_leaves_stdout_empty(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).table([Column("Id")], [], empty="No keys yet.")
    assert capsys.readouterr() == ("", "No keys yet.\n")


def test_at_a_terminal_lines_break_between_words_below_their_beginning(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("FORCE_COLOR", "1")  # takes this for a terminal
    out = Output(as_json=False)
    long_id = "https://id.example/with/a/path/that/is/longer/than/the/line"
    out.facts([("Refused", f"everywhere as soon as the feed arrives at {long_id} or later")])
    out.warn("Whoever has a token is its holder until it expires.")
    said = capsys.readouterr()
    plain = re.sub(r"\x1b\[[0-9;]*m", "", said.out).splitlines()
    assert plain[0] == "Refused  everywhere as soon as the feed"
    assert plain[1] == "         arrives at"
    assert plain[2] == f"         {long_id}", "never cut"
    assert plain[3] == "         or later"
    assert re.sub(r"\x1b\[[0-9;]*m", "", said.err) == ("! Whoever has a token is its holder\n  until it expires.\n")


def test_what_is_no_terminal_gets_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    Output(as_json=False).note("a note that goes on and on for more than forty columns")
    assert capsys.readouterr().err.count("\n") == 1


def test_beside_a_development_server_every_command_that_is_told_of_has_its_flag(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = Output(as_json=False, dev=True)
    out.command("doorward keys create shop", "doorward tokens revoke < token.txt", "doorward serve --dev", "curl x")
    out.note("First `doorward serve --dev`, then `doorward keyring list`; `curl x` is no command of ours.")
    told = capsys.readouterr().err
    for line in (
        "  doorward keys create shop --dev\n",
        "  doorward tokens revoke --dev < token.txt\n",
        "  doorward serve --dev\n",
        "  curl x\n",
        "First `doorward serve --dev`, then `doorward keyring list --dev`; `curl x` is no command of ours.\n",
    ):
        assert line in told
    Output(as_json=False).note("`doorward keyring list`")
    assert "--dev" not in capsys.readouterr().err


def test_parameters_of_a_signature_wrap_at_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("FORCE_COLOR", "1")  # takes this for a terminal
    said = '("@method" "@path");created=1700000000;keyid="shop";nonce="a1B2c3D4e5F6a1B2"'
    Output(as_json=False).facts([("  params", said)])
    plain = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    assert max(map(len, plain)) <= 40
    assert "".join(line[10:] for line in plain).replace(" ", "") == said.replace(" ", "")
