"""`doorward audit`, whole commands on a real store."""

import csv
import io
import os
import pwd
import sqlite3
from pathlib import Path

import pytest
from tests.fixtures_cli import Shell

from doorward.cli.audit import HEADS_BYTES_MAX


def _tamper(shell: Shell, statement: str) -> None:
    connection = sqlite3.connect(shell.folder / "doorward.db")
    with connection:
        connection.execute(statement)
    connection.close()


@pytest.mark.usefixtures("shop")
def test_the_newest_events_in_order_and_by_filter(shell: Shell) -> None:
    key_id = shell.json("keys", "create", "shop")["key"]["id"]
    shell.good("keys", "revoke", key_id, "--because", "no longer needed")
    events = shell.good("audit", "list", "--json").lines
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["action"] == "key.revoked"
    assert events[-1]["reason"] == "no longer needed"
    assert events[-1]["actor_kind"] == "operator"
    assert [event["sequence"] for event in shell.good("audit", "list", "--limit", "2", "--json").lines] == [
        len(events) - 1,
        len(events),
    ]
    revoked = shell.good("audit", "list", "--action", "key.revoked", "--app", "shop", "--since", "1h", "--json").lines
    assert [event["object_id"] for event in revoked] == [key_id]
    assert shell.good("audit", "list", "--until", "1h").err == "Nothing of that kind has happened.\n"
    told = shell.good("audit", "list").out
    assert "no longer needed" in told
    assert key_id in told


def test_shapes_are_those_of_the_management_api(shell: Shell) -> None:
    from doorward.server.management.models import EventView

    (first, *_) = shell.good("audit", "list", "--json").lines
    assert set(EventView.model_fields) == set(first)


def test_an_export_is_json_lines_with_links(shell: Shell) -> None:
    said = shell.good("audit", "export")
    events = said.lines
    assert said.out.isascii()
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert events[1]["previous_link"] == events[0]["link"]


@pytest.mark.usefixtures("shop")
def test_an_export_for_a_spreadsheet_holds_no_formula(shell: Shell) -> None:
    key_id = shell.json("keys", "create", "shop")["key"]["id"]
    shell.good("keys", "revoke", key_id, "--because", '=HYPERLINK("http://evil.example")')
    exported = shell.good("audit", "export", "--csv")
    rows = list(csv.DictReader(io.StringIO(exported.out, newline="")))
    assert len(rows) == len(shell.good("audit", "export").lines)
    assert [(row["action"], row["reason"]) for row in rows if row["object"] == f"key {key_id}"][1:] == [
        ("key.revoked", '\'=HYPERLINK("http://evil.example")')
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET record = CAST(replace(CAST(record AS TEXT), 'created', 'changed') AS BLOB)",
        "DELETE FROM events WHERE sequence = 2",
    ],
    ids=["altered", "removed"],
)
def test_verify_finds_what_was_tampered_with(shell: Shell, shop: str, statement: str) -> None:
    assert "nothing removed, altered or reordered" in shell.good("audit", "verify").out
    _tamper(shell, statement)
    said = shell("audit", "verify")
    assert said.code == 1
    assert "not as it was written" in said.err
    assert "✗" in said.out
    machine = shell("audit", "verify", "--json")
    assert machine.code == 1
    assert machine.lines[0]["intact"] is False
    assert machine.lines[0]["changes"]["findings"][0]["sequence"] in {1, 2, 3}


def test_a_cut_end_shows_against_exported_heads(shell: Shell, tmp_path: Path) -> None:
    shell.good("apps", "create", "shop")
    heads = tmp_path / "heads.jsonl"
    heads.write_text(shell.good("audit", "heads").out)
    assert shell.json("audit", "verify", "--heads", str(heads))["heads"] == 1
    _tamper(shell, "DELETE FROM events WHERE sequence = (SELECT max(sequence) FROM events)")
    assert shell("audit", "verify", "--heads", str(heads)).code == 1


@pytest.mark.parametrize(
    "content", ["{}", "nonsense\n" * 3, "\x00", '{"chain":"' + "x" * 2_000, '{"chain": 1}'], ids=range(5)
)
def test_a_file_that_is_no_heads_is_refused(shell: Shell, content: str, tmp_path: Path) -> None:
    heads = tmp_path / "heads.jsonl"
    heads.write_text(content)
    said = shell("audit", "verify", "--heads", str(heads))
    assert said.code == 1
    assert said.err.count("\n") == 1


def test_a_file_too_large_to_be_heads_is_not_read_whole(shell: Shell, tmp_path: Path) -> None:
    heads = tmp_path / "heads.jsonl"
    with heads.open("wb") as file:
        file.truncate(HEADS_BYTES_MAX + 1)
    said = shell("audit", "verify", "--heads", str(heads))
    assert said.code == 1
    assert "larger than 16 MiB" in said.err


def test_the_operator_is_who_the_system_says_not_who_the_environment_claims(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("USER", "LOGNAME", "USERNAME", "LNAME", "SUDO_USER"):
        monkeypatch.setenv(name, "somebody-else")
    shell.good("apps", "create", "shop")
    assert shell.good("audit", "list", "--json").lines[-1]["actor_id"] == pwd.getpwuid(os.getuid()).pw_name


def test_missing_files_are_said(shell: Shell) -> None:
    assert "No log of verifications is kept" in shell("audit", "verifications").err
    assert "cannot be read" in shell("audit", "verify", "--heads", "nowhere").err
    assert "There is no folder" in shell("audit", "verify", "--log-dir", "nowhere").err


def test_without_the_master_key_nothing_can_be_verified(shell: Shell) -> None:
    (shell.folder / "doorward.toml").write_text('database_url = "sqlite:///doorward.db"\n')
    for command in ("verify", "heads"):
        said = shell("audit", command)
        assert said.code == 3
        assert "DOORWARD_MASTER_KEY_FILE" in said.err
