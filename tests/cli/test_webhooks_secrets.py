"""`doorward webhooks secrets`, and signing, verifying and explaining with the secrets of the store."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from tests.fixtures_cli import Said, Shell
from tests.simulators.webhook import secret_text

from doorward.methods.webhook import SCHEMES
from doorward.wire.credential import has_valid_checksum

GIVEN: Final = secret_text(SCHEMES["standard"], 7)


@pytest.fixture
def acme(shell: Shell) -> Shell:
    """A store with a sender."""
    shell.good("webhooks", "senders", "add", "acme", "--scheme", "standard")
    return shell


def secrets(shell: Shell, *arguments: str, typed: str = "") -> Said:
    return shell("webhooks", "secrets", *arguments, typed=typed)


def add(shell: Shell, *more: str, sender: str = "acme") -> dict[str, Any]:
    made: dict[str, Any] = shell.json("webhooks", "secrets", "add", sender, *more)
    return made


def rows(shell: Shell, sender: str = "acme") -> list[Any]:
    return shell.good("webhooks", "secrets", "list", sender, "--json").lines


def test_a_secret_that_is_made_here_is_shown_once_and_alone(acme: Shell) -> None:
    said = secrets(acme, "add", "acme")
    assert said.code == 0
    assert said.out.startswith("whsec_")
    assert said.out.count("\n") == 1
    assert said.out.strip() not in said.err
    assert said.out.strip() not in acme.good("webhooks", "secrets", "list", "acme").out
    made = add(acme)
    assert made["secret"].startswith("whsec_")
    assert made["webhook_secret"]["id"].startswith("whs_")
    assert [row["active"] for row in rows(acme)] == [True, True]


def test_a_secret_that_was_given_comes_from_a_file_or_standard_input_and_is_not_shown(acme: Shell) -> None:
    (acme.folder / "secret").write_text(GIVEN + "\n")
    made = add(acme, "--secret-file", "secret")
    assert made["secret"] is None
    again = secrets(acme, "add", "acme", "--secret-file", "-", typed=GIVEN)
    assert (again.code, made["webhook_secret"]["id"] in again.err) == (1, True)
    said = secrets(acme, "add", "acme", "--secret-file", "-", typed=secret_text(SCHEMES["standard"], 8) + "\r\n")
    assert (said.code, said.out) == (0, "")
    for wrong in ("", "\n \n", f"{GIVEN}\n{GIVEN}\n", "whsec_short", "not base64 at all, is it"):
        said = secrets(acme, "add", "acme", "--secret-file", "-", typed=wrong)
        assert said.code in {1, 2}
        assert GIVEN[6:] not in said.err
    assert secrets(acme, "add", "acme", "--secret-file", "nowhere").code == 2
    (acme.folder / "secret").write_bytes(b"\xff\xfe")
    assert secrets(acme, "add", "acme", "--secret-file", "secret").code == 2
    assert len(rows(acme)) == 2


def test_times_are_said_in_words(acme: Shell) -> None:
    planned = add(acme, "--from", "2h", "--until", "30d")["webhook_secret"]
    assert planned["not_after"] - planned["not_before"] == 30 * 86_400 - 7_200
    assert not planned["active"]
    day = datetime.now(UTC).date() + timedelta(days=30)
    midnight = add(acme, "--from", day.isoformat(), "--until", "never")["webhook_secret"]
    assert datetime.fromtimestamp(midnight["not_before"], UTC).isoformat() == f"{day.isoformat()}T00:00:00+00:00"
    assert midnight["not_after"] is None
    assert secrets(acme, "add", "acme", "--until", "2020-01-01").code == 2
    assert secrets(acme, "add", "acme", "--from", "tomorrow").code == 2
    table = acme.good("webhooks", "secrets", "list", "acme").out
    assert "planned" in table


def test_a_rotation_ends_the_others_and_says_why(acme: Shell) -> None:
    old = add(acme)["webhook_secret"]["id"]
    assert secrets(acme, "rotate", "acme").code == 2
    said = acme.good("webhooks", "secrets", "rotate", "acme", "--because", "yearly")
    assert "another 24h" in said.err
    ends = {row["id"]: row["not_after"] for row in rows(acme)}
    assert len(ends) == 2
    assert ends.pop(old) is not None
    assert list(ends.values()) == [None]
    gone = acme.good("webhooks", "secrets", "rotate", "acme", "--overlap", "0", "--because", "leaked")
    assert "no longer count" in gone.err
    assert sorted(row["state"] for row in rows(acme)) == ["active", "retired", "retired"]


def test_a_secret_is_retired_knowingly(acme: Shell) -> None:
    only = add(acme)["webhook_secret"]["id"]
    assert [row["retirable"] for row in rows(acme)] == [False]
    assert "no, the only one" in acme.good("webhooks", "secrets", "list", "acme").out
    assert secrets(acme, "retire", only).code == 2
    said = secrets(acme, "retire", only, "--because", "old")
    assert (said.code, "only active" in said.err, "--anyway" in said.err) == (1, True, True)
    said = acme.good("webhooks", "secrets", "retire", only, "--anyway", "--because", "leaked")
    # Not that it never matched: what a server has counted it tells once a minute.
    assert "No use of it was counted (counts are up to a minute late)" in said.err
    again = secrets(acme, "retire", only, "--anyway", "--because", "again")
    assert (again.code, again.err) == (1, f"doorward: {only} of acme is retired already.\n")
    (row,) = rows(acme)
    assert row["state"] == "retired"
    assert row["created_at"] <= row["not_after"]
    assert "never" not in acme.good("webhooks", "secrets", "list", "acme").out
    events = acme.good("audit", "list", "--credential", only, "--json").lines
    assert [(event["action"], event["reason"]) for event in events] == [
        ("webhook_secret.added", None),
        ("webhook_secret.retired", "leaked"),
    ]


def test_right_after_a_rotation_neither_secret_may_go_without_a_word(acme: Shell) -> None:
    old = add(acme)["webhook_secret"]["id"]
    acme.good("webhooks", "secrets", "rotate", "acme", "--because", "yearly")
    assert [row["retirable"] for row in rows(acme)] == [False, False]
    assert acme.good("webhooks", "secrets", "list", "acme").out.count("not counted yet") == 2
    said = secrets(acme, "retire", old, "--because", "old")
    assert (said.code, "not counted yet" in said.err, "--anyway" in said.err) == (1, True, True)
    acme.good("webhooks", "secrets", "retire", old, "--anyway", "--because", "old")


def test_what_is_missing_is_said_as_it_is_written_here(shell: Shell) -> None:
    shell.good("webhooks", "senders", "add", "billing", "--scheme", "stripe")
    for command in (("add", "billing"), ("rotate", "billing", "--because", "x")):
        said = secrets(shell, *command)
        assert (said.code, "--secret-file FILE" in said.err) == (2, True)
    (shell.folder / "short").write_text("whsec_")
    said = secrets(shell, "add", "billing", "--secret-file", "short")
    assert (said.code, "is empty" in said.err) == (1, True)
    assert "senders add" in secrets(shell, "add", "nobody").err.replace("… add", "senders add")
    said = shell("webhooks", "senders", "add", "billing", "--scheme", "stripe")
    assert (said.code, "secrets add billing" in said.err) == (1, True)


def test_a_secret_is_never_an_argument_nor_repeated(acme: Shell) -> None:
    made = add(acme)["secret"]
    said = secrets(acme, "retire", made, "--because", "x")
    assert (said.code, made[6:] in said.err) == (2, False)
    said = acme("revoke", "--credential", rows(acme)[0]["id"], "--because", "x")
    assert (said.code, "webhooks secrets" in said.err) == (2, True)


def test_who_is_not_there_is_said(acme: Shell) -> None:
    for arguments in (("add", "nobody"), ("list", "nobody"), ("rotate", "nobody", "--because", "x")):
        said = secrets(acme, *arguments)
        assert (said.code, "nobody" in said.err) == (1, True)
    assert secrets(acme, "retire", "whs_aaaaaaaaaaaa", "--because", "x").code == 1
    assert "secrets add acme" in acme.good("webhooks", "secrets", "list", "acme").err


def test_a_text_of_our_own_form_says_whose_it_is(shell: Shell) -> None:
    shell.good("webhooks", "senders", "add", "hub", "--scheme", "github")
    made = add(shell, sender="hub")
    assert has_valid_checksum(made["secret"])
    said = shell.good("keys", "inspect", typed=made["secret"])
    assert made["webhook_secret"]["id"] in said.out
    assert "webhook secret" in said.out
    assert "webhooks secrets list" in said.err


def sign(shell: Shell, *more: str, sender: str = "acme") -> Said:
    (shell.folder / "body").write_bytes(b'{"test": 1}')
    signed = shell.good("webhooks", "sign", "--sender", sender, "--body", "body", *more)
    (shell.folder / "headers").write_text(signed.out)
    return signed


def read(shell: Shell, command: str, *more: str, sender: str = "acme") -> Said:
    files = ("--headers", "headers", "--body", "body", "--json")
    return shell("webhooks", command, "--sender", sender, *files, *more)


def test_a_sender_of_the_store_signs_verifies_and_explains(acme: Shell) -> None:
    add(acme)
    acme.good("webhooks", "secrets", "rotate", "acme", "--because", "yearly")
    ids = {row["id"] for row in rows(acme)}
    # A sender that knows both signs with both; either is enough.
    assert sign(acme).out.count("v1,") == 2
    said = read(acme, "verify")
    assert (said.code, said.lines[0]["key"] in ids) == (0, True)
    (acme.folder / "body").write_bytes(b'{"test":1}')
    assert read(acme, "verify").code == 1
    (answer,) = read(acme, "explain").lines
    assert "JSON" in answer["says"]
    assert answer["findings"][0]["key"] in ids


def test_a_secret_of_another_endpoint_is_recognised(acme: Shell) -> None:
    add(acme)
    acme.good("webhooks", "senders", "add", "orders", "--scheme", "standard")
    other = add(acme, sender="orders")["webhook_secret"]["id"]
    sign(acme, sender="orders")
    said = read(acme, "explain")
    (answer,) = said.lines
    assert other in answer["findings"][0]["says"]
    assert answer["findings"][0]["changes"] == ["secret.other"]


def test_a_secret_that_has_ended_is_recognised(acme: Shell) -> None:
    ended = add(acme, "--until", "1h")["webhook_secret"]
    add(acme)
    sign(acme, "--at", str(ended["not_after"] - 1))
    # Both have signed: take the signature of the newer one away.
    text = (acme.folder / "headers").read_text()
    head, _, signatures = text.partition("webhook-signature: ")
    found = set()
    for signature in signatures.split():
        (acme.folder / "headers").write_text(f"{head}webhook-signature: {signature}\n")
        (answer,) = read(acme, "explain", "--at", str(ended["not_after"] + 1)).lines
        found |= {finding["key"] for finding in answer["findings"]} or {answer["ok"]}
    assert found == {ended["id"], True}


def test_a_scheme_that_carries_one_signature_is_signed_with_the_newest(shell: Shell) -> None:
    shell.good("webhooks", "senders", "add", "hub", "--scheme", "github")
    add(shell, sender="hub")
    shell.good("webhooks", "secrets", "rotate", "hub", "--because", "yearly")
    sign(shell, sender="hub")
    said = read(shell, "verify", sender="hub")
    assert said.lines[0]["key"] in {row["id"] for row in rows(shell, "hub")}


def test_the_store_and_files_are_not_mixed_up(acme: Shell) -> None:
    (acme.folder / "secret").write_text(GIVEN)
    files = ("--headers", "secret", "--body", "secret")
    for more in (
        ("--sender", "acme", "--scheme", "standard"),
        ("--sender", "acme", "--secret-file", "secret"),
        ("--scheme", "standard"),
        ("--secret-file", "secret"),
        (),
        ("--sender", "acme", "--header", "X-Mine"),
    ):
        assert acme("webhooks", "verify", *more, *files).code == 2
    assert acme("webhooks", "verify", "--sender", "nobody", *files).code == 1
    assert acme("webhooks", "sign", "--sender", "acme", "--body", "secret").code == 2


def test_without_the_master_key_it_is_misconfigured(acme: Shell) -> None:
    add(acme)
    config = Path(acme.folder / "doorward.toml")
    kept = [line for line in config.read_text().splitlines() if not line.startswith("master_key")]
    config.write_text("\n".join(kept))
    said = secrets(acme, "add", "acme")
    assert (said.code, "DOORWARD_MASTER_KEY_FILE" in said.err) == (3, True)
    (acme.folder / "secret").write_text(GIVEN)
    said = acme("webhooks", "verify", "--sender", "acme", "--headers", "secret", "--body", "secret")
    assert said.code == 3
    # What needs no secret goes on: lists are read.
    assert len(rows(acme)) == 1


@pytest.mark.slow
def test_it_runs_as_a_process(acme: Shell) -> None:
    done = acme.process("webhooks", "secrets", "add", "acme", "--secret-file", "-", "--json", typed=GIVEN)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["secret"] is None
