"""The ways out: one line, the right code, never a traceback, never a secret."""

import os
import shlex
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from tests.fixtures_cli import Shell, child_environment

from doorward.cli import entry
from doorward.cli.entry import run
from doorward.cli.root import GROUPS
from doorward.errors import Misconfigured

SECRET = "dw_live_" + "a" * 12 + "B" * 32 + "c" * 6


def test_help_lists_every_group_and_every_exit_code(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    for name, (_, text) in GROUPS.items():
        assert f" {name} " in shown
        assert text in shown, "the help of a command fits on one line of 80 columns"
    for code in ("0 ", "1 ", "2 ", "3 ", "4 ", "70 ", "130 "):
        assert code in shown.partition("Exit codes")[2]


@pytest.mark.parametrize("arguments", [[], ["tokens"], ["tokens", "issue"], ["revoke"]])
def test_an_option_that_takes_nothing_is_shown_with_nothing(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*arguments, "--help"]) == 0
    assert "<bool>" not in capsys.readouterr().out


def test_help_does_not_pay_for_the_server_or_the_database() -> None:
    script = (
        "import sys; from doorward.cli.entry import run; run(['--help']);"
        "print([m for m in ('sqlalchemy','asyncpg','fastapi','uvicorn','pydantic_settings','cryptography')"
        " if m in sys.modules])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30, env=child_environment()
    )
    assert shown.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["keyz"], "Did you mean 'keys'? See `doorward --help`."),
        (["keys", "nonsense"], "No such command 'nonsense'. See `doorward keys --help`."),
        (["--nonsense"], "No such option: --nonsense."),
        (["tokens", "verify"], "It needs --jwks, --issuer, --audience. See"),
        (["tokens", "verify", "--issuer=x"], "It needs --jwks, --issuer, --audience. See"),
        (["tokens", "verify", "--issuer", "x", "--jwks", "y"], "Missing option '--audience'."),
        (["tokens", "inspect", "x"], "comes on standard input"),
        (["revoke", "alice"], "--subject"),
    ],
)
def test_a_command_line_not_understood_is_one_line_and_code_2(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert says in told.err
    assert told.err.count("\n") == 1


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    assert "Usage: doorward" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[SECRET], ["keys", SECRET], ["keys", f"--{SECRET}"]])
def test_an_error_repeats_no_secret(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    assert "BBBB" not in "".join(capsys.readouterr())


def _misconfigured_by_somebody() -> None:
    raise Misconfigured("\x1b[2J\x9b31m cannot be read:\nsecond line\u202e.", cure="Name another.")


def test_an_error_steers_no_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "build_root", _misconfigured_by_somebody)
    assert run([]) == 3
    told = capsys.readouterr().err
    for forbidden in ("\x1b", "\x9b", "\u202e"):
        assert forbidden not in told
    assert told.count("\n") == 1


def test_an_argument_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["\x1b[2J\nsecond line\u202e"]) == 2
    told = capsys.readouterr().err
    assert "\x1b" not in told
    assert "\u202e" not in told
    assert told.count("\n") == 1


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("doorward ")


def _broken() -> None:
    raise RuntimeError(f"something with {SECRET} in it")


def test_a_bug_is_one_line_and_code_70(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "build_root", _broken)
    assert run([]) == 70
    told = capsys.readouterr().err
    assert told.startswith("doorward: This is a bug of Doorward: RuntimeError.")
    assert "--debug" in told
    assert "something with" not in told, "what the exception says may hold anything"
    assert told.count("\n") == 1


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "build_root", _broken)
    assert run(["--debug"]) == 70
    told = capsys.readouterr().err
    assert "Traceback" in told
    assert "BBBB" not in told


def test_a_closed_pipe_is_quiet() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "doorward.cli", "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=child_environment({"PYTHONUNBUFFERED": "1"}),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait(30) == 141
    assert errors == b""


def _interrupted() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_is_quiet(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "build_root", _interrupted)
    assert run([]) == 130
    assert capsys.readouterr() == ("", "")


def test_a_closed_standard_output_stops_before_anything_is_made(empty_shell: Shell) -> None:
    script = "exec >&-; exec " + shlex.join([sys.executable, "-m", "doorward.cli", "init", "--json"])
    done = subprocess.run(
        ["/bin/sh", "-c", script],
        cwd=empty_shell.folder,
        env=child_environment(),
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("doorward: Standard output is closed")
    assert not (empty_shell.folder / "doorward.db").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_secret_that_could_not_be_shown_is_told(shell: Shell) -> None:
    shell.good("apps", "create", "shop")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "doorward.cli", "keys", "create", "shop"],
            cwd=shell.folder,
            env=child_environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "is to be revoked" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("masterkey", "generate", "other.key", "--id", "not an id"), 2),
        (("db", "upgrade", "--database", "sqlite:///absent/doorward.db"), 1),
        (("db", "state", "--database", "postgresql://u@127.0.0.1:99999/d"), 3),
        (("check", "--config", "deep.toml"), 3),
        (("db", "restore", "foreign.db", "--replace", "--because", "test"), 3),
    ],
)
def test_a_slip_of_the_operator_is_no_bug_of_ours(shell: Shell, arguments: tuple[str, ...], code: int) -> None:
    (shell.folder / "deep.toml").write_text("a = " + "[" * 5_000)
    with closing(sqlite3.connect(shell.folder / "foreign.db")) as foreign:
        foreign.execute("CREATE TABLE alembic_version (version_num TEXT)")
        foreign.execute("INSERT INTO alembic_version VALUES ('of somebody else')")
        foreign.commit()
    said = shell(*arguments)
    assert said.code == code, said.err
    assert "bug" not in said.err


def test_a_database_password_is_in_no_traceback(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    # With a `/` in it the password is where a port should be, and the error quotes the port.
    monkeypatch.setenv("DOORWARD_DATABASE_URL", "postgresql://u:hunter2/secret@127.0.0.1:1/d")
    for arguments in (("db", "state"), ("keys", "list"), ("check",)):
        said = shell(*arguments, "--debug")
        assert said.code == 3
        assert "hunter2" not in said.out + said.err


def test_what_is_missing_is_said_at_once_and_where_an_argument_belongs(empty_shell: Shell) -> None:
    for arguments, told in (
        (("tokens", "verify"), "It needs --jwks, --issuer, --audience."),
        (("tokens", "inspect", "x"), "standard input"),
        (("revoke", "alice"), "--subject"),
    ):
        said = empty_shell(*arguments)
        assert (said.code, said.err.count("\n")) == (2, 1)
        assert told in said.err


def test_without_a_development_server_it_is_said_how_to_start_one(empty_shell: Shell) -> None:
    said = empty_shell("keys", "list", "--dev")
    assert said.code == 3
    assert "`doorward serve --dev`" in said.err
    assert list(empty_shell.folder.iterdir()) == []
